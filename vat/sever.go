package vat

import (
	"context"
	"sync"

	"github.com/hawser-go/hawser/promise"
)

// Severable targets can stop leading anywhere: those behind a session do when it ends.
type Severable interface {
	Target
	// OnSever has fire called once, with the reason, when nothing can be delivered any more, at once if that is so
	// already. cancel forgets it.
	OnSever(fire func(error)) (cancel func())
}

// OnSever has fn called, as a turn of the vat whose turn ctx is, when r stops leading anywhere: the session it came
// over has ended, it was revoked (if its caretaker is in this process), or it was a promise that broke. fn is called once
// at the most, also if that has happened already. A reference to an object of this process is never severed. stop makes
// sure that fn will not be called, unless its turn is waiting already. OnSever panics outside a turn.
func OnSever(ctx context.Context, r Ref, fn func(ctx context.Context, reason error)) (stop func()) {
	t := mustTurn(ctx, "OnSever")
	w := &severWatch{vat: t.vat, fn: fn}
	t.OnCommit(func() { w.attach(r) }, nil)
	return w.stop
}

type severWatch struct {
	vat *Vat
	fn  func(ctx context.Context, reason error)

	mu     sync.Mutex
	over   bool
	cancel func()
}

// attach watches where r leads; a promise, once it has settled.
func (w *severWatch) attach(r Ref) {
	switch x := r.Target().(type) {
	case Severable:
		w.hold(x.OnSever(w.fire))
	case *Vow:
		x.cell.Subscribe(w)
		w.hold(func() { x.cell.Unsubscribe(w) })
	case *object:
		if c, ok := x.disp.(*caretaker); ok {
			c.watch(w)
		}
	}
}

// Settled implements promise.Waiter.
func (w *severWatch) Settled(c *promise.Cell) {
	v, err, _ := c.Outcome()
	if err != nil {
		w.fire(err)
	} else if r, ok := v.(Ref); ok {
		w.attach(r)
	}
}

func (w *severWatch) hold(cancel func()) {
	w.mu.Lock()
	over := w.over
	if !over {
		w.cancel = cancel
	}
	w.mu.Unlock()
	if over {
		cancel()
	}
}

func (w *severWatch) fire(reason error) {
	w.mu.Lock()
	over := w.over
	w.over, w.cancel = true, nil
	w.mu.Unlock()
	if over {
		return
	}
	w.vat.enqueue(delivery{job: &job{run: func(ctx context.Context) (any, error) {
		w.fn(ctx, reason)
		return nil, nil
	}}})
}

func (w *severWatch) stop() {
	w.mu.Lock()
	cancel := w.cancel
	w.over, w.cancel = true, nil
	w.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}
