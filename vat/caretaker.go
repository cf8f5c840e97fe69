package vat

import (
	"context"
	"sync"
)

// caretaker stands before another reference until it is revoked. Whether it is is asked in the turn that would pass a
// message on, not when the message arrives, so that what waits in the queue when it is revoked is refused.
type caretaker struct {
	vat *Vat

	mu       sync.Mutex
	inner    Ref
	revoked  error
	watchers map[*severWatch]struct{}
}

// Revocable returns a reference to a caretaker of r — it passes every message on to r, in order, and the answer back —
// and the function that revokes it: from then on messages break with ErrRevoked, also those that wait in the queue for
// their turn. cause, if not nil, is said in that error. revoke may be called anywhere; inside a turn it takes effect
// when the turn commits. Revoking again changes nothing. Revocable panics outside a turn.
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
	return v.spawn(c), func(ctx context.Context, cause error) {
		err := error(ErrRevoked)
		if cause != nil {
			err = ErrRevoked.because(nil, "%v", cause)
		}
		if t := turnIn(ctx); t != nil {
			t.OnCommit(func() { c.revoke(err) }, nil)
			return
		}
		c.revoke(err)
	}
}

func (c *caretaker) revoke(err error) {
	c.mu.Lock()
	if c.revoked != nil {
		c.mu.Unlock()
		return
	}
	watchers := c.watchers
	c.revoked, c.watchers, c.inner = err, nil, Ref{}
	c.mu.Unlock()
	for w := range watchers {
		w.fire(err)
	}
}

// state returns what the caretaker stands before, or why it does not any more.
func (c *caretaker) state() (Ref, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inner, c.revoked
}

// watch adds w to those told of the revocation, or tells it at once.
func (c *caretaker) watch(w *severWatch) {
	c.mu.Lock()
	err := c.revoked
	if err == nil {
		if c.watchers == nil {
			c.watchers = make(map[*severWatch]struct{})
		}
		c.watchers[w] = struct{}{}
	}
	c.mu.Unlock()
	if err != nil {
		w.fire(err)
		return
	}
	w.hold(func() {
		c.mu.Lock()
		delete(c.watchers, w)
		c.mu.Unlock()
	})
}

func (c *caretaker) describe() string { return "caretaker" }

func (c *caretaker) invoke(t *turn, m *Message) (any, error) {
	inner, err := c.state()
	if err != nil {
		return nil, err
	}
	if inner.IsNull() {
		return nil, ErrNull
	}
	if o, ok := inner.Target().(*object); ok && o.vat == t.vat {
		self := t.self
		t.self = o
		v, err := o.disp.invoke(t, m)
		t.self = self
		return v, err
	}
	fwd := *m
	fwd.Held, fwd.Reserved, fwd.Cause = nil, nil, m.ID
	t.send(inner.n.target, fwd)
	return forwarded, nil
}
