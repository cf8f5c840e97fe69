package captp

import (
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// outcome is how a promise of the peer's has settled.
type outcome struct {
	value any
	err   error
}

// outcomeOf reads a message to a resolver.
func outcomeOf(selector passable.Symbol, args []any) (o outcome) {
	switch {
	case selector == "fulfill" && len(args) == 1:
		o.value = args[0]
	case selector == "fulfill" && len(args) == 0:
		o.value = passable.Undefined{}
	case selector == "break" && len(args) > 0:
		o.err = vat.FromReason(args[0], true)
	case selector == "break":
		o.err = vat.FromReason(passable.Undefined{}, true)
	default:
		o.err = violation("resolver", "expected ['fulfill value] or ['break reason], got %.40q with %d arguments", selector, len(args))
	}
	return o
}

// settle handles a message to the resolver of q: its outcome, the first time.
func (s *Session) settle(q *far, selector passable.Symbol, args []any, from *vat.Caller) {
	first, later := false, false
	s.withLock(func(l *locked) {
		if q.settled {
			return
		}
		first, q.settled = true, true
		if l.t != nil {
			l.t.spend(q)
		}
		if q.handing {
			o := outcomeOf(selector, args)
			q.late, later = &o, true
		}
	})
	switch {
	case !first:
		again := vat.Message{Args: args, From: from}
		again.Refuse(nil) // what it mentions nobody will see
	case !later:
		s.conclude(q, outcomeOf(selector, args))
	}
}

// conclude settles q's vow and gives its position back as soon as nothing goes there any more.
//
// Messages that were sent down the promise travel by way of the peer. Once the answer is known they could go straight
// to it, but must not overtake those still under way. They cannot when the answer is data, when nothing was sent down
// the promise, or when the answer is an object of the same peer and that peer has moved the promise's queue there
// before it told us, as Hawser does: then everything travels on this one connection, in order, into one queue.
func (s *Session) conclude(q *far, o outcome) {
	safe := true
	if ref, ok := o.value.(vat.Ref); ok && !ref.IsNull() {
		f, isFar := ref.Target().(*far)
		safe = isFar && f.session() == s && s.moves.Load()
	}
	q.vow.Settle(o.value, o.err, safe, func() { s.giveBack(q) })
	if safe {
		return
	}
	kept := false
	s.withLock(func(*locked) { kept = !q.released })
	if kept && q.kind == farQuestion {
		vat.OnCollect(q.vow.Ref(), s.graves.add, grave{pos: q.pos, question: true})
	}
}

// FeatureMovesQueues is announced, in the handshake of netlayers that have one, by peers that move the queue of a
// promise to where it leads before they say so.
const FeatureMovesQueues = "moves-queues"

// giveBack releases the position of a promise whose vow leads elsewhere now.
func (s *Session) giveBack(q *far) {
	s.withLock(func(l *locked) {
		if l.state != live || q.released {
			return
		}
		q.released = true
		if q.kind == farQuestion {
			l.t.gcAnswers = append(l.t.gcAnswers, q.pos)
		} else if e := l.t.imports[q.pos]; e != nil && e.promise {
			l.t.bury(q.pos, e)
		}
		l.releaseSoon()
	})
}
