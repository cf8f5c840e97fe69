package caps

import (
	"context"
	"errors"
	"sync"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// A Membrane stands around everything that can be reached from one reference, to shut it all off at once. Whatever
// crosses it in either direction, in arguments, answers or what promises bring, is wrapped: references become proxies,
// data is copied, errors keep their words. What comes back to its own side is unwrapped, so each side sees its own
// objects as they are, and the same proxy for the same object while anybody holds it.
//
//   - Messages keep their order. Promises stay promises, to which messages can be sent before they settle.
//   - [vat.Near] and [vat.Same] do not see through it.
//   - Data is worth what it says: a number or a sturdyref that crossed is known for good.
//   - Go values that two objects share without messages do not cross, and are not held back either.
type Membrane struct {
	home *vat.Vat
	gate vat.Gate

	mu    sync.Mutex
	known [2]map[vat.WeakRef]vat.WeakRef // from a reference of one side to the proxy the other side sees
	own   [2]map[vat.WeakRef]vat.WeakRef // from a proxy that a side sees to the reference behind it
}

// side is one of the two sides of a membrane.
type side int

const (
	inside side = iota
	outside
)

func (s side) other() side { return 1 - s }

// NewMembrane makes a membrane whose proxies live in v, and wraps r, which is inside: the reference returned is what the
// outside may hold. It may be called anywhere.
func NewMembrane(v *vat.Vat, r vat.Ref) (*Membrane, vat.Ref) {
	m := &Membrane{home: v}
	for s := range m.known {
		m.known[s], m.own[s] = map[vat.WeakRef]vat.WeakRef{}, map[vat.WeakRef]vat.WeakRef{}
	}
	return m, m.Wrap(r)
}

// Wrap returns what the outside sees of r, a reference of the inside.
func (m *Membrane) Wrap(r vat.Ref) vat.Ref {
	c := crossing{m: m, from: inside}
	out := c.ref(r)
	c.connect()
	return out
}

// Revoke shuts the membrane for good: messages to proxies break with vat.ErrRevoked, in both directions, also those that
// have come and wait, and so do the promises that have crossed and not settled. cause is that error's, as with
// [vat.Gate.Shut]. Inside a turn Revoke takes effect when the turn commits.
func (m *Membrane) Revoke(ctx context.Context, cause error) {
	m.gate.Shut(ctx, cause)
	// A promise of its own tells when the turn has committed, if there is one.
	done, r := promise.New[promise.None](ctx)
	done.Cell().Subscribe((*shutter)(m))
	r.Fulfill(ctx, promise.None{})
}

// shutter breaks what is pending when the gate has been shut.
type shutter Membrane

func (s *shutter) Settled(*promise.Cell) {
	m := (*Membrane)(s)
	m.mu.Lock()
	var pending []*vat.Vow
	for _, proxies := range m.own {
		for weak := range proxies {
			if r, ok := weak.Ref(); ok {
				if w, ok := r.Target().(*vat.Vow); ok {
					pending = append(pending, w)
				}
			}
		}
	}
	m.mu.Unlock()
	for _, w := range pending {
		w.Break(m.gate.Err())
	}
}

// crossing is something on its way through the membrane.
type crossing struct {
	m     *Membrane
	from  side
	wires []wire // promises that have been wrapped, to be connected
}

// wire connects the proxy of a promise with the promise.
type wire struct {
	m    *Membrane
	from side
	of   vat.Ref // the promise
	face *vat.Vow
}

// value returns a model value as the other side sees it.
func (c *crossing) value(v any) (any, error) {
	return passable.Copy(v, func(r passable.Reference) (passable.Reference, error) {
		ref, ok := r.(vat.Ref)
		if !ok {
			return nil, vat.ErrInternal
		}
		return c.ref(ref), nil
	})
}

// ref returns a reference as the other side sees it.
func (c *crossing) ref(r vat.Ref) vat.Ref {
	if r.IsNull() {
		return r
	}
	m, weak := c.m, r.Weak()
	m.mu.Lock()
	defer m.mu.Unlock()
	if own, ok := m.own[c.from][weak]; ok { // it is a proxy, going home
		if back, ok := own.Ref(); ok {
			return back
		}
	}
	if known, ok := m.known[c.from][weak]; ok {
		if proxy, ok := known.Ref(); ok {
			return proxy
		}
	}
	var proxy vat.Ref
	if _, promised := r.Target().(*vat.Vow); promised {
		w := wire{m, c.from, r, vat.NewVow(nil)}
		c.wires = append(c.wires, w)
		proxy = w.face.Ref()
	} else {
		proxy = m.proxy(c.from, r)
	}
	m.remember(c.from, weak, proxy)
	return proxy
}

// remember notes which proxy the other side sees, as long as anybody holds it. It is called with mu held.
func (m *Membrane) remember(from side, r vat.WeakRef, proxy vat.Ref) {
	p := proxy.Weak()
	m.known[from][r] = p
	m.own[from.other()][p] = r
	vat.OnCollect(proxy, m.forget, entry{from, r, p})
}

type entry struct {
	from     side
	r, proxy vat.WeakRef
}

func (m *Membrane) forget(e entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.own[e.from.other()], e.proxy)
	if m.known[e.from][e.r] == e.proxy {
		delete(m.known[e.from], e.r)
	}
}

// proxy makes an object of the other side that passes messages on to r, a reference of the side from.
func (m *Membrane) proxy(from side, r vat.Ref) vat.Ref {
	return vat.SpawnFilter(m.home, &m.gate, func(_ context.Context, msg *vat.Message) (vat.Ref, error) {
		in := crossing{m: m, from: from.other()}
		args, err := in.value(msg.Args)
		if err != nil {
			return vat.Ref{}, err
		}
		msg.Args, _ = args.([]any)
		if msg.Answer != nil {
			// The answer is given on r's side; who asked sees it through the membrane.
			asked := wire{m, from, vat.Ref{}, msg.Answer}
			msg.Answer = vat.NewVow(nil)
			asked.of = msg.Answer.Ref()
			m.mu.Lock()
			m.remember(from, asked.of.Weak(), asked.face.Ref())
			m.mu.Unlock()
			in.wires = append(in.wires, asked)
		}
		in.connect()
		return r, nil
	})
}

// connect has the promises that were wrapped settle, and messages on them go, where they should. A promise that has
// settled may bring others that have: they are connected in the same loop.
func (c *crossing) connect() { c.connectIn(nil) }

func (c *crossing) connectIn(cs *promise.Cascade) {
	for len(c.wires) > 0 {
		n := len(c.wires) - 1
		w := c.wires[n]
		c.wires = c.wires[:n]
		of := w.of.PromiseCell()
		if v, err, ok := of.Outcome(); ok {
			c.wires = append(c.wires, w.settle(cs, v, err)...)
			continue
		}
		if !w.face.Cell().Link(of) { // a ring through the membrane
			w.face.SettleIn(cs, nil, promise.ErrCycle, true)
			continue
		}
		w.face.Route(w.m.proxy(w.from, w.of).Target())
		of.Subscribe(w)
		if err := w.m.gate.Err(); err != nil { // shut meanwhile
			w.face.SettleIn(cs, nil, err, true)
		}
	}
}

// Settled implements promise.Waiter.
func (w wire) Settled(c *promise.Cell) { w.Relay(c, nil) }

// Relay implements promise.Relay.
func (w wire) Relay(c *promise.Cell, cs *promise.Cascade) {
	v, err, _ := c.Outcome()
	more := crossing{m: w.m, from: w.from, wires: w.settle(cs, v, err)}
	more.connectIn(cs)
}

// settle settles the face as its promise, and returns the promises that this brought across.
func (w wire) settle(cs *promise.Cascade, v any, err error) []wire {
	c := crossing{m: w.m, from: w.from}
	// Messages that went down the face are in the queue of the membrane's vat, and go on to the promise from there. Those
	// sent to a proxy get behind them, if the promise leads to what the proxy stands for; anything else they could overtake.
	safe := true
	to, _ := v.(vat.Ref)
	if shut := w.m.gate.Err(); shut != nil {
		v, err = nil, shut
	} else if err != nil {
		v, err = nil, c.reason(err)
	} else if v, err = c.value(v); err == nil {
		if r, ok := v.(vat.Ref); ok && !r.IsNull() {
			safe = w.m.isProxy(w.from.other(), r) && vat.Ahead(w.of) == to.Target()
		}
	}
	w.face.SettleIn(cs, v, err, safe)
	return c.wires
}

// isProxy reports whether r is a proxy that the side s sees.
func (m *Membrane) isProxy(s side, r vat.Ref) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.own[s][r.Weak()]
	return ok
}

// reason returns an error as the other side sees it: peers break promises with values, which may hold references.
func (c *crossing) reason(err error) error {
	e, ok := errors.AsType[*vat.Error](err)
	if !ok || e.Reason == nil {
		return err
	}
	reason, bad := c.value(e.Reason)
	if bad != nil {
		return bad
	}
	return vat.FromReason(reason, e.Remote)
}
