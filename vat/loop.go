package vat

import (
	"sync"

	"github.com/hawser-go/hawser/promise"
)

// delivery is one entry of a vat's queue: a message for an object, or work without one.
type delivery struct {
	to   *object
	work any // a promise.Job, or a *parked turn that may go on
	msg  Message
}

// batch is a part of a vat's queue. An idle vat has none: they are lent from a pool, which is the process's own and
// holds no handle of anybody's.
type batch struct{ ds []delivery }

var batches = sync.Pool{New: func() any { return new(batch) }}

// keepQueue is the largest queue, in entries, whose memory is kept for another vat.
const keepQueue = 256

func putBatch(b *batch) {
	if cap(b.ds) <= keepQueue {
		b.ds = b.ds[:0]
		batches.Put(b)
	}
}

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
	b := v.queue()
	b.ds = append(b.ds, delivery{to: o, msg: *m})
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
	b := v.queue()
	b.ds = append(b.ds, delivery{work: j, msg: Message{Cause: cause}})
	v.wake()
}

// resume queues a parked turn that may go on, also when the vat has closed.
func (v *Vat) resume(p *parked) {
	v.mu.Lock()
	b := v.queue()
	b.ds = append(b.ds, delivery{work: p})
	v.wake()
}

// overfull reports whether n more messages are too many. It is called with mu held.
func (v *Vat) overfull(n int) bool { return int(v.waiting.Load())+n > v.limits.queue }

// queue returns the batch that is being filled. It is called with mu held.
func (v *Vat) queue() *batch {
	if v.in == nil {
		v.in = batches.Get().(*batch)
	}
	return v.in
}

// wake makes sure that a goroutine works on the queue that was just added to. It is called with mu held and lets go
// of it.
func (v *Vat) wake() {
	v.waiting.Store(int64(len(v.in.ds)))
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
	if v.cur == nil || v.waiting.Load() > 0 {
		v.deliver(o, m)
		return
	}
	b := v.cur
	if n := len(b.ds); n == cap(b.ds) && v.pos > n/2 {
		k := copy(b.ds, b.ds[v.pos:])
		clear(b.ds[k:])
		b.ds, v.pos = b.ds[:k], 0
	}
	b.ds = append(b.ds, delivery{to: o, msg: *m})
}

// loop owns the vat — cur, pos and the objects — until the queue is empty or it hands the vat to the goroutine of a
// parked turn.
func (v *Vat) loop() {
	defer v.goroutines.Done()
	growStack(0)
	f := frames.Get().(*frame)
	f.vat = v
	for v.next() {
		d := &v.cur.ds[v.pos]
		v.pos++
		if p, ok := d.work.(*parked); ok {
			*d = delivery{}
			f.put()
			p.wake <- struct{}{}
			return
		}
		f.self, f.msg = d.to, d.msg
		f.job, _ = d.work.(promise.Job)
		*d = delivery{}
		execute(f)
	}
	f.put()
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

// next reports whether there is a delivery at pos. If there is none the vat has become idle, and is owned no more.
func (v *Vat) next() bool {
	if v.cur != nil && v.pos < len(v.cur.ds) {
		return true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	spent := v.cur
	v.cur, v.pos, v.in = v.in, 0, nil
	if v.cur != nil && len(v.cur.ds) > 0 {
		v.waiting.Store(0)
		if spent != nil && cap(spent.ds) <= keepQueue {
			spent.ds = spent.ds[:0]
			v.in = spent
		}
		return true
	}
	if v.cur != nil {
		putBatch(v.cur)
		v.cur = nil
	}
	if spent != nil {
		putBatch(spent)
	}
	v.working = false
	return false
}

// leave lets another goroutine go on with the vat, if there is anything to go on with.
func (v *Vat) leave() {
	v.mu.Lock()
	if (v.cur == nil || v.pos >= len(v.cur.ds)) && v.waiting.Load() == 0 {
		v.working = false
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
