package vat_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/vat"
)

// spell is what a live reference leads to for a while: the end of a session, with the object behind it. Calls are answered,
// left open, or refused when it is over.
type spell struct {
	node vat.Node
	n    int

	mu      sync.Mutex
	over    bool
	got     []letter
	refused []letter
	open    []*vat.Vow
}

// letter is a message of the test: who sent it, by which way, its number there, and how often the sender had been told of a
// loss.
type letter struct {
	who, way string
	n, told  int
}

func (l letter) String() string { return fmt.Sprintf("%s/%s %d told %d", l.who, l.way, l.n, l.told) }

var errSpellOver = fmt.Errorf("the spell is over: %w", net.ErrClosed)

func newSpell(n int) *spell {
	s := &spell{n: n}
	s.node.Init(s)
	return s
}

func (s *spell) Deliver(m vat.Message) {
	l := letter{m.Args[0].(string), m.Args[1].(string), int(m.Args[2].(int64)), int(m.Args[3].(int64))}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		s.refused = append(s.refused, l)
		go m.Refuse(errSpellOver)
		return
	}
	s.got = append(s.got, l)
	m.Taken()
	if m.Answer == nil {
		return
	}
	if l.n%2 == 0 {
		s.open = append(s.open, m.Answer)
		return
	}
	go m.Answer.Resolve(int64(l.n))
}

// end ends the spell: what is open breaks, and nothing is taken any more.
func (s *spell) end() {
	s.mu.Lock()
	s.over = true
	open := s.open
	s.open = nil
	s.mu.Unlock()
	for _, w := range open {
		w.Break(errSpellOver)
	}
}

// rig is a live reference and those who send to it.
type rig struct {
	l      *vat.Live
	live   vat.Ref
	spells []*spell
	there  bool

	vats  []*vat.Vat
	told  []int // owned by the vats' turns
	ways  map[string]vat.Ref
	vows  []*vat.Vow
	calls []vat.Ref
	peers []*vat.Caller

	mu   sync.Mutex
	sent map[string][]letter // by sender and way
}

func newRig(ctx context.Context, senders int) *rig {
	r := &rig{sent: make(map[string][]letter), ways: make(map[string]vat.Ref), told: make([]int, senders)}
	r.l, r.live = vat.NewLive(1<<10, nil)
	r.ways["direct"] = r.live
	u := vat.New(&vat.Config{Name: "u"})
	r.vats = append(r.vats, u)
	_, err := vat.Do(ctx, u, func(ctx context.Context) (int, error) {
		r.ways["caretaker"], _ = vat.Revocable(ctx, r.live)
		live := r.live
		r.ways["proxy"] = vat.SpawnProxy(ctx, func(context.Context) (vat.Ref, error) { return live, nil })
		return 0, nil
	})
	if err != nil {
		panic(err)
	}
	for i := range senders {
		v := vat.New(&vat.Config{Name: fmt.Sprint("v", i)})
		r.vats = append(r.vats, v)
		if _, err := vat.Do(ctx, v, func(ctx context.Context) (int, error) {
			vat.OnSever(ctx, r.live, func(context.Context, error) { r.told[i]++ })
			return 0, nil
		}); err != nil {
			panic(err)
		}
	}
	for i := range 3 {
		w := vat.NewVow(nil)
		r.vows = append(r.vows, w)
		r.ways[fmt.Sprint("promise", i)] = w.Ref()
	}
	return r
}

// next returns the arguments of the next message down a way.
func (r *rig) next(who, way string, told int) []any {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := who + "/" + way
	l := letter{who, way, len(r.sent[key]) + 1, told}
	r.sent[key] = append(r.sent[key], l)
	return []any{who, way, int64(l.n), int64(told)}
}

func (r *rig) keep(a vat.Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, a)
}

// send has a vat send messages down one way, in one turn.
func (r *rig) send(ctx context.Context, sender int, way string, count int) {
	to := r.ways[way]
	go func() {
		_, _ = vat.Do(ctx, r.vats[sender+1], func(ctx context.Context) (int, error) {
			for range count {
				r.keep(to.Send(ctx, "m", r.next(fmt.Sprint("v", sender), way, r.told[sender])...))
			}
			return 0, nil
		})
	}()
}

// outside sends from no turn.
func (r *rig) outside(ctx context.Context, way string) {
	r.keep(r.ways[way].Send(ctx, "m", r.next("outside", way, 0)...))
}

// fromPeer delivers what a peer sends to something that it was given.
func (r *rig) fromPeer(peer int, way string) {
	for len(r.peers) <= peer {
		r.peers = append(r.peers, &vat.Caller{Transport: "test", Designator: fmt.Sprint(len(r.peers))})
	}
	who := fmt.Sprint("peer", peer)
	w := vat.NewVow(nil)
	r.keep(w.Ref())
	r.ways[way].Post(vat.Message{
		Selector: "m", Args: r.next(who, way, 0), Answer: w, From: r.peers[peer],
	})
}

func (r *rig) restore() {
	if !r.there {
		s := newSpell(len(r.spells))
		r.spells, r.there = append(r.spells, s), true
		r.l.Restore(s.node.Ref())
	}
}

func (r *rig) lose() {
	if r.there {
		r.there = false
		s := r.spells[len(r.spells)-1]
		s.end()
		r.l.Sever(errSpellOver)
	}
}

// check looks at what came where.
func (r *rig) check() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	spellOf := make(map[string]map[int]int) // by sender and way, by number
	used := make(map[string]map[int]bool)   // by sender, what it has sent to
	for i, s := range r.spells {
		for _, l := range append(slices.Clone(s.got), s.refused...) {
			if used[l.who] == nil {
				used[l.who] = make(map[int]bool)
			}
			used[l.who][i] = used[l.who][i] || l.way != "proxy" // which sends what it passes on
		}
		last := make(map[string]int)
		for _, l := range s.got {
			key := l.who + "/" + l.way
			if spellOf[key] == nil {
				spellOf[key] = make(map[int]int)
			}
			if before, ok := spellOf[key][l.n]; ok {
				fail("%v came to %d and to %d", l, before, i)
			}
			if spellOf[key][l.n] = i; l.n < last[key] {
				fail("%v came to %d behind %d", l, i, last[key])
			}
			last[key] = l.n
		}
	}
	for key, sent := range r.sent {
		high := 0
		missing := make(map[int]letter) // the first that did not come, by how often its sender had been told
		for _, l := range sent {
			strict := l.way != "proxy" && l.who != "outside"
			spell, came := spellOf[key][l.n]
			first, gap := missing[l.told]
			switch {
			case !came:
				if !gap {
					missing[l.told] = l
				}
				continue
			case spell < high:
				fail("%v came to %d, one before to %d", l, spell, high)
			case strict && gap:
				fail("%v came to %d although %v did not come", l, spell, first)
			}
			high = spell
			for i := l.told; strict && l.who[0] == 'v' && i < spell; i++ {
				if used[l.who][i] {
					fail("%v came to %d although its sender had something at %d, of whose loss it had not been told", l, spell, i)
				}
			}
			if strict && l.who[0] == 'p' && spellOf[key][sent[0].n] != spell {
				fail("%v came to %d, the first from there to %d", l, spell, spellOf[key][sent[0].n])
			}
		}
	}
	return errors.Join(errs...)
}

// step is something that happens.
type step struct {
	What string
	Way  string
	Who  int
	N    int
}

var anyStep = rapid.Custom(func(rt *rapid.T) step {
	return step{
		What: rapid.SampledFrom([]string{"send", "send", "send", "send", "outside", "peer", "lose", "restore", "resolve", "wait"}).Draw(rt, "what"),
		Way:  rapid.SampledFrom([]string{"direct", "direct", "caretaker", "proxy", "promise0", "promise1", "promise2"}).Draw(rt, "way"),
		Who:  rapid.IntRange(0, 2).Draw(rt, "who"),
		N:    rapid.IntRange(1, 3).Draw(rt, "n"),
	}
})

// TestLiveOrder has vats, code outside turns and peers send, by several ways, while what they send to is lost and had again.
func TestLiveOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(anyStep, 1, 60).Draw(rt, "steps")
		var failure error
		synctest.Test(t, func(t *testing.T) { failure = play(t.Context(), steps) })
		if failure != nil {
			rt.Fatal(failure)
		}
	})
}

func play(ctx context.Context, steps []step) error {
	r := newRig(ctx, 3)
	for _, x := range steps {
		switch x.What {
		case "send":
			r.send(ctx, x.Who, x.Way, x.N)
		case "outside":
			r.outside(ctx, x.Way)
		case "peer":
			r.fromPeer(x.Who, x.Way)
		case "lose":
			r.lose()
		case "restore":
			r.restore()
		case "resolve":
			r.vows[x.Who].Resolve(r.live)
		default:
			synctest.Wait()
		}
	}
	for _, w := range r.vows {
		w.Resolve(r.live)
	}
	synctest.Wait()
	r.restore()
	synctest.Wait()
	errs := []error{}
	if n := r.l.Waiting(); n != 0 {
		errs = append(errs, fmt.Errorf("%d messages wait", n))
	}
	r.lose()
	r.l.End(errSpellOver)
	synctest.Wait()
	for i, a := range r.calls {
		if !a.PromiseCell().Settled() {
			errs = append(errs, fmt.Errorf("call %d has not settled", i))
		}
	}
	for _, v := range r.vats {
		errs = append(errs, v.Close())
	}
	return errors.Join(append(errs, r.check())...)
}
