package vat_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// What makes sense only in a turn says so elsewhere.
func TestOutsideATurn(t *testing.T) {
	ctx := context.Background()
	p := promise.Fulfilled(1)
	var cell vat.Cell[int]
	var m vat.Map[int, int]
	for what, fn := range map[string]func(){
		"Spawn":      func() { LedgerFacet.Spawn(ctx, &ledger{}) },
		"SpawnFunc":  func() { vat.SpawnFunc(ctx, nil) },
		"SpawnProxy": func() { vat.SpawnProxy(ctx, nil) },
		"Func":       func() { vat.Func(ctx, func() {}) },
		"Self":       func() { vat.Self(ctx) },
		"CallerOf":   func() { vat.CallerOf(ctx) },
		"Near":       func() { vat.Near[Ledger](ctx, vat.Ref{}) },
		"Same":       func() { vat.Same(ctx, vat.Ref{}, vat.Ref{}) },
		"Revocable":  func() { vat.Revocable(ctx, vat.Ref{}) },
		"OnSever":    func() { vat.OnSever(ctx, vat.Ref{}, nil) },
		"Go":         func() { vat.Go(ctx, func(context.Context) (int, error) { return 0, nil }) },
		"Cell.Set":   func() { cell.Set(ctx, 1) },
		"Map.Set":    func() { m.Set(ctx, 1, 1) },
		"Map.Delete": func() { m.Delete(ctx, 1) },
	} {
		wantPanic(t, "vat: "+what+" called outside a turn: call it from a handler with the handler's ctx, or inside vat.Do", fn)
	}
	wantPanic(t, "promise: Then called outside a turn: its callback needs a vat to run in", func() {
		promise.Then(ctx, p, func(context.Context, int) (int, error) { return 0, nil })
	})
}

// A turn's context that is used when the turn is over.
func TestStaleContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		j := &journal{}
		obj := j.spawn(t, v)
		var resolver promise.Resolver[int]
		stale := do(t, v, func(ctx context.Context) (context.Context, error) {
			_, resolver = promise.New[int](ctx)
			return context.WithValue(ctx, io.EOF, 1), nil
		})
		for range 40 { // other turns, which must not make it valid again
			do(t, v, func(context.Context) (int, error) { return 0, nil })
		}
		var cell vat.Cell[int]
		for _, fn := range []func(){
			func() { obj.Send(stale, "x") },
			func() { _ = obj.SendOnly(stale, "x") },
			func() { LedgerFacet.Spawn(stale, &ledger{}) },
			func() { vat.Self(stale) },
			func() { cell.Set(stale, 1) },
			func() { resolver.Fulfill(stale, 1) },
			func() { _, _ = promise.Fulfilled(1).Await(stale) },
			func() {
				promise.Then(stale, promise.Fulfilled(1), func(context.Context, int) (int, error) { return 0, nil })
			},
			func() { promise.New[int](stale) },
		} {
			wantPanic(t, "vat: this context belongs to a turn that has ended: a handler's ctx must not outlive it", fn)
		}
		wantPanic(t, "vat: Do called inside a turn: it would block this vat", func() {
			_, _ = vat.Do(stale, v, func(context.Context) (int, error) { return 0, nil })
		})
		wantJournal(t, j, "")
	})
}

// Do in a turn, of this vat or another.
func TestDoInATurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v, other := newVat(t, nil), newVat(t, nil)
		do(t, v, func(ctx context.Context) (int, error) {
			soon, cancel := context.WithTimeout(context.Background(), time.Second) // a context that does not tell
			defer cancel()
			for _, with := range []context.Context{ctx, soon} {
				for _, w := range []*vat.Vat{v, other} {
					wantPanic(t, "vat: Do called inside a turn: it would block this vat; send a message to an object there and await its answer",
						func() { _, _ = vat.Do(with, w, func(context.Context) (int, error) { return 0, nil }) })
				}
			}
			return 0, nil
		})
	})
}

// Another goroutine that waits with the turn's context.
func TestStrayGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		p, r := promise.New[int](context.Background())
		obj := object(t, v, func(ctx context.Context, _ []any) (any, error) {
			stray := func() {
				done := make(chan struct{})
				go func() {
					defer close(done)
					wantPanic(t, "vat: Await with a turn's ctx on a goroutine that is not the turn's: only the handler's own goroutine may wait in its turn",
						func() { _, _ = p.Await(ctx) })
				}()
				<-done
			}
			stray()
			// While the turn itself waits nothing at all can be done with its context.
			go func() {
				synctest.Wait()
				for _, fn := range []func(){
					func() { _, _ = p.Await(ctx) },
					func() { _ = vat.Self(ctx).SendOnly(ctx, "x") },
					func() { r.Fulfill(ctx, 1) },
				} {
					wantPanic(t, "vat: this context belongs to a turn that is waiting in Await: only the handler's own goroutine may use its ctx", fn)
				}
				r.Fulfill(context.Background(), 1)
			}()
			if _, err := p.Await(ctx); err != nil {
				return nil, err
			}
			stray()
			return nil, nil
		})
		mustAnswer[any](t, obj, "x")
	})
}

// A turn of one vat that waits with the context of a waiting turn of another.
func TestContextOfAnotherTurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := newVat(t, nil), newVat(t, nil)
		p, r := promise.New[int](context.Background())
		var of context.Context
		first := object(t, a, func(ctx context.Context, _ []any) (any, error) {
			of = ctx
			return p.Await(ctx)
		})
		ans := first.Apply(context.Background())
		synctest.Wait()
		do(t, b, func(context.Context) (int, error) {
			wantPanic(t, "waiting in Await", func() { _, _ = p.Await(of) })
			return 0, nil
		})
		r.Fulfill(context.Background(), 1)
		if _, err := vat.Result[int](ans).Await(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// strange is a context that panics.
type strange struct{ context.Context }

func (strange) Done() <-chan struct{} { panic("strange") }

// A turn that waits with a context that panics fails like any other; the vat goes on.
func TestContextThatPanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		p, r := promise.New[int](context.Background())
		obj := object(t, v, func(ctx context.Context, args []any) (any, error) {
			if len(args) > 0 {
				ctx = strange{ctx}
			}
			return p.Await(ctx)
		})
		_, err := answer[int](obj, "x")
		wantErr(t, err, vat.ErrInternal)
		ans := vat.Result[int](obj.Apply(context.Background()))
		synctest.Wait()
		r.Fulfill(context.Background(), 7)
		if n, err := ans.Await(context.Background()); n != 7 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// Await deep in the handler's own stack is no misuse.
func TestDeepAwait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		p, r := promise.New[int](context.Background())
		var deep func(ctx context.Context, n int) (int, error)
		deep = func(ctx context.Context, n int) (int, error) {
			if n > 0 {
				x, err := deep(ctx, n-1)
				return x + 1, err
			}
			return p.Await(ctx)
		}
		obj := object(t, v, func(ctx context.Context, _ []any) (any, error) { return deep(ctx, 1000) })
		ans := vat.Result[int](obj.Apply(context.Background()))
		synctest.Wait()
		r.Fulfill(context.Background(), 1)
		if n, err := ans.Await(context.Background()); n != 1001 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
}

type (
	unexported   interface{ unexported() }
	badShape     interface{ Two() (int, int) }
	lateContext  interface{ Late(int, context.Context) }
	badParameter interface{ Take(c chan int) }
	badResult    interface{ Give() func() }
	twins        interface {
		Join()
		Leave()
	}
	plainStruct struct{}
)

// Facets that are none.
func TestBadFacets(t *testing.T) {
	for want, fn := range map[string]func(){
		"vat: FacetOf[vat_test.plainStruct]: a facet is an interface, this is a struct":   func() { vat.FacetOf[plainStruct]("x") },
		"vat: FacetOf[vat_test.unexported]: method unexported is not exported":            func() { vat.FacetOf[unexported]("x") },
		"method Two: must be func([context.Context,] arguments...) [result] [, error]":    func() { vat.FacetOf[badShape]("x") },
		"method Late: parameter 2 is a context: ctx comes first":                          func() { vat.FacetOf[lateContext]("x") },
		"method Take: parameter 1: passable: chan int cannot pass":                        func() { vat.FacetOf[badParameter]("x") },
		"method Give: result: passable: func() cannot pass":                               func() { vat.FacetOf[badResult]("x") },
		`two methods have the selector "join"`:                                            func() { vat.FacetOf[twins]("x", vat.Selectors{"Leave": "join"}) },
		"a selector is given for Jion, which is no method":                                func() { vat.FacetOf[twins]("x", vat.Selectors{"Jion": "join"}) },
		"vat: FacetWith[vat_test.plainStruct]: a facet is an interface, this is a struct": func() { vat.FacetWith[plainStruct]("x", nil) },
		`vat: FacetWith x: the method for "join" is nil`:                                  func() { vat.FacetWith("x", map[string]vat.Method[twins]{"join": nil}) },
	} {
		wantPanic(t, want, fn)
	}
	bubble(t, func(t *testing.T) {
		do(t, newVat(t, nil), func(ctx context.Context) (int, error) {
			wantPanic(t, "vat: Spawn of a nil test.Ledger", func() { LedgerFacet.Spawn(ctx, nil) })
			wantPanic(t, "vat: Func wants a function, not a int", func() { vat.Func(ctx, 1) })
			wantPanic(t, "vat: Func wants a function, not a <nil>", func() { vat.Func(ctx, nil) })
			wantPanic(t, "vat: Func: must be func(", func() { vat.Func(ctx, func() (int, int) { return 0, 0 }) })
			wantPanic(t, "vat: SpawnFunc of a nil function", func() { vat.SpawnFunc(ctx, nil) })
			wantPanic(t, "vat: SpawnProxy of a nil function", func() { vat.SpawnProxy(ctx, nil) })
			return 0, nil
		})
	})
}
