package vat

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/promise"
)

// turn is one message being handled. It is the context that handlers get: everything that must happen inside a turn
// finds it there.
type turn struct {
	vat  *Vat
	self *object
	msg  Message
	job  func(ctx context.Context) (any, error)

	state atomic.Uint32 // running, then ended
	// out and undo hold the turn's effects until it ends; their arrays are lent by the vat.
	out  []effect
	undo []func()
	n    uint64 // the turn's ordinal in its vat, for state that is saved once a turn
}

const (
	running uint32 = iota
	ended
)

// effect is something that happens when a turn commits: a message leaves, or fn is called.
type effect struct {
	to        Target
	msg       Message
	fn        func()
	abandoned func(error)
}

// turnKey finds the turn in a context that descends from it.
type turnKey struct{}

func (t *turn) Deadline() (time.Time, bool) { return time.Time{}, false }
func (t *turn) Done() <-chan struct{}       { return t.vat.closing }
func (t *turn) Err() error {
	select {
	case <-t.vat.closing:
		return context.Canceled
	default:
		return nil
	}
}

func (t *turn) Value(key any) any {
	switch key.(type) {
	case turnKey:
		return t
	case promise.HostKey:
		return promise.Host(t)
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
	if t.state.Load() == ended {
		panic("vat: this context belongs to a turn that has ended: a handler's ctx must not outlive it; " +
			"for work that goes on use vat.Go, which gives its function a context of its own")
	}
	return t
}

// mustTurn is turnIn for what makes sense only inside a turn.
func mustTurn(ctx context.Context, what string) *turn {
	t := turnIn(ctx)
	if t == nil {
		panic("vat: " + what + " called outside a turn: call it from a handler with the handler's ctx, or inside vat.Do")
	}
	return t
}

func (t *turn) send(to Target, m Message) {
	if t.vat.tracer != nil {
		t.vat.traceSend(t, &m)
	}
	t.out = append(t.out, effect{to: to, msg: m})
}

// OnCommit implements promise.Host.
func (t *turn) OnCommit(fn func(), abandoned func(error)) {
	turnIn(t)
	t.out = append(t.out, effect{fn: fn, abandoned: abandoned})
}

// Unobserved implements promise.Reporter.
func (t *turn) Unobserved(err error) { t.vat.Unobserved(err) }

// commit lets the turn's effects happen, all of them or, if there is no room for its messages, none.
func (t *turn) commit() error {
	if err := t.reserve(); err != nil {
		return err
	}
	for i := range t.out {
		e := &t.out[i]
		if e.to != nil {
			e.to.Deliver(e.msg)
		} else if e.fn != nil {
			e.fn()
		}
	}
	clear(t.out)
	clear(t.undo)
	t.out, t.undo = t.out[:0], t.undo[:0]
	return nil
}

// rollback undoes what the turn did: state first, in reverse, then the messages that will never be sent.
func (t *turn) rollback(err error) {
	for i := len(t.undo) - 1; i >= 0; i-- {
		t.undo[i]()
	}
	for i := range t.out {
		e := &t.out[i]
		if e.to != nil {
			if e.msg.Answer != nil {
				e.msg.Answer.Break(ErrTurnFailed.because(err, "%v", err))
			}
		} else if e.abandoned != nil {
			e.abandoned(err)
		}
	}
	clear(t.out)
	clear(t.undo)
	t.out, t.undo = t.out[:0], t.undo[:0]
}

// reserve takes room for every message of the turn that goes to a budgeted target.
func (t *turn) reserve() error {
	var taken []Budget // in order of first use; turns rarely speak to more than a few sessions
	var counts []int
	for i := range t.out {
		e := &t.out[i]
		b := budgetOf(e.to)
		if b == nil {
			continue
		}
		e.msg.Reserved = b
		k := 0
		for k < len(taken) && taken[k] != b {
			k++
		}
		if k == len(taken) {
			taken, counts = append(taken, b), append(counts, 0)
		}
		counts[k]++
	}
	for k, b := range taken {
		if err := b.Reserve(counts[k]); err != nil {
			for j := range k {
				taken[j].Release(counts[j])
			}
			for i := range t.out {
				t.out[i].msg.Reserved = nil
			}
			return err
		}
	}
	return nil
}

// budgetOf returns the budget of the session a message to this target would go out on, as far as can be told now.
func budgetOf(to Target) Budget {
	for range 16 {
		switch x := to.(type) {
		case nil, *object:
			return nil
		case *Vow:
			to = x.Ahead()
		case Budgeted:
			return x.Budget()
		default:
			return nil
		}
	}
	return nil
}

// execute runs one turn on the loop's goroutine. Its frame on the stack is how Await tells the turn's own goroutine.
//
//go:noinline
func (v *Vat) execute(t *turn) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil {
			v.log.Error("a handler panicked", "vat", v.name, "object", t.describe(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			t.end(nil, ErrInternal.because(nil, "a handler panicked, see the local log"))
			return
		}
		// runtime.Goexit: this goroutine dies, another takes the loop over.
		t.end(nil, ErrInternal.because(nil, "a handler called runtime.Goexit"))
		v.succeed()
	}()
	var result any
	var err error
	if t.job != nil {
		result, err = t.job(t)
	} else {
		t.msg.Taken()
		result, err = t.self.disp.invoke(t, &t.msg)
	}
	t.end(result, err)
	returned = true
}

// forwarded is the result of a dispatcher that has passed the message on with its answer.
var forwarded = new(struct{ byte })

// end commits or rolls back, then settles the message's answer, once.
func (t *turn) end(result any, err error) {
	v := t.vat
	keepErr, keeping := kept(err)
	if err == nil || keeping {
		if e := t.commit(); e != nil {
			err, keeping = e, false
		}
	}
	if err != nil && !keeping {
		t.rollback(err)
	}
	if keeping {
		err = keepErr
	}
	t.state.Store(ended)
	v.out, v.undo = t.out, t.undo
	if v.tracer != nil {
		v.traceEnd(t, err)
	}
	answer := t.msg.Answer
	switch {
	case err == nil && result == any(forwarded):
	case answer == nil:
		if err != nil && t.job == nil {
			v.log.Warn("a message nobody waits for failed", "vat", v.name, "object", t.describe(), "method", string(t.msg.Selector), "error", err)
		}
	case err != nil:
		answer.Break(err)
	default:
		answer.Resolve(result)
	}
	t.self, t.job, t.msg, t.out, t.undo = nil, nil, Message{}, nil, nil
}

func (t *turn) describe() string {
	if t.self == nil {
		return "none"
	}
	return t.self.disp.describe()
}
