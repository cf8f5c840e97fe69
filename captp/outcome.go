package captp

import (
	"errors"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// outcome is how a promise of the peer's has settled.
type outcome struct {
	value any
	err   error
	given bool // the value is what a certificate stands for
}

// outcomeOf reads a message to a resolver. given says that its argument is what a certificate stands for.
func outcomeOf(selector passable.Symbol, args []any, given bool) outcome {
	o := outcome{given: given}
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

// settle handles a message to the resolver of q: its outcome, the first time. r is the reader whose frame that is, nil if it came another way.
func (s *Session) settle(q *far, selector passable.Symbol, args []any, from *vat.Caller, given bool, r *reader) {
	o := outcomeOf(selector, args, given)
	first, later := false, false
	var of *far
	s.withLock(func(l *locked) {
		if q.settled {
			return
		}
		first, q.settled = true, true
		of, q.of = q.of, nil
		if q.kind == farPromise {
			s.promised.keep(q, args)
		}
		if l.t != nil {
			l.t.spend(q)
		}
		later = q.over.keeps(s, q, o)
	})
	switch {
	case !first:
		again := vat.Message{Args: args, From: from}
		again.Refuse(nil) // what it mentions nobody will see
	case !later:
		s.conclude(q, o, r)
	}
	if e, ok := errors.AsType[*vat.Error](o.err); ok && of != nil && e.Code == vat.ErrLost.Code {
		s.cfg.OnLost(of.node.Ref())
	}
}

// conclude settles q's vow and gives its position back as soon as nothing goes there any more.
//
// Messages that were sent down the promise travel by way of the peer. Once the answer is known they could go straight
// to it, but must not overtake those still under way; and whoever is told of the answer, another peer too, will send
// straight to it. If the answer is data there is nothing to overtake. If it is something of the same peer, and that peer
// has moved the promise's queue there before it told us, as Hawser does, then everything travels on this one
// connection, in order, into one queue. If it is something of this process, what was sent down the promise comes back
// over this connection: so a message there and back, sent behind the last of it, comes after all of it. A peer that
// does not move queues gives no such assurance: a promise of its that was used keeps to its way as long as it is held.
//
// If the answer is something of a third party, handed off, what was sent down the promise goes on from the peer to there.
// The outcome is then asked for once more, behind it all: the peer deposits what the certificate in that answer stands
// for behind everything it has forwarded, under an id of its own, and what is sent by the certificate waits at the third
// party for the deposit.
func (s *Session) conclude(q *far, o outcome, r *reader) {
	ref, ok := o.value.(vat.Ref)
	switch {
	case q.kind == farFlush:
		s.through(q.wait)
	case q.kind == farAgain && r != nil:
		s.done(q.wait) // which is recorded together with the outcome
		s.become(q, o, q.wait.q, r)
	case q.kind == farAgain:
		s.become(q, o, q.wait.q, nil)
		s.done(q.wait)
	case q.wait != nil: // as it was before a restart
		q.wait.o = o
		s.flush(q.wait)
	case o.err != nil || !ok || ref.IsNull():
		s.become(q, o, q, r)
	case !s.moves.Load() || hasGap(q):
		s.keep(q, o)
	case !o.given && s.carries(ref):
		s.become(q, o, q, r)
	default:
		w := &wait{q: q, vow: vat.NewVow(nil), o: o}
		s.expect(w)
		q.vow.Settle(w.vow.Ref(), nil, true, func() { s.flush(w) })
	}
}

// become settles q's vow, and gives a position back as soon as nothing goes there any more. The vow of a session that lasts
// may have been settled in its depot before a crash that the end of the frame did not survive.
func (s *Session) become(q *far, o outcome, asked *far, r *reader) {
	s.storeOutcome(q.vow, o, r)
	if !q.vow.Settle(o.value, o.err, true, func() { s.giveBack(asked) }) {
		s.giveBack(asked)
	}
}

// hasGap reports whether a message sent down q was refused, so that those after it must be, too: they have to go on by q,
// which knows.
func hasGap(q *far) (gap bool) {
	q.session().withLock(func(*locked) { gap = len(q.broken) > 0 })
	return gap
}

// carries reports whether messages to ref leave by this session.
func (s *Session) carries(ref vat.Ref) bool {
	switch x := ref.Target().(type) {
	case *far:
		return x.session() == s
	case *vat.Vow:
		f, ok := vat.Ahead(ref).(*far)
		return ok && f.kind == farPromise && f.vow == x && f.session() == s
	}
	return false
}

// keep settles a promise whose messages go on by way of the peer: one that does not move queues, or to which not every
// message went.
func (s *Session) keep(q *far, o outcome) {
	q.vow.Settle(o.value, nil, false, func() { s.giveBack(q) })
	if q.kind != farQuestion {
		return // an imported promise is looked for by the collector as it is
	}
	s.withLock(func(*locked) { q.collected = !q.released })
	if q.collected {
		vat.OnCollect(q.vow.Ref(), s.graves.add, grave{pos: q.pos, question: true})
	}
}

// FeatureMovesQueues is announced, in the handshake of netlayers that have one, by peers that move the queue of a
// promise to where it leads before they say so.
const FeatureMovesQueues = "moves-queues"

// giveBack releases the position of a promise whose vow leads elsewhere now.
func (s *Session) giveBack(q *far) {
	s.withLock(func(l *locked) {
		if l.state != live || q.released || q.collected {
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
