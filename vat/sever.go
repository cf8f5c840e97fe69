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
// at the most, also if that has happened already. A reference to an object of this process is never severed. The watch
// begins when the turn commits. stop, which may be called anywhere and more than once, makes sure that fn will not be
// called, unless its turn is waiting already. OnSever panics outside a turn.
func OnSever(ctx context.Context, r Ref, fn func(ctx context.Context, reason error)) (stop func()) {
	t := mustTurn(ctx, "OnSever")
	w := &severWatch{vat: t.vat, home: t.Home(), fn: fn}
	t.OnCommit(func() { w.attach(r) }, nil)
	return w.stop
}

type severWatch struct {
	vat    *Vat
	home   promise.Home // the same, and keeps the durable objects in memory that the turn was about
	fn     func(ctx context.Context, reason error)
	reason error

	mu      sync.Mutex
	over    bool
	cancels []func()
}

// attach watches where r leads; a promise, once it has settled; a caretaker, and what it stands before.
func (w *severWatch) attach(r Ref) {
	for {
		switch x := r.Target().(type) {
		case Severable:
			w.hold(x.OnSever(w.fire))
		case *Vow:
			x.cell.Subscribe(w)
			w.hold(func() { x.cell.Unsubscribe(w) })
		case *object:
			switch d := x.disp.(type) {
			case *caretaker:
				inner, _ := d.state()
				d.gate.watch(w)
				r = inner
				continue
			case *filter:
				if d.way.gate != nil {
					d.way.gate.watch(w)
				}
			}
		}
		return
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

// hold keeps cancel for when the watch is over, which it may be already.
func (w *severWatch) hold(cancel func()) {
	w.mu.Lock()
	over := w.over
	if !over {
		w.cancels = append(w.cancels, cancel)
	}
	w.mu.Unlock()
	if over {
		cancel()
	}
}

// end reports whether this call ended the watch.
func (w *severWatch) end() bool {
	w.mu.Lock()
	over, cancels := w.over, w.cancels
	w.over, w.cancels = true, nil
	w.mu.Unlock()
	for _, cancel := range cancels {
		cancel()
	}
	return !over
}

func (w *severWatch) fire(reason error) {
	if w.end() {
		w.reason = reason
		w.home.Enqueue(w)
	}
}

func (w *severWatch) stop() { w.end() }

// Run implements promise.Job.
func (w *severWatch) Run(ctx context.Context) error {
	w.fn(ctx, w.reason)
	return nil
}

// Done implements promise.Job. Nobody waits for what fn does.
func (w *severWatch) Done(err error) {
	if err != nil && !w.vat.refusing.Load() {
		w.vat.warn("a function given to vat.OnSever failed", "error", brief(err))
	}
}
