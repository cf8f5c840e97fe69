package captp

import (
	"crypto/rand"
	"encoding/hex"
	"errors"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// claim is what the peer has on an outcome of ours: a position by which it names it, a resolver that is to be told, or
// both.
type claim struct {
	s       *Session
	pos     msg.Pos // where the peer knows it, if named
	resolve msg.Pos // where the peer exports who is to be told, if told
	named   bool
	told    bool
	said    bool    // and was
	asked   bool    // by op:listen
	weight  int     // of the outcome, once it is known
	serial  uint64  // in listens, if it is not named
	of      vat.Ref // whose outcome it is, then
	durable
}

// answer is the promise for the outcome of a message of the peer's. What is sent to it before it is known waits in the
// vow, whether or not the peer has released the position meanwhile.
type answer struct {
	claim
	vow *vat.Vow // &own, but of one that was there before a restart
	own vat.Vow
}

// newAnswer makes the promise for the answer to a message of the peer's, at the position it chose, if any.
func (l *locked) newAnswer(pos msg.Pos, named bool, resolve msg.Desc, told bool) (*answer, error) {
	t := l.t
	a := &answer{claim: claim{s: l.s, pos: pos, resolve: resolve.Pos, named: named, told: told}}
	a.own.Init(nil)
	a.vow = &a.own
	if told {
		if err := t.expectReply(); err != nil {
			return nil, err
		}
	}
	if named {
		if t.answers[pos] != nil {
			return nil, violation("answer-pos", "position %d is in use: release it with op:gc-answers first", pos)
		}
		if len(t.answers) >= l.s.cfg.Limits.MaxAnswers {
			return nil, violation("limit", "more than %d answers not released", l.s.cfg.Limits.MaxAnswers)
		}
		t.answers[pos] = a
		t.touchAnswer(a)
	} else {
		t.listen(&a.claim, a.vow.Ref())
	}
	return a, nil
}

// expectReply counts one more outcome that the peer waits for.
func (t *tables) expectReply() error {
	if limit := t.s.cfg.Limits.MaxAnswers + t.exports.len(); t.replies >= limit {
		return violation("limit", "more than %d outcomes waited for", limit)
	}
	t.replies++
	return nil
}

// Settled implements promise.Waiter: the outcome is accounted for and the peer's resolver told. An outcome that cannot
// be said is said to be a failure.
func (c *claim) Settled(cell *promise.Cell) {
	v, err, _ := cell.Outcome()
	if vow, ok := cell.Host().(*vat.Vow); ok && err == nil {
		v = byWayOf(vow, v)
		if ref, ok := v.(vat.Ref); ok {
			v, err = vat.PresentTo(ref, c.s.caller.Load(), vow.Ref())
		}
	}
	s, weight := c.s, weigh(v)
	selector, arg := passable.Symbol("fulfill"), v
	var due []gift
	for range 3 {
		if err != nil && c.told {
			selector, arg = "break", s.reasonOf(err)
		}
		var end *EndError
		s.withLock(func(l *locked) {
			if err = nil; l.state == live {
				end, err = l.tell(c, weight, selector, arg)
				weight, due = 0, l.takeDue()
			}
		})
		switch {
		case end != nil:
			s.fail(end)
			return
		case err == nil:
			s.poke()
			s.deposit(due)
			return
		case selector == "break":
			err = unspeakable{err}
		}
	}
}

// Gone implements promise.Leaver: a session that has ended tells nobody anything.
func (c *claim) Gone() bool { return c.s.inflow.ended.Load() != nil }

// tell counts the memory of an outcome that the peer may still name, and says it to the peer's resolver, which is given
// back. It returns why the session must end, if that is too much, or why it cannot be said.
func (l *locked) tell(c *claim, weight int, selector passable.Symbol, arg any) (*EndError, error) {
	t, limits := l.t, &l.s.cfg.Limits
	if c.named && weight > 0 {
		if a := t.answers[c.pos]; a != nil && &a.claim == c {
			a.weight = weight
			t.answerBytes += weight
		}
		if t.answerBytes > limits.MaxAnswerBytes {
			return l.s.violated(violation("limit", "results that are not released take more than %d bytes", limits.MaxAnswerBytes)), nil
		}
	}
	if !c.told {
		return nil, nil
	}
	t.once = c.asked
	err := t.say(msg.Desc{Kind: msg.Export, Pos: c.resolve}, selector, arg)
	t.once = false
	if err != nil {
		return nil, err
	}
	t.replies--
	t.told(c)
	t.noticeExport(c.resolve, 1)
	if t.unread() > limits.MaxUnsent {
		return l.s.violated(l.s.unread()), nil
	}
	return nil, nil
}

// unspeakable is a failure whose reason cannot be said: whatever codes it has are not shown either.
type unspeakable struct{ error }

// say encodes a message with one argument or two that wants no answer.
func (t *tables) say(to msg.Desc, selector passable.Symbol, args ...any) error {
	t.mentions = t.mentions[:0]
	n := copy(t.few[:], args)
	t.deliver = msg.Deliver{To: to, Selector: selector, Args: t.few[:n]}
	err := t.append(&t.deliver)
	clear(t.few[:])
	t.deliver.Args = nil
	if err != nil {
		t.takeBack()
		return err
	}
	t.handOut()
	return nil
}

// reasonOf is what a peer is told of a failure: the code and the message of an error that has a code, what another peer
// broke its promise with, and nothing of any other error but a number to find it by in this side's log.
func (s *Session) reasonOf(err error) any {
	if e, ok := err.(unspeakable); ok {
		return s.opaque(e.error)
	}
	if errors.Is(err, ErrOtherIdentity) {
		return s.opaque(err) // that there is another identity is what the peer must not learn
	}
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
	e := passable.Error{Code: "hawser.internal", Message: "internal error"}
	if omitted, ok := s.mishaps.Next(); ok {
		var b [6]byte
		_, _ = rand.Read(b[:])
		id := hex.EncodeToString(b[:])
		e.Message += " " + id
		s.log.Error("a failure was not told to the peer", "peer", s.peer(), "id", id, "error", err, "omitted", omitted)
	}
	return e
}

// listened handles op:listen.
func (s *Session) listened(op *msg.Listen) error {
	var ref vat.Ref
	var err error
	c := &claim{s: s, resolve: op.Resolve.Pos, told: true, asked: true}
	s.withLock(func(l *locked) {
		var res *far
		if ref, res, err = l.target(op.To); err != nil {
			return
		}
		if res != nil {
			ref = l.resolverRef(op.To.Pos, res)
		}
		if err = l.t.expectReply(); err == nil {
			l.t.listen(c, ref)
		}
	})
	if err != nil {
		return err
	}
	ref.PromiseCell().Subscribe(c)
	return nil
}
