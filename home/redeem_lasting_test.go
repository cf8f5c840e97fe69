package home_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// offering has a site take grants about its actor, and returns one for who is named.
func (s *site) offering(holder grant.Key) *grant.Grant {
	s.t.Helper()
	s.office = func() *warden.Office { return warden.New(warden.Config{Signer: grant.SignerOf(s.id)}) }
	s.offer = func(o *warden.Office) {
		v, err := s.depot.Vat("v")
		if err != nil {
			s.t.Fatal(err)
		}
		actor := s.actor()
		if err := o.Offer(granted, v, map[string]warden.Role{"actor": {Open: func(context.Context, warden.Holder) (vat.Ref, error) {
			return actor, nil
		}}}); err != nil {
			s.t.Fatal(err)
		}
	}
	s.stop()
	s.start()
	g, err := grant.Issue(grant.SignerOf(s.id), grant.Root{Object: granted, Role: "actor"}, grant.Terms{Audience: holder, Expires: time.Now().Add(24 * time.Hour)})
	if err != nil {
		s.t.Fatal(err)
	}
	return g
}

// T7: in a session that lasts what a durable object has by a grant is there after either process has died; a grant is shown again in the
// session after that, also in the same instant, or when the clock was set back; and what is revoked is over on the other side.
func TestT07GrantInLastingSession(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := newSite(t, n, "a"), newSite(t, n, "b")
		defer a.stop()
		defer b.stop()
		signer := grant.SignerOf(a.id)
		g := b.offering(grant.KeyOf(signer))
		redeem := func() vat.Ref {
			t.Helper()
			r, err := a.home.Redeem(g, signer, b.home.Location()).Await(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		tell(t, a.actor(), "link", redeem())
		a.home.Present(1 << 20) // as many as a clock that goes ahead would have counted
		redeem()
		synctest.Wait()
		add := func() (int, error) {
			r, err := vat.Result[vat.Ref](a.actor().Send(context.Background(), "whom")).Await(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return vat.Result[int](r.Send(context.Background(), "add", 1)).Await(context.Background())
		}
		for i, crash := range []func(){func() {}, a.crash, b.crash, func() { a.crash(); b.crash() }} {
			crash()
			if got := redeem(); got.IsNull() {
				t.Error("null")
			}
			if n, err := add(); err != nil || n != 2 || len(b.lines()) != i+1 {
				t.Fatalf("after crash %d: %d, %v, %d lines", i, n, err, len(b.lines()))
			}
		}
		notice, err := g.Revoke(grant.SignerOf(b.id), grant.Withdrawal{Link: g.ID()}, grant.Feed{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.grants.Learn(context.Background(), notice); err != nil {
			t.Fatal(err)
		}
		for _, crash := range []func(){func() {}, a.crash, b.crash} {
			crash()
			if _, err := add(); !errors.Is(err, warden.ErrOver) {
				t.Errorf("%v, want that it is over", err)
			}
			if _, err := a.home.Redeem(g, signer, b.home.Location()).Await(context.Background()); !errors.Is(err, warden.ErrRefused) {
				t.Errorf("%v, want that it is refused", err)
			}
		}
	})
}

// T7: in a session that outlives its host's process a presentation is good once, also when the host has died in between; one with a higher number is
// another. When the session is over nothing is left of that.
func TestT07PresentationAfterRestart(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := newSite(t, n, "a"), newSite(t, n, "b")
		defer a.stop()
		defer b.stop()
		signer := grant.SignerOf(a.id)
		g := b.offering(grant.KeyOf(signer))
		redeem := func() (vat.Ref, error) {
			return a.home.Redeem(g, signer, b.home.Location()).Await(context.Background())
		}
		r, err := redeem()
		if err != nil {
			t.Fatal(err)
		}
		tell(t, a.actor(), "link", r)
		synctest.Wait()
		last := a.home.PresentFrom(1)
		for range 2 {
			for n := range last {
				a.home.PresentFrom(n)
				if _, err := redeem(); !errors.Is(err, warden.ErrRefused) {
					t.Errorf("presentation %d again, of %d: %v, want that it is refused", n, last, err)
				}
			}
			b.crash()
		}
		a.home.PresentFrom(last + 1)
		if _, err := redeem(); err != nil {
			t.Errorf("the next one: %v", err)
		}
		if err := b.home.Forget(a.home.Location().ID()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if rows := b.rows("presented"); len(rows) > 0 {
			t.Errorf("left: %v", rows)
		}
	})
}

// A host that dies at any write while a grant is redeemed over a session that lasts owes the answer: what was shown is shown again, and is taken. So
// is a message, whose author is told what came of it.
func TestHostDiesWhileRedeeming(t *testing.T) {
	died := 0
	for at := int64(1); at <= 12; at++ {
		scene(t, func(t *testing.T, n *mem.Network) {
			a, b := newSite(t, n, "a"), newSite(t, n, "b")
			defer a.stop()
			defer b.stop()
			signer := grant.SignerOf(a.id)
			g := b.offering(grant.KeyOf(signer))
			r, err := a.home.Redeem(g, signer, b.home.Location()).Await(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			tell(t, a.actor(), "link", r) // from now on the session lasts
			synctest.Wait()
			terms := grant.Terms{Audience: g.Holder(), Expires: time.Now().Add(24 * time.Hour), Accept: time.Now().Add(24 * time.Hour)}
			other, err := grant.Issue(grant.SignerOf(b.id), grant.Root{Object: granted, Role: "actor"}, terms)
			if err != nil {
				t.Fatal(err)
			}
			m, err := warden.SignCall(signer, other, 1, time.Now(), "add", 6)
			if err != nil {
				t.Fatal(err)
			}
			last := b.disk.Writes.Load() + at
			b.disk.DieAt.Store(last)
			asked := a.home.Redeem(other, signer, b.home.Location())
			answer := a.home.Answer(other, signer, m, b.home.Location())
			time.Sleep(time.Second)
			synctest.Wait()
			if b.disk.Writes.Load() >= last {
				died++
				b.crash()
			}
			b.disk.DieAt.Store(0)
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Hour)
			defer cancel()
			if _, err := asked.Await(ctx); err != nil {
				t.Errorf("died at write %d: %v", at, err)
			}
			got, err := vat.Result[int](answer).Await(ctx)
			if got != 7 || err != nil || len(b.lines()) != 1 {
				t.Errorf("died at write %d: %d, %v; %q", at, got, err, b.lines())
			}
		})
	}
	if died < 8 {
		t.Errorf("it died %d times: that is not at each write", died)
	}
}
