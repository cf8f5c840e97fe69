package vat

import (
	"runtime"

	"github.com/hawser-go/hawser/promise"
)

// Deliver queues the message for a turn of the object's vat.
func (o *object) Deliver(m Message) { o.vat.deliver(o, &m) }

func (v *Vat) deliver(o *object, m *Message) {
	v.mu.Lock()
	if v.closed || v.overfull(1) && !m.counted() {
		closed := v.closed
		v.mu.Unlock()
		if closed {
			m.Refuse(ErrVatClosed)
		} else {
			m.Refuse(ErrOverloaded)
		}
		return
	}
	d := v.in.add()
	d.to = o
	d.msg = *m
	v.wake()
}

// enqueue queues a job for the message cause. Only one from outside is refused for the length of the queue: the others
// come from turns, and each from something that was let in.
func (v *Vat) enqueue(j promise.Job, cause MessageID, outside bool) {
	v.mu.Lock()
	if v.closed || outside && v.overfull(1) {
		closed := v.closed
		v.mu.Unlock()
		if closed {
			j.Done(ErrVatClosed)
		} else {
			j.Done(ErrOverloaded)
		}
		return
	}
	d := v.in.add()
	d.work, d.msg.Cause = j, cause
	v.wake()
}

// resume queues a parked turn that may go on, also when the vat has closed. If the vat is idle it is handed over at once.
func (v *Vat) resume(p *parked) {
	v.mu.Lock()
	if !v.working {
		v.working = true
		v.mu.Unlock()
		p.wake <- struct{}{}
		return
	}
	v.in.add().work = p
	v.wake()
}

// overfull reports whether n more messages are too many. It is called with mu held.
func (v *Vat) overfull(n int) bool { return int(v.waiting.Load())+n > v.limits.queue }

// wake makes sure that a goroutine works on the queue that was just added to. It is called with mu held and lets go
// of it.
func (v *Vat) wake() {
	v.waiting.Add(1)
	if v.working {
		v.mu.Unlock()
		return
	}
	v.working = true
	v.goroutines.Add(1)
	v.mu.Unlock()
	go v.start()
}

// deliverOwn is deliver for what a turn of this vat sends to an object of it, called by the vat's owner. What is
// waiting behind the lock was sent before it, and may have come by way of a promise that the sender has seen settled;
// only if there is nothing the message goes straight into the part of the queue that is being worked off.
func (v *Vat) deliverOwn(o *object, m *Message) {
	if v.waiting.Load() > 0 {
		v.deliver(o, m)
		return
	}
	if p := v.cur.tail; p != nil && p == v.cur.head && v.pos == p.n {
		p.n, v.pos = 0, 0 // all of it has been taken out
	}
	d := v.cur.add()
	d.to = o
	d.msg = *m
	v.own++
}

// loop owns the vat — cur, pos and the objects — until the queue is empty or it hands the vat to the goroutine of a
// parked turn.
func (v *Vat) loop() {
	defer v.goroutines.Done()
	growStack(0)
	f := frames.Get().(*frame)
	f.vat = v
	for v.next() {
		d := &v.cur.head.ds[v.pos]
		v.pos++
		v.own--
		if p, ok := d.work.(*parked); ok {
			d.work = nil
			f.put()
			p.wake <- struct{}{}
			return
		}
		f.self = d.to
		f.msg = d.msg
		f.job, _ = d.work.(promise.Job)
		*d = delivery{}
		execute(f)
	}
	f.put()
}

// next reports whether there is a delivery at pos. If there is none the vat has become idle, and is owned no more.
func (v *Vat) next() bool {
	if v.more() {
		return true
	}
	if v.waiting.Load() == 0 {
		// Whoever waited for what was done here may well ask for more: that is cheaper now than with another goroutine.
		runtime.Gosched()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.relinquish()
	v.cur, v.in = v.in, queue{}
	v.own = int(v.waiting.Swap(0))
	v.working = v.own > 0
	return v.working
}

// relinquish leaves nothing of the part of the queue that has been worked off, and the vat to itself. It is called with
// mu held.
func (v *Vat) relinquish() {
	for v.cur.head != nil {
		v.cur.drop()
	}
	v.pos, v.working = 0, false
}

// more reports whether there is a delivery at pos in the part of the queue that is being worked off.
func (v *Vat) more() bool {
	for p := v.cur.head; p != nil; p = v.cur.head {
		if v.pos < p.n {
			return true
		}
		if p.next == nil {
			break
		}
		v.cur.drop()
		v.pos = 0
	}
	return false
}

// leave lets another goroutine go on with the vat, if there is anything to go on with.
func (v *Vat) leave() {
	v.mu.Lock()
	if !v.more() && v.waiting.Load() == 0 {
		v.relinquish()
		v.mu.Unlock()
		return
	}
	v.mu.Unlock()
	v.succeed()
}

// succeed starts another goroutine on the loop that the caller's goroutine leaves.
func (v *Vat) succeed() {
	v.goroutines.Add(1)
	go v.start()
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
