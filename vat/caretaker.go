package vat

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// caretaker stands before another reference until it is revoked. Whether it is is asked again when a message that came
// through it gets its turn, or leaves this process, so that what waits anywhere when it is revoked is refused.
type caretaker struct {
	vat  *Vat
	gate gate

	mu       sync.Mutex
	inner    Ref
	watchers map[*severWatch]struct{}
}

// gate is a caretaker as its messages remember it, with those they came through before.
type gate struct {
	revoked *atomic.Pointer[Error]
	outer   *gate
}

// shut returns why messages that came through g go no further, or nil.
func (g *gate) shut() error {
	for ; g != nil; g = g.outer {
		if err := g.revoked.Load(); err != nil {
			return err
		}
	}
	return nil
}

// Revocable returns a reference to a caretaker of r — it passes every message on to r, in order, and the answer back —
// and the function that revokes it: from then on messages break with ErrRevoked, also those that have come and still
// wait in this process for their turn, for a promise that r is, or for a connection. cause, if not nil, is that error's;
// peers are told of it if it has a code. revoke may be called anywhere; inside a turn it takes effect when the turn
// commits. Revoking again changes nothing. Revocable panics outside a turn.
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
	c := &caretaker{vat: v, inner: r}
	c.gate.revoked = new(atomic.Pointer[Error])
	return v.spawn(c), func(ctx context.Context, cause error) {
		err := ErrRevoked
		if e, ok := errors.AsType[*Error](cause); ok && e.Code != "" {
			err = ErrRevoked.because("%s", e.Message)
		} else if cause != nil {
			err = ErrRevoked.due(cause)
		}
		if t := turnIn(ctx); t != nil {
			t.OnCommit(func() { c.revoke(err) }, nil)
			return
		}
		c.revoke(err)
	}
}

func (c *caretaker) revoke(err *Error) {
	c.mu.Lock()
	if !c.gate.revoked.CompareAndSwap(nil, err) {
		c.mu.Unlock()
		return
	}
	watchers := c.watchers
	c.watchers, c.inner = nil, Ref{}
	c.mu.Unlock()
	for w := range watchers {
		w.fire(err)
	}
}

// state returns what the caretaker stands before, or why it does not any more.
func (c *caretaker) state() (Ref, error) {
	if err := c.gate.revoked.Load(); err != nil {
		return Ref{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inner, nil
}

// watch tells w of the revocation, at once if it has happened, and returns what else to watch.
func (c *caretaker) watch(w *severWatch) Ref {
	c.mu.Lock()
	err, inner := c.gate.revoked.Load(), c.inner
	if err == nil {
		if c.watchers == nil {
			c.watchers = make(map[*severWatch]struct{})
		}
		c.watchers[w] = struct{}{}
	}
	c.mu.Unlock()
	if err != nil {
		w.fire(err)
		return Ref{}
	}
	w.hold(func() {
		c.mu.Lock()
		delete(c.watchers, w)
		c.mu.Unlock()
	})
	return inner
}

func (c *caretaker) describe() string { return "caretaker" }

func (c *caretaker) invoke(t *turn, m *Message) (any, error) {
	inner, err := c.state()
	if err != nil {
		m.Taken()
		return nil, err
	}
	if o, ok := inner.Target().(*object); ok && o.vat == t.vat {
		t.f.self = o
		return o.disp.invoke(t, m)
	}
	g := &c.gate
	if m.gate != nil {
		g = &gate{g.revoked, m.gate}
	}
	return t.forward(m, inner, g)
}

// forward passes a message on to where r leads, with its answer.
func (t *turn) forward(m *Message, r Ref, g *gate) (any, error) {
	if r.IsNull() {
		m.Taken()
		return nil, ErrNull
	}
	fwd := *m
	fwd.gate, fwd.Reserved, fwd.ID, fwd.Cause = g, nil, MessageID{}, m.ID
	m.Held = nil // it waits on elsewhere, and is still counted
	t.send(r.n.target, &fwd)
	return forwarded, nil
}
