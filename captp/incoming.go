package captp

import (
	"errors"
	"strings"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// read takes frames off the connection until it ends. It never waits for anything else.
func (s *Session) read(conn netlayer.Conn) {
	defer s.partDone()
	r := &reader{s: s, conn: conn, dec: wire.NewDecoder(s.dialect, wire.Limits{Bytes: netlayer.MaxFrame})}
	s.withLock(func(l *locked) { // as it was, if the session is from before
		r.started, r.seen, r.space = l.started, l.seen, l.space[1]
	})
	r.in = r.reference
	r.dec.Envelope = r.certificate
	for {
		frame, err := conn.Read()
		if err != nil {
			r.spurned()
			s.lose(err)
			return
		}
		r.frame, r.done = frame, false
		s.step.Lock()
		err = r.handle(frame.Bytes)
		r.received()
		s.step.Unlock()
		if r.certified {
			r.certified = false
			s.start()
		}
		if s.lastable() == vat.LastsNow {
			s.poke()
		}
		if err != nil {
			var end *EndError
			if !errors.As(err, &end) {
				end = s.violated(err)
				s.log.Warn("the peer broke the protocol", "peer", end.Peer, "error", err)
			}
			if end.Kind == Aborted {
				r.spurned()
			}
			s.fail(end)
			return
		}
	}
}

// crossedWait is how long a session that was ended before it began may still be handed over.
const crossedWait = 250 * time.Millisecond

// spurned waits a moment if the peer has ended a connection of ours without a greeting. Where crossing connections are
// told apart by what they say, it may have decided for its own, which brings its greeting on another way and no sooner:
// what waits here goes out there then.
func (r *reader) spurned() {
	if r.started || !r.s.cfg.Patient || !r.conn.Info().Outbound {
		return
	}
	moment := time.NewTimer(crossedWait)
	defer moment.Stop()
	select {
	case <-r.s.handed:
	case <-r.s.stop:
	case <-moment.C:
	}
}

// lose ends a session whose connection is over.
func (s *Session) lose(err error) {
	if errors.Is(err, netlayer.ErrElsewhere) && s.lastable() == vat.LastsNow {
		s.log.Error("this directory is in use by another process, or was: durable vats stop", "peer", s.peer(), "error", err)
		s.cfg.Ledger.depot.Fail(err)
		s.leave(err)
		return
	}
	s.fail(lost(s, err))
}

func lost(s *Session, err error) *EndError { return &EndError{Peer: s.peer(), Kind: Lost, Err: err} }

// excerpt cuts a text that may be a peer's, or about a peer's bytes.
func excerpt(text string) string {
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// reader is the reading half of a session.
type reader struct {
	s    *Session
	conn netlayer.Conn
	dec  *wire.Decoder
	in   func(msg.Desc) (passable.Reference, error)
	// fresh are promises the message being read brought in, to be listened to.
	fresh     []*far
	given     vat.Ref   // what a certificate in it stands for
	certified bool      // there is one to be redeemed
	held      int64     // by promises, when the collector last looked
	started   bool      // the peer's op:start-session has come
	seen      wire.Seen // shapes the peer has used
	// ordinal and space name the messages received, in traces.
	ordinal, space uint64
	frame          netlayer.Frame // the one being read,
	done           bool           // which was handed back
}

func (r *reader) handle(frame []byte) error {
	r.given = vat.Ref{}
	if err := r.relieve(); err != nil {
		return err
	}
	op, err := r.dec.Decode(frame, r.in)
	if err != nil {
		return err
	}
	if seen := r.dec.Seen(); seen != r.seen {
		r.follow(seen)
	}
	switch op := op.(type) {
	case *msg.StartSession:
		return r.startSession(op)
	case *msg.Abort:
		return &EndError{Peer: r.s.peer(), Kind: Aborted, Reason: excerpt(op.Reason)}
	}
	if !r.started {
		return violation("op:start-session", "must come first, got %T", op)
	}
	if len(r.fresh) > 0 {
		r.listen()
	}
	switch op := op.(type) {
	case *msg.Deliver:
		return r.deliver(op, len(frame))
	case *msg.Listen:
		return r.s.listened(op)
	case *msg.Get:
		return r.part(op.To, vat.Message{Op: vat.Get, Selector: passable.Symbol(op.Field)}, op.Answer, len(frame))
	case *msg.Index:
		return r.part(op.To, vat.Message{Op: vat.Index, Pos: op.Index}, op.Answer, len(frame))
	case *msg.Untag:
		return r.part(op.To, vat.Message{Op: vat.Untag, Selector: passable.Symbol(op.Tag)}, op.Answer, len(frame))
	case *msg.GCExports:
		return r.s.gcExports(op)
	case *msg.GCAnswers:
		return r.s.gcAnswers(op)
	}
	return violation("operation", "%T is not expected here", op)
}

// follow has this side write what the peer is now known to understand.
func (r *reader) follow(seen wire.Seen) {
	r.seen = seen
	r.s.withLock(func(l *locked) {
		l.seen = seen
		if l.state == live {
			l.t.enc.SetDialect(r.s.dialect.Follow(seen))
		}
	})
}

// deliver hands a message of the peer's to where it is to go.
func (r *reader) deliver(op *msg.Deliver, size int) error {
	s := r.s
	var to vat.Ref
	var res *far
	var a *answer
	var err error
	if isLost(op) {
		s.lost(op.Args[0])
		return nil
	}
	m := vat.Message{Selector: op.Selector, Args: op.Args}
	op.Args = nil // the decoder must not keep what was in it alive
	s.withLock(func(l *locked) {
		if to, res, err = l.target(op.To); err == nil && (op.HasAnswer || op.HasResolve) {
			a, err = l.newAnswer(op.Answer, op.HasAnswer, op.Resolve, op.HasResolve)
		}
	})
	if err != nil {
		return err
	}
	if a != nil {
		a.vow.Cell().Subscribe(&a.claim)
		m.Answer = a.vow
	}
	if res != nil {
		s.settle(res, m.Selector, m.Args, s.caller.Load(), r.isGiven(m.Selector, m.Args), r)
		if a != nil {
			a.vow.Resolve(passable.Undefined{}) // nobody needs the answer of a resolver, but whoever asks gets one
		}
		return nil
	}
	if op.To.Kind == msg.Export && op.To.Pos == 0 && s.lastable() != vat.LastsNot && s.cfg.Handoffs != nil {
		if e := s.cfg.Handoffs.Errand(s, m.Selector, m.Args); e != nil {
			r.run(e, &m, a)
			return nil
		}
	}
	return r.post(to, m, size+weighAll(m.Args))
}

// part handles op:get, op:index and op:untag.
func (r *reader) part(target msg.Desc, m vat.Message, pos msg.Pos, size int) error {
	var to vat.Ref
	var res *far
	var a *answer
	var err error
	r.s.withLock(func(l *locked) {
		if to, res, err = l.target(target); err == nil {
			a, err = l.newAnswer(pos, true, msg.Desc{}, false)
		}
	})
	if err != nil {
		return err
	}
	a.vow.Cell().Subscribe(&a.claim)
	m.Answer = a.vow
	if res != nil {
		m.Answer.Break(vat.ErrBadSelect)
		return nil
	}
	return r.post(to, m, size)
}

// post lets a message go, counting it until its turn begins.
func (r *reader) post(to vat.Ref, m vat.Message, size int) error {
	s := r.s
	m.From, m.Held, m.Size = s.caller.Load(), &s.inflow, int32(size)
	r.trace(&m)
	if !s.inflow.hold(size) {
		m.Refuse(vat.ErrOverloaded)
		return violation("limit", "more than %d messages, or %d bytes, wait for their turn", s.cfg.Limits.MaxWaiting,
			s.cfg.Limits.MaxWaitingBytes)
	}
	if to.IsNull() {
		m.Refuse(vat.ErrNull)
		return nil
	}
	if err := r.store(to, &m); err != nil {
		m.Refuse(err)
		return nil
	}
	to.Post(m)
	return nil
}

// target returns where an operation is to go: a reference, or the question whose resolver it is.
func (l *locked) target(d msg.Desc) (vat.Ref, *far, error) {
	if l.state != live {
		return vat.Ref{}, nil, l.ending()
	}
	switch d.Kind {
	case msg.Export:
		e := l.t.exports.at(d.Pos)
		if e == nil {
			return vat.Ref{}, nil, violation("desc:export", "position %d is not exported", d.Pos)
		}
		if e.res != nil && e.ref.IsNull() {
			return vat.Ref{}, e.res, nil
		}
		return e.ref, nil, nil
	case msg.Answer:
		a := l.t.answers[d.Pos]
		if a == nil {
			return vat.Ref{}, nil, violation("desc:answer", "there is no answer at position %d", d.Pos)
		}
		return a.vow.Ref(), nil, nil
	default:
		return vat.Ref{}, nil, violation("to-desc", "must be desc:export or desc:answer, got %v", d)
	}
}
