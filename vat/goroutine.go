package vat

import (
	"context"

	"github.com/hawser-go/hawser/promise"
)

// Go runs fn on a goroutine of its own, off the vat, and returns a promise for what it returns: the way to do what
// blocks. It starts when the turn commits. Its context is no turn's — fn may use it with any Go code — and is cancelled
// when the vat closes, which then waits for fn to return. fn must not touch the vat's objects. Go panics outside a turn.
func Go[T any](ctx context.Context, fn func(ctx context.Context) (T, error)) promise.Promise[T] {
	t := mustTurn(ctx, "Go")
	v, c := t.vat, new(promise.Cell)
	c.Init(nil, v)
	t.OnCommit(func() {
		if v.refusing.Load() {
			c.Break(ErrVatClosed)
			return
		}
		v.goroutines.Add(1)
		go work(v, c, fn)
	}, func(err error) { c.Break(err) })
	return promise.Of[T](c)
}

// work is the goroutine of Go.
func work[T any](v *Vat, c *promise.Cell, fn func(ctx context.Context) (T, error)) {
	defer v.goroutines.Done()
	returned := false
	defer func() {
		if returned {
			return
		}
		v.fault("a function given to vat.Go", recover())
		c.Break(ErrInternal.because("a function given to vat.Go did not return, see the log of its vat"))
	}()
	ctx, cancel := context.WithCancel(v.lifetime())
	defer cancel()
	x, err := fn(ctx)
	returned = true
	if err != nil {
		c.Break(err)
	} else {
		c.Fulfill(x, false)
	}
}
