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
// at the most, also if that has happened already; for a live reference each time, and a last time when it will not come back.
// A reference to an object of this process is never severed. The watch begins when the turn commits. stop, which may be
// called anywhere and more than once, makes sure that fn will not be called, unless its turn is waiting already. OnSever
// panics outside a turn.
//
// What a vat sends on a live reference from the first of these functions on goes to what the reference leads to next.
func OnSever(ctx context.Context, r Ref, fn func(ctx context.Context, reason error)) (stop func()) {
	t := mustTurn(ctx, "OnSever")
	w := &severWatch{vat: t.vat, home: t.Home(), fn: fn}
	t.OnCommit(func() { w.attach(r) }, nil)
	return w.stop
}

// OnRestore has fn called, as a turn of the vat whose turn ctx is, each time that r, a live reference, leads somewhere again
// after it had been severed. Other references never do. The watch begins when the turn commits; stop is that of [OnSever].
// OnRestore panics outside a turn.
func OnRestore(ctx context.Context, r Ref, fn func(ctx context.Context)) (stop func()) {
	t := mustTurn(ctx, "OnRestore")
	w := &severWatch{vat: t.vat, home: t.Home(), fn: func(ctx context.Context, _ error) { fn(ctx) }, restored: true}
	t.OnCommit(func() { w.attach(r) }, nil)
	return w.stop
}

// Severed has fire called, once, when r stops leading anywhere, as OnSever says: for those who manage references. fire must
// not block, nor run user code.
func Severed(r Ref, fire func(reason error)) (stop func()) {
	w := &severWatch{home: nowhere{}, fn: func(_ context.Context, reason error) { fire(reason) }}
	w.attach(r)
	return w.stop
}

// nowhere runs jobs at once, outside turns.
type nowhere struct{}

func (nowhere) Unobserved(error)      {}
func (nowhere) Enqueue(j promise.Job) { _ = j.Run(context.Background()) }

type severWatch struct {
	vat      *Vat         // nil for Severed
	home     promise.Home // the same, and keeps the durable objects in memory that the turn was about
	fn       func(ctx context.Context, reason error)
	restored bool // told of live references that lead somewhere again, and of nothing else
	live     *front

	mu      sync.Mutex
	over    bool
	cancels []func()
}

// attach watches where r leads; a promise, once it has settled; a caretaker, and what it stands before.
func (w *severWatch) attach(r Ref) {
	for {
		switch x := r.Target().(type) {
		case *front:
			if w.vat == nil {
				r = Present(r)
				continue
			}
			x.watch(w)
		case Severable:
			if !w.restored {
				w.hold(x.OnSever(w.fire))
			}
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

// fire ends the watch because of a loss for good.
func (w *severWatch) fire(reason error) {
	if w.end() && !w.restored {
		w.home.Enqueue(&severance{w, reason})
	}
}

func (w *severWatch) stop() { w.end() }

// news is the job that tells of a loss that need not be for good.
func (w *severWatch) news(reason error) told {
	var j promise.Job = &severance{w, reason}
	if o, ok := w.home.(*origin); ok {
		return told{job: o.job(j), cause: o.cause}
	}
	return told{job: j}
}

// severance is one call of a watch's function.
type severance struct {
	w      *severWatch
	reason error
}

// Run implements promise.Job.
func (s *severance) Run(ctx context.Context) error {
	s.w.fn(ctx, s.reason)
	return nil
}

// Done implements promise.Job. Nobody waits for what the function does.
func (s *severance) Done(err error) {
	v, what := s.w.vat, "OnSever"
	if s.w.restored {
		what = "OnRestore"
	}
	if err != nil && v != nil && !v.refusing.Load() {
		v.warn("a function given to vat."+what+" failed", "error", brief(err))
	}
}
