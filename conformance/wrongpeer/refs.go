package wrongpeer

import (
	"io"
	"slices"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
)

// local is an object of ours. It settles result, at once or later.
type local struct {
	call func(args []any, result *promise)
	// forgets says that what it was sent is not kept.
	forgets bool
}

// remote is an object or promise of another peer's.
type remote struct {
	c        *conn
	pos      uint64
	promise  bool
	received uint64
}

// promise is a promise of ours.
type promise struct {
	settled, broken bool
	value           any
	next            *promise // what it was fulfilled with, if that is a promise
	waiting         []func()
	listened        bool
	depth           int // of the pipeline whose answer it is
}

func (l *local) PassableReference() passable.Reference   { return l }
func (r *remote) PassableReference() passable.Reference  { return r }
func (q *promise) PassableReference() passable.Reference { return q }

// when calls f when q is settled.
func (q *promise) when(f func()) {
	if q.settled {
		f()
		return
	}
	q.waiting = append(q.waiting, f)
}

func (q *promise) fulfill(value any) {
	if q.settled || q.next != nil {
		return
	}
	switch v := value.(type) {
	case *promise:
		q.next = v
		v.when(func() { q.settle(v.broken, v.value) })
		return
	case *remote:
		if v.promise {
			q.next = &promise{}
			v.c.listen(v, q)
			return
		}
	}
	q.settle(false, value)
}

func (q *promise) smash(reason any) {
	if !q.settled && q.next == nil {
		q.settle(true, reason)
	}
}

func (q *promise) settle(broken bool, value any) {
	if q.settled {
		return
	}
	q.settled, q.broken, q.value = true, broken, value
	for _, f := range q.waiting {
		f()
	}
	q.waiting = nil
}

func fault(text string) passable.Error { return passable.Error{Message: text} }

// deliver sends args to any value; result becomes what comes of it.
func (p *Peer) deliver(to any, args []any, result *promise) {
	switch to := to.(type) {
	case *local:
		to.call(args, result)
	case *remote:
		to.c.deliver(to, args, result)
	case *promise:
		if to.depth > 1 && p.is("pipelining") {
			result.smash(fault("the pipeline is too long"))
			return
		}
		pending := !to.settled
		forward := func() {
			switch {
			case !to.broken:
				p.deliver(to.value, args, result)
			case pending && p.is("long-pipeline-breaks"):
			case !pending && p.is("pipeline-breaks"):
				result.fulfill(passable.Undefined{})
			default:
				result.smash(to.value)
			}
		}
		if pending && p.is("order-through-a-promise") {
			to.waiting = slices.Insert(to.waiting, 0, forward)
			return
		}
		to.when(forward)
	default:
		if p.is("values-take-no-messages") {
			result.fulfill(passable.Undefined{})
			return
		}
		result.smash(fault("not a reference"))
	}
}

// resolver returns the resolver of q.
func (p *Peer) resolver(q *promise) *local {
	return &local{call: func(args []any, result *promise) {
		result.fulfill(passable.Undefined{})
		switch {
		case len(args) != 2:
		case args[0] == passable.Symbol("fulfill"):
			if args[1] == any(q) && p.is("promise-of-itself") {
				p.die()
			}
			if other, ok := args[1].(*promise); ok && other.next == q && p.is("promises-in-a-circle") {
				p.die()
			}
			q.fulfill(args[1])
		case args[0] == passable.Symbol("break"):
			q.smash(args[1])
		}
	}}
}

func (p *Peer) random32() (b [32]byte) {
	_, _ = io.ReadFull(p.random, b[:])
	return b
}

func export(pos uint64) msg.Desc { return msg.Desc{Kind: msg.Export, Pos: pos} }
