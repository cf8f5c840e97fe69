package grant_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

// Few values each, so that they meet.
var (
	paths   = []string{"/", "/a", "/a/b", "/a/b/c", "/ab", "/b", "/a/../b", "a", "/a/"}
	methods = []string{"add", "list", "remove"}
)

func drawValue(t *rapid.T) any {
	return rapid.OneOf(
		rapid.Just[any](true), rapid.Just[any](int64(1)), rapid.Just[any](1.0), rapid.Just[any](passable.Symbol("/a")), rapid.Just[any]([]byte("/a")),
		rapid.Just[any]([]any{int64(1), "x"}), rapid.Just[any](passable.Struct{{Key: "a", Value: int64(1)}}),
		rapid.Custom(func(t *rapid.T) any { return rapid.SampledFrom(paths).Draw(t, "path") }),
	).Draw(t, "value")
}

func drawCaveat(t *rapid.T) grant.Caveat {
	switch i := rapid.IntRange(0, 2).Draw(t, "index"); rapid.IntRange(1, 8).Draw(t, "kind") {
	case 1:
		return grant.ArgEquals(i, drawValue(t))
	case 2:
		return grant.ArgPrefix(i, rapid.SampledFrom(paths[:6]).Draw(t, "prefix"))
	case 3:
		return grant.MaxUses(rapid.Uint64Range(1, 4).Draw(t, "uses"))
	case 4:
		from := rapid.Uint64Range(1, 5).Draw(t, "from")
		return grant.SeqWindow(from, from+rapid.Uint64Range(0, 4).Draw(t, "length"))
	case 5:
		return grant.Fresh(time.Duration(rapid.IntRange(1, 4).Draw(t, "fresh")) * time.Minute)
	case 6:
		return grant.LiveOnly()
	case 7:
		return grant.NoRegrant()
	}
	return grant.MaxArgBytes(rapid.Uint64Range(1, 20).Draw(t, "bytes"))
}

func drawTerms(t *rapid.T, to person, depth int) grant.Terms {
	out := terms(to, depth)
	if rapid.Bool().Draw(t, "limited") {
		out.Methods = rapid.SliceOfNDistinct(rapid.SampledFrom(methods), 1, 3, rapid.ID).Draw(t, "methods")
	}
	for range rapid.IntRange(0, 2).Draw(t, "caveats") {
		out.Caveats = append(out.Caveats, drawCaveat(t))
	}
	return out
}

type question struct {
	grant.Call
	state
}

func drawQuestion(t *rapid.T) question {
	q := question{state: state{uses: rapid.Uint64Range(0, 5).Draw(t, "used"), asOf: start.Add(-time.Duration(rapid.IntRange(0, 300).Draw(t, "age")) * time.Second)}}
	q.Method = rapid.SampledFrom(methods).Draw(t, "method")
	for range rapid.IntRange(0, 3).Draw(t, "args") {
		q.Args = append(q.Args, drawValue(t))
	}
	if q.Live = rapid.Bool().Draw(t, "live"); !q.Live {
		q.Seq = rapid.Uint64Range(0, 10).Draw(t, "seq")
	}
	return q
}

// ages is a State in which everybody's feed is equally old.
type ages struct{ state }

func (a ages) AsOf(_, _ grant.Key) time.Time { return a.asOf }

func (q question) permitted(g *grant.Grant) bool {
	return g.Permits(q.Call, start, ages{q.state}) == nil
}

// T13: what a chain allows is exactly what each of its links would allow by itself, so never more than what any part of it
// allows; and what Delegate takes for vacuous is.
func TestT13Attenuation(t *testing.T) {
	people := []person{home, anna, billie, claire, mallet}
	rapid.Check(t, func(t *rapid.T) {
		var questions []question
		for range 20 {
			questions = append(questions, drawQuestion(t))
		}
		var alone []*grant.Grant // each link's terms as a grant of their own
		var prefixes []*grant.Grant
		for i := range rapid.IntRange(1, 4).Draw(t, "links") {
			terms := drawTerms(t, people[i+1], 7-i)
			single, err := grant.Issue(home, grant.Root{Object: object}, terms)
			if err != nil {
				if !strings.Contains(err.Error(), "allow nothing") {
					t.Fatal(err)
				}
				return
			}
			chain := single
			if i > 0 {
				last := prefixes[i-1]
				if slices.Contains(last.Links()[i-1].Caveats, grant.NoRegrant()) {
					break
				}
				if chain, err = last.Delegate(people[i], terms); err != nil {
					if !strings.Contains(err.Error(), "allow nothing") {
						t.Fatal(err)
					}
					for _, q := range questions {
						if q.permitted(last) && q.permitted(single) {
							t.Fatalf("%v, but a call is within both: %+v", err, q)
						}
					}
					break
				}
			}
			if again, err := grant.Parse(chain.Bytes()); err != nil || string(again.Bytes()) != string(chain.Bytes()) || at(start).Verify(again) != nil {
				t.Fatalf("it is not read as it was written: %v", err)
			}
			alone, prefixes = append(alone, single), append(prefixes, chain)
		}
		for _, q := range questions {
			all := true
			for i, prefix := range prefixes {
				all = all && q.permitted(alone[i])
				if got := q.permitted(prefix); got != all {
					t.Fatalf("%+v:\n%s\npermits it: %t, its links one by one: %t", q, strings.Join(prefix.Describe(), "\n"), got, all)
				}
			}
		}
	})
	// Two caveats of which neither is within the other allow nothing, not one of the two.
	f := rootFields(home, anna).with(8, []any{[]any{2, 0, "/a"}})
	both, err := grant.Parse(array(f.link(home), childFields(encode(f), anna, billie, 0).with(8, []any{[]any{2, 0, "/b"}}).link(anna)))
	if err != nil || at(start).Verify(both) != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		refused(t, p, both.Permits(grant.Call{Args: []any{p}}, start, nil), grant.Beyond)
	}
}

// peer is somebody who verifies grants, with what they know.
type peer struct {
	set   *grant.Set
	inbox []grant.Notice
}

// T24: whatever the order in which revocations arrive, over whatever partitions, in the end all know the same, and what
// somebody has refused is never accepted by them again.
func TestT24Convergence(t *testing.T) {
	people := []person{anna, billie, claire, mallet}
	// All ways from home over up to three of them.
	type held struct {
		*grant.Grant
		hands []person
	}
	var grants []held
	var grow func(g held)
	grow = func(g held) {
		grants = append(grants, g)
		if len(g.hands) == 3 {
			return
		}
		next := people[:2]
		if len(g.hands) == 2 {
			next = people[2:3]
		}
		for _, next := range next {
			by := g.hands[len(g.hands)-1]
			grow(held{mustDelegate(t, g.Grant, by, terms(next, 2-len(g.hands))), append(slices.Clip(g.hands), next)})
		}
	}
	for _, p := range people[:2] {
		grow(held{mustIssue(t, home, "", terms(p, 2)), []person{p}})
	}
	messages := make([]*grant.Message, len(grants))
	for i, g := range grants {
		messages[i] = mustSign(t, g.hands[len(g.hands)-1], g.Grant, grant.Message{To: home.key(), Seq: 5, Authored: start})
	}
	rapid.Check(t, func(t *rapid.T) {
		now := start
		peers := make([]peer, 3)
		for i := range peers {
			peers[i].set, _ = grant.NewSet(nil)
		}
		type refusal struct{ peer, grant int }
		live, mail := map[refusal]bool{}, map[refusal]bool{}
		type seen struct {
			notices int
			now     time.Time
		}
		last := make([]seen, len(peers))
		look := func() {
			for i, p := range peers {
				n, _ := p.set.Len()
				if last[i] == (seen{n, now}) {
					continue
				}
				last[i] = seen{n, now}
				v := with(p.set, now)
				v.Cache = cacheOfAll
				for j, g := range grants {
					err := v.Verify(g.Grant)
					if live[refusal{i, j}] && err == nil {
						t.Fatalf("peer %d accepts %s again", i, g)
					}
					live[refusal{i, j}] = err != nil
					err = v.CheckMessage(g.Grant, messages[j], home.key())
					if mail[refusal{i, j}] && err == nil {
						t.Fatalf("peer %d accepts a message by %s again", i, g)
					}
					mail[refusal{i, j}] = err != nil
				}
			}
		}
		all := map[[32]byte]grant.Notice{}
		said := map[grant.Key]grant.Feed{}
		revoked := map[grant.LinkID]bool{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1, 2: // somebody who may revokes a link at some peer
				g := grants[rapid.IntRange(0, len(grants)-1).Draw(t, "grant")]
				by := append([]person{home}, g.hands...)[rapid.IntRange(0, len(g.hands)).Draw(t, "by")]
				w := grant.Withdrawal{Link: g.ID()}
				if rapid.Bool().Draw(t, "cut") {
					w.Cut = map[grant.LinkID]uint64{g.ID(): rapid.Uint64Range(4, 6).Draw(t, "seq")}
				}
				b, err := g.Revoke(by, w, said[by.key()])
				if err != nil {
					t.Fatal(err)
				}
				i := rapid.IntRange(0, 2).Draw(t, "peer")
				n, err := peers[i].set.Add(b, now)
				if err != nil || n.Bytes == nil && now.Before(start.Add(2*day)) {
					t.Fatalf("a revocation was not taken in: %v", err)
				} else if n.Bytes == nil {
					break // what it revokes is over
				}
				said[by.key()] = grant.Feed{Seq: said[by.key()].Seq + 1, Last: n.ID}
				all[n.ID], revoked[g.ID()] = n, true
			case 3, 4, 5: // one sends another some of what it has, which arrives later in any order
				from, to := rapid.IntRange(0, 2).Draw(t, "from"), rapid.IntRange(0, 2).Draw(t, "to")
				for n := range peers[from].set.All() {
					if rapid.Bool().Draw(t, "sent") {
						peers[to].inbox = append(peers[to].inbox, n)
					}
				}
			case 6, 7: // something arrives, and may arrive again
				p := &peers[rapid.IntRange(0, 2).Draw(t, "at")]
				if len(p.inbox) > 0 {
					i := rapid.IntRange(0, len(p.inbox)-1).Draw(t, "which")
					if _, err := p.set.Add(p.inbox[i].Bytes, now); err != nil {
						t.Fatal(err)
					}
					if rapid.Bool().Draw(t, "once") {
						p.inbox = slices.Delete(p.inbox, i, i+1)
					}
				}
			case 8: // a restart, from what was stored
				p := &peers[rapid.IntRange(0, 2).Draw(t, "restarted")]
				again, _ := grant.NewSet(nil)
				for n := range p.set.All() {
					if err := again.Load(n.Bytes, now); err != nil {
						t.Fatal(err)
					}
				}
				p.set, p.inbox = again, nil
				clear(last)
			case 9:
				now = now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "hours")) * time.Hour)
				if p := peers[rapid.IntRange(0, 2).Draw(t, "evicts")]; rapid.Bool().Draw(t, "evict") {
					p.set.Evict(now)
				}
			}
			look()
		}
		// The partition heals: everybody hears everything, each in another order.
		for i := range peers {
			rest := make([]grant.Notice, 0, len(all))
			for _, n := range all {
				rest = append(rest, n)
			}
			slices.SortFunc(rest, func(a, b grant.Notice) int { return slices.Compare(a.ID[:], b.ID[:]) })
			rest = rapid.Permutation(rest).Draw(t, "order")
			if _, err := peers[i].set.Merge(slices.Values(rest), now); err != nil {
				t.Fatal(err)
			}
		}
		look()
		over := now.After(start.Add(2 * day))
		for i, p := range peers {
			for _, g := range grants {
				if has := p.set.Has(g.ID()); has != revoked[g.ID()] && !(over && !has) {
					t.Fatalf("peer %d: %s is revoked: %t, want %t", i, g, has, revoked[g.ID()])
				}
				a, okA := p.set.Cut(g.ID(), g.ID())
				b, okB := peers[0].set.Cut(g.ID(), g.ID())
				if (a != b || okA != okB) && !over {
					t.Fatalf("peers disagree on the exceptions of %s: %d %t, %d %t", g, a, okA, b, okB)
				}
			}
		}
	})
}

var cacheOfAll = new(grant.Cache)

// A set that is full does not pretend to know everything, and takes in nothing more.
func TestFull(t *testing.T) {
	s := newSet(t, &grant.SetConfig{Bytes: 4000, Share: 4000})
	for i := range 100 {
		g := mustIssue(t, home, "", terms(anna, 0))
		b, err := g.Revoke(home, grant.Withdrawal{Link: g.ID(), Reason: fmt.Sprint(i)}, s.Feed(home.key(), home.key()))
		if err != nil {
			t.Fatal(err)
		}
		n, err := s.Add(b, start)
		if _, used := s.Len(); used > 4000 {
			t.Fatalf("%d bytes are used", used)
		}
		if err != nil {
			if !errors.Is(err, grant.Full) || n.Bytes != nil || s.Has(g.ID()) || i < 2 {
				t.Errorf("the %d. notice: %v", i+1, err)
			}
			s.Evict(start.Add(3 * day))
			if notices, used := s.Len(); notices != 0 || used != 0 {
				t.Errorf("%d notices of %d bytes are left", notices, used)
			}
			return
		}
	}
	t.Error("it was never full")
}

// T25: whatever a relay keeps back, delays or repeats, nobody believes that they know everything up to a moment and does not;
// and who is given everything does know it, also who comes late.
func TestT25NoFalseFreshness(t *testing.T) {
	lasting := mustDelegate(t, mustIssue(t, home, "", grant.Terms{Audience: anna.key(), Expires: start.Add(100 * day), Depth: 1}), anna,
		grant.Terms{Audience: billie.key(), Expires: start.Add(100 * day)})
	var links []*grant.Grant
	for i := range 6 {
		until := start.Add(time.Duration(1+5*i) * time.Hour)
		links = append(links, mustDelegate(t, mustIssue(t, home, "", terms(anna, 1)), anna, grant.Terms{Audience: billie.key(), Expires: until}))
	}
	rapid.Check(t, func(t *rapid.T) {
		now := start
		newSet := func() *grant.Set {
			s, err := grant.NewSet(nil)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		own, peers := newSet(), []*grant.Set{newSet(), newSet()}
		type said struct {
			link *grant.Grant
			when time.Time
		}
		var all []said
		var notices [][]byte
		tell := func(b []byte, err error) {
			t.Helper()
			if err == nil {
				_, err = own.Add(b, now)
			}
			if err != nil {
				t.Fatal(err)
			}
			notices = append(notices, b)
		}
		head := func() { tell(own.Head(anna, lasting, lasting.ID(), now)) }
		look := func() {
			for i, s := range append(peers, own) {
				asOf := s.AsOf(anna.key(), home.key())
				for _, r := range all {
					if !asOf.IsZero() && !r.when.After(asOf) && now.Before(r.link.Expires()) && !s.Has(r.link.ID()) {
						t.Fatalf("peer %d believes to know everything as of %s, but not what was revoked %s", i, asOf, r.when)
					}
				}
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1, 2:
				g := links[rapid.IntRange(0, len(links)-1).Draw(t, "link")]
				if now.Before(g.Expires()) {
					tell(g.Revoke(anna, grant.Withdrawal{Link: g.ID()}, own.Feed(anna.key(), home.key())))
					all = append(all, said{g, now})
				}
				now = now.Add(time.Second)
			case 3:
				head()
				now = now.Add(time.Second)
			case 4, 5, 6:
				if len(notices) > 0 {
					b := notices[rapid.IntRange(0, len(notices)-1).Draw(t, "notice")]
					if _, err := peers[rapid.IntRange(0, 1).Draw(t, "to")].Add(b, now); err != nil {
						t.Fatal(err)
					}
				}
			case 7:
				now = now.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "minutes")) * time.Minute)
			case 8:
				append(peers, own)[rapid.IntRange(0, 2).Draw(t, "evicts")].Evict(now)
			case 9:
				i := rapid.IntRange(0, 1).Draw(t, "merges")
				if _, err := peers[i].Merge(peers[1-i].All(), now); err != nil {
					t.Fatal(err)
				}
			}
			look()
		}
		head()
		peers = append(peers, newSet())
		for i, s := range peers {
			if _, err := s.Merge(own.All(), now); err != nil {
				t.Fatal(err)
			}
			if got, want := s.AsOf(anna.key(), home.key()), own.AsOf(anna.key(), home.key()); !got.Equal(want) || want.IsZero() {
				t.Fatalf("peer %d knows everything as of %s, want %s", i, got, want)
			}
		}
		look()
	})
}
