package vat

import (
	"context"
	"fmt"
	"runtime/debug"

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
		go func() {
			defer v.goroutines.Done()
			settled := false
			defer func() {
				if settled {
					return
				}
				if p := recover(); p != nil {
					v.log.Error("a function given to vat.Go panicked", "vat", v.name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				}
				c.Break(ErrInternal.because(nil, "a function given to vat.Go did not return, see the local log"))
			}()
			ctx, cancel := v.context()
			defer cancel()
			x, err := fn(ctx)
			settled = true
			if err != nil {
				c.Break(err)
			} else {
				c.Fulfill(x, false)
			}
		}()
	}, func(err error) { c.Break(ErrTurnFailed.because(err, "%v", err)) })
	return promise.Of[T](c)
}

// context returns a context that ends when the vat closes.
func (v *Vat) context() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := context.AfterFunc(closingContext{context.Background(), v}, func() { cancel(ErrVatClosed) })
	return ctx, func() { stop(); cancel(context.Canceled) }
}

// closingContext is done when the vat closes.
type closingContext struct {
	context.Context
	v *Vat
}

func (c closingContext) Done() <-chan struct{} { return c.v.closing }
func (c closingContext) Err() error {
	if c.v.open() {
		return nil
	}
	return ErrVatClosed
}
