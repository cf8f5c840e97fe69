package vat_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// Shapes is an interface with every shape of method.
type Shapes interface {
	NoContext(a int, b string) string
	Nothing(ctx context.Context)
	OnlyError(ctx context.Context, fail bool) error
	Variadic(ctx context.Context, prefix string, rest ...int) (string, error)
	Types(ctx context.Context, t time.Duration, p *int, m map[string]float64, e error, b [2]byte, any any) (string, error)
	Later(ctx context.Context, p promise.Promise[int]) (promise.Promise[int], error)
	Give(ctx context.Context, r vat.Ref, s EchoRef) (EchoRef, error)
	URLFor() string
	Unpassable() any
	Self(ctx context.Context) vat.Ref
	Caller(ctx context.Context) string
}

type EchoRef struct{ vat.Ref }

func (r EchoRef) Echo(ctx context.Context, s string) promise.Promise[string] {
	return vat.Result[string](r.Send(ctx, "echo", s))
}

var ShapesFacet = vat.FacetOf[Shapes]("test.Shapes", vat.Selectors{"Nothing": "no-thing!"})

type shapes struct{ secret int }

func (*shapes) NoContext(a int, b string) string { return fmt.Sprint(a, b) }
func (*shapes) Nothing(context.Context)          {}
func (*shapes) OnlyError(_ context.Context, fail bool) error {
	if fail {
		return errNope
	}
	return nil
}

func (*shapes) Variadic(_ context.Context, prefix string, rest ...int) (string, error) {
	return fmt.Sprint(prefix, rest), nil
}

func (*shapes) Types(_ context.Context, d time.Duration, p *int, m map[string]float64, e error, b [2]byte, x any) (string, error) {
	n := -1
	if p != nil {
		n = *p
	}
	return fmt.Sprint(d, n, m, e, b, x), nil
}

func (*shapes) Later(ctx context.Context, p promise.Promise[int]) (promise.Promise[int], error) {
	return promise.Then(ctx, p, func(_ context.Context, n int) (int, error) { return 2 * n, nil }), nil
}

func (*shapes) Give(_ context.Context, r vat.Ref, s EchoRef) (EchoRef, error) {
	if r != s.Ref {
		return EchoRef{}, errNope
	}
	return s, nil
}

func (*shapes) URLFor() string                    { return "url" }
func (*shapes) Unpassable() any                   { return make(chan int) }
func (*shapes) Self(ctx context.Context) vat.Ref  { return vat.Self(ctx) }
func (*shapes) Caller(ctx context.Context) string { return vat.CallerOf(ctx).String() }
func (s *shapes) NotInTheFacet() int              { return s.secret }

// Every shape of method, by reflection.
func TestFacet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		r := do(t, v, func(ctx context.Context) (vat.Ref, error) { return ShapesFacet.Spawn(ctx, &shapes{}), nil })
		ctx := context.Background()
		want := func(want any, selector string, args ...any) {
			t.Helper()
			for range 2 { // the second time with the room of the first
				got, err := answer[any](r, selector, args...)
				if !passable.Equal(got, want) || err != nil {
					t.Errorf("%s: got %#v, %v, want %#v", selector, got, err, want)
				}
			}
		}
		want("1x", "noContext", 1, "x")
		want(passable.Undefined{}, "no-thing!")
		want(passable.Undefined{}, "onlyError", false)
		want("p[]", "variadic", "p")
		want("p[1 2 3]", "variadic", "p", 1, 2, 3)
		want("1s 5 map[x:1.5] m (c) [1 2] []", "types", time.Second, 5, map[string]float64{"x": 1.5}, vat.NewError("c", "m"), []byte{1, 2}, struct{}{})
		want("0s -1 map[] <nil> [0 0] <nil>", "types", 0, nil, nil, nil, []byte{0, 0}, nil)
		want("url", "urlFor")
		want("this process", "caller")
		want(r, "self")
		if got, err := answer[EchoRef](r, "give", r, EchoRef{r}); got.Ref != r || err != nil {
			t.Errorf("give: %v, %v", got, err)
		}
		p, res := promise.New[int](ctx)
		later := vat.Result[int](r.Send(ctx, "later", p))
		res.Fulfill(ctx, 21)
		if n, err := later.Await(ctx); n != 42 || err != nil {
			t.Errorf("later: %d, %v", n, err)
		}
		// The selector may come as the first argument, as it does on the wire.
		for _, sel := range []any{passable.Symbol("urlFor"), "urlFor"} {
			if s, err := vat.Result[string](r.Apply(ctx, sel)).Await(ctx); s != "url" || err != nil {
				t.Errorf("apply %T: %q, %v", sel, s, err)
			}
		}
		for _, c := range []struct {
			want error
			text string
			sel  string
			args []any
		}{
			{vat.ErrNoSuchMethod, `test.Shapes has no "notInTheFacet"`, "notInTheFacet", nil},
			{vat.ErrNoSuchMethod, "", "NoContext", nil},
			{vat.ErrNoSuchMethod, "", "nothing", nil},
			{vat.ErrNoSuchMethod, "…", strings.Repeat("x", 5000), nil},
			{vat.ErrNoSuchMethod, "", "", nil},
			{vat.ErrBadArgs, "got 1, want 2", "noContext", []any{1}},
			{vat.ErrBadArgs, "got 3, want 2", "noContext", []any{1, "x", 3}},
			{vat.ErrBadArgs, "argument 2", "noContext", []any{1, 2}},
			{vat.ErrBadArgs, "argument 1", "noContext", []any{math.MaxInt64 + 1.5, "x"}},
			{vat.ErrBadArgs, "argument 3", "variadic", []any{"p", 1, "x"}},
			{vat.ErrBadArgs, "got 0, want at least 1", "variadic", nil},
			{errNope, "", "onlyError", []any{true}},
			{vat.ErrInternal, "", "unpassable", nil},
		} {
			_, err := answer[any](r, c.sel, c.args...)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || len(err.Error()) > 300 {
				t.Errorf("%.20s%v: got %v, want %v with %q", c.sel, c.args, err, c.want, c.text)
			}
		}
		for _, part := range []vat.Ref{r.Field(ctx, "x"), r.Index(ctx, 0), r.Untag(ctx, "x")} {
			_, err := vat.Result[any](part).Await(ctx)
			wantErr(t, err, vat.ErrBadSelect)
		}
	})
}

// The calls written out behave as those by reflection; arguments a handler keeps are its own in both.
func TestFacetWith(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		for name, f := range map[string]vat.Facet[Tally]{"reflected": reflected, "written": written} {
			impl := &tally{want: -1}
			r := spawnIn[Tally](t, v, f, impl)
			if n, err := answer[int](r, "add", 5); n != 42 || err != nil || impl.n != 5 {
				t.Errorf("%s: %d, %v, counted %d", name, n, err, impl.n)
			}
			if u, err := answer[any](r, "count", 1); u != any(passable.Undefined{}) || err != nil {
				t.Errorf("%s: %v, %v", name, u, err)
			}
			for _, args := range [][]any{{}, {1, 2}, {"x"}} {
				_, err := answer[int](r, "add", args...)
				wantErr(t, err, vat.ErrBadArgs)
			}
			_, err := answer[int](r, "want")
			wantErr(t, err, vat.ErrNoSuchMethod)
			do(t, v, func(ctx context.Context) (int, error) {
				if got, ok := vat.Near[Tally](ctx, r); !ok || got != Tally(impl) {
					t.Errorf("%s: Near is %v, %v", name, got, ok)
				}
				return 0, nil
			})
			if f.Name() != "bench.Tally" || r.String() != "ref(near bench.Tally)" {
				t.Errorf("%s: %q, %q", name, f.Name(), r)
			}
		}
		if _, err := vat.Arg[int](nil, 0); !errors.Is(err, vat.ErrBadArgs) {
			t.Errorf("Arg of none: %v", err)
		}
	})
}

// Room for arguments is used again by the next call: one that waits in Await keeps its own, and nothing of a call is
// left for the next.
func TestArgumentsAreNotMixedUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		p, open := promise.New[int](context.Background())
		var kept [][]int
		fn := do(t, v, func(ctx context.Context) (vat.Ref, error) {
			return vat.Func(ctx, func(ctx context.Context, l []int, m map[string]int, s *string) (string, error) {
				kept = append(kept, l)
				if _, err := p.Await(ctx); err != nil {
					return "", err
				}
				if s == nil {
					s = new(string)
				}
				return fmt.Sprint(l, m) + *s, nil
			}), nil
		})
		var answers []promise.Promise[string]
		for i := range 5 {
			answers = append(answers, vat.Result[string](fn.Apply(context.Background(), []int{i}, map[string]int{"k": i}, fmt.Sprint(i))))
		}
		answers = append(answers, vat.Result[string](fn.Apply(context.Background(), nil, nil, nil)))
		synctest.Wait()
		open.Fulfill(context.Background(), 1)
		for i, a := range answers {
			want := fmt.Sprintf("[%d] map[k:%d]%d", i, i, i)
			if i == 5 {
				want = "[] map[]"
			}
			if got, err := a.Await(context.Background()); got != want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		}
		for i, l := range kept[:5] {
			if l[0] != i {
				t.Errorf("a list that the handler kept became %v", l)
			}
		}
	})
}

// Functions: typed, and raw.
func TestFunctions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		ctx := context.Background()
		add := do(t, v, func(ctx context.Context) (vat.Ref, error) {
			return vat.Func(ctx, func(a, b int) int { return a + b }), nil
		})
		if n, err := vat.Result[int](add.Apply(ctx, 1, 2)).Await(ctx); n != 3 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		_, err := vat.Result[int](add.Send(ctx, "plus", 1, 2)).Await(ctx)
		wantErr(t, err, vat.ErrBadArgs) // the selector is an argument
		named := do(t, v, func(ctx context.Context) (vat.Ref, error) {
			return vat.Func(ctx, func(sel passable.Symbol, n int) string { return fmt.Sprint(sel, n) }), nil
		})
		if s := mustAnswer[string](t, named, "plus", 1); s != "plus1" {
			t.Errorf("%q", s)
		}
		do(t, v, func(ctx context.Context) (int, error) {
			if fn, ok := vat.Near[func(int, int) int](ctx, add); !ok || fn(1, 1) != 2 {
				t.Error("Near of a function")
			}
			return 0, nil
		})
		raw := object(t, v, func(_ context.Context, args []any) (any, error) { return args, nil })
		got := mustAnswer[[]any](t, raw, "sel", 1, "x")
		if len(got) != 3 || got[0] != passable.Symbol("sel") || got[1] != int64(1) || got[2] != "x" {
			t.Errorf("%#v", got)
		}
		if fmt.Sprint(add, raw) != "ref(near function) ref(near function)" {
			t.Errorf("%v %v", add, raw)
		}
	})
}

// A reference in each of its clothes.
func TestRefs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		ctx := context.Background()
		echo := object(t, v, func(_ context.Context, args []any) (any, error) {
			if len(args) == 0 {
				return nil, nil
			}
			return args[len(args)-1], nil
		})
		stub := vat.As[EchoRef](echo)
		if s, err := stub.Echo(ctx, "hi").Await(ctx); s != "hi" || err != nil {
			t.Errorf("%q, %v", s, err)
		}
		settled, err := vat.Await[EchoRef](ctx, echo.Apply(ctx, echo))
		if settled != stub || err != nil {
			t.Errorf("%v, %v", settled, err)
		}
		if got, err := echo.Apply(ctx, 5).Await(ctx); !got.IsNull() || !errors.Is(err, vat.ErrNotReference) {
			t.Errorf("Await of data: %v, %v", got, err)
		}
		if got, err := echo.Apply(ctx).Await(ctx); !got.IsNull() || err != nil {
			t.Errorf("Await of null: %v, %v", got, err)
		}
		if got, err := echo.Await(ctx); got != echo || err != nil {
			t.Errorf("Await of an object: %v, %v", got, err)
		}
		var zero vat.Ref
		if !zero.IsNull() || zero.Target() != nil || zero.PassableReference() != nil || zero.String() != "ref(null)" {
			t.Error("the zero Ref is not null")
		}
		if got, err := zero.Await(ctx); got != zero || err != nil {
			t.Errorf("Await of null: %v, %v", got, err)
		}
		weak := echo.Weak()
		if r, ok := weak.Ref(); r != echo || !ok {
			t.Error("weak")
		}
		_, far := newSession(0)
		vat.Drop(far)
		vat.Drop(echo)
		if s := fmt.Sprint(far, vat.NewVow(nil).Ref()); s != "ref(far) ref(promise)" {
			t.Errorf("%q", s)
		}
		if err := echo.SendOnly(ctx, "x", make(chan int)); !errors.Is(err, passable.ErrCannotPass) || !strings.Contains(err.Error(), "args[0]") {
			t.Errorf("%v", err)
		}
		_, err = answer[any](echo, "x", 1, func() {})
		if !errors.Is(err, passable.ErrCannotPass) || !strings.Contains(err.Error(), "args[1]") {
			t.Errorf("%v", err)
		}
	})
}

// Callers as handlers and logs see them.
func TestCallers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		var got []vat.Caller
		obj := object(t, v, func(ctx context.Context, _ []any) (any, error) {
			got = append(got, vat.CallerOf(ctx))
			return nil, nil
		})
		_ = obj.ApplyOnly(context.Background())
		peer := vat.Caller{Transport: "tcp", Designator: "k", Authenticated: true}
		obj.Post(vat.Message{From: &peer})
		g := guard(t, newVat(t, nil), obj)
		g.caret.Post(vat.Message{From: &peer})
		synctest.Wait()
		if len(got) != 3 || !got[0].Local() || got[1] != peer || got[2] != peer {
			t.Errorf("%v", got)
		}
		for want, c := range map[string]vat.Caller{
			"this process":     {},
			"k.tcp":            peer,
			"k.tcp (unproven)": {Transport: "tcp", Designator: "k"},
			"anonymous":        {Transport: "tcp", Designator: "k", Authenticated: true, Anonymous: true},
		} {
			if c.String() != want {
				t.Errorf("%q, want %q", c, want)
			}
		}
	})
}

// One facet, one signature, many goroutines.
func TestFacetConcurrently(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var wg sync.WaitGroup
		for range 4 {
			v := newVat(t, nil)
			wg.Go(func() {
				r := spawnIn[Shapes](t, v, ShapesFacet, &shapes{})
				for i := range 50 {
					if s, err := answer[string](r, "noContext", i, "x"); s != fmt.Sprint(i, "x") || err != nil {
						t.Errorf("%q, %v", s, err)
					}
				}
			})
		}
		wg.Wait()
	})
}

// No error that crosses names a Go type of this process.
func TestErrorsNameNoGoTypes(t *testing.T) {
	v := newVat(t, nil)
	type secretName struct{ A int8 }
	for _, fn := range []any{
		func(secretName) {}, func(*secretName) {}, func([]secretName) {}, func(int8) {}, func([3]byte) {}, func([2]int8) {}, func(map[string]secretName) {},
		func(chan int) {}, func(float32) {}, func(vat.Ref) {}, func(*big.Int) {}, func(time.Time) {},
	} {
		f, err := vat.Do(t.Context(), v, func(ctx context.Context) (f vat.Ref, err error) {
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("%v", p) // a type that cannot be an argument at all
				}
			}()
			return vat.Func(ctx, fn), nil
		})
		if err != nil {
			continue
		}
		for _, arg := range []any{"x", 1000, -1, 3.5, []any{"x"}, []byte("four"), passable.Struct{{Key: "a", Value: "x"}}, passable.Struct{{Key: "k", Value: passable.Struct{{Key: "a", Value: 1000}}}}, nil, f, true} {
			_, err := vat.Result[any](f.Apply(t.Context(), arg)).Await(t.Context())
			var e *vat.Error
			if !errors.As(err, &e) {
				continue
			}
			for _, word := range []string{"secretName", "vat_test", "int8", "float32", "[]", "map[", "chan", "big.Int", "Go type", "vat.Ref", "time.Time"} {
				if strings.Contains(e.ErrorMessage(), word) {
					t.Errorf("%T with %T: %q names a Go type", fn, arg, e.ErrorMessage())
				}
			}
		}
	}
}
