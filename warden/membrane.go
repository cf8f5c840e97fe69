package warden

import (
	"context"
	"errors"
	"slices"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// What is reached by way of a mandate hangs on it. Everything that crosses in either direction is wrapped, in proxies that
// are objects of the mandate's vat and are stored where it is; what comes back to its own side is unwrapped. The proxies know
// the mandate and a number: when it is over what they led to is let go of at once, whoever holds them.

// maxCrossed bounds the references of each side that a mandate has proxies for. The oldest is given up for a new one: it
// breaks with ErrOver, and whoever had it finds its way there again.
const maxCrossed = 1024

// maxPending bounds the promises that have crossed and not settled.
const maxPending = 1024

// bound stands before an object that the holder has reached.
type bound struct {
	Root vat.Ref // the mandate
	Of   uint64
}

// lent stands before an object of the holder's.
type lent bound

var (
	boundFacet = vat.InterceptorFacet("hawser.bound")
	lentFacet  = vat.InterceptorFacet("hawser.lent")
)

// crossed is a reference of one side and what the other sees.
type crossed struct {
	Of   uint64
	To   vat.Ref // of the inside: a caretaker of it
	Face vat.Ref
}

// pending is a promise that has crossed and not settled.
type pending struct {
	Of uint64
	By promise.Resolver[any]
}

// Intercept implements vat.Interceptor.
func (b *bound) Intercept(ctx context.Context, msg *vat.Message) (any, error) {
	m, ok := vat.Near[*mandate](ctx, b.Root)
	if !ok {
		return nil, ErrOver
	}
	if err := m.lives(ctx, msg); err != nil {
		return nil, err
	}
	return m.cross(ctx, msg, m.Reached, b.Of, inward)
}

// Intercept implements vat.Interceptor.
func (l *lent) Intercept(ctx context.Context, msg *vat.Message) (any, error) {
	m, ok := vat.Near[*mandate](ctx, l.Root)
	if !ok || m.over() {
		return nil, ErrOver
	}
	return m.cross(ctx, msg, m.Lent, l.Of, outward)
}

// direction is where something crosses to.
type direction bool

const (
	inward  direction = true
	outward direction = false
)

// cross passes a message on to the reference numbered of.
func (m *mandate) cross(ctx context.Context, msg *vat.Message, table []crossed, of uint64, to direction) (any, error) {
	i := slices.IndexFunc(table, func(c crossed) bool { return c.Of == of })
	if i < 0 {
		return nil, ErrOver
	}
	return m.through(ctx, msg, table[i].To, to)
}

// through passes a message on to r, which is where to leads, with its arguments as they are seen there, and returns the answer as it is
// seen where the message came from.
func (m *mandate) through(ctx context.Context, msg *vat.Message, r vat.Ref, to direction) (any, error) {
	args, err := m.value(ctx, msg.Args, to)
	if err != nil {
		return nil, err
	}
	msg.Args, _ = args.([]any)
	v, err := vat.Consult(ctx, msg, r)
	if err != nil {
		return nil, m.reason(ctx, err, !to)
	}
	return m.value(ctx, v, !to)
}

// value returns a model value as the side sees it that it crosses to.
func (m *mandate) value(ctx context.Context, v any, to direction) (any, error) {
	if list, ok := v.([]any); ok && len(list) == 0 {
		return v, nil
	}
	return passable.Copy(v, func(r passable.Reference) (passable.Reference, error) {
		ref, ok := r.(vat.Ref)
		if !ok {
			return nil, vat.ErrInternal
		}
		return m.ref(ctx, ref, to)
	})
}

// ref returns a reference as the side sees it that it crosses to.
func (m *mandate) ref(ctx context.Context, r vat.Ref, to direction) (vat.Ref, error) {
	if r.IsNull() {
		return r, nil
	}
	if home, ok := m.unwrapped(ctx, r, to); ok {
		return home, nil
	}
	if w, ok := r.Target().(*vat.Vow); ok {
		v, err, settled := w.Cell().Outcome()
		known, leads := v.(vat.Ref)
		if !settled || err != nil || !leads {
			return m.promised(ctx, r, to)
		}
		return m.ref(ctx, known, to)
	}
	table := &m.Lent
	if to == outward {
		table = &m.Reached
	}
	for _, c := range *table {
		if vat.Same(ctx, c.To, r) {
			return c.Face, nil
		}
	}
	if len(*table) == maxCrossed {
		shut(ctx, (*table)[0].To)
		*table = slices.Delete(*table, 0, 1)
	}
	m.Last++
	c := crossed{Of: m.Last, To: r}
	if to == outward {
		c.To, _ = vat.Revocable(ctx, r)
		c.Face = boundFacet.Spawn(ctx, &bound{m.Self, m.Last})
	} else {
		c.Face = lentFacet.Spawn(ctx, &lent{m.Self, m.Last})
	}
	*table = append(*table, c)
	return c.Face, nil
}

// unwrapped returns what a proxy stands for that comes back to its own side.
func (m *mandate) unwrapped(ctx context.Context, r vat.Ref, to direction) (vat.Ref, bool) {
	table, of := m.Reached, uint64(0)
	if to == inward {
		if own, ok := vat.Near[*mandate](ctx, r); ok && own == m {
			return inner(m.Caret), true
		}
		b, ok := vat.Near[*bound](ctx, r)
		if !ok || !vat.Same(ctx, b.Root, m.Self) {
			return vat.Ref{}, false
		}
		of = b.Of
	} else {
		if vat.Same(ctx, r, m.Caret) {
			return m.Face, true
		}
		l, ok := vat.Near[*lent](ctx, r)
		if !ok || !vat.Same(ctx, l.Root, m.Self) {
			return vat.Ref{}, false
		}
		table, of = m.Lent, l.Of
	}
	for _, c := range table {
		if c.Of == of && to == inward {
			return inner(c.To), true
		} else if c.Of == of {
			return c.To, true
		}
	}
	return vat.Ref{}, true // it was given up: it leads nowhere
}

// inner returns what a caretaker stands before.
func inner(caret vat.Ref) vat.Ref {
	r, _, _ := vat.Guarded(caret)
	return r
}

// shut shuts a caretaker, if r is one.
func shut(ctx context.Context, r vat.Ref) {
	if _, revoke, ok := vat.Guarded(r); ok {
		revoke(ctx, ErrOver)
	}
}

// promised returns a promise for what r, one that is pending, settles with, as the side sees it that it crosses to.
func (m *mandate) promised(ctx context.Context, r vat.Ref, to direction) (vat.Ref, error) {
	if len(m.Pending) == maxPending {
		return vat.Ref{}, vat.ErrOverloaded
	}
	p, resolver := promise.New[any](ctx)
	m.Last++
	n := m.Last
	m.Pending = append(m.Pending, pending{n, resolver})
	vat.WhenSettled(ctx, vat.Result[any](r), selfRef{m.Self}, func(self selfRef, ctx context.Context, o promise.Outcome[any]) vat.Ref {
		return self.Send(ctx, "settled", n, bool(to), o)
	})
	return vat.RefOf(p), nil
}

// Settled is told how a promise that has crossed has settled.
func (m *mandate) Settled(ctx context.Context, n uint64, to bool, o promise.Outcome[any]) {
	i := slices.IndexFunc(m.Pending, func(p pending) bool { return p.Of == n })
	if i < 0 {
		return
	}
	resolver := m.Pending[i].By
	m.Pending = slices.Delete(m.Pending, i, i+1)
	v, err := o.Get()
	if err == nil {
		v, err = m.value(ctx, v, direction(to))
	} else {
		err = m.reason(ctx, err, direction(to))
	}
	if err != nil {
		resolver.Break(ctx, err)
		return
	}
	resolver.Fulfill(ctx, v)
}

// reason returns an error as the side sees it that it crosses to: peers break promises with values, which may hold references.
func (m *mandate) reason(ctx context.Context, err error, to direction) error {
	e, ok := errors.AsType[*vat.Error](err)
	if !ok || e.Reason == nil {
		return err
	}
	reason, bad := m.value(ctx, e.Reason, to)
	if bad != nil {
		return bad
	}
	return vat.FromReason(reason, e.Remote)
}
