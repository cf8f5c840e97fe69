package warden

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// What is reached by way of a mandate hangs on it. Everything that crosses in either direction is wrapped, in proxies that
// are objects of the mandate's vat and are stored where it is; what comes back to its own side is unwrapped. The proxies know
// the mandate and a caretaker: when it is over what they led to is let go of at once, whoever holds them.

// maxCrossed bounds the references of each side that a mandate has proxies for. The oldest is given up for a new one: it
// breaks with ErrGivenUp, and whoever had it finds its way there again.
const maxCrossed = 1024

// maxPending bounds the promises that have crossed and not settled.
const maxPending = 1024

// bound stands before an object that the holder has reached.
type bound struct {
	Root vat.Ref // the mandate
	Way  vat.Ref // a caretaker of the object
}

// lent stands before an object of the holder's.
type lent bound

var (
	boundFacet = vat.InterceptorFacet("hawser.bound")
	lentFacet  = vat.InterceptorFacet("hawser.lent")
	// Nothing is sent to what has crossed.
	crossingFacet = vat.FacetOf[interface{}]("hawser.crossing")
)

// crossing is what has crossed by way of a mandate.
type crossing struct {
	Reached, Lent []crossed
	Pending       []pending

	using []vat.Ref `ocapn:"-"` // the proxies in what crosses at this moment
}

// crossed is a reference of one side, its caretaker, and what the other side sees.
type crossed struct{ Ref, Way, Face vat.Ref }

// pending is a promise that has crossed and not settled. Its number is never used again, not even if the turn fails in which it is given.
type pending struct {
	Of uint64
	By promise.Resolver[any]
}

// Intercept implements vat.Interceptor.
func (b *bound) Intercept(ctx context.Context, msg *vat.Message) (any, error) {
	return b.cross(ctx, msg, inward)
}

// Intercept implements vat.Interceptor.
func (l *lent) Intercept(ctx context.Context, msg *vat.Message) (any, error) {
	return (*bound)(l).cross(ctx, msg, outward)
}

// cross passes a message on to what the proxy stands before.
func (b *bound) cross(ctx context.Context, msg *vat.Message, to direction) (any, error) {
	m, ok := vat.Near[*mandate](ctx, b.Root)
	if !ok {
		return nil, ErrOver
	}
	if err := m.lives(); err != nil {
		return nil, err
	}
	if inner(b.Way).IsNull() {
		return nil, ErrGivenUp
	}
	return m.through(ctx, msg, b.Way, to)
}

// crossing returns what has crossed.
func (m *mandate) crossing(ctx context.Context) (*crossing, error) {
	if m.Crossed.IsNull() {
		c := new(crossing)
		m.Crossed = crossingFacet.Spawn(ctx, c)
		return c, nil
	}
	c, ok := vat.Near[*crossing](ctx, m.Crossed)
	if !ok {
		return nil, vat.ErrInternal
	}
	return c, nil
}

// end lets go of everything.
func (c *crossing) end(ctx context.Context) {
	for _, x := range slices.Concat(c.Reached, c.Lent) {
		shut(ctx, x.Way, ErrOver)
	}
	for _, p := range c.Pending {
		p.By.Break(ctx, ErrOver)
	}
	c.Reached, c.Lent, c.Pending = nil, nil, nil
}

// table returns what has crossed to a side.
func (c *crossing) table(to direction) *[]crossed {
	if to == outward {
		return &c.Reached
	}
	return &c.Lent
}

// direction is where something crosses to.
type direction bool

const (
	inward  direction = true
	outward direction = false
)

// through passes a message on to r, which is where to leads, with its arguments as they are seen there, and returns the answer as it is
// seen where the message came from.
func (m *mandate) through(ctx context.Context, msg *vat.Message, r vat.Ref, to direction) (any, error) {
	args, err := m.value(ctx, msg.Args, to)
	if err != nil {
		return nil, err
	}
	msg.Args, _ = args.([]any)
	waited := msg.Answer != nil
	v, err := vat.Consult(ctx, msg, r)
	switch {
	case err != nil:
		return nil, m.reason(ctx, err, !to)
	case !waited:
		return passable.Undefined{}, nil
	}
	return m.value(ctx, v, !to)
}

// value returns a model value as the side sees it that it crosses to.
func (m *mandate) value(ctx context.Context, v any, to direction) (any, error) {
	if list, ok := v.([]any); ok && len(list) == 0 {
		return v, nil
	}
	var c *crossing
	return passable.Copy(v, func(r passable.Reference) (passable.Reference, error) {
		ref, ok := r.(vat.Ref)
		switch {
		case !ok:
			return nil, vat.ErrInternal
		case ref.IsNull():
			return ref, nil
		case c == nil:
			var err error
			if c, err = m.crossing(ctx); err != nil {
				return nil, err
			}
			c.using = c.using[:0]
		}
		return m.ref(ctx, c, ref, to)
	})
}

// ref returns a reference as the side sees it that it crosses to.
func (m *mandate) ref(ctx context.Context, c *crossing, r vat.Ref, to direction) (vat.Ref, error) {
	if home, ok := m.unwrapped(ctx, r, to); ok {
		return home, nil
	}
	if w, ok := r.Target().(*vat.Vow); ok {
		v, err, settled := w.Cell().Outcome()
		known, leads := v.(vat.Ref)
		switch {
		case !settled || err != nil || !leads:
			return m.promised(ctx, c, r, to)
		case known.IsNull():
			return known, nil
		}
		return m.ref(ctx, c, known, to)
	}
	if m.Free {
		return r, nil
	}
	face, ok := c.facing(r, to)
	if !ok {
		if err := c.makeRoom(ctx, to); err != nil {
			return vat.Ref{}, err
		}
		x := crossed{Ref: r}
		x.Way, _ = vat.Revocable(ctx, r)
		if to == outward {
			x.Face = boundFacet.Spawn(ctx, &bound{m.Self, x.Way})
		} else {
			x.Face = lentFacet.Spawn(ctx, &lent{m.Self, x.Way})
		}
		table := c.table(to)
		*table, face = append(*table, x), x.Face
	}
	c.using = append(c.using, face)
	return face, nil
}

// facing returns the proxy that there is for r on the side that it crosses to.
func (c *crossing) facing(r vat.Ref, to direction) (face vat.Ref, ok bool) {
	for _, x := range *c.table(to) {
		if x.Ref == r {
			return x.Face, true
		}
	}
	return vat.Ref{}, false
}

// makeRoom gives up the oldest proxy of a side, if there are too many: none that is in what crosses at this moment.
func (c *crossing) makeRoom(ctx context.Context, to direction) error {
	table := c.table(to)
	if len(*table) < maxCrossed {
		return nil
	}
	i := slices.IndexFunc(*table, func(x crossed) bool { return !slices.Contains(c.using, x.Face) })
	if i < 0 {
		return errManyAtOnce
	}
	shut(ctx, (*table)[i].Way, ErrGivenUp)
	*table = slices.Delete(*table, i, i+1)
	return nil
}

var errManyAtOnce = vat.NewError("grant.many-at-once", "grant: more references at once than can be reached by way of a grant, which are 1024: ask for fewer at a time")

// unwrapped returns what a proxy stands for that comes back to its own side.
func (m *mandate) unwrapped(ctx context.Context, r vat.Ref, to direction) (vat.Ref, bool) {
	var p *bound
	var ok bool
	if to == inward {
		if own, ok := vat.Near[*mandate](ctx, r); ok && own == m {
			return inner(m.Caret), true
		}
		p, ok = vat.Near[*bound](ctx, r)
	} else {
		if vat.Same(ctx, r, m.Caret) || vat.Same(ctx, r, inner(m.Caret)) { // the facet, in this vat or elsewhere
			return m.Face, true
		}
		var l *lent
		l, ok = vat.Near[*lent](ctx, r)
		p = (*bound)(l)
	}
	if !ok || p.Root != m.Self {
		return vat.Ref{}, false
	}
	if own := inner(p.Way); !own.IsNull() {
		return own, true
	}
	return vat.Broken(ErrGivenUp), true
}

// inner returns what a caretaker stands before.
func inner(caret vat.Ref) vat.Ref {
	r, _, _ := vat.Guarded(caret)
	return r
}

// shut shuts a caretaker of the mandate's own.
func shut(ctx context.Context, caret vat.Ref, cause error) {
	if _, revoke, ok := vat.Guarded(caret); ok {
		revoke(ctx, cause)
	}
}

// promised returns a promise for what r, one that is pending, settles with, as the side sees it that it crosses to.
func (m *mandate) promised(ctx context.Context, c *crossing, r vat.Ref, to direction) (vat.Ref, error) {
	if len(c.Pending) == maxPending {
		return vat.Ref{}, vat.ErrOverloaded
	}
	p, resolver := promise.New[any](ctx)
	n := rand.Uint64()
	c.Pending = append(c.Pending, pending{n, resolver})
	vat.WhenSettled(ctx, vat.Result[any](r), selfRef{m.Self}, func(self selfRef, ctx context.Context, o promise.Outcome[any]) vat.Ref {
		return self.Send(ctx, "settled", n, bool(to), o)
	})
	return vat.RefOf(p), nil
}

// Settled is told how a promise that has crossed has settled.
func (m *mandate) Settled(ctx context.Context, n uint64, to bool, o promise.Outcome[any]) error {
	if m.over() {
		return nil
	}
	c, err := m.crossing(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(c.Pending, func(p pending) bool { return p.Of == n })
	if i < 0 {
		return nil
	}
	resolver := c.Pending[i].By
	c.Pending = slices.Delete(c.Pending, i, i+1)
	v, err := o.Get()
	if err == nil {
		v, err = m.value(ctx, v, direction(to))
	}
	if err != nil {
		resolver.Break(ctx, err)
		return nil
	}
	resolver.Fulfill(ctx, v)
	return nil
}

// reason returns an error as the side sees it that it crosses to: promises are broken with values, too, which may hold references. None of
// these crosses if the turn fails, as it does unless the error is in [vat.Keep]: nothing would remember what they lead to.
func (m *mandate) reason(ctx context.Context, err error, to direction) error {
	cause, kept := vat.Kept(err)
	e, ok := errors.AsType[*vat.Error](cause)
	if !ok || e.Reason == nil {
		return err
	}
	seen := *e
	if !kept {
		if _, bad := passable.Copy(e.Reason, noReference); bad != nil {
			seen.Reason = nil
		}
		return &seen
	}
	if seen.Reason, err = m.value(ctx, e.Reason, to); err != nil {
		return vat.Keep(err)
	}
	return vat.Keep(&seen)
}

var errReference = errors.New("warden: a reference in the reason of a turn that has failed")

func noReference(passable.Reference) (passable.Reference, error) { return nil, errReference }
