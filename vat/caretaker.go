package vat

import (
	"context"
	"sync"

	"github.com/hawser-go/hawser/passable"
)

// caretaker stands before another reference until it is revoked. Whether it is is asked again when a message that came
// through it gets its turn, or leaves this process, so that what waits anywhere when it is revoked is refused.
type caretaker struct {
	gate Gate
	way  passage // of messages that came through this gate first

	slot  *slot // in a durable vat
	mu    sync.Mutex
	inner Ref
}

// Revocable returns a reference to a caretaker of r — it passes every message on to r, in order, and the answer back —
// and the function that revokes it, which is [Gate.Shut]: from then on messages break with ErrRevoked, also those that
// have come and still wait in this process for their turn, for a promise that r is, or for a connection. Revocable
// panics outside a turn.
func Revocable(ctx context.Context, r Ref) (caret Ref, revoke func(ctx context.Context, cause error)) {
	return guard(mustTurn(ctx, "Revocable").vat, r)
}

// Guard is [Revocable] for those who manage references rather than objects, outside turns: the caretaker lives in r's
// own vat if r is an object of this process, where [Near] and [Same] see through it, and in v otherwise.
func Guard(v *Vat, r Ref) (caret Ref, revoke func(ctx context.Context, cause error)) {
	if o, ok := r.Target().(*object); ok {
		v = o.vat
	}
	return guard(v, r)
}

// Guarded returns what a caretaker stands before, null if it was revoked, and the function that revokes it. It reports false for a
// reference to anything else.
func Guarded(caret Ref) (inner Ref, revoke func(ctx context.Context, cause error), ok bool) {
	if caret.IsNull() {
		return Ref{}, nil, false
	}
	o, ok := settledRef(caret).Target().(*object)
	if !ok {
		return Ref{}, nil, false
	}
	c, ok := o.disp.(*caretaker)
	if !ok {
		return Ref{}, nil, false
	}
	inner, err := c.state()
	if err != nil {
		inner = Ref{}
	}
	return inner, c.shut, true
}

func guard(v *Vat, r Ref) (Ref, func(ctx context.Context, cause error)) {
	c := newCaretaker(r)
	caret := v.spawn(c)
	if d := v.depot; d != nil {
		c.tracked(d.track(caret, slotRecord{Sort: slotCaretaker, Vat: v.number}))
	}
	return caret, c.shut
}

func (c *caretaker) tracked(s *slot) { c.slot, c.way.slot = s, s }

func newCaretaker(r Ref) *caretaker {
	c := &caretaker{inner: r}
	c.gate.release, c.way.gate = c.forget, &c.gate
	return c
}

// shut is the gate's Shut, which is stored if the caretaker is.
func (c *caretaker) shut(ctx context.Context, cause error) {
	err := revoked(cause)
	t := turnIn(ctx)
	switch {
	case t != nil && c.slot != nil && t.vat.depot == c.slot.depot:
		t.f.out = append(t.f.out, effect{
			fn:   func() { c.gate.shut(err) },
			note: func(x *tx) (func(), error) { return func() { x.revoke(c.slot, err) }, nil },
		})
	case t != nil:
		t.OnCommit(func() { c.shutNow(err) }, nil)
	default:
		c.shutNow(err)
	}
}

// shutNow revokes the caretaker here, and in the store.
func (c *caretaker) shutNow(err *Error) {
	c.gate.shut(err)
	if c.slot == nil {
		return
	}
	d := c.slot.depot
	d.mu.Lock()
	x := d.begin()
	x.revoke(c.slot, err)
	x.post(new(parting))
	d.mu.Unlock()
	x.close()
}

// Revoker returns a reference to an object that revokes caret, a caretaker made by [Revocable] in the vat whose turn ctx is,
// when it gets a message, whatever that says: what to keep in the state of a durable object, or to hand to whoever may
// revoke. It panics outside a turn and if caret is no such caretaker.
func Revoker(ctx context.Context, caret Ref) Ref {
	t := mustTurn(ctx, "Revoker")
	if o, ok := settledRef(caret).Target().(*object); ok && o.vat == t.vat {
		if c, ok := o.disp.(*caretaker); ok {
			return c.revoker(t.vat, caret)
		}
	}
	panic("vat: Revoker of a reference that Revocable has not made in this vat")
}

func (c *caretaker) revoker(v *Vat, caret Ref) Ref {
	r := &revoker{caret: caret, c: c}
	ref := v.spawn(r)
	if d := v.depot; d != nil {
		r.slot = d.track(ref, slotRecord{Sort: slotRevoker})
	}
	return ref
}

// revoker revokes a caretaker when it gets a message.
type revoker struct {
	c     *caretaker
	caret Ref // kept in use
	slot  *slot
}

func (r *revoker) invoke(t *turn, m *Message) (any, error) {
	m.Taken()
	r.c.shut(t, nil)
	return passable.Undefined{}, nil
}

func (*revoker) describe() string { return "revoker" }

func (c *caretaker) forget() {
	c.mu.Lock()
	c.inner = Ref{}
	c.mu.Unlock()
}

// state returns what the caretaker stands before, or why it does not any more.
func (c *caretaker) state() (Ref, error) {
	c.mu.Lock()
	r := c.inner
	c.mu.Unlock()
	return r, c.gate.Err()
}

func (c *caretaker) describe() string { return "caretaker" }

func (c *caretaker) invoke(t *turn, m *Message) (any, error) {
	inner, err := c.state()
	if err != nil {
		m.Taken()
		return nil, err
	}
	m.way = m.way.through(&c.way)
	if o, ok := inner.Target().(*object); ok && o.vat == t.vat {
		t.f.self = o // which may pass the message on in turn
		return o.disp.invoke(t, m)
	}
	return t.forward(m, inner, m.way)
}

// maxHops is how often a message is passed on in this process.
const maxHops = 1000

// forward passes a message on to where r leads, with its answer.
func (t *turn) forward(m *Message, r Ref, way *passage) (any, error) {
	switch {
	case r.IsNull():
		m.Taken()
		return nil, ErrNull
	case m.hops == maxHops:
		m.Taken()
		return nil, ErrLoop
	}
	fwd := *m
	fwd.hops++
	fwd.way, fwd.Reserved, fwd.ID, fwd.Cause, fwd.letter = way, nil, MessageID{}, m.ID, nil
	if m.hops == 0 && m.From != nil && m.told == nil {
		// What the peer has sent it to may have been a promise that was about to become this.
		fwd.via = &t.f.self.node
	}
	m.Held = nil // it waits on elsewhere, and is still counted
	t.send(r.n.target, &fwd)
	return forwarded, nil
}
