package warden_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

func isErr(err, want error) bool { return errors.Is(err, want) }

// A grant opens the role it names, once, and every link counts.
func TestOpen(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		g := issue(t, "writer", anna, methods("add", "list", "title"))
		child := pass(t, g, anna, billie, methods("list", "title", "remove"))
		w, r := s.office.Open(g), s.office.Open(child)
		must[vat.Ref](t, w, "add", "one")
		if got := must[string](t, r, "title"); got != "1 notes" {
			t.Error(got)
		}
		for _, method := range []string{"add", "remove", "find", "nothing"} {
			_, err := ask[any](r, method, "x")
			want(t, err, warden.ErrBeyond)
		}
		// The selector may be an argument on the wire.
		_, err := ask[any](r, "", passable.Symbol("add"), "x")
		want(t, err, warden.ErrBeyond)
		_, err = ask[any](r, "", "add", "x")
		want(t, err, warden.ErrBeyond)
		if got := must[string](t, r, "", passable.Symbol("title")); got != "1 notes" {
			t.Error(got)
		}
		if again := s.office.Open(child); must[string](t, again, "title") != "1 notes" || s.opened != 2 {
			t.Errorf("opened %d times, want 2", s.opened)
		}
		a, _ := s.office.Open(child).Await(t.Context())
		b, _ := r.Await(t.Context())
		if a != b {
			t.Error("a grant that is shown again leads to another mandate")
		}
	})
}

// T17: what is not a good grant for what is on offer here is refused, with one error.
func TestT17OpenRefuses(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		other, err := grant.Issue(anna, grant.Root{Object: theFolder, Role: "reader"}, terms(billie))
		if err != nil {
			t.Fatal(err)
		}
		unknown, err := grant.Issue(host, grant.Root{Object: grant.ObjectID{2}, Role: "reader"}, terms(billie))
		if err != nil {
			t.Fatal(err)
		}
		late := issue(t, "reader", anna, until(time.Hour))
		early := issue(t, "reader", anna, func(t *grant.Terms) {
			t.NotBefore = time.Now().Add(100 * time.Minute)
			t.Expires = t.NotBefore.Add(time.Hour)
		})
		forged := issue(t, "reader", anna).Bytes()
		forged[len(forged)-1] ^= 1
		bad, err := grant.Parse(forged)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour + 61*time.Second)
		for what, g := range map[string]*grant.Grant{
			"of another subject": other, "of an unknown object": unknown, "of an unknown role": issue(t, "king", anna), "too late": late, "too early": early, "forged": bad,
		} {
			r := s.office.Open(g)
			_, err := ask[any](r, "title")
			if _, alone := r.Await(t.Context()); !errors.Is(err, warden.ErrRefused) || err.Error() != warden.ErrRefused.Error() || alone == nil {
				t.Errorf("%s: %v, %v", what, err, alone)
			}
		}
		if s.opened != 0 {
			t.Errorf("%d roles were opened", s.opened)
		}
		_, err = ask[any](s.office.Open(issue(t, "closed", anna)), "title")
		want(t, err, errEmpty)
		if _, err = ask[any](s.office.Open(issue(t, "null", anna)), "title"); err == nil {
			t.Error("a null facet was opened")
		}
		s.office.Withdraw(theFolder)
		_, err = ask[any](s.office.Open(issue(t, "reader", anna)), "title")
		want(t, err, warden.ErrRefused)
	})
}

// Caveats are asked at each call, of every link.
func TestCaveats(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		must[vat.Ref](t, s.folder, "add", "one")
		g := issue(t, "reader", anna, caveats(grant.ArgPrefix(0, "/a")), methods("find"))
		r := s.office.Open(pass(t, g, anna, billie, caveats(grant.ArgPrefix(0, "/a/b"), grant.MaxArgBytes(40))))
		must[vat.Ref](t, r, "find", "/a/b/c")
		for _, args := range [][]any{{"/a/c"}, {"/a/bc"}, {"/a/b/../c"}, {}, {3}, {"/a/b/cccccccccccccccccccccccccccccccccccccccccccccccccccccccc"}} {
			_, err := ask[any](r, "find", args...)
			want(t, err, warden.ErrBeyond)
		}
	})
}

// Uses are counted for each link by whichever way they come, across restarts; a call that fails is undone and not counted.
func TestUses(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		g := issue(t, "reader", anna, caveats(grant.MaxUses(5)))
		one, two := pass(t, g, anna, billie, caveats(grant.MaxUses(2))), pass(t, g, anna, claire)
		must[string](t, s.office.Open(one), "title")
		must[string](t, s.office.Open(two), "title")
		_, err := ask[any](s.office.Open(one), "find", "/") // the folder is empty
		want(t, err, errEmpty)
		s.restart(true)
		must[string](t, s.office.Open(one), "title")
		_, err = ask[any](s.office.Open(one), "title")
		want(t, err, warden.ErrBeyond)
		must[string](t, s.office.Open(two), "title")
		s.restart(false)
		must[string](t, s.office.Open(g), "title")
		_, err = ask[any](s.office.Open(two), "title")
		want(t, err, warden.ErrBeyond)
		_, err = ask[any](s.office.Open(g), "title")
		want(t, err, warden.ErrBeyond)
	})
}

// T20: what is reached by way of a role goes with the grant, at its end, also what was reached before a restart; what a role transfers stays.
func TestT20Sever(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		r := s.office.Open(issue(t, "writer", anna))
		n := must[vat.Ref](t, r, "add", "mine")
		list := must[[]vat.Ref](t, r, "list")
		found := must[vat.Ref](t, r, "find", "/")
		soon, err := r.Send(t.Context(), "soon").Await(t.Context())
		if err != nil || list[0] != n || found != n || soon != n {
			t.Errorf("%v: one note is %v, %v, %v and %v", err, n, list, found, soon)
		}
		if raw := must[[]vat.Ref](t, s.folder, "list"); raw[0] == n {
			t.Error("the note itself has crossed")
		}
		if got := must[string](t, r.Send(t.Context(), "soon"), "read"); got != "mine" {
			t.Error(got)
		}
		owned := must[vat.Ref](t, s.office.Open(issue(t, "owner", billie)), "add", "for good")
		if !must[bool](t, r, "remove", n) {
			t.Error("a note that came back was not recognised")
		}
		must[any](t, n, "write", "still mine")
		time.Sleep(time.Hour + 59*time.Second)
		must[string](t, n, "read")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for _, ref := range []vat.Ref{r, n, soon} {
			_, err := ask[any](ref, "read")
			want(t, err, warden.ErrOver)
		}
		if got := must[string](t, owned, "read"); got != "for good" {
			t.Error(got)
		}
	})
}

// What the holder lends is wrapped as well: it is told in its own terms, and no more when the grant is over.
func TestLent(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		heard := make(chan vat.Ref, 10)
		v := vat.New(&vat.Config{Name: "anna"})
		defer v.Close()
		listener, err := vat.Do(t.Context(), v, func(ctx context.Context) (vat.Ref, error) {
			return vat.Func(ctx, func(_ passable.Symbol, n vat.Ref) { heard <- n }), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		r := s.office.Open(issue(t, "reader", anna))
		must[any](t, r, "watch", listener)
		must[vat.Ref](t, s.folder, "add", "news")
		synctest.Wait()
		got := <-heard
		if n := must[vat.Ref](t, r, "find", "/"); n != got {
			t.Error("the listener was told of another note")
		}
		if text := must[string](t, got, "read"); text != "news" {
			t.Error(text)
		}
		time.Sleep(2 * time.Hour)
		must[vat.Ref](t, s.folder, "add", "later news")
		synctest.Wait()
		if len(heard) > 0 {
			t.Error("who was revoked is told more")
		}
	})
}

// T20: what a grant has led to is let go of when the grant is over, whoever goes on holding the references: it takes no memory any more.
func TestT20NothingIsHeld(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		if s.m != nil {
			return // what is durable is on the disk: TestStoreIsSwept
		}
		var inside []weak.Pointer[folder]
		object := grant.ObjectID{3}
		if err := s.office.Offer(object, s.v, map[string]warden.Role{"writer": {Open: func(ctx context.Context, _ warden.Holder) (vat.Ref, error) {
			f := &folder{}
			inside = append(inside, weak.Make(f))
			return writerFacet.Spawn(ctx, f), nil
		}}}); err != nil {
			t.Fatal(err)
		}
		var held []vat.Ref
		for range 10 {
			g, err := grant.Issue(host, grant.Root{Object: object, Role: "writer"}, terms(anna))
			if err != nil {
				t.Fatal(err)
			}
			r := s.office.Open(g)
			held = append(held, r, must[vat.Ref](t, r, "add", "a note"))
		}
		alive := func() (n int) {
			synctest.Wait()
			for range 3 {
				runtime.GC()
			}
			for _, p := range inside {
				if p.Value() != nil {
					n++
				}
			}
			return n
		}
		if n := alive(); n != 10 {
			t.Fatalf("%d of 10 are there while their grants are good", n)
		}
		time.Sleep(2 * time.Hour)
		if n := alive(); n != 0 {
			t.Errorf("%d of 10 are held on to", n)
		}
		for _, r := range held {
			if _, err := ask[any](r, "read"); !errors.Is(err, warden.ErrOver) {
				t.Error(err)
			}
		}
	})
}
