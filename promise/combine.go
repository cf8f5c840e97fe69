package promise

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Then returns a promise for what fn makes of p's value. fn runs as a turn of its own in the vat that ctx belongs to,
// once p is fulfilled: its sends are transactional, and its error breaks the promise returned. If p breaks, fn is not
// called and the promise returned breaks for the same reason. Then must be called inside a turn.
func Then[T, U any](ctx context.Context, p Promise[T], fn func(ctx context.Context, v T) (U, error)) Promise[U] {
	h, ok := hostOf(ctx)
	if !ok {
		panic("promise: Then called outside a turn: its callback needs a vat to run in; use Await, or vat.Do")
	}
	out, src := new(Cell), p.Cell()
	out.report = h
	var result U
	h.WhenSettled(src, func(ctx context.Context) error {
		v, err := valueOf[T](src)
		if err != nil {
			return brokenSource{err}
		}
		result, err = fn(ctx, v)
		return err
	}, func() { out.Fulfill(result, false) }, func(err error) {
		// A broken source is passed on as it is: it is no failure of the callback's turn.
		if b, ok := errors.AsType[brokenSource](err); ok {
			err = b.err
		}
		out.Break(err)
	})
	return Promise[U]{out}
}

type brokenSource struct{ err error }

func (b brokenSource) Error() string { return b.err.Error() }

// All returns a promise for the values of all the promises given, in their order. It breaks as soon as one of them
// does, with that one's error. All of none is fulfilled with an empty slice.
func All[T any](ps ...Promise[T]) Promise[[]T] {
	a := &all[T]{out: new(Cell), ps: ps, left: len(ps)}
	if len(ps) == 0 {
		a.out.Fulfill([]T{}, false)
	}
	for _, p := range ps {
		p.Cell().Subscribe(a)
	}
	return Promise[[]T]{a.out}
}

type all[T any] struct {
	out  *Cell
	ps   []Promise[T]
	mu   sync.Mutex
	left int
}

func (a *all[T]) Settled(c *Cell) {
	if _, err, _ := c.Outcome(); err != nil {
		a.out.Break(err)
	}
	a.mu.Lock()
	a.left--
	last := a.left == 0
	a.mu.Unlock()
	if !last {
		return
	}
	vs := make([]T, len(a.ps))
	for i, p := range a.ps {
		v, err := valueOf[T](p.Cell())
		if err != nil {
			a.out.Break(fmt.Errorf("promise: value %d of All: %w", i, err))
			return
		}
		vs[i] = v
	}
	a.out.Fulfill(vs, false)
}
