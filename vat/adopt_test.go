package vat_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// A promise made by promise.New can be passed before and after it settles; what arrives is a copy.
func TestPassedPromise(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		bubble(t, func(t *testing.T) {
			ctx := context.Background()
			v := newVat(t, nil)
			list := []int{1, 2}
			p, r := promise.New[[]int](ctx)
			q, s := promise.New[int](ctx)
			settle := func() {
				r.Fulfill(ctx, list)
				s.Break(ctx, errNope)
			}
			if when == "after" {
				settle()
			}
			sum := do(t, v, func(ctx context.Context) (vat.Ref, error) {
				return vat.Func(ctx, func(ctx context.Context, p promise.Promise[[]int], q promise.Promise[int]) (int, error) {
					l, err := p.Await(ctx)
					if err != nil {
						return 0, err
					}
					n := l[0] + l[1]
					l[0] = 9
					if _, err := q.Await(ctx); !errors.Is(err, errNope) {
						t.Errorf("%s: %v", when, err)
					}
					return n, nil
				}), nil
			})
			ans := vat.Result[int](sum.Apply(ctx, p, q))
			synctest.Wait()
			if when == "before" {
				settle()
			}
			if n, err := ans.Await(ctx); n != 3 || err != nil {
				t.Errorf("%s: %d, %v", when, n, err)
			}
			if list[0] != 1 {
				t.Errorf("%s: the value is shared", when)
			}
		})
	}
}

// Messages on a promise that follows another go where those on the other go, before either has settled: by a route.
func TestFollowingPromiseIsPipelined(t *testing.T) {
	for _, order := range []string{"passed first", "follows first"} {
		s, far := newSession(9)
		ctx := context.Background()
		p, r := promise.New[vat.Ref](ctx)
		w := vat.NewVow(nil)
		w.Route(s)
		var ref vat.Ref
		if order == "passed first" {
			ref = refOf(t, p)
			_ = ref.SendOnly(ctx, "1")
			r.Follow(ctx, vat.Result[vat.Ref](w.Ref()))
		} else {
			r.Follow(ctx, vat.Result[vat.Ref](w.Ref()))
			ref = refOf(t, p)
			_ = ref.SendOnly(ctx, "1")
		}
		_ = ref.SendOnly(ctx, "2")
		if s.methods() != "1 2" {
			t.Errorf("%s: %q has gone on", order, s.methods())
		}
		// Following is settling.
		r.Fulfill(ctx, far)
		r.Break(ctx, errNope)
		if p.Settled() {
			t.Errorf("%s: settled otherwise", order)
		}
		w.Resolve(far)
		if got, err := p.Await(ctx); got != far || err != nil {
			t.Errorf("%s: %v, %v", order, got, err)
		}
		if got, err := ref.Await(ctx); got != far || err != nil {
			t.Errorf("%s: %v, %v", order, got, err)
		}
	}
}

// A value that cannot pass breaks the reference it was passed as, and only that; so does one whose methods panic.
func TestPassedPromiseOfWhatCannotPass(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx := context.Background()
		v := newVat(t, nil)
		for _, value := range []any{make(chan int), evil{}} {
			p, r := promise.New[any](ctx)
			ref := refOf(t, p)
			do(t, v, func(ctx context.Context) (int, error) { r.Fulfill(ctx, value); return 0, nil })
			_, err := vat.Result[any](ref).Await(ctx)
			wantErr(t, err, vat.ErrInternal)
			if got, err := p.Await(ctx); err == nil && got != value {
				t.Errorf("%v, %v", got, err)
			}
			late, r2 := promise.New[any](ctx)
			r2.Fulfill(ctx, value)
			_, err = vat.Result[any](refOf(t, late)).Await(ctx)
			wantErr(t, err, vat.ErrInternal)
		}
	})
}

// evil panics when it is looked at.
type evil struct{}

func (evil) PassableReference() passable.Reference { panic("evil") }

// A Ref as a typed promise and back.
func TestPromiseOfARef(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx := context.Background()
		v := newVat(t, nil)
		obj := (&journal{}).spawn(t, v)
		var p promise.Promise[vat.Ref]
		if err := p.SetPassableReference(obj); err != nil {
			t.Fatal(err)
		}
		if got, err := p.Await(ctx); got != obj || err != nil {
			t.Errorf("%v, %v", got, err)
		}
		back := obj.Apply(ctx)
		if one, two := vat.Result[int](back), vat.Result[int](back); one != two {
			t.Error("two faces of one answer differ")
		}
		if r := refOf(t, vat.Result[int](back)); r != back {
			t.Error("an answer is passed as another reference")
		}
	})
}
