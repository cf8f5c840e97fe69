package vat

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/promise"
)

// turn is the context that handlers get: everything that must happen inside a turn finds it there. It is never used for
// a second turn, so that one kept too long is noticed; what a turn needs while it runs is in its frame.
type turn struct {
	vat   *Vat
	f     *frame // while it runs
	state atomic.Uint32
}

const (
	running uint32 = iota
	waiting        // parked in Await
	ended
)

// turnKey finds the turn in a context that descends from it.
type turnKey struct{}

func (t *turn) Deadline() (time.Time, bool) { return time.Time{}, false }
func (t *turn) Done() <-chan struct{}       { return t.vat.lifetime().Done() }

func (t *turn) Err() error {
	if !t.vat.refusing.Load() {
		return nil
	}
	return t.vat.lifetime().Err()
}

// Value finds the turn, and for package context the vat's own cancellation, so that contexts derived from a turn need
// no goroutine each.
func (t *turn) Value(key any) any {
	switch key.(type) {
	case turnKey:
		return t
	case promise.HostKey:
		return promise.Host(t)
	}
	if l := t.vat.life.Load(); l != nil {
		return l.ctx.Value(key)
	}
	return nil
}

// turnIn returns the turn ctx belongs to, or nil outside one.
func turnIn(ctx context.Context) *turn {
	t, ok := ctx.(*turn)
	if !ok {
		if t, ok = ctx.Value(turnKey{}).(*turn); !ok {
			return nil
		}
	}
	t.check()
	return t
}

// check panics if t is not running.
func (t *turn) check() {
	switch t.state.Load() {
	case running:
	case waiting:
		panic("vat: this context belongs to a turn that is waiting in Await: only the handler's own goroutine may use its " +
			"ctx; for other goroutines use vat.Go, which gives its function a context of its own")
	default:
		panic("vat: this context belongs to a turn that has ended: a handler's ctx must not outlive it; " +
			"for work that goes on use vat.Go, which gives its function a context of its own")
	}
}

// mustTurn is turnIn for what makes sense only inside a turn.
func mustTurn(ctx context.Context, what string) *turn {
	t := turnIn(ctx)
	if t == nil {
		panic("vat: " + what + " called outside a turn: call it from a handler with the handler's ctx, or inside vat.Do")
	}
	return t
}

// OnCommit implements promise.Host.
func (t *turn) OnCommit(fn func(), abandoned func(error)) {
	t.check()
	t.f.out = append(t.f.out, effect{fn: fn, abandoned: abandoned})
}

// SettleOnCommit implements promise.Host.
func (t *turn) SettleOnCommit(c *promise.Cell, v any, err error, fn func()) {
	t.check()
	e := effect{fn: fn}
	if t.vat.depot != nil {
		if err == nil {
			v, err = copyGuarded(v)
		}
		r := refOfCell(c)
		e.note = func(x *tx) (func(), error) { return x.noteSettled(r, v, err) }
	}
	t.f.out = append(t.f.out, e)
}

// Home implements promise.Host.
func (t *turn) Home() promise.Home {
	t.check()
	if t.vat.tracer == nil && t.vat.depot == nil {
		return t.vat
	}
	o := &origin{Vat: t.vat, cause: t.f.msg.ID}
	if t.vat.depot != nil {
		t.f.origins = append(t.f.origins, o)
	}
	return o
}

// Reporter implements promise.Host.
func (t *turn) Reporter() promise.Reporter {
	t.check()
	return t.vat
}

// origin is a vat as the home of what a message set off there, and of the durable objects that it was about: what is run for
// them later may change them.
type origin struct {
	*Vat
	cause MessageID
	pins  []*body
}

func (o *origin) Enqueue(j promise.Job) { o.enqueue(o.job(j), o.cause, false) }

// job returns what to run in the vat for a job.
func (o *origin) job(j promise.Job) promise.Job {
	if len(o.pins) > 0 {
		return &pinned{j, o}
	}
	return j
}
