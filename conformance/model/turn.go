package model

import (
	"fmt"
	"slices"
)

// A Turn is one atomic step of one peer. It sees and changes nothing but the peer's own state, and appends to the channels
// that leave it: what a policy decides rests on nothing that a real process would not know.
type Turn struct {
	// Self is the peer whose turn it is.
	Self Peer

	sc *Scenario
	s  *state
	p  *peer
}

// turn begins a step of a peer on a state that is not shared yet.
func (sc *Scenario) turn(s *state, self Peer) *Turn {
	p := s.peers[self].clone()
	s.peers[self] = p
	return &Turn{Self: self, sc: sc, s: s, p: p}
}

func (t *Turn) fail(invariant, format string, args ...any) {
	if t.s.bad == "" {
		t.s.bad = invariant + ": " + fmt.Sprintf(format, args...)
	}
}

// unknown is what becomes of a message that the peer's policy has no use for.
func (t *Turn) unknown(from Peer, m Msg) {
	t.fail("KnownMessage", "%s has no use for what %s sends: %s", t.Self, from, t.sc.describeMsg(m))
}

// policy is how this peer behaves.
func (t *Turn) policy() Policy { return t.sc.policyOf(t.Self) }

// ref returns the peer's reference of that ID; it may be changed. The pointer is good until a reference is added.
func (t *Turn) ref(id ID) *Ref {
	if r := t.p.find(id); r != nil {
		return r
	}
	t.fail("PairingInvariant", "%s has no reference %d", t.Self, id)
	return &Ref{Kind: Absent, Broken: true}
}

// mint makes a new ID of the peer's.
func (t *Turn) mint() ID {
	if t.p.minted >= mintable {
		panic("model: a peer makes more references than the model has names for")
	}
	t.p.minted++
	return firstMinted + ID(t.Self)*mintable + ID(t.p.minted) - 1
}

func (t *Turn) alive(to Peer) bool { return !t.s.dead[t.s.wire(t.Self, to)] }

// send puts a message on the channel to another peer; it is lost if their session is.
func (t *Turn) send(to Peer, m Msg) {
	if to == t.Self {
		panic("model: a peer sends to itself")
	}
	if t.alive(to) {
		i := t.s.wire(t.Self, to)
		t.s.wires[i] = append(slices.Clip(t.s.wires[i]), m)
	}
}

// where says what becomes of a message for a reference.
type where uint8

const (
	refused where = iota
	delivered
	sentOn
	queued
)

// route finds the reference where a message for id comes to rest, and what becomes of it there.
func (t *Turn) route(id ID) (*Ref, where) {
	for range 64 {
		r := t.ref(id)
		switch {
		case r.Broken:
			return r, refused
		case r.Kind == LocalTarget:
			return r, delivered
		case r.Kind == RemoteTarget:
			return r, t.onWire(r)
		case len(r.Queue) > 0, r.Kind == LocalPromise && r.To == 0, r.Phase == Holding, r.Phase == Awaiting:
			return r, queued
		case r.Kind == RemotePromise && (r.To == 0 || r.Phase == Kept):
			return r, t.onWire(r)
		}
		id = r.To
	}
	t.fail("NoCycle", "%s: reference %d leads to itself", t.Self, id)
	return &Ref{Broken: true}, refused
}

func (t *Turn) onWire(r *Ref) where {
	if t.alive(r.Peer) {
		return sentOn
	}
	return refused
}

// forward sends a message, or a probe, to a reference of the peer's; it is lost if that is broken.
func (t *Turn) forward(id ID, m Msg) {
	r, what := t.route(id)
	switch what {
	case delivered:
		if m.Op == OpProbe {
			if m.From == t.Self {
				t.policy().Handle(t, t.Self, Msg{Op: OpProbeAck, To: m.Ref})
			} else {
				t.send(m.From, Msg{Op: OpProbeAck, To: m.Ref})
			}
			return
		}
		t.deliver(m)
	case sentOn:
		r.Used = true
		m.To = r.At
		t.send(r.Peer, m)
	case queued:
		if r.Kind == RemotePromise {
			r.Used = true
		}
		m.To = r.ID
		r.Queue = append(slices.Clip(r.Queue), m)
	case refused:
	}
}

// deliver hands a message to a target of the peer's and checks its order.
func (t *Turn) deliver(m Msg) {
	last := &t.p.got[m.Sender]
	name := t.sc.Senders[m.Sender].String()
	switch {
	case m.Seq <= *last:
		t.fail("EndToEndRefFIFO", "message %d of %s arrives after message %d", m.Seq, name, *last)
	case m.Seq > *last+1 && t.s.losses == 0:
		t.fail("EndToEndRefFIFO", "message %d of %s arrives before message %d", m.Seq, name, *last+1)
	case m.Seq > *last+1:
		t.fail("NoHoles", "message %d of %s arrives, message %d does not", m.Seq, name, *last+1)
	}
	*last = m.Seq
}

// drain moves one message out of a promise whose way is known.
func (t *Turn) drain(id ID) {
	r := t.ref(id)
	m, to := r.Queue[0], r.To
	r.Queue = r.Queue[1:]
	t.forward(to, m)
}

// drainAll moves all of them in the same step.
func (t *Turn) drainAll(id ID) {
	r := t.ref(id)
	queue, to := r.Queue, r.To
	r.Queue = nil
	for _, m := range queue {
		t.forward(to, m)
	}
}

// drainable reports whether a promise has messages that can be moved on.
func drainable(r *Ref) bool {
	return len(r.Queue) > 0 && r.To != 0 && !r.Broken && r.Phase == Open && (r.Kind == LocalPromise || r.Kind == RemotePromise)
}

// breakRef breaks a promise: what waits in it is lost with it.
func (t *Turn) breakRef(id ID) {
	r := t.ref(id)
	if r.Broken || r.Kind == LocalTarget {
		return
	}
	r.Broken, r.Queue, r.Phase, r.Learned = true, nil, Open, Desc{}
	if t.s.losses == 0 {
		t.fail("NoMessageLost", "%s: reference %d breaks and no session was lost", t.Self, id)
	}
}

// host says where a reference of the peer's leads, as others can name it.
func (t *Turn) host(id ID) (Peer, ID) {
	if r := t.ref(id); r.Kind == RemoteTarget || r.Kind == RemotePromise {
		return r.Peer, r.At
	}
	return t.Self, id
}

// describe names a reference of the peer's to another in an answer, with a gift if it is a third's.
func (t *Turn) describe(id ID, to Peer) Desc { return t.named(id, to, false) }

// mention names it in a message, with a gift that stands if the policy has such.
func (t *Turn) mention(id ID, to Peer) Desc { return t.named(id, to, t.policy().Stands()) }

func (t *Turn) named(id ID, to Peer, stands bool) Desc {
	r := t.ref(id)
	if r.Broken {
		return Desc{Kind: DescBroken}
	}
	d := Desc{Promise: r.Kind == LocalPromise || r.Kind == RemotePromise}
	d.Host, d.ID = t.host(id)
	switch d.Host {
	case t.Self:
		d.Kind = DescImport
	case to:
		d.Kind = DescExport
	default:
		d.Kind = DescGive
		t.give(&d, to, stands)
	}
	return d
}

// tell tells a listener that the promise it asked for leads to a reference of the peer's.
func (t *Turn) tell(l Listener, id ID) {
	t.send(l.Peer, Msg{Op: OpResolve, To: l.As, D: t.describe(id, l.Peer)})
}

// take returns the peer's own ID for what a message names. A gift is withdrawn.
func (t *Turn) take(from Peer, d Desc) ID {
	switch d.Kind {
	case DescImport:
		if d.Host != from {
			t.fail("WireDescriptorContract", "%s calls a reference of %s its own", from, d.Host)
		}
		return t.imported(d)
	case DescExport:
		if d.Host != t.Self || t.p.find(d.ID) == nil {
			t.fail("WireDescriptorContract", "%s names %d of %s to %s, which has no such reference", from, d.ID, d.Host, t.Self)
		}
		return d.ID
	case DescGive:
		if d.Host == t.Self || d.Host == from {
			t.fail("WireDescriptorContract", "%s gives %s what is hosted by %s", from, t.Self, d.Host)
		}
		return t.redeem(from, d)
	default:
		panic("model: nothing to take")
	}
}

// imported returns the peer's reference to another's, made on first sight.
func (t *Turn) imported(d Desc) ID {
	for i := range t.p.refs {
		if r := &t.p.refs[i]; (r.Kind == RemoteTarget || r.Kind == RemotePromise) && r.Peer == d.Host && r.At == d.ID && !(t.sc.Redials && r.Broken) {
			return r.ID
		}
	}
	r := Ref{ID: d.ID, Kind: RemoteTarget, Peer: d.Host, At: d.ID}
	if d.Promise {
		r.Kind = RemotePromise
	}
	if t.p.find(r.ID) != nil {
		r.ID = t.mint()
	}
	t.p.add(r)
	return r.ID
}

// leadsTo reports whether a goes by way of b.
func (t *Turn) leadsTo(a, b ID) bool {
	for range 64 {
		if a == b {
			return true
		}
		r := t.p.find(a)
		if r == nil || r.To == 0 {
			return false
		}
		a = r.To
	}
	return true
}
