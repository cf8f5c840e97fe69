package vat

import "context"

// caretaker stands before another reference until it is revoked. Whether it is is asked in the turn that would pass a
// message on, not when the message arrives, so that what waits in the queue when it is revoked is refused.
type caretaker struct {
	vat      *Vat
	inner    Ref
	revoked  error
	watchers map[*severWatch]struct{}
}

// Revocable returns a reference to a caretaker of r — it passes every message on to r, in order, and the answer back —
// and the function that revokes it: from that turn on messages break with ErrRevoked, among them those that wait in the
// queue. cause, if not nil, is said in that error. revoke is called in a turn of the same vat and takes effect if that
// turn commits; revoking again changes nothing. Revocable panics outside a turn.
func Revocable(ctx context.Context, r Ref) (caret Ref, revoke func(ctx context.Context, cause error)) {
	t := mustTurn(ctx, "Revocable")
	c := &caretaker{vat: t.vat, inner: r}
	return t.spawn(c), func(ctx context.Context, cause error) {
		t := mustTurn(ctx, "revoke")
		if t.vat != c.vat {
			panic("vat: revoke called in another vat than the one Revocable was called in")
		}
		if c.revoked != nil {
			return
		}
		err := error(ErrRevoked)
		if cause != nil {
			err = ErrRevoked.because(nil, "%v", cause)
		}
		watchers := c.watchers
		c.revoked, c.watchers = err, nil
		t.undo = append(t.undo, func() { c.revoked, c.watchers = nil, watchers })
		t.OnCommit(func() {
			for w := range watchers {
				w.fire(err)
			}
			c.inner = Ref{}
		}, nil)
	}
}

func (c *caretaker) describe() string { return "caretaker" }

func (c *caretaker) invoke(t *turn, m *Message) (any, error) {
	if c.revoked != nil {
		return nil, c.revoked
	}
	if o, ok := c.inner.Target().(*object); ok && o.vat == t.vat {
		self := t.self
		t.self = o
		v, err := o.disp.invoke(t, m)
		t.self = self
		return v, err
	}
	if c.inner.IsNull() {
		return nil, ErrNull
	}
	fwd := *m
	fwd.Held, fwd.Reserved, fwd.Cause = nil, nil, m.ID
	t.send(c.inner.n.target, fwd)
	return forwarded, nil
}
