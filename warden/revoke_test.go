package warden_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// revoke returns a notice by somebody that the last link of g is revoked.
func (s *site) revoke(by person, g *grant.Grant) []byte {
	s.t.Helper()
	b, err := g.Revoke(by, grant.Withdrawal{Link: g.ID()}, s.office.Known().Feed(by.key(), host.key()))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *site) learn(notice []byte) {
	s.t.Helper()
	if _, err := s.office.Learn(context.Background(), notice); err != nil {
		s.t.Fatal(err)
	}
}

// A link that is revoked, by who has issued it or stands above it, or by who has it, takes with it what was delegated, for good and across
// restarts, and nothing else.
func TestRevoke(t *testing.T) {
	for _, by := range []person{host, anna, billie} {
		each(t, func(t *testing.T, s *site) {
			root := issue(t, "writer", anna)
			mine := pass(t, root, anna, billie)
			hers := pass(t, mine, billie, claire)
			other := pass(t, root, anna, claire)
			n := must[vat.Ref](t, s.office.Open(mine), "add", "a note")
			all := map[string]vat.Ref{"billie": s.office.Open(mine), "claire": s.office.Open(hers), "a note": n}
			title := must[string](t, s.office.Open(other), "title")
			must[string](t, all["claire"], "title")
			s.learn(s.revoke(by, mine))
			for name, r := range all {
				if _, err := ask[any](r, "title"); !errors.Is(err, warden.ErrOver) {
					t.Errorf("%s: %v", name, err)
				}
			}
			for range 2 {
				for _, g := range []*grant.Grant{mine, hers} {
					_, err := ask[any](s.office.Open(g), "title")
					want(t, err, warden.ErrRefused)
				}
				if got := must[string](t, s.office.Open(other), "title"); got != title {
					t.Error(got)
				}
				s.restart(true)
			}
			again := pass(t, root, anna, billie)
			must[string](t, s.office.Open(again), "title") // another link
		})
	}
}

// T23: what says nothing that counts is refused, and changes nothing.
func TestT23LearnRefuses(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		g := issue(t, "reader", anna)
		r := s.office.Open(g)
		elsewhere, err := grant.Issue(billie, grant.Root{Object: theFolder, Role: "reader"}, terms(anna))
		if err != nil {
			t.Fatal(err)
		}
		strangers := s.revoke(anna, g)
		strangers[len(strangers)/8] ^= 1
		notice, err := elsewhere.Revoke(billie, grant.Withdrawal{Link: elsewhere.ID()}, grant.Feed{})
		if err != nil {
			t.Fatal(err)
		}
		for what, b := range map[string][]byte{"nothing": nil, "rubbish": []byte("rubbish"), "forged": strangers, "another node's": notice} {
			if _, err := s.office.Learn(t.Context(), b); !errors.Is(err, grant.ErrRefused) {
				t.Errorf("%s: %v", what, err)
			}
			if _, err := s.office.Hear(b).Await(t.Context()); !errors.Is(err, warden.ErrRefused) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if n := len(slices.Collect(s.office.Notices())); n != 0 {
			t.Errorf("%d notices were learned", n)
		}
		must[string](t, r, "title")
		good := s.revoke(host, g)
		s.learn(good)
		s.learn(good)
		if receipt, err := vat.Result[[]byte](s.office.Hear(good)).Await(t.Context()); receipt == nil || err != nil {
			t.Error(receipt, err)
		}
	})
}

// T19: between the receipt of a call and its turn a grant may be revoked, or expire: then there is no turn.
func TestT19Turn(t *testing.T) {
	for what, end := range map[string]func(s *site, g *grant.Grant){
		"revoked": func(s *site, g *grant.Grant) {
			notice := s.revoke(host, g)
			go func() { _, _ = s.office.Learn(context.Background(), notice) }()
		},
		"expired": func(*site, *grant.Grant) { time.Sleep(time.Hour + 61*time.Second) },
	} {
		t.Run(what, func(t *testing.T) {
			each(t, func(t *testing.T, s *site) {
				g := issue(t, "writer", anna)
				r := s.office.Open(g)
				must[vat.Ref](t, r, "add", "before")
				hold, held := make(chan bool), make(chan bool)
				go func() {
					_, _ = vat.Do(context.Background(), s.v, func(context.Context) (int, error) {
						close(held)
						<-hold
						return 0, nil
					})
				}()
				<-held // the vat is busy
				waits := r.Send(t.Context(), "add", "too late")
				synctest.Wait()
				end(s, g)
				synctest.Wait()
				close(hold)
				synctest.Wait()
				_, err := waits.Await(t.Context())
				want(t, err, warden.ErrOver)
				if got := must[string](t, s.folder, "title"); got != "1 notes" {
					t.Error(got)
				}
				_, err = ask[any](r, "add", "later")
				want(t, err, warden.ErrOver)
			})
		})
	}
}

// Whoever says again what was said a moment ago hears that it has had effect when that is so, and not before: while the object's vat is busy
// what was given has not ended. The receipt is not of an earlier time.
func TestReceiptIsAfterTheEnd(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		g := issue(t, "writer", anna)
		must[vat.Ref](t, s.office.Open(g), "add", "before")
		hold, held := make(chan bool), make(chan bool)
		go func() {
			_, _ = vat.Do(context.Background(), s.v, func(context.Context) (int, error) {
				close(held)
				<-hold
				return 0, nil
			})
		}()
		<-held
		notice := s.revoke(host, g)
		var said [3]promise.Promise[[]byte]
		for i := range said {
			said[i] = vat.Result[[]byte](s.office.Hear(notice))
			synctest.Wait()
		}
		time.Sleep(1500 * time.Millisecond)
		for i, p := range said {
			if p.Settled() {
				t.Errorf("time %d: a receipt before what was given has ended", i+1)
			}
		}
		free := time.Now()
		close(hold)
		of, err := grant.ConcernOf(notice)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range said {
			b, err := p.Await(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r, err := grant.ParseReceipt(b); err != nil || !r.Confirms(of) || r.AsOf.Before(free) || r.AsOf.After(free.Add(time.Second)) {
				t.Errorf("time %d: %+v, %v", i+1, r, err)
			}
		}
		s.restart(true)
		b, err := s.office.Learn(t.Context(), notice)
		if r, e := grant.ParseReceipt(b); err != nil || e != nil || !r.Confirms(of) {
			t.Errorf("after a restart: %+v, %v, %v", r, err, e)
		}
	})
}

// A receipt is of what was verified. What is of no more use is not looked at closely, and so nothing is signed about it.
func TestNoReceiptOfWhatIsOver(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		brief, g := issue(t, "reader", anna, until(time.Minute)), pass(t, issue(t, "reader", anna), anna, billie)
		over := s.revoke(host, brief)
		old, err := s.office.Known().Head(anna, g, g.ID(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		newer, err := s.office.Known().Head(anna, g, g.ID(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if b, err := s.office.Learn(t.Context(), newer); b == nil || err != nil {
			t.Errorf("a head: %x, %v", b, err)
		}
		bend := func(b []byte) []byte {
			b = slices.Clone(b)
			b[bytes.Index(b, []byte("hawser-grant"))-40] ^= 1 // in the notice's own signature, which is before the witness
			return b
		}
		for what, notice := range map[string][]byte{"of a link that is over": over, "an older head": old} {
			for how, b := range map[string][]byte{"": notice, "forged, ": bend(notice)} {
				if receipt, err := s.office.Learn(t.Context(), b); receipt != nil || err != nil {
					t.Errorf("%s%s: a receipt %x, %v", how, what, receipt, err)
				}
			}
		}
	})
}

// T25: what a head counts is known after a restart as it was before, although it is over: else the head would say nothing any more.
func TestT25HeadsAfterARestart(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		root := issue(t, "reader", anna)
		said, err := grant.NewSet(nil)
		if err != nil {
			t.Fatal(err)
		}
		learn := func(b []byte, err error) {
			t.Helper()
			if err == nil {
				_, err = said.Add(b, time.Now())
			}
			if err == nil {
				_, err = s.office.Learn(t.Context(), b)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for range 20 {
			g := pass(t, root, anna, billie, until(time.Minute))
			learn(g.Revoke(anna, grant.Withdrawal{Link: g.ID()}, said.Feed(anna.key(), host.key())))
		}
		time.Sleep(30 * time.Second)
		longer := pass(t, root, anna, billie)
		learn(said.Head(anna, longer, longer.ID(), time.Now()))
		asOf := s.office.Known().AsOf(anna.key(), host.key())
		time.Sleep(5 * time.Minute)
		s.restart(true)
		if again := s.office.Known().AsOf(anna.key(), host.key()); asOf.IsZero() || !again.Equal(asOf) {
			t.Errorf("all is known up to %v, and after a restart to %v", asOf, again)
		}
	})
}

// T25: a link may demand that the host has heard lately that nothing was revoked. The host's own links are always fresh to itself.
func TestT25Fresh(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		root := issue(t, "reader", anna, caveats(grant.Fresh(time.Minute)))
		must[string](t, s.office.Open(root), "title")
		g := pass(t, root, anna, billie, caveats(grant.Fresh(10*time.Minute)))
		r := s.office.Open(g)
		_, err := ask[any](r, "title")
		want(t, err, warden.ErrBeyond)
		head := func() {
			b, err := s.office.Known().Head(anna, g, g.ID(), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			s.learn(b)
		}
		head()
		must[string](t, r, "title")
		time.Sleep(10 * time.Minute)
		_, err = ask[any](r, "title")
		want(t, err, warden.ErrBeyond)
		head()
		s.restart(true)
		must[string](t, s.office.Open(g), "title")
	})
}

// T25: one key may have two who number its revocations, say a node and its owner at a desk, who do not know of each other. All that they
// revoke is revoked. As long as somebody knows more of it than who has signed the head, nothing is fresh to them; and who knows all of it signs
// one that is good again.
func TestT25TwoSourcesOfNumbers(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		root := issue(t, "reader", anna)
		mine := func() *grant.Grant { return pass(t, root, anna, billie, caveats(grant.Fresh(10*time.Minute))) }
		g, byNode, atDesk := mine(), mine(), mine()
		r := s.office.Open(g)
		node, desk := newSet(t), newSet(t)
		revoke := func(said *grant.Set, g *grant.Grant) []byte {
			b, err := g.Revoke(anna, grant.Withdrawal{Link: g.ID()}, said.Feed(anna.key(), host.key()))
			if err == nil {
				_, err = said.Add(b, time.Now())
			}
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		head := func(said *grant.Set) {
			t.Helper()
			time.Sleep(time.Second)
			b, err := said.Head(anna, g, g.ID(), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			s.learn(b)
		}
		fresh := func(when string, is bool) {
			t.Helper()
			for range 2 {
				if _, err := ask[any](r, "title"); (err == nil) != is || err != nil && !errors.Is(err, warden.ErrBeyond) {
					t.Errorf("%s: %v", when, err)
				}
				s.restart(true)
				r = s.office.Open(g)
			}
		}
		first := revoke(node, byNode)
		s.learn(first)
		head(node)
		fresh("one source", true)
		second := revoke(desk, atDesk)
		s.learn(second)
		for _, g := range []*grant.Grant{byNode, atDesk} {
			_, err := ask[any](s.office.Open(g), "title")
			want(t, err, warden.ErrRefused)
		}
		fresh("another with the same number, which the head does not count", false)
		head(node)
		fresh("a newer head that does not count it", false)
		head(desk)
		fresh("one that does not count the other", false)
		for said, b := range map[*grant.Set][]byte{node: second, desk: first} {
			if _, err := said.Add(b, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		head(node)
		fresh("one by who has heard of both", true)
		s.learn(revoke(desk, mine()))
		fresh("the next number is not counted yet, and is known here", true)
		head(node)
		fresh("nor by a newer head", true)
		s.learn(revoke(node, mine()))
		head(node)
		fresh("they number apart again", false)
	})
}

func newSet(t *testing.T) *grant.Set {
	t.Helper()
	s, err := grant.NewSet(nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// T21: a clock that is set back brings nothing back to life that was seen to end.
func TestT21Floor(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		g := issue(t, "reader", anna)
		must[string](t, s.office.Open(g), "title")
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		s.back = 90 * time.Minute
		s.restart(true)
		if s.m == nil {
			return
		}
		_, err := ask[any](s.office.Open(g), "title")
		want(t, err, warden.ErrRefused)
	})
}
