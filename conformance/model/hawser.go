package model

type hawser struct {
	forwarding
	opt HawserOptions
}

// HawserOptions are what a Hawser peer may lack. The zero value is what Hawser ships. The others exist to show that the
// model notices when a rule is left out, and what holds without handoffs.
type HawserOptions struct {
	// NoHandoffs has references to a third peer's objects stay references to this one, which forwards.
	NoHandoffs bool
	// FirstGive withdraws the gift of the first answer, instead of asking once more.
	FirstGive bool
	// NoRoundTrip goes straight to an object of this process, without waiting for what is on its way there.
	NoRoundTrip bool
	// EarlyWord tells where a promise leads before its queue has been moved.
	EarlyWord bool
	// KeptIsFinal tells others where a promise leads that keeps to its way, as if messages went straight there.
	KeptIsFinal bool
	// TrustsAll takes every peer for one that moves its queues.
	TrustsAll bool
}

// Hawser is what Hawser ships. A peer tells what a promise leads to once that is an object and everything that waited has
// been moved there. Who is told and has never used the promise goes there at once. Who has used it goes there at once if
// the object is of the same peer; after a round trip on the same connection, if it is of its own process; and if it is of a
// third peer, asks once more, behind everything it has sent, and goes by the gift in that answer. Meanwhile messages wait.
// With a peer that does not move queues before it tells, used promises keep to their way.
func Hawser(opt HawserOptions) Policy { return hawser{opt: opt} }

func (h hawser) String() string {
	name := "Hawser"
	for _, o := range []struct {
		set  bool
		name string
	}{
		{h.opt.NoHandoffs, "no handoffs"},
		{h.opt.FirstGive, "first give"},
		{h.opt.NoRoundTrip, "no round trip"},
		{h.opt.EarlyWord, "early word"},
		{h.opt.KeptIsFinal, "kept is final"},
		{h.opt.TrustsAll, "trusts all"},
	} {
		if o.set {
			name += ", " + o.name
		}
	}
	return name
}

func (hawser) Listens() bool       { return true }
func (hawser) Settles() bool       { return true }
func (hawser) Stands() bool        { return true }
func (h hawser) MovesQueues() bool { return !h.opt.EarlyWord }

// Told decides what a used promise does about its answer.
func (h hawser) Told(t *Turn, from Peer, id ID, d Desc) {
	r := t.ref(id)
	second := r.Phase == Awaiting
	switch {
	case r.Kind != RemotePromise, r.Broken, r.To != 0, r.Phase == Holding:
	case d.Kind == DescBroken, !r.Used:
		h.settle(t, from, id, d)
	case !second && !h.opt.TrustsAll && !t.sc.policyOf(from).MovesQueues():
		if t.install(from, id, d) {
			t.ref(id).Phase = Kept
		}
	case d.Kind == DescImport, second:
		h.settle(t, from, id, d)
	case d.Kind == DescExport && !h.opt.NoRoundTrip:
		r.Phase, r.Learned = Holding, d
		t.send(from, Msg{Op: OpSync, Ref: id})
	case d.Kind == DescGive && !h.opt.FirstGive:
		r.Phase = Awaiting
		t.send(from, Msg{Op: OpListen, To: r.At, Ref: id})
	default:
		h.settle(t, from, id, d)
	}
}

// settle points a promise where it leads; what has waited follows.
func (h hawser) settle(t *Turn, from Peer, id ID, d Desc) {
	if d.Kind == DescGive && t.sc.unreachable(t.Self, d.Host) {
		t.ref(id).Phase = Awaiting
		t.send(from, Msg{Op: OpRelay, Ref: id, D: d})
		return
	}
	t.ref(id).Phase = Open
	t.install(from, id, d)
}

func (h hawser) Handle(t *Turn, from Peer, m Msg) {
	switch m.Op {
	case OpSynced:
		if r := t.ref(m.To); r.Phase == Holding {
			d := r.Learned
			r.Learned = Desc{}
			h.settle(t, from, m.To, d)
		}
	case OpRelay:
		d := m.D
		d.Kind = DescImport
		id := t.imported(d)
		answer := Desc{Kind: DescImport, Host: t.Self, ID: id, Promise: d.Promise}
		if t.ref(id).Broken {
			answer = Desc{Kind: DescBroken}
		}
		t.send(from, Msg{Op: OpResolve, To: m.Ref, D: answer})
	default:
		t.unknown(from, m)
	}
}

// After tells those who listen to promises that have settled in this turn.
func (h hawser) After(t *Turn) {
	for i := 0; i < len(t.p.refs); i++ {
		r := &t.p.refs[i]
		if len(r.Listeners) == 0 {
			continue
		}
		to, ok := h.final(t, r.ID)
		if !ok {
			continue
		}
		listeners := r.Listeners
		r.Listeners = nil
		for _, l := range listeners {
			t.send(l.Peer, Msg{Op: OpResolve, To: l.As, D: h.name(t, to, l.Peer)})
		}
	}
}

// final returns the reference in which everything sent to id ends, once nothing of it waits on the way.
func (h hawser) final(t *Turn, id ID) (ID, bool) {
	for {
		r := t.ref(id)
		switch {
		case r.Broken, r.Kind == LocalTarget, r.Kind == RemoteTarget:
			return id, true
		case len(r.Queue) > 0 && !h.opt.EarlyWord, r.To == 0, r.Phase == Holding, r.Phase == Awaiting:
			return 0, false
		case r.Phase == Kept && !h.opt.KeptIsFinal:
			return id, true
		}
		id = r.To
	}
}

// name names a reference that is final: with a gift if it is a third peer's, unless messages to it go another way.
func (h hawser) name(t *Turn, id ID, to Peer) Desc {
	r := t.ref(id)
	kept := r.Kind == RemotePromise && r.Phase == Kept && !r.Broken
	if host, _ := t.host(id); kept || h.opt.NoHandoffs && host != to && !r.Broken {
		return Desc{Kind: DescImport, Host: t.Self, ID: id}
	}
	return t.describe(id, to)
}
