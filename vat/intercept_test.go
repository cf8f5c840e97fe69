package vat_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// usher is an interceptor, durable or not, that lets a number of messages pass, and those about lines loudly.
type usher struct {
	Inner vat.Ref
	Left  int
	Loud  bool
}

func (u *usher) Intercept(ctx context.Context, m *vat.Message) (any, error) {
	if u.Left == 0 {
		return nil, errNo
	}
	u.Left--
	method, args := m.Method()
	if method == "say" && len(args) == 1 {
		m.Selector, m.Args = "say", []any{strings.ToUpper(args[0].(string))}
	}
	if !u.Loud {
		return vat.PassOn(ctx, m, u.Inner)
	}
	v, err := vat.Consult(ctx, m, u.Inner)
	if n, ok := v.(int64); ok {
		return 100 * n, err
	}
	return v, err
}

var (
	usherFacet = vat.InterceptorFacet("usher")
	usherKind  = vat.KindOf("usher", func() *usher { return new(usher) }, usherFacet)
)

// An interceptor gets every message and passes on what it wants, in its own turn if the object is of its vat; what the object does with it is
// undone with the turn, and the other way round.
func TestIntercept(t *testing.T) {
	for _, durable := range []bool{false, true} {
		for _, near := range []bool{false, true} {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, tellerKind, usherKind)
				home, away := w.vat("home"), w.vat("away")
				if !durable {
					home, away = newVat(t, &vat.Config{Name: "home", Kinds: w.cfg.Kinds}), newVat(t, &vat.Config{Name: "away", Kinds: w.cfg.Kinds})
				}
				if near {
					away = home
				}
				inner := spawnTo(t, away, TellerFacet, Teller(&teller{}))
				quiet := spawnTo(t, home, usherFacet, vat.Interceptor(&usher{Inner: inner, Left: 6}))
				loud := spawnTo(t, home, usherFacet, vat.Interceptor(&usher{Inner: inner, Left: 100, Loud: true}))
				if n := mustAnswer[int](t, quiet, "add", 3); n != 3 {
					t.Errorf("%d, want 3", n)
				}
				if n := mustAnswer[int](t, loud, "add", 1); n != 400 && near || n != 4 && !near {
					t.Errorf("%d", n)
				}
				mustAnswer[any](t, quiet, "say", "one")
				mustAnswer[any](t, quiet, "", passable.Symbol("say"), "two")
				if _, err := answer[any](quiet, "fail", 1); !errors.Is(err, errNo) {
					t.Error(err)
				}
				if _, err := answer[any](quiet, "nothing"); !errors.Is(err, vat.ErrNoSuchMethod) {
					t.Error(err)
				}
				if got := strings.Join(mustAnswer[[]string](t, loud, "lines"), " "); got != "ONE TWO" {
					t.Error(got)
				}
				// Where object and interceptor share a turn a message that failed has not passed.
				for range 1 + 2*btoi(near) {
					mustAnswer[any](t, quiet, "add", 1)
				}
				if _, err := answer[any](quiet, "add", 1); !errors.Is(err, errNo) {
					t.Errorf("durable %v, near %v: %v", durable, near, err)
				}
				if near == false {
					mustAnswer[any](t, inner, "add", 0)
				}
			})
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func spawnTo[I any](t *testing.T, v *vat.Vat, f vat.Facet[I], impl I) vat.Ref {
	t.Helper()
	r, err := vat.Do(t.Context(), v, func(ctx context.Context) (vat.Ref, error) { return f.Spawn(ctx, impl), nil })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Interceptors before each other in a ring are no way to the end of the stack.
func TestInterceptRing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		a, b := &usher{Left: 1 << 30}, &usher{Left: 1 << 30}
		a.Inner = spawnTo(t, v, usherFacet, vat.Interceptor(b))
		b.Inner = spawnTo(t, v, usherFacet, vat.Interceptor(a))
		if _, err := answer[any](a.Inner, "add", 1); !errors.Is(err, vat.ErrLoop) {
			t.Error(err)
		}
		if _, err := answer[any](spawnTo(t, v, usherFacet, vat.Interceptor(&usher{Left: 1})), "add", 1); !errors.Is(err, vat.ErrNull) {
			t.Error(err)
		}
	})
}

// What a durable interceptor lets pass is counted across a crash, and what it has passed on arrives.
func TestInterceptAfterCrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind, usherKind, directorKind)
		s := newScene(w)
		inner := w.root("inner", "inner")
		u := spawned[vat.Interceptor](w, "usher", usherFacet, &usher{Inner: inner, Left: 3})
		mustAnswer[any](t, s.sender, "link", u, "usher")
		s.hold("inner")
		mustAnswer[any](t, s.sender, "tell", "one")
		mustAnswer[any](t, s.sender, "tell", "two")
		synctest.Wait()
		s.end()
		s.open()
		synctest.Wait()
		mustAnswer[any](t, s.root("sender", "sender"), "tell", "three")
		mustAnswer[any](t, s.root("sender", "sender"), "tell", "four")
		synctest.Wait()
		if got := s.lines(s.root("inner", "inner")); got != "[ONE TWO THREE]" {
			t.Error(got)
		}
		s.check()
	})
}
