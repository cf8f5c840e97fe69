package vat

import (
	"fmt"
)

// outgoing is a message of a turn and where it goes.
type outgoing struct {
	e      *effect
	atOnce bool    // it stays in the depot; everything else waits for the disk
	near   *object // the object of the depot that it has come to, if it has
	behind bool    // it waits until messages from before have been delivered
	stored bool
	to     *slot
	args   []byte
	names  []*slot
	ways   []*slot
}

// written is a touched object as it is at the end of a turn.
type written struct {
	record []byte
	names  []uint64
}

// endDurable is end for a turn of a durable vat: what the turn did is stored, or what is stored stays and only the message
// is taken. What leaves the depot waits until that is on the disk.
func (f *frame) endDurable(err error) {
	d := f.vat.depot
	var out []outgoing
	p := &parting{vat: f.vat}
	failure := err
	if err == nil || f.keep {
		if failure = f.reserve(); failure == nil {
			out, failure = d.commit(f, err, p)
		}
		if failure != nil {
			f.keep = false
		} else {
			failure = err
		}
	}
	if failure != nil && !f.keep {
		d.restore(f.touched)
		f.rollback(failure)
		out = nil
		d.commitFailed(f, failure, p)
	}
	f.turn.state.Store(ended)
	if d.cfg.Amnesia {
		d.mu.Lock()
		d.shrink()
		d.mu.Unlock()
	}
	if f.vat.tracer != nil {
		f.vat.traceEnd(f, failure)
	}
	f.msg.Taken()
	if failure != nil && f.job == nil && f.msg.Answer == nil {
		f.logLost(failure)
	}
	for i := range out {
		if o := &out[i]; o.atOnce && !o.behind {
			f.deliver(o.e)
		}
	}
	if failure == nil && f.msg.Answer != nil {
		f.route()
	}
	f.clear()
	f.finish()
}

// route has the messages that wait on a turn's answer go on to where that leads, if it is in the depot: that need not wait
// for the disk, as those do who want to know the answer.
func (f *frame) route() {
	r, ok := f.result.(Ref)
	if !ok {
		return
	}
	if o, ok := r.Target().(*object); ok && o.vat.depot == f.vat.depot {
		f.msg.Answer.Route(o)
	}
}

// deliver hands a message over that a turn of this vat has sent.
func (f *frame) deliver(e *effect) {
	if o, ok := e.to.(*object); ok && o.vat == f.vat {
		f.vat.deliverOwn(o, &e.msg)
		return
	}
	hand(nil, e.to, &e.msg)
}

// commit stores what the turn did and leaves what waits for the disk to p, or returns why that cannot be: nothing has changed
// then.
func (d *Depot) commit(f *frame, broken error, p *parting) ([]outgoing, error) {
	models := make([]any, len(f.touched))
	for i, b := range f.touched {
		var err error
		if models[i], err = storableState(b); err != nil {
			return nil, err
		}
	}
	if f.vat.tracer != nil {
		for i := range f.out {
			if e := &f.out[i]; e.to != nil {
				f.vat.traceSend(f, &e.msg)
			}
		}
	}
	d.mu.Lock()
	x := d.begin()
	out, err := x.turn(f, models, broken, false)
	for tries := 0; err == errWants; tries++ { //nolint:errorlint // it is never wrapped
		d.mu.Unlock()
		x.demand()
		d.mu.Lock()
		x = d.begin()
		out, err = x.turn(f, models, broken, tries == maxDemands)
	}
	if err == nil {
		f.pin() // before anybody may run what the turn put off
		p.pack(f, out, broken)
		x.post(p)
	}
	d.mu.Unlock()
	x.close()
	return out, err
}

// commitFailed stores that the message of a turn that has failed was taken, and what its answer broke with.
func (d *Depot) commitFailed(f *frame, broken error, p *parting) {
	d.mu.Lock()
	x := d.begin()
	if s := x.answerOf(f); s != nil && d.failed == nil {
		x.broken(s, broken).carry(x)
	}
	x.take(f.msg.letter)
	p.pack(f, nil, broken)
	x.post(p)
	d.mu.Unlock()
	x.close()
}

// post submits the transaction; p is carried out when it has been written.
func (x *tx) post(p *parting) {
	done := p.done
	if p.empty() {
		done = nil
	} else if p.late {
		p.vat.late.Add(1)
	}
	if err := x.submit(done); err != nil {
		d := x.d
		d.courier.hand(func() {
			d.fail(err)
			p.done(err)
		})
	}
}

// maxDemands is how often a turn has what it names last before it is stored as if that could not be: meanwhile more may have
// come to light, a promise's answer, say.
const maxDemands = 4

// turn makes the transaction of a turn that has not failed, unless it names what does not last yet, and that matters.
func (x *tx) turn(f *frame, models []any, broken error, regardless bool) ([]outgoing, error) {
	if x.d.failed != nil {
		return nil, x.d.failed
	}
	states := make([]written, len(models))
	for i, m := range models {
		w, err := x.encode(m)
		if err != nil {
			return nil, ErrInternal.due(fmt.Errorf("the state of a %v: %w", f.touched[i].kind.typ, err))
		}
		states[i] = w
	}
	out, err := x.route(f)
	if err != nil {
		return nil, err
	}
	var own *settlement
	if s := x.answerOf(f); s != nil {
		if own, err = x.settlement(s, f.result, broken); err != nil {
			return nil, err
		}
	}
	var notes []func()
	for i := range f.out {
		if note := f.out[i].note; note != nil {
			carry, err := note(x)
			if err != nil {
				return nil, err
			}
			notes = append(notes, carry)
		}
	}
	if len(x.wants) > 0 && !regardless {
		return nil, errWants
	}

	// From here on nothing fails.
	for i, b := range f.touched {
		x.update(b, states[i])
	}
	for _, carry := range notes {
		carry()
	}
	if own != nil {
		own.carry(x)
	}
	x.send(out)
	x.take(f.msg.letter)
	x.d.shrink()
	x.d.sweepSometimes()
	return out, nil
}

// update notes the state of an object at the end of a turn.
func (x *tx) update(b *body, w written) {
	if b.unchanged(w.record) {
		return
	}
	before := b.names
	x.d.resized(b, w.record)
	b.names = w.names
	if b.slot.stored {
		x.putState(b, w.record, before, w.names)
	}
}

// route decides where each message of a turn goes, and encodes those that are to be stored: to durable objects, and to
// promises that something stored will settle.
func (x *tx) route(f *frame) ([]outgoing, error) {
	out := make([]outgoing, 0, len(f.out))
	// What this vat has sent before by way of a promise, in this turn perhaps, may wait for the disk yet, and must not be
	// overtaken.
	late := f.vat.late.Load() > 0
	var inside map[*Vow]bool // answers to messages that are stored
	for i := range f.out {
		e := &f.out[i]
		if e.to == nil {
			continue
		}
		o := outgoing{e: e}
		late = x.direct(&o, late, inside)
		if o.stored {
			if err := x.encodeArgs(&o); err != nil {
				return nil, err
			}
			if a := e.msg.Answer; a != nil {
				if inside == nil {
					inside = make(map[*Vow]bool)
				}
				inside[a] = true
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// direct decides where a message goes, and reports whether what its sender sends next must not be delivered at once, as late
// says of this one. inside are promises that messages settle which are to be stored with it.
func (x *tx) direct(o *outgoing, late bool, inside map[*Vow]bool) bool {
	last, via := end(o.e.to)
	switch t := last.(type) {
	case *object:
		if t.vat.depot != x.d {
			return late
		}
		o.atOnce, o.near = !late, t
		o.to = t.slotIn(x.d)
		o.stored = o.to != nil
	case *Vow:
		// One that has settled in the store is about to settle here.
		if s := x.d.slotOfVow(t); s != nil && (s.awaited() || s.stored && s.rec.Settled) || inside[t] {
			o.atOnce, o.stored, o.to = !late, true, x.d.slotOf(t.Ref())
		} else {
			late = true // it may lead into the depot as soon as the next message is looked at
		}
	case Lasting:
		x.want(t)
		if len(t.LastingKey()) > 0 {
			o.stored, o.to = true, x.d.slotOf(t.Ref())
		} else if via != nil {
			// An answer that is being worked out there, which the message follows.
			if s := x.d.slotOfVow(via); s != nil && s.awaited() {
				o.stored, o.to = true, s
			}
		}
	}
	return late
}

// end returns where a message would go, an object or a promise that is pending, say, and the last promise on the way there.
func end(t Target) (last Target, via *Vow) {
	for range 64 {
		w, ok := t.(*Vow)
		if !ok {
			return t, via
		}
		via = w
		next := w.ahead()
		if next == nil {
			return t, via
		}
		t = next
	}
	return nil, nil
}

func (x *tx) encodeArgs(o *outgoing) (err error) {
	p := pen{x: x}
	if o.args, err = p.message(&o.e.msg); err != nil {
		return err
	}
	x.numbered(o.to)
	to, _ := o.to.alive()
	if _, err := p.slot(to); err != nil {
		return err
	}
	o.ways = x.ways(&o.e.msg)
	for _, s := range o.ways {
		r, _ := s.alive()
		if _, err := p.slot(r); err != nil {
			return err
		}
	}
	o.names = p.sorted()
	return nil
}

// send stores messages.
func (x *tx) send(out []outgoing) {
	for i := range out {
		if o := &out[i]; o.stored {
			x.keep(o.to)
			for _, s := range o.names {
				x.keep(s)
			}
		}
	}
	for i := range out {
		o := &out[i]
		if !o.stored {
			continue
		}
		m := &o.e.msg
		r := messageRecord{
			To: o.to.id, Op: uint8(m.Op), Selector: []byte(m.Selector), Pos: m.Pos, Args: o.args, Answer: x.answered(m), From: callerOf(m.From),
		}
		for _, s := range o.ways {
			r.Ways = append(r.Ways, s.id)
		}
		x.store(m, r)
		m.letter.to, _ = o.to.alive()
		for _, s := range o.ways {
			way, _ := s.alive()
			m.letter.ways = append(m.letter.ways, way)
		}
		if past := &x.d.past; o.atOnce && o.near != nil && !past.over.Load() {
			o.behind = true
			past.line = append(past.line, ready{o.near, *m})
		}
	}
}

// store stores a message.
func (x *tx) store(m *Message, r messageRecord) {
	x.d.letter(m, x.number())
	x.put(bucketMessages, m.letter.number, &r)
}

// answered returns the number of the promise for a message's answer, 0 if nothing stored names it.
func (x *tx) answered(m *Message) uint64 {
	s := x.d.slotOfVow(m.Answer)
	if s == nil || !s.stored {
		return 0
	}
	s.inside = true
	return s.id
}

// answerOf returns the slot of the promise for the answer to a turn's message, nil if nothing stored names it or somebody
// else answers.
func (x *tx) answerOf(f *frame) *slot {
	if f.result == forwarded {
		return nil
	}
	return x.d.owed(f.msg.Answer)
}
