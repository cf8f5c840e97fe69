package vat

import (
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

	out     []effect
	undo    []func()
	origins []*origin  // given out in the turn, in a durable vat
	touched []*body    // durable objects that may have changed
	holds   []Ref      // to durable objects that no stored record need name, and what they led to before the turn
	saved   []snapshot // objects of kinds in other vats, whose state is in undo
	needs   needs      // of the messages in out, while the turn commits
	failed  error      // a commit in the middle of the turn failed: so has the turn

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
		f.out, f.undo, f.needs.list = nil, nil, nil
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
	if d := f.vat.depot; f.vat.refusing.Load() || d != nil && d.closing.Load() {
		f.refuse(ErrVatClosed) // in a depot all at once, so that no vat hears from another what is only so because that is closed
		return
	}
	if err := f.msg.way.shut(); err != nil {
		f.refuse(err)
		return
	}
	f.begin()
	f.handle()
	f.end()
}

// handle calls the handler and catches what it does instead of returning.
func (f *frame) handle() {
	defer f.caught()
	if f.job != nil {
		f.err = f.job.Run(f.turn)
	} else {
		f.result, f.err = f.self.disp.invoke(f.turn, &f.msg)
	}
	if f.err != nil {
		f.err, f.keep = Kept(f.err)
	}
	f.returned = true
}

func (f *frame) caught() {
	if !f.returned {
		f.failWith(recover())
	}
}

// failWith ends a handler that has panicked with p, or called runtime.Goexit.
func (f *frame) failWith(p any) {
	v := f.vat
	f.result, f.keep = nil, false
	v.fault("a handler", p, "object", f.describe())
	if p != nil {
		f.err = ErrInternal.because("a handler panicked, see the log of its vat")
		return
	}
	f.err = ErrInternal.because("a handler did not return, see the log of its vat")
	f.end()
	v.succeed() // this goroutine dies, another takes the loop over
}

// refuse ends what the frame has been loaded with before it becomes a turn.
func (f *frame) refuse(err error) {
	if f.job != nil {
		f.job.Done(err)
	} else {
		f.msg.Refuse(err)
	}
	f.unload()
}

func (f *frame) unload() {
	f.self, f.job = nil, nil
	f.msg = Message{}
}

// forwarded is the result of a dispatcher that has passed the message on with its answer.
var forwarded any = new(struct{ byte })

// end commits or rolls back, then settles the message's answer, once.
func (f *frame) end() {
	err := f.err
	if f.failed != nil {
		err, f.keep = f.failed, false
	}
	if f.vat.depot != nil {
		f.endDurable(err)
		return
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
	if f.vat.tracer != nil {
		f.vat.traceEnd(f, err)
	}
	f.msg.Taken()
	job, answer, result := f.job, f.msg.Answer, f.result
	if err != nil && job == nil && answer == nil {
		f.logLost(err)
	}
	f.finish()
	switch {
	case job != nil:
		job.Done(err)
	case answer == nil || err == nil && result == forwarded:
	case err != nil:
		answer.Break(err)
	default:
		answer.Resolve(result)
	}
}

// finish leaves nothing of the turn in the frame.
func (f *frame) finish() {
	f.turn.f, f.turn = nil, nil
	f.unload()
	f.result, f.err, f.failed, f.keep, f.returned = nil, nil, nil, false, false
}

// logLost logs why a message failed that nobody waits for. What peers get wrong is not worth a line each.
func (f *frame) logLost(err error) {
	const msg = "a message nobody waits for failed"
	method := clip(string(f.msg.Selector), maxName)
	if f.msg.From != nil {
		f.vat.log.Debug(msg, "vat", f.vat.name, "object", f.describe(), "method", method, "error", brief(err))
		return
	}
	f.vat.warn(msg, "object", f.describe(), "method", method, "error", brief(err))
}

func (f *frame) describe() string {
	if f.self == nil {
		return "none"
	}
	return f.self.disp.describe()
}
