package vat

import (
	"context"
	"sync"
)

// caretaker stands before another reference until it is revoked. Whether it is is asked again when a message that came
// through it gets its turn, or leaves this process, so that what waits anywhere when it is revoked is refused.
type caretaker struct {
	gate Gate
	way  passage // of messages that came through this gate first

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

func guard(v *Vat, r Ref) (Ref, func(ctx context.Context, cause error)) {
	c := &caretaker{inner: r}
	c.gate.release, c.way.gate = c.forget, &c.gate
	return v.spawn(c), c.gate.Shut
}

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
	m.Held = nil // it waits on elsewhere, and is still counted
	t.send(r.n.target, &fwd)
	return forwarded, nil
}
