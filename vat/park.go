package vat

import (
	"context"
	"reflect"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/hawser-go/hawser/promise"
)

// parked is a turn that waits for a promise, its goroutine blocked in Park.
type parked struct {
	v     *Vat
	wake  chan struct{} // the vat is handed over
	woken atomic.Bool   // a resume has been queued
}

// Settled implements promise.Waiter: the promise is there, so the turn may go on when its place in the queue comes.
func (p *parked) Settled(*promise.Cell) { p.queue() }

func (p *parked) queue() {
	if p.woken.CompareAndSwap(false, true) {
		p.v.resume(p)
	}
}

// Park implements promise.Host: it commits the turn, hands the vat over, waits, and goes on as a later turn.
func (t *turn) Park(ctx context.Context, c *promise.Cell) error {
	t.check()
	if !onTurnStack() {
		panic("vat: Await with a turn's ctx on a goroutine that is not the turn's: only the handler's own goroutine may " +
			"wait in its turn; for other goroutines use vat.Go, or a ctx that does not come from the turn")
	}
	v, f := t.vat, t.f
	switch {
	case v.depot != nil:
		return ErrDurableTurn
	case f.failed != nil:
		return f.failed
	}
	settled := c.Settled()
	if !settled {
		if err := v.mayPark(f.msg.From); err != nil {
			return err
		}
	}
	saved := slices.Clone(f.saved)
	if err := f.commit(); err != nil {
		f.rollback(err)
		f.failed = err
		return err
	}
	if settled {
		f.again()
	} else {
		f.wait(ctx, c)
	}
	for _, s := range saved {
		if f.failed = f.save(s); f.failed != nil {
			return f.failed
		}
	}
	switch {
	case c.Settled():
		return nil
	case ctx.Err() != nil && !v.refusing.Load():
		return context.Cause(ctx)
	}
	return ErrVatClosed
}

// mayPark returns why no more turns may wait on behalf of a caller, nil if one may. A peer may have as many wait as there
// are places left: however many it takes, as many are left for the others.
func (v *Vat) mayPark(from *Caller) error {
	free := v.limits.parked - v.parked
	if free <= 0 {
		return ErrOverloaded.because("%d turns of this vat wait already", v.parked)
	}
	if n := v.parkedFor[from]; from != nil && n >= free {
		return ErrOverloaded.because("%d turns of this vat wait already, %d of them for this caller", v.parked, n)
	}
	return nil
}

// countParked notes that n more turns wait on behalf of a caller.
func (v *Vat) countParked(from *Caller, n int) {
	v.parked += n
	if from == nil {
		return
	}
	if v.parkedFor == nil {
		v.parkedFor = make(map[*Caller]int)
	}
	if v.parkedFor[from] += n; v.parkedFor[from] == 0 {
		delete(v.parkedFor, from)
	}
}

// again begins the later turn as which a turn goes on after Await.
func (f *frame) again() {
	f.vat.turns++
	f.n = f.vat.turns
}

// wait gives the vat up until c settles, ctx ends or the vat closes, and has it back when it returns.
func (f *frame) wait(ctx context.Context, c *promise.Cell) {
	v, t := f.vat, f.turn
	p := v.spare
	v.spare = nil
	if p == nil {
		p = &parked{v: v, wake: make(chan struct{}, 1)}
	}
	// A context of somebody else's making may panic, which it must not once the vat is given up.
	ended, closing := ctx.Done(), v.lifetime().Done()
	if v.tracer != nil {
		v.traceWait(f, "wait")
	}
	v.countParked(f.msg.From, 1)
	t.state.Store(waiting)
	c.Subscribe(p)
	v.leave()
	free := true // c has told p, or forgotten it, so that p can serve again
	select {
	case <-p.wake:
	case <-ended:
		free = p.giveUp(c)
	case <-closing:
		free = p.giveUp(c)
	}
	t.state.Store(running)
	v.countParked(f.msg.From, -1)
	f.again()
	if free {
		p.woken.Store(false)
		v.spare = p
	}
	if v.tracer != nil {
		v.traceWait(f, "resume")
	}
}

// giveUp waits for the vat without waiting for c. It reports whether p will not hear of c any more.
func (p *parked) giveUp(c *promise.Cell) bool {
	forgotten := c.Unsubscribe(p)
	p.queue()
	<-p.wake
	return forgotten
}

// executePC is the entry of execute.
var executePC = reflect.ValueOf(execute).Pointer()

// onTurnStack reports whether a turn's own frame is on this goroutine's stack. It is among the outermost ones.
func onTurnStack() bool {
	var few [64]uintptr
	pcs := few[:]
	n := runtime.Callers(2, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 4*n)
		n = runtime.Callers(2, pcs)
	}
	for i := n - 1; i >= 0; i-- {
		if f := runtime.FuncForPC(pcs[i] - 1); f != nil && f.Entry() == executePC {
			return true
		}
	}
	return false
}
