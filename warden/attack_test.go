package warden_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// lab is an object that does what is asked, as a peer's object might.
type lab struct {
	Kept   []vat.Ref
	Count  int
	Names  []string
	Named  []vat.Ref
	Waits  []string
	Settle []promise.Resolver[any]
}

type Lab interface {
	Keep(r vat.Ref)
	KeepAll(all []vat.Ref)
	Give() []vat.Ref
	Make(ctx context.Context, n int) []vat.Ref
	Caretaker(ctx context.Context, r vat.Ref) []vat.Ref
	Echo(v any) any
	Is(a, b vat.Ref) bool
	Tell(ctx context.Context, i int, selector string, args []any) vat.Ref
	Say(ctx context.Context, i int, selector string, args []any)
	Fail(ctx context.Context, keep bool) error
	FailWith(ctx context.Context, r vat.Ref) error
	Slip() error
	Refuse(why string) error
	Up() int
	Counted() int
	Put(name string, r vat.Ref)
	Get(name string) (vat.Ref, error)
	Alike(ctx context.Context, a, b string) bool
	Call(ctx context.Context, name, selector string, args []any) vat.Ref
	Ask(ctx context.Context, name, on, selector string, args []any)
	Share(ctx context.Context, on, name string) vat.Ref
	Later(ctx context.Context, name string) vat.Ref
	Now(ctx context.Context, name string, v any)
}

func (l *lab) Keep(r vat.Ref)       { l.Kept = append(l.Kept, r) }
func (l *lab) KeepAll(r []vat.Ref)  { l.Kept = append(l.Kept, r...) }
func (l *lab) Give() []vat.Ref      { return l.Kept }
func (l *lab) Echo(v any) any       { return v }
func (l *lab) Is(a, b vat.Ref) bool { return a == b }
func (l *lab) Up() int              { l.Count++; return l.Count }
func (l *lab) Counted() int         { return l.Count }

// Slip fails as a program does that is not prepared for something.
func (l *lab) Slip() error { return errors.New("the inner life of a lab") }

func (l *lab) Refuse(why string) error { return vat.NewError("test.refused", why) }

// Put keeps a reference under a name.
func (l *lab) Put(name string, r vat.Ref) {
	if i := slices.Index(l.Names, name); i >= 0 {
		l.Named[i] = r
		return
	}
	l.Names, l.Named = append(l.Names, name), append(l.Named, r)
}

func (l *lab) Get(name string) (vat.Ref, error) {
	i := slices.Index(l.Names, name)
	if i < 0 {
		return vat.Ref{}, errEmpty
	}
	return l.Named[i], nil
}

func (l *lab) Alike(ctx context.Context, a, b string) bool {
	x, _ := l.Get(a)
	y, _ := l.Get(b)
	return vat.Same(ctx, x, y)
}

func (l *lab) Call(ctx context.Context, name, selector string, args []any) vat.Ref {
	r, _ := l.Get(name)
	return r.Send(ctx, selector, args...)
}

// Ask is Call, whose answer is put under a name, pending as it is.
func (l *lab) Ask(ctx context.Context, name, on, selector string, args []any) {
	l.Put(name, l.Call(ctx, on, selector, args))
}

// Share puts what is under a name here under the same there.
func (l *lab) Share(ctx context.Context, on, name string) vat.Ref {
	r, _ := l.Get(name)
	return l.Call(ctx, on, "put", []any{name, r})
}

// Later returns a promise that Now settles, and puts it under the name.
func (l *lab) Later(ctx context.Context, name string) vat.Ref {
	p, r := promise.New[any](ctx)
	l.Waits, l.Settle = append(l.Waits, name), append(l.Settle, r)
	l.Put(name, vat.RefOf(p))
	return vat.RefOf(p)
}

func (l *lab) Now(ctx context.Context, name string, v any) {
	for i, n := range l.Waits {
		if n == name {
			l.Settle[i].Fulfill(ctx, v)
		}
	}
}

func (l *lab) Make(ctx context.Context, n int) []vat.Ref {
	all := make([]vat.Ref, n)
	for i := range all {
		all[i] = noteFacet.Spawn(ctx, &note{Text: fmt.Sprint(i)})
	}
	return all
}

func (l *lab) Caretaker(ctx context.Context, r vat.Ref) []vat.Ref {
	caret, _ := vat.Revocable(ctx, r)
	return []vat.Ref{caret, vat.Revoker(ctx, caret)}
}

func (l *lab) Tell(ctx context.Context, i int, selector string, args []any) vat.Ref {
	return l.Kept[i].Send(ctx, selector, args...)
}

func (l *lab) Say(ctx context.Context, i int, selector string, args []any) {
	_ = l.Kept[i].SendOnly(ctx, selector, args...)
}

func (l *lab) Fail(ctx context.Context, keep bool) error {
	l.Count++
	err := vat.FromReason(passable.Struct{{Key: "note", Value: noteFacet.Spawn(ctx, &note{Text: "in the reason"})}}, false)
	if keep {
		return vat.Keep(err)
	}
	return err
}

func (l *lab) FailWith(_ context.Context, r vat.Ref) error {
	l.Kept = append(l.Kept, r)
	return errEmpty
}

var (
	labFacet = vat.FacetOf[Lab]("test.Lab")
	theLab   = grant.ObjectID{9}
)

// openLab offers a lab and returns it, and a grant of it to anna. It is called anew after each restart.
func (s *site) openLab() (vat.Ref, *grant.Grant) {
	s.t.Helper()
	return s.openLabIn(s.v)
}

// openLabIn is openLab with the lab in another vat than that where its roles are opened.
func (s *site) openLabIn(v *vat.Vat) (vat.Ref, *grant.Grant) {
	s.t.Helper()
	type ref struct{ vat.Ref }
	r, err := vat.Root(context.Background(), v, "lab", func(ctx context.Context) (ref, error) {
		return ref{labFacet.Spawn(ctx, &lab{})}, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.office.Offer(theLab, s.v, map[string]warden.Role{
		"all": {Open: func(context.Context, warden.Holder) (vat.Ref, error) { return r.Ref, nil }},
	}); err != nil {
		s.t.Fatal(err)
	}
	return r.Ref, labGrant(s.t, anna)
}

func labGrant(t *testing.T, to person, more ...func(*grant.Terms)) *grant.Grant {
	t.Helper()
	g, err := grant.Issue(host, grant.Root{Object: theLab, Role: "all"}, terms(to, more...))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// outside is a vat of a holder's, with a way to make functions there.
func outside(t *testing.T) (*vat.Vat, func(fn any) vat.Ref) {
	v := vat.New(&vat.Config{Name: "holder"})
	return v, func(fn any) vat.Ref {
		t.Helper()
		r, err := vat.Do(t.Context(), v, func(ctx context.Context) (vat.Ref, error) { return vat.Func(ctx, fn), nil })
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// What a holder lends may be a caretaker that leads to others, a publication's: giving it up must not revoke it.
func TestLentCaretakerIsNotRevoked(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		inside, g := s.openLab()
		made := must[[]vat.Ref](t, inside, "make", 1)
		caret := must[[]vat.Ref](t, inside, "caretaker", made[0])[0] // what anybody fetches, say
		r := s.office.Open(g)
		must[any](t, r, "keep", caret)
		v, fn := outside(t)
		defer v.Close()
		many := make([]vat.Ref, 1024)
		for i := range many {
			many[i] = fn(func() {})
		}
		must[any](t, r, "keepAll", many)
		if got := must[string](t, caret, "read"); got != "0" {
			t.Error(got)
		}
	})
}

// An error may have a reason with references in it. They are wrapped if the turn stands; otherwise none crosses.
func TestReasons(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		inside, g := s.openLab()
		r := s.office.Open(g)
		for _, keep := range []bool{false, true} {
			_, err := ask[any](r, "fail", keep)
			var e *vat.Error
			if !errors.As(err, &e) {
				t.Fatalf("%v", err)
			}
			reason, _ := e.Reason.(passable.Struct)
			if !keep {
				if e.Reason != nil {
					t.Errorf("a reference of a turn that failed has crossed: %v", e.Reason)
				}
				continue
			}
			if s.m != nil && e.Reason == nil {
				continue // a stored answer keeps what it says only
			}
			if len(reason) != 1 {
				t.Fatalf("%#v", e)
			}
			n := reason[0].Value.(vat.Ref)
			if got := must[string](t, n, "read"); got != "in the reason" {
				t.Error(got)
			}
			s.learn(s.revoke(host, g))
			_, err = ask[string](n, "read")
			want(t, err, warden.ErrOver)
		}
		if n := must[int](t, inside, "up"); n != 2 {
			t.Errorf("counted %d, want one that was kept and this one", n)
		}
	})
}

// A proxy that was made in a turn that has failed, and is held on to, never leads to what came after it, and ends with the grant.
func TestProxyOfFailedTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{t: t}
		s.office = s.newOffice()
		s.v = vat.New(&vat.Config{Name: "folders", Kinds: append(s.office.Kinds(), testKinds[:2]...)}) // so that the lab is not rolled back
		defer s.v.Close()
		defer func() { s.office.Close() }()
		s.office.Start()
		inside, g := s.openLab()
		r := s.office.Open(g)
		v, fn := outside(t)
		defer v.Close()
		_, err := ask[any](r, "failWith", fn(func() string { return "first" }))
		want(t, err, errEmpty)
		must[any](t, r, "keep", fn(func() string { return "second" }))
		if got, err := ask[string](inside, "tell", 0, "", []any{}); err == nil && got != "first" {
			t.Errorf("what was lent in vain leads to the %s", got)
		}
		if got := must[string](t, inside, "tell", 1, "", []any{}); got != "second" {
			t.Error(got)
		}
		s.learn(s.revoke(host, g))
		for i := range 2 {
			_, err := ask[string](inside, "tell", i, "", []any{})
			want(t, err, warden.ErrOver)
		}
	})
}

// Two caretakers of one object are two references: when one is revoked the other leads on.
func TestCaretakersAreTold(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		inside, g := s.openLab()
		n := must[[]vat.Ref](t, inside, "make", 1)[0]
		one, two := must[[]vat.Ref](t, inside, "caretaker", n), must[[]vat.Ref](t, inside, "caretaker", n)
		for _, c := range []vat.Ref{one[0], two[0], n} {
			must[any](t, inside, "keep", c)
		}
		got := must[[]vat.Ref](t, s.office.Open(g), "give")
		if got[0] == got[1] || got[1] == got[2] || got[0] == got[2] {
			t.Error("two references are one on the other side")
		}
		must[any](t, one[1], "")
		_, err := ask[string](got[0], "read")
		want(t, err, vat.ErrRevoked)
		must[string](t, got[1], "read")
		must[string](t, got[2], "read")
	})
}

// More references than there may be proxies: those that come together all work, or none does and the error says so. A proxy that is
// given up says that, and what is behind it is to be had again.
func TestManyReferences(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		_, g := s.openLab()
		r := s.office.Open(g)
		first := must[[]vat.Ref](t, r, "make", 1)[0]
		must[any](t, r, "keep", first)
		many := must[[]vat.Ref](t, r, "make", 1024)
		must[string](t, many[0], "read")
		must[string](t, many[1023], "read")
		_, err := ask[string](first, "read")
		want(t, err, warden.ErrGivenUp)
		_, err = ask[any](r, "make", 1025)
		if err == nil || errors.Is(err, warden.ErrOver) {
			t.Errorf("%v", err)
		}
		must[string](t, many[0], "read")
		again := must[[]vat.Ref](t, r, "give")[0]
		must[string](t, again, "read")
		if same := must[bool](t, r, "is", first, again); same {
			t.Error("a proxy that was given up was recognised")
		}
		// Nobody waits for these, so nothing is wrapped.
		for range 3 {
			if err := r.SendOnly(t.Context(), "make", 1000); err != nil {
				t.Fatal(err)
			}
		}
		must[string](t, again, "read")
		must[string](t, many[1023], "read")
	})
}

// Everything that crosses is wrapped, wherever it is, and what comes home is what it was.
func TestWhatCrosses(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		inside, g := s.openLab()
		r, err := s.office.Open(g).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		v, fn := outside(t)
		defer v.Close()
		mine := fn(func() string { return "mine" })
		for _, wrap := range []func(x any) any{
			func(x any) any { return []any{x, int64(1)} },
			func(x any) any { return passable.Tagged{Tag: "t", Value: x} },
			func(x any) any { return passable.Struct{{Key: "k", Value: []any{x}}} },
		} {
			got := must[any](t, r, "echo", wrap(mine))
			if fmt.Sprint(got) != fmt.Sprint(wrap(mine)) {
				t.Errorf("%v came back as %v", wrap(mine), got)
			}
		}
		if got := must[vat.Ref](t, r, "echo", r); got != r {
			t.Error("the mandate itself came back as something else")
		}
		must[any](t, r, "keep", r)
		if got := must[[]vat.Ref](t, inside, "give")[0]; got != inside {
			t.Error("the mandate was not recognised at home")
		}
		// A promise for one's own, and for something of the inside, pending when it crosses.
		type answer struct {
			p vat.Ref
			w *vat.Vow
		}
		var later [2]answer
		for i := range later {
			w := vat.NewVow(nil)
			later[i] = answer{r.Send(t.Context(), "echo", w.Ref()), w}
		}
		synctest.Wait()
		note := must[[]vat.Ref](t, r, "make", 1)[0]
		later[0].w.Resolve(mine)
		later[1].w.Resolve(note)
		for i, want := range []vat.Ref{mine, note} {
			if got, err := later[i].p.Await(t.Context()); err != nil || got != want {
				t.Errorf("promise %d: %v, %v; want %v", i, got, err, want)
			}
		}
		// The proxy of another mandate's is no more than any other reference.
		other := s.office.Open(labGrant(t, billie))
		theirs := must[vat.Ref](t, other, "echo", note)
		if theirs != note {
			t.Error("what billie has shown came back as something else")
		}
		if must[bool](t, other, "is", note, must[[]vat.Ref](t, other, "make", 1)[0]) {
			t.Error("two notes are one")
		}
		s.learn(s.revoke(host, g))
		for _, x := range []vat.Ref{note, theirs} {
			_, err := ask[string](x, "read")
			want(t, err, warden.ErrOver)
		}
		must[[]vat.Ref](t, other, "give")
	})
}

// T19: a message that waits when the grant ends breaks, where it waits: for a promise, in either direction.
func TestT19WaitsAtTheEnd(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		inside, g := s.openLab()
		r := s.office.Open(g)
		w := vat.NewVow(nil)
		must[any](t, r, "keep", w.Ref())                             // the inside sends to it
		told := inside.Send(t.Context(), "tell", 0, "read", []any{}) // waits for the holder
		far := vat.NewVow(nil)                                       // something of the inside that comes later
		must[any](t, inside, "keep", far.Ref())
		got := r.Send(t.Context(), "give")
		list := vat.Result[[]vat.Ref](got)
		refs, err := list.Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		waits := refs[1].Send(t.Context(), "read")
		echo := r.Send(t.Context(), "echo", w.Ref())
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		for what, p := range map[string]vat.Ref{"inward": told, "outward": waits, "an answer": echo} {
			if _, err := vat.Result[any](p).Await(t.Context()); !errors.Is(err, warden.ErrOver) {
				t.Errorf("%s: %v", what, err)
			}
		}
		note := must[[]vat.Ref](t, inside, "make", 1)[0]
		far.Resolve(note)
		_, err = ask[string](refs[1], "read")
		want(t, err, warden.ErrOver)
	})
}

// What has crossed by way of a mandate does not make calls dearer with which nothing does.
func TestCostOfCalls(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		if s.m != nil {
			s.m.Config.Amnesia = false
			s.restart(false)
		}
		_, g := s.openLab()
		r := s.office.Open(g)
		call := func() { must[int](t, r, "counted") }
		call()
		before := testing.AllocsPerRun(20, call)
		must[any](t, r, "make", 1000)
		if after := testing.AllocsPerRun(20, call); after > 3*before+20 {
			t.Errorf("a call allocates %g times, and %g when 1000 references were reached", before, after)
		}
	})
}

// The object of a grant, when it gives away itself, gives the holder no more than the grant does: not by a caretaker or a promise either.
func TestSelfIsTheMandate(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		inside, _ := s.openLab()
		must[any](t, inside, "put", "self", inside)
		must[any](t, inside, "put", "caretaker", must[[]vat.Ref](t, inside, "caretaker", inside)[0])
		w := vat.NewVow(nil)
		must[any](t, inside, "put", "promise", w.Ref())
		r, err := s.office.Open(labGrant(t, anna, methods("get", "echo"), caveats(grant.MaxUses(20)))).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := r.Send(t.Context(), "get", "promise")
		synctest.Wait()
		w.Resolve(inside)
		for what, self := range map[string]vat.Ref{"self": r.Send(t.Context(), "get", "self"), "caretaker": r.Send(t.Context(), "get", "caretaker"), "promise": got} {
			if self, err := self.Await(t.Context()); err != nil || self != r {
				t.Errorf("%s: %v, %v; want the mandate", what, self, err)
			}
			_, err := ask[int](self, "up")
			want(t, err, warden.ErrBeyond)
		}
		for range 20 { // by whichever way, each is a use
			_, err = ask[any](got, "echo", "x")
		}
		want(t, err, warden.ErrBeyond)
	})
}

// What a role opens may be a promise, and may be elsewhere: calls wait for it, in order, and what comes back is wrapped all the same.
func TestRoleOpensPromise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{t: t}
		s.office = s.newOffice()
		s.v = vat.New(&vat.Config{Name: "folders", Kinds: append(s.office.Kinds(), testKinds...)})
		defer s.v.Close()
		defer func() { s.office.Close() }()
		s.office.Start()
		far := vat.New(&vat.Config{Name: "far", Kinds: testKinds})
		defer far.Close()
		elsewhere, err := vat.Do(t.Context(), far, func(ctx context.Context) (vat.Ref, error) { return labFacet.Spawn(ctx, &lab{}), nil })
		if err != nil {
			t.Fatal(err)
		}
		w := vat.NewVow(nil)
		if err := s.office.Offer(theLab, s.v, map[string]warden.Role{"all": {Open: func(context.Context, warden.Holder) (vat.Ref, error) {
			return w.Ref(), nil
		}}}); err != nil {
			t.Fatal(err)
		}
		g := labGrant(t, anna, caveats(grant.MaxUses(7)))
		r := s.office.Open(g)
		first, second := r.Send(t.Context(), "up"), r.Send(t.Context(), "up")
		synctest.Wait()
		w.Resolve(elsewhere)
		for i, p := range []vat.Ref{first, second} {
			if n, err := vat.Result[int](p).Await(t.Context()); err != nil || n != i+1 {
				t.Errorf("%d, %v; want %d", n, err, i+1)
			}
		}
		must[any](t, elsewhere, "put", "self", elsewhere)
		opened, err := r.Await(t.Context())
		if self := must[vat.Ref](t, r, "get", "self"); err != nil || self != opened {
			t.Errorf("itself is seen as %v, want %v (%v): no condition of the grant is on that", self, opened, err)
		}
		n := must[[]vat.Ref](t, r, "make", 1)[0]
		must[string](t, n, "read")
		must[any](t, r, "put", "note", n)
		if inside := must[vat.Ref](t, elsewhere, "get", "note"); inside == n {
			t.Error("a note that came home is still wrapped")
		}
		_, err = ask[any](r, "fail", true)
		if e := new(vat.Error); errors.As(err, &e) && e.Reason != nil {
			t.Errorf("a reason has crossed: %v", e.Reason)
		}
		must[int](t, r, "up")
		_, err = ask[int](r, "up") // the eighth
		want(t, err, warden.ErrBeyond)
		waits := n.Send(t.Context(), "read")
		s.learn(s.revoke(host, g))
		_, _ = waits.Await(t.Context())
		_, err = ask[string](n, "read")
		want(t, err, warden.ErrOver)
	})
}

// A role may hand over what is reached for good: that is never the object of the grant itself, by whatever way it gives itself away.
func TestTransferIsNotOfItself(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		inside, _ := s.openLab()
		s.office.Withdraw(theLab)
		if err := s.office.Offer(theLab, s.v, map[string]warden.Role{"all": {Transfer: true, Open: func(context.Context, warden.Holder) (vat.Ref, error) { return inside, nil }}}); err != nil {
			t.Fatal(err)
		}
		g := labGrant(t, anna, methods("get", "make", "echo", "put", "give"))
		r, err := s.office.Open(g).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		must[any](t, inside, "put", "self", inside)
		w := vat.NewVow(nil)
		must[any](t, inside, "put", "promise", w.Ref())
		later := r.Send(t.Context(), "get", "promise")
		synctest.Wait()
		w.Resolve(inside)
		for what, p := range map[string]vat.Ref{"self": r.Send(t.Context(), "get", "self"), "promise": later, "echo": r.Send(t.Context(), "echo", r)} {
			if self, err := p.Await(t.Context()); err != nil || self != r {
				t.Errorf("%s: %v, %v; want the mandate", what, self, err)
			}
		}
		n := must[[]vat.Ref](t, r, "make", 1)[0]
		must[any](t, r, "put", "note", n)
		if raw := must[vat.Ref](t, inside, "get", "note"); raw != n {
			t.Error("what is handed over for good is wrapped")
		}
		s.learn(s.revoke(host, g))
		_, err = ask[int](later, "up")
		want(t, err, warden.ErrOver)
		must[string](t, n, "read")
	})
}
