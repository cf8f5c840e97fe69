package vat

import (
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/hawser-go/hawser/promise"
)

// frame is what a goroutine works with while it runs a vat's turns, one after the other. A parked turn keeps its frame.
type frame struct {
	vat  *Vat
	turn *turn // the turn that runs
	n    uint64
	self *object
	msg  Message
	job  promise.Job

	out    []effect
	undo   []func()
	failed error // a commit in the middle of the turn failed: so has the turn

	result   any
	err      error
	keep     bool // err leaves the effects in place
	returned bool

	turns []turn // to be used next; made in batches
}

var frames = sync.Pool{New: func() any { return new(frame) }}

// keepOutbox is the largest outbox, in effects, whose memory is kept.
const keepOutbox = 256

// put gives the frame back for another vat to use.
func (f *frame) put() {
	if cap(f.out) > keepOutbox || cap(f.undo) > keepOutbox {
		f.out, f.undo = nil, nil
	}
	f.vat, f.turn, f.self, f.job = nil, nil, nil, nil
	frames.Put(f)
}

// turnBatch is how many turns are made at a time: fewer allocations, against what a kept context keeps alive.
const turnBatch = 16

// begin makes the turn for what the frame has been loaded with.
func (f *frame) begin() {
	if len(f.turns) == 0 {
		f.turns = make([]turn, turnBatch)
	}
	t := &f.turns[0]
	f.turns = f.turns[1:]
	v := f.vat
	t.vat, t.f, f.turn = v, f, t
	v.turns++
	f.n = v.turns
	if v.tracer != nil {
		v.traceBegin(f)
	}
}

// execute runs one turn on the loop's goroutine. Its frame on the stack is how Await tells the turn's own goroutine.
//
//go:noinline
func execute(f *frame) {
	if f.vat.refusing.Load() {
		f.refuse(ErrVatClosed)
		return
	}
	if err := f.msg.gate.shut(); err != nil {
		f.refuse(err)
		return
	}
	f.begin()
	defer f.after()
	f.invoke()
	f.keep = false
	if f.err != nil {
		f.err, f.keep = kept(f.err)
	}
	f.returned = true
}

func (f *frame) invoke() {
	if f.job != nil {
		f.err = f.job.Run(f.turn)
		return
	}
	f.result, f.err = f.self.disp.invoke(f.turn, &f.msg)
}

// refuse ends what the frame has been loaded with before it becomes a turn.
func (f *frame) refuse(err error) {
	if f.job != nil {
		f.job.Done(err)
	} else {
		f.msg.Refuse(err)
	}
	f.self, f.job, f.msg = nil, nil, Message{}
}

// after ends the turn however the handler has left it.
func (f *frame) after() {
	if f.returned {
		f.end()
		return
	}
	v := f.vat
	f.result, f.keep = nil, false
	if p := recover(); p != nil {
		v.log.Error("a handler panicked", "vat", v.name, "object", f.describe(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		f.err = ErrInternal.because("a handler panicked, see the log of its vat")
		f.end()
		return
	}
	v.log.Error("a handler called runtime.Goexit", "vat", v.name, "object", f.describe())
	f.err = ErrInternal.because("a handler did not return, see the log of its vat")
	f.end()
	v.succeed() // this goroutine dies, another takes the loop over
}

// forwarded is the result of a dispatcher that has passed the message on with its answer.
var forwarded any = new(struct{ byte })

// end commits or rolls back, then settles the message's answer, once.
func (f *frame) end() {
	v, result, err := f.vat, f.result, f.err
	if f.failed != nil {
		err, f.keep = f.failed, false
	}
	if err == nil || f.keep {
		if e := f.commit(); e != nil {
			err, f.keep = e, false
		}
	}
	if err != nil && !f.keep {
		f.rollback(err)
	}
	f.turn.state.Store(ended)
	if v.tracer != nil {
		v.traceEnd(f, err)
	}
	f.msg.Taken()
	job, answer := f.job, f.msg.Answer
	if err != nil && job == nil && answer == nil {
		f.logLost(err)
	}
	f.turn.f, f.turn, f.self, f.job, f.msg = nil, nil, nil, nil, Message{}
	f.result, f.err, f.failed, f.returned = nil, nil, nil, false
	switch {
	case job != nil:
		job.Done(err)
	case err == nil && result == forwarded || answer == nil:
	case err != nil:
		answer.Break(err)
	default:
		answer.Resolve(result)
	}
}

// logLost logs why a message failed that nobody waits for. What peers get wrong is not worth a line each.
func (f *frame) logLost(err error) {
	log := f.vat.log.Warn
	if f.msg.From != nil {
		log = f.vat.log.Debug
	}
	log("a message nobody waits for failed", "vat", f.vat.name, "object", f.describe(), "method", clip(string(f.msg.Selector)),
		"error", sentence(err))
}

func (f *frame) describe() string {
	if f.self == nil {
		return "none"
	}
	return f.self.disp.describe()
}

// sentence returns the text of an error that user code made, whatever its Error method does.
func sentence(err error) string { return fmt.Sprint(err) }

// clip shortens what a peer chose, for logs and errors.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
