package captp

import (
	"errors"
	"net"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// read takes frames off the connection until it ends. It never waits for anything else.
func (s *Session) read(conn netlayer.Conn) {
	defer s.half()
	r := &reader{s: s, conn: conn, dec: wire.NewDecoder(s.dialect, wire.Limits{Bytes: netlayer.MaxFrame})}
	r.in = r.reference
	for {
		frame, err := conn.Read()
		if err != nil {
			s.fail(lost(s, err))
			return
		}
		err = r.handle(frame.Bytes)
		frame.Done()
		if err != nil {
			var end *EndError
			if !errors.As(err, &end) {
				end = &EndError{Peer: s.peer(), Kind: Violated, Reason: reasonFor(err), Err: err}
				s.log.Warn("the peer broke the protocol", "peer", end.Peer, "error", err)
			}
			s.fail(end)
			return
		}
	}
}

func lost(s *Session, err error) *EndError {
	end := &EndError{Peer: s.peer(), Kind: Lost}
	if !errors.Is(err, net.ErrClosed) {
		end.Err = err
	}
	return end
}

// reasonFor is what a peer is told of its own fault: our words about its bytes, nothing of this process.
func reasonFor(err error) string {
	if len(err.Error()) > 200 {
		return err.Error()[:200]
	}
	return err.Error()
}

// reader is the reading half of a session.
type reader struct {
	s    *Session
	conn netlayer.Conn
	dec  *wire.Decoder
	in   func(msg.Desc) (passable.Reference, error)
	// new are promises the message being read brought in, to be listened to.
	fresh []*far
	n     uint64 // messages received, for traces
}

func (r *reader) handle(frame []byte) error {
	op, err := r.dec.Decode(frame, r.in)
	if err != nil {
		return err
	}
	if start, ok := op.(*msg.StartSession); ok {
		return r.s.startSession(r.conn.Info(), start)
	}
	if abort, ok := op.(*msg.Abort); ok {
		return &EndError{Peer: r.s.peer(), Kind: Aborted, Reason: abort.Reason}
	}
	if !r.started() {
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

func (r *reader) started() (started bool) {
	r.s.withLock(func(l *locked) { started = l.started })
	return started
}

// deliver hands a message of the peer's to where it is to go.
func (r *reader) deliver(op *msg.Deliver, size int) error {
	s := r.s
	var to vat.Ref
	var resolver *far
	var answer *vat.Vow
	var err error
	m := vat.Message{Selector: op.Selector, Args: op.Args}
	args := op.Args
	op.Args = nil // the decoder uses op again, and must not keep what was in it alive
	s.withLock(func(l *locked) {
		if to, resolver, err = l.target(op.To); err != nil || resolver != nil {
			return
		}
		if op.HasAnswer || op.HasResolve {
			answer, err = l.newAnswer(op.Answer, op.HasAnswer, op.HasResolve)
		}
		r.trace(l, &m)
	})
	if err != nil {
		return err
	}
	if resolver != nil {
		s.settle(resolver, op.Selector, args)
		if op.HasAnswer || op.HasResolve {
			// Nobody needs the answer of a resolver, but whoever asks for one gets it.
			s.withLock(func(l *locked) { answer, err = l.newAnswer(op.Answer, op.HasAnswer, op.HasResolve) })
			if err != nil {
				return err
			}
			s.replyTo(answer, op)
			answer.Resolve(passable.Undefined{})
		}
		return nil
	}
	if answer != nil {
		s.replyTo(answer, op)
	}
	m.Answer = answer
	return r.post(to, m, size)
}

// replyTo has the peer's resolver told of an answer.
func (s *Session) replyTo(answer *vat.Vow, op *msg.Deliver) {
	if op.HasResolve {
		answer.Cell().Subscribe(&reply{s, op.Resolve.Pos})
	}
}

// part handles op:get, op:index and op:untag.
func (r *reader) part(target msg.Desc, m vat.Message, pos msg.Pos, size int) error {
	var to vat.Ref
	var resolver *far
	var err error
	r.s.withLock(func(l *locked) {
		if to, resolver, err = l.target(target); err != nil {
			return
		}
		m.Answer, err = l.newAnswer(pos, true, false)
		r.trace(l, &m)
	})
	if err != nil {
		return err
	}
	if resolver != nil {
		m.Answer.Break(vat.ErrBadSelect)
		return nil
	}
	return r.post(to, m, size)
}

// post lets a message go, counting it until its turn begins.
func (r *reader) post(to vat.Ref, m vat.Message, size int) error {
	m.From, m.Held, m.Size = r.s.caller.Load(), &r.s.inflow, int32(size)
	if !r.s.inflow.hold(size) {
		m.Refuse(vat.ErrOverloaded)
		return violation("limit", "more than %d messages, or %d bytes, wait for their turn", r.s.cfg.Limits.MaxWaiting,
			r.s.cfg.Limits.MaxWaitingBytes)
	}
	if to.IsNull() {
		m.Refuse(vat.ErrNull)
		return nil
	}
	to.Post(m)
	return nil
}

// target returns where an operation is to go: a reference, or the question whose resolver it is.
func (l *locked) target(d msg.Desc) (vat.Ref, *far, error) {
	switch d.Kind {
	case msg.Export:
		e := l.t.exports.at(d.Pos)
		if e == nil {
			return vat.Ref{}, nil, violation("desc:export", "position %d is not exported", d.Pos)
		}
		if e.res != nil && e.ref.IsNull() {
			return vat.Ref{}, e.res, nil
		}
		if f, ok := ahead(e.ref).(*far); ok && f.session().cfg.Realm != l.s.cfg.Realm {
			return l.dead(ErrOtherIdentity), nil, nil
		}
		return e.ref, nil, nil
	case msg.Answer:
		w := l.t.answers[d.Pos]
		if w == nil {
			return vat.Ref{}, nil, violation("desc:answer", "there is no answer at position %d", d.Pos)
		}
		return w.Ref(), nil, nil
	}
	return vat.Ref{}, nil, violation("to-desc", "must be desc:export or desc:answer, got %v", d)
}

// dead returns a reference on which every message breaks with err.
func (l *locked) dead(err error) vat.Ref {
	w := vat.NewVow(nil)
	w.Break(err)
	return w.Ref()
}

// ahead returns where messages on r end, as far as can be told.
func ahead(r vat.Ref) vat.Target {
	t := r.Target()
	for range 16 {
		w, ok := t.(*vat.Vow)
		if !ok {
			break
		}
		t = w.Ahead()
	}
	return t
}

// newAnswer makes the promise for the answer to a message of the peer's, at the position it chose.
func (l *locked) newAnswer(pos msg.Pos, named, replied bool) (*vat.Vow, error) {
	t := l.t
	if len(t.answers)+t.replies >= l.s.cfg.Limits.MaxAnswers {
		return nil, violation("limit", "more than %d answers not released", l.s.cfg.Limits.MaxAnswers)
	}
	w := vat.NewVow(nil)
	if named {
		if t.answers[pos] != nil {
			return nil, violation("answer-pos", "position %d is in use: release it with op:gc-answers first", pos)
		}
		t.answers[pos] = w
	}
	if replied {
		t.replies++
	}
	return w, nil
}

// reference turns a descriptor in a message into a reference, counting the mention.
func (r *reader) reference(d msg.Desc) (ref passable.Reference, err error) {
	s := r.s
	s.withLock(func(l *locked) {
		if !l.started {
			err = violation("op:start-session", "must come before any reference")
			return
		}
		var v vat.Ref
		switch d.Kind {
		case msg.Export, msg.Answer:
			var res *far
			if v, res, err = l.target(d); res != nil {
				v = l.resolverRef(d.Pos, res)
			}
		case msg.ImportObject:
			v, err = l.importObject(d.Pos)
		case msg.ImportPromise:
			v, err = r.importPromise(l, d.Pos)
		default:
			err = violation("reference", "%v cannot stand in a message", d)
		}
		if err == nil {
			ref = v
		}
	})
	return ref, err
}

// resolverRef makes a reference of a resolver that the peer hands back as if it were any object.
func (l *locked) resolverRef(pos msg.Pos, q *far) vat.Ref {
	r := &resolver{q: q}
	ref := r.node.Init(r)
	l.t.exports.at(pos).ref = ref
	l.t.byRef[ref] = pos
	return ref
}

func (l *locked) importObject(pos msg.Pos) (vat.Ref, error) {
	t := l.t
	if pos == 0 {
		return l.s.Bootstrap(), nil
	}
	e := t.imports[pos]
	if e == nil {
		if len(t.imports) >= l.s.cfg.Limits.MaxImports {
			return vat.Ref{}, violation("limit", "more than %d positions imported", l.s.cfg.Limits.MaxImports)
		}
		e = &imported{}
		t.imports[pos] = e
	} else if e.promise {
		return vat.Ref{}, violation("desc:import-object", "position %d is a promise", pos)
	}
	e.count++
	if ref, ok := e.weak.Ref(); ok {
		return ref, nil
	}
	f := newFar(l.s, farObject, nil)
	f.pos = pos
	ref := f.node.Init(f)
	l.s.watchImport(ref, pos, e)
	return ref, nil
}

func (r *reader) importPromise(l *locked, pos msg.Pos) (vat.Ref, error) {
	t := l.t
	e := t.imports[pos]
	if e == nil {
		if len(t.imports) >= l.s.cfg.Limits.MaxImports {
			return vat.Ref{}, violation("limit", "more than %d positions imported", l.s.cfg.Limits.MaxImports)
		}
		e = &imported{promise: true}
		t.imports[pos] = e
	} else if !e.promise {
		return vat.Ref{}, violation("desc:import-promise", "position %d is an object", pos)
	}
	e.count++
	if ref, ok := e.weak.Ref(); ok {
		return ref, nil
	}
	w := vat.NewVow(nil)
	f := newFar(l.s, farPromise, w)
	f.pos = pos
	l.s.watchImport(w.Ref(), pos, e)
	r.fresh = append(r.fresh, f)
	return w.Ref(), nil
}

// listen asks the peer how the promises that have just come in settle, and lets messages go to them.
func (r *reader) listen() {
	s := r.s
	s.withLock(func(l *locked) {
		for _, f := range r.fresh {
			t := l.t
			if l.state != live || t.exports.len() >= s.cfg.Limits.MaxExports {
				continue
			}
			pos := t.exports.put(export{res: f, count: 1})
			t.mentions = t.mentions[:0]
			_ = t.append(&msg.Listen{To: f.mention(), Resolve: msg.Desc{Kind: msg.ImportObject, Pos: pos}})
		}
	})
	for i, f := range r.fresh {
		f.vow.Route(f)
		r.fresh[i] = nil
	}
	r.fresh = r.fresh[:0]
	s.poke()
}

func (r *reader) trace(l *locked, m *vat.Message) {
	if r.s.cfg.Tracer == nil {
		return
	}
	r.n++
	m.ID = vat.MessageID{Space: l.space[1], N: r.n}
	r.s.cfg.Tracer.Trace(vat.Event{Time: time.Now(), Kind: "wire-receive", Where: r.s.peer(), ID: m.ID, Method: string(m.Selector)})
}
