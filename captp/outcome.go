package captp

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// reply is the peer's resolver, waiting for a promise of ours.
type reply struct {
	s   *Session
	pos msg.Pos // where the peer exports the resolver
}

// Settled implements promise.Waiter: the peer's resolver is told, and given back.
func (r *reply) Settled(c *promise.Cell) {
	v, err, _ := c.Outcome()
	s := r.s
	var end *EndError
	s.withLock(func(l *locked) {
		if l.state != live {
			return
		}
		t := l.t
		t.replies--
		t.mentions = t.mentions[:0]
		to := msg.Desc{Kind: msg.Export, Pos: r.pos}
		if err == nil {
			if err = t.append(&msg.Deliver{To: to, Selector: "fulfill", Args: []any{v}}); err != nil {
				t.takeBack()
				t.mentions = t.mentions[:0]
			}
		}
		if err != nil {
			if e := t.append(&msg.Deliver{To: to, Selector: "break", Args: []any{s.reasonOf(err)}}); e != nil {
				t.takeBack()
				_ = t.append(&msg.Deliver{To: to, Selector: "break", Args: []any{s.opaque(e)}})
			}
		}
		t.noticeExport(r.pos, 1)
		if len(t.out) > s.cfg.Limits.MaxUnsent {
			end = &EndError{Peer: s.peer(), Kind: Violated, Reason: "answers are not being read"}
		}
	})
	if end != nil {
		s.fail(end)
		return
	}
	s.poke()
}

// reasonOf is what a peer is told of a failure: the code and the message of an error that has a code, what another peer
// broke its promise with, and nothing of any other error but a number to find it by in this side's log.
func (s *Session) reasonOf(err error) any {
	if e, ok := errors.AsType[*vat.Error](err); ok {
		if e.Reason != nil && e.Code == "" {
			return e.Reason
		}
		if e.Code != "" {
			return passable.Error{Code: e.Code, Message: e.Message}
		}
	}
	if e, ok := errors.AsType[passable.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[interface {
		error
		ErrorCode() string
		ErrorMessage() string
	}](err); ok {
		return passable.Error{Code: e.ErrorCode(), Message: e.ErrorMessage()}
	}
	return s.opaque(err)
}

func (s *Session) opaque(err error) passable.Error {
	var b [6]byte
	_, _ = rand.Read(b[:])
	id := hex.EncodeToString(b[:])
	s.log.Error("a failure was not told to the peer", "peer", s.peer(), "id", id, "error", err)
	return passable.Error{Code: "hawser.internal", Message: "internal error " + id}
}

// listened handles op:listen.
func (s *Session) listened(op *msg.Listen) error {
	if op.Resolve.Kind != msg.ImportObject && op.Resolve.Kind != msg.ImportPromise {
		return violation("op:listen", "the listener must be desc:import-object, got %v", op.Resolve)
	}
	var ref vat.Ref
	var resolver *far
	var err error
	s.withLock(func(l *locked) {
		if ref, resolver, err = l.target(op.To); err != nil {
			return
		}
		if len(l.t.answers)+l.t.replies >= s.cfg.Limits.MaxAnswers {
			err = violation("limit", "more than %d answers and listeners", s.cfg.Limits.MaxAnswers)
			return
		}
		if resolver != nil {
			ref = l.resolverRef(op.To.Pos, resolver)
		}
		l.t.replies++
	})
	if err != nil {
		return err
	}
	ref.PromiseCell().Subscribe(&reply{s, op.Resolve.Pos})
	return nil
}

// outcome is how a promise of the peer's has settled.
type outcome struct {
	value any
	err   error
}

// settle handles a message to the resolver of q: its outcome, the first time.
func (s *Session) settle(q *far, selector passable.Symbol, args []any) {
	var o outcome
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
		o.err = violation("resolver", "expected ['fulfill value] or ['break reason], got %q with %d arguments", selector, len(args))
	}
	first, later := false, false
	s.withLock(func(*locked) {
		first = !q.settled
		q.settled = true
		if first && q.handing {
			q.late, later = &o, true
		}
		if first && q.asked {
			q.asked = false
			s.budget.Release(1)
		}
	})
	if first && !later {
		s.conclude(q, o)
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
		safe = isFar && f.session() == s && s.movesQueues()
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

func (s *Session) movesQueues() (moves bool) {
	s.withLock(func(l *locked) { moves = l.t != nil && slices.Contains(l.t.info.Features, FeatureMovesQueues) })
	return moves
}

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
	})
	s.releaseSoon()
}
