package warden_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/vattest"
	"github.com/hawser-go/hawser/warden"
)

// durable runs fn in a bubble with an office that keeps things.
func durable(t *testing.T, fn func(t *testing.T, s *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &site{t: t}
		inBubble(s)
		defer s.m.Stop()
		defer func() { s.office.Close() }()
		fn(t, s)
	})
}

func inBubble(s *site) {
	s.office = s.newOffice()
	s.m = vattest.New(s.t, append(s.office.Kinds(), testKinds...)...)
	s.begin()
}

func nameOf(g *grant.Grant) [16]byte {
	id := g.ID()
	return [16]byte(id[:16])
}

// T21: a clock that was set back while the process did not run does not keep it from starting, though a head was heard that is from later.
func TestT21HeadOfLater(t *testing.T) {
	durable(t, func(t *testing.T, s *site) {
		g := issue(t, "reader", anna, until(24*time.Hour))
		revoked := pass(t, g, anna, billie)
		s.learn(s.revoke(anna, revoked))
		time.Sleep(10 * time.Minute)
		head, err := s.office.Known().Head(anna, revoked, revoked.ID(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		s.learn(head)
		s.back = 2 * time.Hour
		s.restart(true)
		_, err = ask[any](s.office.Open(revoked), "title")
		want(t, err, warden.ErrRefused)
		must[string](t, s.office.Open(g), "title")
	})
}

// What lapses while the process does not run does not stay on the disk.
func TestLapsedWhileAway(t *testing.T) {
	durable(t, func(t *testing.T, s *site) {
		g := issue(t, "reader", anna)
		s.learn(s.revoke(anna, g))
		s.office.Close()
		s.m.Stop()
		time.Sleep(24 * time.Hour)
		if err := s.m.Start(); err != nil {
			t.Fatal(err)
		}
		s.office = s.newOffice()
		s.m.Config.Kinds = append(s.office.Kinds(), testKinds...)
		s.m.Restart()
		s.begin()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if err := s.m.Store().View(func(r store.Reader) error {
			r.Scan("grant-notices", nil, func(key, _ []byte) bool { t.Errorf("the notice %x stays", key); return true })
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// T20: nothing stays of what is over: no pins, and nothing in the office, however long links may say they are good for.
func TestNothingStays(t *testing.T) {
	durable(t, func(t *testing.T, s *site) {
		before, err := s.m.Depot().Pinned("")
		if err != nil {
			t.Fatal(err)
		}
		g := issue(t, "reader", anna, caveats(grant.MaxUses(5)))
		long := pass(t, g, anna, billie, caveats(grant.MaxUses(3)), until(50*365*24*time.Hour))
		must[string](t, s.office.Open(long), "title")
		synctest.Wait()
		if pins, err := s.m.Depot().Pinned(""); err != nil || len(pins) != len(before)+3 {
			t.Fatalf("%d pins, had %d; want a mandate and two counts more (%v)", len(pins), len(before), err)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if pins, err := s.m.Depot().Pinned(""); err != nil || len(pins) != len(before) {
			t.Errorf("%d pins, had %d (%v)", len(pins), len(before), err)
		}
		if s.office.Holds(nameOf(long)) {
			t.Error("the office holds what is over")
		}
	})
}

// Whoever passes a grant on to themselves, again and again, gets no more than their share, and leaves others theirs; what ends makes
// room, and a restart makes none.
func TestManyOpen(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.office.Close()
		s.office = warden.New(warden.Config{Signer: host, MaxOpen: 32})
		begin := func() { s.office.Start(); s.offer() }
		if s.m != nil {
			s.m.Config.Kinds = append(s.office.Kinds(), testKinds...)
			s.m.Restart()
			begin = s.begin
		}
		begin()
		root := issue(t, "reader", anna)
		evil := pass(t, root, anna, billie)
		opens := func(g *grant.Grant) error {
			_, err := ask[string](s.office.Open(g), "title")
			return err
		}
		self := func() *grant.Grant { return pass(t, evil, billie, billie) }
		var one *grant.Grant
		for range 8 {
			one = self()
			if err := opens(one); err != nil {
				t.Fatal(err)
			}
		}
		want(t, opens(self()), warden.ErrManyOpen)
		want(t, opens(pass(t, self(), billie, claire)), warden.ErrManyOpen)
		want(t, opens(one), nil)
		if s.m != nil {
			s.office.Close()
			s.office = warden.New(warden.Config{Signer: host, MaxOpen: 32})
			s.m.Config.Kinds = append(s.office.Kinds(), testKinds...)
			s.m.Crash()
			s.begin()
			want(t, opens(self()), warden.ErrManyOpen)
		}
		for range 24 { // anna's own, and others she has given to
			if err := opens(pass(t, root, anna, claire)); err != nil {
				t.Fatal(err)
			}
		}
		want(t, opens(pass(t, root, anna, claire)), warden.ErrManyOpen)
		want(t, opens(issue(t, "reader", billie)), nil)
		s.learn(s.revoke(billie, one))
		want(t, opens(self()), nil)
		want(t, opens(self()), warden.ErrManyOpen)
	})
}

// An object that is offered from another vat after a restart leaves what was given of it where it was, and can be ended there.
func TestOfferMoves(t *testing.T) {
	durable(t, func(t *testing.T, s *site) {
		g := issue(t, "reader", anna)
		must[string](t, s.office.Open(g), "title")
		s.restart(true)
		s.office.Withdraw(theFolder)
		if err := s.office.Offer(theFolder, s.m.Vat("elsewhere"), map[string]warden.Role{"reader": {Open: func(ctx context.Context, _ warden.Holder) (vat.Ref, error) {
			return readerFacet.Spawn(ctx, &folder{}), nil
		}}}); err != nil {
			t.Fatal(err)
		}
		r := s.office.Open(g)
		must[string](t, r, "title")
		n := must[vat.Ref](t, s.folder, "add", "in the old place")
		if got := must[vat.Ref](t, r, "find", ""); got == n {
			t.Error("a note has crossed")
		}
		s.learn(s.revoke(host, g))
		_, err := ask[string](r, "title")
		want(t, err, warden.ErrOver)
		synctest.Wait()
		if pins, err := s.m.Depot().Pinned("grant/"); err != nil || len(pins) != 0 {
			t.Errorf("%d mandates stay (%v)", len(pins), err)
		}
	})
}

// A role that panics, is slow, or opens nothing leaves nothing behind, and can be opened once it is mended.
func TestRolePanics(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		var bad any = "panic"
		if err := s.office.Offer(theLab, s.v, map[string]warden.Role{"all": {Open: func(ctx context.Context, h warden.Holder) (vat.Ref, error) {
			switch b := bad.(type) {
			case string:
				panic(b)
			case error:
				return vat.Ref{}, b
			}
			return labFacet.Spawn(ctx, &lab{}), nil
		}}}); err != nil {
			t.Fatal(err)
		}
		g := labGrant(t, anna, caveats(grant.MaxUses(1)))
		for range 3 {
			_, err := ask[int](s.office.Open(g), "up")
			want(t, err, vat.ErrInternal)
		}
		bad = errEmpty
		_, err := ask[int](s.office.Open(g), "up")
		want(t, err, errEmpty)
		if s.office.Holds(nameOf(g)) {
			t.Error("the office holds what was never opened")
		}
		bad = nil
		must[int](t, s.office.Open(g), "up")
		_, err = ask[int](s.office.Open(g), "up")
		want(t, err, warden.ErrBeyond)
	})
}

// Grants of which links are counted are opened, used, revoked, and the office is closed, all at once, with objects in several durable vats.
func TestAllAtOnce(t *testing.T) {
	office := warden.New(warden.Config{Signer: host})
	m := vattest.New(t, append(office.Kinds(), testKinds...)...)
	m.Config.Amnesia = false
	m.Restart()
	if err := office.Use(m.Depot(), m.Store().View); err != nil {
		t.Fatal(err)
	}
	office.Start()
	const objects = 3
	var roots []*grant.Grant
	for i := range objects {
		id := grant.ObjectID{20, byte(i)}
		if err := office.Offer(id, m.Vat(fmt.Sprint("v", i)), map[string]warden.Role{"all": {Open: func(ctx context.Context, _ warden.Holder) (vat.Ref, error) {
			return labFacet.Spawn(ctx, &lab{}), nil
		}}}); err != nil {
			t.Fatal(err)
		}
		g, err := grant.Issue(host, grant.Root{Object: id, Role: "all"}, terms(anna, caveats(grant.MaxUses(1000)), accept(time.Hour)))
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, g)
	}
	var all sync.WaitGroup
	for _, root := range roots {
		for range 4 {
			all.Go(func() {
				for i := range 20 {
					g, err := root.Delegate(anna, terms(billie, caveats(grant.MaxUses(1)), func(t *grant.Terms) { t.Depth = 0 }))
					if err != nil {
						t.Error(err)
						return
					}
					r, again := office.Open(g), office.Open(g)
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					_, one := vat.Result[int](r.Send(ctx, "up")).Await(ctx)
					_, two := vat.Result[int](again.Send(ctx, "up")).Await(ctx)
					cancel()
					if one == nil && two == nil || errors.Is(one, context.DeadlineExceeded) || errors.Is(two, context.DeadlineExceeded) {
						t.Errorf("%v, %v; want one use", one, two)
						return
					}
					if err := writes(t.Context(), office, root); err != nil {
						t.Error(err)
						return
					}
					if i%3 == 0 {
						_, _, _ = office.Revoke(t.Context(), anna, g, grant.Withdrawal{Link: g.ID()})
					}
				}
			})
		}
	}
	all.Wait()
	all.Go(func() {
		for range 50 {
			_ = office.Open(roots[0])
			g, err := roots[1].Delegate(anna, terms(billie, func(t *grant.Terms) { t.Depth = 0 }))
			if err != nil {
				t.Error(err)
				return
			}
			_ = office.Open(g)
		}
	})
	all.Go(office.Close)
	all.Go(func() { m.Stop() })
	all.Wait()
}

// T20: what is over leaves no objects behind in the store, whatever was reached by way of it, and in what way it has ended.
func TestStoreIsSwept(t *testing.T) {
	durable(t, func(t *testing.T, s *site) {
		s.openLab()
		contents := func() vat.DepotContents {
			synctest.Wait()
			if _, err := s.m.Depot().Sweep(); err != nil {
				t.Fatal(err)
			}
			s.restart(false)
			s.openLab()
			synctest.Wait()
			if _, err := s.m.Depot().Sweep(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			var c vat.DepotContents
			if err := s.m.Store().View(func(r store.Reader) (err error) { c, err = vat.CheckDepot(r); return err }); err != nil {
				t.Fatal(err)
			}
			return c
		}
		before := contents()
		root := labGrant(t, anna, caveats(grant.MaxUses(100)))
		for range 5 {
			g := pass(t, root, anna, billie, caveats(grant.MaxUses(100)))
			r := s.office.Open(g)
			n := must[[]vat.Ref](t, r, "make", 10)
			must[any](t, r, "echo", n[0])
			r.Send(t.Context(), "echo", vat.NewVow(nil).Ref()) // never
			s.learn(s.revoke(anna, g))
		}
		must[[]vat.Ref](t, s.office.Open(root), "make", 10)
		if during := contents(); during.Objects() < before.Objects()+12 {
			t.Errorf("%d objects, had %d: where are those of the grant that is good?", during.Objects(), before.Objects())
		}
		time.Sleep(3 * time.Hour)
		if after := contents(); after.Objects() != before.Objects() || after.Facets != before.Facets || after.Pins != before.Pins || after.Messages != before.Messages ||
			after.Pending+after.Settled+after.Resolvers+after.Caretakers+after.Lost != before.Pending+before.Settled+before.Resolvers+before.Caretakers+before.Lost {
			t.Errorf("%+v, had %+v", after, before)
		}
	})
}

// Who says again and again what is known already has nothing written: anybody may say it.
func TestKnownNoticeIsNotWritten(t *testing.T) {
	durable(t, func(t *testing.T, s *site) {
		notice := s.revoke(host, issue(t, "reader", anna))
		s.learn(notice)
		synctest.Wait()
		before := s.m.Writes()
		for range 100 {
			s.learn(notice)
		}
		if n := s.m.Writes() - before; n > 0 {
			t.Errorf("%d writes", n)
		}
	})
}

// What was given before a restart is shown again, and revoked, and expires, at one moment.
func TestOpenedAgainWhileRevoked(t *testing.T) {
	office := warden.New(warden.Config{Signer: host})
	m := vattest.New(t, append(office.Kinds(), testKinds...)...)
	defer func() { office.Close() }()
	begin := func() {
		t.Helper()
		if err := office.Use(m.Depot(), m.Store().View); err != nil {
			t.Fatal(err)
		}
		office.Start()
		if err := office.Offer(theLab, m.Vat("v"), map[string]warden.Role{"all": {Open: func(ctx context.Context, _ warden.Holder) (vat.Ref, error) {
			return labFacet.Spawn(ctx, &lab{}), nil
		}}}); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	var all []*grant.Grant
	for range 30 {
		g := labGrant(t, anna)
		must[int](t, office.Open(g), "up")
		all = append(all, g)
	}
	office.Close()
	office = warden.New(warden.Config{Signer: host})
	m.Config.Kinds = append(office.Kinds(), testKinds...)
	m.Restart()
	begin()
	var both sync.WaitGroup
	for _, g := range all {
		both.Go(func() {
			_, err := ask[int](office.Open(g), "up")
			if err != nil && !errors.Is(err, warden.ErrOver) && !errors.Is(err, warden.ErrRefused) {
				t.Error(err)
			}
		})
		both.Go(func() {
			if _, _, err := office.Revoke(t.Context(), host, g, grant.Withdrawal{Link: g.ID()}); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	for _, g := range all {
		_, err := ask[int](office.Open(g), "up")
		want(t, err, warden.ErrRefused)
	}
	if pins, err := m.Depot().Pinned("grant/"); err != nil || len(pins) != 0 {
		t.Errorf("%d mandates are kept (%v)", len(pins), err)
	}
}

// What is owed for an object that is not on offer is bounded, also to who passes a grant on to as many as they like; when it was paid, or is over,
// there is room again.
func TestOwedIsBounded(t *testing.T) {
	durable(t, func(t *testing.T, s *site) {
		restart := func() {
			t.Helper()
			s.office.Close()
			s.office = warden.New(warden.Config{Signer: host, MaxOpen: 8})
			s.m.Config.Kinds = append(s.office.Kinds(), testKinds...)
			s.m.Crash()
			s.v = s.m.Vat("folders")
			if err := s.office.Use(s.m.Depot(), s.m.Store().View); err != nil {
				t.Fatal(err)
			}
			s.office.Start()
		}
		restart()
		owe := func(g *grant.Grant) (r vat.Ref, ok bool) {
			t.Helper()
			if !s.office.Owes(g) {
				return r, false
			}
			var then func()
			var bad error
			if err := s.m.Depot().Update(func(tx *vat.Tx) { r, then, bad = s.office.Owe(tx, g) }, nil); err != nil || bad != nil {
				t.Fatal(err, bad)
			}
			then()
			synctest.Wait()
			return r, true
		}
		root, other := labGrant(t, anna), labGrant(t, claire)
		flood := func() (n int) {
			t.Helper()
			for range 40 {
				if _, ok := owe(pass(t, root, anna, billie)); ok {
					n++
				}
			}
			return n
		}
		if n := flood(); n != 8 {
			t.Errorf("%d answers are owed to those whom somebody has passed a grant on, want 8", n)
		}
		restart()
		if n := flood(); n != 0 {
			t.Errorf("%d more after a restart", n)
		}
		mine, ok := owe(pass(t, other, claire, billie))
		if !ok {
			t.Error("one flood keeps others out")
		}
		s.openLab()
		synctest.Wait()
		if _, err := mine.Await(t.Context()); err != nil {
			t.Error(err)
		}
		s.office.Withdraw(theLab)
		if n := flood(); n != 8 {
			t.Errorf("%d when all were paid, want 8", n)
		}
		time.Sleep(2 * time.Hour) // they are over
		synctest.Wait()
		root = labGrant(t, anna)
		if n := flood(); n != 8 {
			t.Errorf("%d when all were over, want 8", n)
		}
	})
}

// Whoever shows grants that cannot be opened, as often as they like, does not fill the log with it.
func TestLogIsNotFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := &site{t: t, v: vat.New(nil)}
		s.office = warden.New(warden.Config{Signer: host, MaxOpen: 1, Logger: hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Warn})})
		defer s.office.Close()
		defer s.v.Close()
		s.offer()
		root := issue(t, "reader", anna, accept(2*time.Hour))
		null := issue(t, "null", anna, accept(2*time.Hour))
		for i := range uint64(100) {
			one := pass(t, root, anna, billie, accept(2*time.Hour))
			_, _ = ask[any](s.office.Open(one), "title")
			_ = s.deliver(one, say(t, billie, one, 1, "title"))
			_, _ = ask[any](s.office.Open(null), "title")
			_ = s.deliver(null, say(t, anna, null, i+1, "title"))
		}
		if n := bytes.Count(log.Bytes(), []byte("\n")); n == 0 || n > 50 {
			t.Errorf("%d lines", n)
		}
	})
}

// writes has messages by a grant of its own brought several times at once, and asks for the answers.
func writes(ctx context.Context, office *warden.Office, root *grant.Grant) error {
	g, err := root.Delegate(anna, grant.Terms{Audience: billie.key(), Expires: time.Now().Add(time.Hour), Accept: time.Now().Add(time.Hour)})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var answers []vat.Ref
	for _, method := range []string{"up", "counted"} {
		m, err := warden.SignCall(billie, g, uint64(len(answers)+1), time.Now(), method)
		if err != nil {
			return err
		}
		office.Deliver(g, m)
		answers = append(answers, office.Answer(g, m), office.Answer(g, m))
	}
	for _, r := range answers {
		if n, err := vat.Result[int](r).Await(ctx); err != nil || n != 1 {
			return fmt.Errorf("%d, %w; want that it was called once", n, err)
		}
	}
	return nil
}
