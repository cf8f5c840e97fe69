package captp

import (
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// outgoing is a message of ours on its way to the write buffer.
type outgoing struct {
	to *far
	m  vat.Message
	q  *far // the question m asks; made when the message is taken, nil if nobody waits for an answer
	// late, if set, makes the message's arguments once the connection is known.
	late func(netlayer.Info) ([]any, error)
	// over, if set, is the handover that the message is part of.
	over *handover
	// asks, if set, is what the answer is for.
	asks *inquiry
}

// refusal is a message that cannot go out, to be refused when mu is released.
type refusal struct {
	m   vat.Message
	err error
}

func refuseAll(rs []refusal) {
	for i := range rs {
		rs[i].m.Refuse(rs[i].err)
	}
}

// Ask sends a message to the bootstrap object whose arguments args makes of what is known about the connection when the message
// is encoded, and again if the connection is another in the end: proofs bound to it, say. args is called with locks held, and
// must be quick.
func (s *Session) Ask(selector passable.Symbol, args func(info netlayer.Info) ([]any, error)) vat.Ref {
	w := vat.NewVow(nil)
	s.send(outgoing{to: s.boot, m: vat.Message{Selector: selector, Answer: w}, late: args})
	return w.Ref()
}

// Fetch is Ask for "fetch", which has one argument.
func (s *Session) Fetch(arg func(info netlayer.Info) (any, error)) vat.Ref {
	return s.Ask("fetch", func(info netlayer.Info) ([]any, error) {
		v, err := arg(info)
		return []any{v}, err
	})
}

// send takes a message over.
func (s *Session) send(o outgoing) {
	if s.sleeps(&o) {
		return
	}
	if from, ok := o.m.Held.(*inflow); ok && from.realm != s.cfg.Realm {
		// It came by a promise that was nobody's yet when it was shown to the sender.
		o.m.Refuse(ErrOtherIdentity)
		return
	}
	if s.selectHere(o.to, o.m) {
		return
	}
	var err error
	var next *Session
	var due []gift
	routed := o.q != nil
	s.withLock(func(l *locked) {
		next = s.movedTo.Load()
		switch {
		case next != nil:
		case l.state == closed:
			err = l.ending()
		case l.state == opening || l.patient:
			err = l.postpone(&o)
		default:
			err = l.transmit(&o)
			due = l.takeDue()
		}
		if err != nil && o.over == nil && l.state != closed { // behind the end nothing goes out in any case
			o.failed(err)
		}
	})
	switch {
	case next != nil:
		next.send(o)
	case err != nil:
		if o.over != nil {
			o.over.failed(&o, err)
		}
		if o.m.Answer == nil {
			if omitted, ok := s.mishaps.Next(); ok {
				s.log.Warn("a message nobody waits for could not be sent: its reference is broken", "peer", s.peer(), "method",
					excerpt(string(o.m.Selector)), "error", excerpt(err.Error()), "omitted", omitted)
			}
		}
		o.m.Refuse(err)
	default:
		if o.q != nil && !routed {
			o.m.Answer.Route(o.q)
		}
		s.trace()
		s.poke()
		s.deposit(due)
	}
}

// sleeps has a message wait until the session, which is from before and has no connection yet, goes on.
func (s *Session) sleeps(o *outgoing) (sleeps bool) {
	if !s.dormant.Load() {
		return false
	}
	var err error
	s.withLock(func(l *locked) {
		if sleeps = s.dormant.Load(); sleeps {
			err = l.postpone(o)
		}
	})
	switch {
	case err != nil:
		o.m.Refuse(err)
	case sleeps && o.q != nil:
		o.m.Answer.Route(o.q)
	}
	return sleeps
}

// refusal says why nothing more may go out where the message goes, nil if it may.
func (o *outgoing) refusal() error {
	if o.over != nil {
		return o.over.gaps[stream{o.to, o.m.From}] // it was taken before whatever was refused since
	}
	return o.to.refusal(o.m.From)
}

// failed sees to it that nothing overtakes a message that could not be sent. It is called with mu held.
func (o *outgoing) failed(err error) {
	switch {
	case o.q != nil:
		o.q.dead = err // what is sent to the answer breaks like the answer
	case o.m.Answer == nil:
		// The sender cannot learn that this message is missing, so none of its later ones may arrive.
		if o.to.broken == nil {
			o.to.broken = make(map[*vat.Caller]error)
		}
		o.to.broken[o.m.From] = err
	}
}

// admit takes room for a message's answer and makes the question.
func (l *locked) admit(o *outgoing) error {
	s := l.s
	reserved := o.m.Reserved == vat.Budget(&s.budget)
	// What a turn of this side has sent is on the disk, and room was found for it then, perhaps in an earlier process.
	stored := o.m.Stored() && o.m.From == nil
	if !reserved && !stored {
		used, unsent := s.budget.max, s.cfg.Limits.MaxUnsent
		if o.m.From != nil {
			used, unsent = used/2, unsent/2 // what other peers send through this node leaves room for itself
		}
		if s.budget.full.Load() || l.t != nil && l.unsent() > unsent || o.m.Answer != nil && s.budget.used.Load() >= used {
			s.budget.exhausted()
			return vat.ErrOverloaded
		}
	}
	if o.m.Answer == nil {
		return nil
	}
	switch {
	case reserved:
		o.m.Reserved = nil // held until the answer's position is free
	case stored:
		s.budget.used.Add(1)
	default:
		if err := s.budget.Reserve(1); err != nil {
			return err
		}
	}
	if o.q == nil {
		o.q = newFar(s, farQuestion, o.m.Answer)
		if s.cfg.OnLost != nil && o.to.kind == farObject {
			o.q.of = o.to
		}
	}
	o.q.over = o.over
	return nil
}

// postpone keeps a message for when there is a connection.
func (l *locked) postpone(o *outgoing) error {
	if err := o.refusal(); err != nil {
		return err
	}
	room := l.s.cfg.Limits.MaxOpening
	if o.m.From != nil {
		room /= 2
	}
	if len(l.opening) >= room && !o.m.Stored() {
		return vat.ErrOverloaded
	}
	if err := l.admit(o); err != nil {
		return err
	}
	l.opening = append(l.opening, *o)
	return nil
}

// transmit encodes a message into the write buffer.
func (l *locked) transmit(o *outgoing) error {
	if err := o.refusal(); err != nil {
		return err
	}
	if err := l.admit(o); err != nil {
		return err
	}
	if err := l.t.put(o); err != nil {
		if o.q != nil {
			l.s.budget.Release(1)
		}
		return err
	}
	l.sent(o)
	l.s.budget.full.Store(l.unsent() > l.s.cfg.Limits.MaxUnsent)
	return nil
}

// sent accounts for a message that has been encoded.
func (l *locked) sent(o *outgoing) {
	if o.m.Stored() {
		l.t.taken = append(l.t.taken, o.m)
		l.s.want()
	}
	if o.asks != nil {
		l.t.sequel.asked = append(l.t.sequel.asked, o.asks)
		l.s.want()
	}
	o.m.Taken()
	l.traceSent(&o.m, o.q != nil)
}

// put encodes a message into the write buffer and gives its answer a position. It changes nothing if it fails.
func (t *tables) put(o *outgoing) error {
	if o.to.dead != nil {
		return o.to.dead
	}
	if o.q != nil {
		o.q.pos = t.questions.put(question{})
		t.touchQuestion(o.q.pos)
	}
	if err := t.encode(o); err != nil {
		t.unask(o)
		return err
	}
	o.to.used = true
	if o.q != nil {
		o.q.asked = t
	}
	return nil
}

// unask frees the position of an answer that was not asked for after all.
func (t *tables) unask(o *outgoing) {
	if o.q != nil {
		t.touchQuestion(o.q.pos)
		t.questions.free(o.q.pos)
		o.q.asked = nil
	}
}

// encode appends the operations of a message to the write buffer, or nothing.
func (t *tables) encode(o *outgoing) (err error) {
	start, ends := len(t.out), len(t.ends)
	t.mentions = t.mentions[:0]
	defer func() {
		if err != nil {
			t.out, t.ends = t.out[:start], t.ends[:ends]
			t.takeBack()
			return
		}
		t.handOut()
	}()
	var resolve msg.Desc
	if o.q != nil {
		if t.exports.len() >= t.s.cfg.Limits.MaxExports {
			return vat.ErrOverloaded
		}
		pos := t.exportResolver(o.q)
		t.mentions = append(t.mentions, pos)
		resolve = msg.Desc{Kind: msg.ImportObject, Pos: pos}
	}
	m := &o.m
	if m.Op == vat.Deliver {
		d := &t.deliver
		*d = msg.Deliver{To: o.to.mention(), Selector: m.Selector, Args: m.Args}
		if o.late != nil {
			args, err := o.late(t.info)
			if err != nil {
				return err
			}
			d.Args = args
		}
		if o.q != nil {
			d.Answer, d.HasAnswer, d.Resolve, d.HasResolve = o.q.pos, true, resolve, true
		}
		err = t.append(d)
		d.Args = nil
		return err
	}
	if o.q == nil {
		return nil // nobody wants the part of a value that is asked for
	}
	var op msg.Op
	switch m.Op {
	case vat.Get:
		op = &msg.Get{To: o.to.mention(), Field: string(m.Selector), Answer: o.q.pos}
	case vat.Index:
		op = &msg.Index{To: o.to.mention(), Index: m.Pos, Answer: o.q.pos}
	default:
		op = &msg.Untag{To: o.to.mention(), Tag: string(m.Selector), Answer: o.q.pos}
	}
	if err := t.append(op); err != nil {
		return err
	}
	return t.append(&msg.Listen{To: o.q.mention(), Resolve: resolve})
}

// append encodes one operation as a frame of the write buffer.
func (t *tables) append(op msg.Op) error {
	start := len(t.out)
	out, err := t.enc.Append(t.out, op, t.describe)
	if err != nil {
		t.out = t.out[:start]
		return err
	}
	if len(out)-start > netlayer.MaxFrame {
		t.out = out[:start]
		return errTooLarge
	}
	t.out = out
	t.ends = append(t.ends, len(out))
	t.stale()
	return nil
}

var errTooLarge = vat.NewError("hawser.too-large", "captp: the message is larger than a session carries (1 MiB): send it in parts")
