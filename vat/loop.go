package vat

import (
	"context"
	"reflect"
	"runtime"
	"sync/atomic"

	"github.com/hawser-go/hawser/promise"
)

// delivery is one entry of a vat's queue: a message for an object, a job, or a parked turn that may go on.
type delivery struct {
	to     *object
	msg    Message
	job    *job
	resume *parked
}

// job is work that runs as a turn without being a message.
type job struct {
	run    func(ctx context.Context) (any, error)
	failed func(error) // told why it never ran
	cause  MessageID
}

// parked is a turn that waits for a promise, its goroutine blocked in Park.
type parked struct {
	v     *Vat
	wake  chan struct{}
	woken atomic.Bool // a resume has been queued
}

// Settled implements promise.Waiter: the promise is there, so the turn may go on when its place in the queue comes.
func (p *parked) Settled(*promise.Cell) { p.queue() }

func (p *parked) queue() {
	if p.woken.CompareAndSwap(false, true) {
		p.v.enqueue(delivery{resume: p})
	}
}

// enqueue appends to the queue and makes sure that a goroutine works on it.
func (v *Vat) enqueue(d delivery) {
	v.mu.Lock()
	if d.resume == nil && (v.closed || len(v.in) >= v.maxQueue) {
		err := error(ErrOverloaded)
		if v.closed {
			err = ErrVatClosed
		}
		v.mu.Unlock()
		d.refuse(err)
		return
	}
	v.in = append(v.in, d)
	if v.working {
		v.mu.Unlock()
		return
	}
	v.working = true
	v.goroutines.Add(1)
	v.mu.Unlock()
	go v.loop()
}

func (d *delivery) refuse(err error) {
	switch {
	case d.job != nil:
		if d.job.failed != nil {
			d.job.failed(err)
		}
	default:
		d.msg.Refuse(err)
	}
}

// loop owns the vat — cur, pos, the lent arrays and the objects — until the queue is empty or it hands the vat to the
// goroutine of a parked turn.
func (v *Vat) loop() {
	defer v.goroutines.Done()
	growStack(0)
	for {
		for v.pos < len(v.cur) {
			d := v.cur[v.pos]
			v.cur[v.pos] = delivery{}
			v.pos++
			if d.resume != nil {
				d.resume.wake <- struct{}{}
				return
			}
			if v.refusing.Load() {
				d.refuse(ErrVatClosed)
				continue
			}
			v.turns++
			t := &turn{vat: v, self: d.to, msg: d.msg, out: v.out, undo: v.undo, n: v.turns}
			v.out, v.undo = nil, nil
			if d.job != nil {
				t.job, t.msg.Cause = d.job.run, d.job.cause
			}
			if v.tracer != nil {
				v.traceBegin(t)
			}
			v.execute(t)
		}
		v.mu.Lock()
		if len(v.in) == 0 {
			v.working = false
			if cap(v.in) > keepQueue {
				v.in = nil
			}
			v.cur = nil
			v.mu.Unlock()
			return
		}
		spare := v.cur[:0]
		v.cur, v.pos = v.in, 0
		v.in = spare
		v.mu.Unlock()
	}
}

// growStack makes room on the goroutine's stack in one step while it is nearly empty. A handler called by reflection
// would make it grow two or three times, deep in the call, and each time all frames are walked: that took half of the
// time of a call to an idle vat.
//
//go:noinline
func growStack(i int) byte {
	var frame [5 << 10]byte
	frame[i] = 1
	return frame[len(frame)-1-i]
}

// keepQueue is the largest queue, in entries, whose memory an idle vat keeps.
const keepQueue = 64

// succeed starts another goroutine on the loop that the caller's goroutine leaves.
func (v *Vat) succeed() {
	v.goroutines.Add(1)
	go v.loop()
}

// Park implements promise.Host: it commits the turn, hands the vat over, waits, and goes on as a later turn.
func (t *turn) Park(ctx context.Context, c *promise.Cell) error {
	turnIn(t)
	if !onTurnStack() {
		panic("vat: Await with a turn's ctx on a goroutine that is not the turn's: only the handler's own goroutine may " +
			"wait in its turn; for other goroutines use vat.Go, or a ctx that does not come from the turn")
	}
	v := t.vat
	if err := t.commit(); err != nil {
		t.rollback(err)
		return err
	}
	if c.Settled() {
		return nil
	}
	if n := v.parked.Add(1); n > int64(v.maxParked) {
		v.parked.Add(-1)
		return ErrOverloaded.because(nil, "%d turns of this vat wait already", n-1)
	}
	defer v.parked.Add(-1)
	p := &parked{v: v, wake: make(chan struct{})}
	self, msg, job := t.self, t.msg, t.job
	v.out, v.undo, t.out, t.undo = t.out, t.undo, nil, nil
	c.Subscribe(p)
	v.leave()
	select {
	case <-p.wake:
	case <-ctx.Done():
		c.Unsubscribe(p)
		p.queue()
		<-p.wake
	case <-v.closing:
		c.Unsubscribe(p)
		p.queue()
		<-p.wake
	}
	// The vat is ours again, in a later turn.
	v.turns++
	t.n, t.self, t.msg, t.job = v.turns, self, msg, job
	t.out, t.undo, v.out, v.undo = v.out, v.undo, nil, nil
	switch {
	case c.Settled():
		return nil
	case ctx.Err() != nil && t.vat.open():
		return context.Cause(ctx)
	}
	return ErrVatClosed
}

// leave lets another goroutine go on with the vat, if there is anything to go on with.
func (v *Vat) leave() {
	v.mu.Lock()
	if v.pos >= len(v.cur) && len(v.in) == 0 {
		v.working = false
		v.mu.Unlock()
		return
	}
	v.mu.Unlock()
	v.succeed()
}

// executePC is the entry of (*Vat).execute.
var executePC = reflect.ValueOf((*Vat).execute).Pointer()

// onTurnStack reports whether a turn's own frame is on this goroutine's stack.
func onTurnStack() bool {
	var pcs [64]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			if f := runtime.FuncForPC(pc - 1); f != nil && f.Entry() == executePC {
				return true
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}

// WhenSettled implements promise.Host.
func (t *turn) WhenSettled(c *promise.Cell, fn func(ctx context.Context) error, committed func(), failed func(error)) {
	v, cause := t.vat, t.msg.ID
	t.OnCommit(func() {
		c.Subscribe(&later{v, &job{
			run: func(ctx context.Context) (any, error) {
				return nil, turnIn(ctx).conclude(func() error { return fn(ctx) }, committed, failed)
			},
			failed: failed,
			cause:  cause,
		}})
	}, failed)
}

// conclude runs fn, the whole of a turn, and has committed called after everything else when the turn commits, or
// failed, with the reason, if it does not. It is not OnCommit called first because an Await in fn commits, too.
func (t *turn) conclude(fn func() error, committed func(), failed func(error)) error {
	defer func() { t.OnCommit(committed, failed) }()
	return fn()
}

// later queues a job when a promise has settled.
type later struct {
	v   *Vat
	job *job
}

func (l *later) Settled(*promise.Cell) { l.v.enqueue(delivery{job: l.job}) }
