package model

// Policy is how a peer treats promises: when it tells whom what they lead to, and what it does when it is told.
type Policy interface {
	// String is the name of the policy.
	String() string
	// Resolved is called when a local promise of the peer's has been given what it leads to.
	Resolved(t *Turn, id ID)
	// Told is called when another peer answers what the remote promise leads to.
	Told(t *Turn, from Peer, id ID, d Desc)
	// Arrived is called before a message from another peer is sent on to the reference it is for.
	Arrived(t *Turn, from Peer, id ID)
	// Handle handles the messages that only some policies send.
	Handle(t *Turn, from Peer, m Msg)
	// Blocks reports whether a message that is next on a channel must wait there.
	Blocks(p *peer, from Peer, m Msg) bool
	// Ready reports whether Step has something to do for a reference; Step does it.
	Ready(sc *Scenario, p *peer, r *Ref) bool
	Step(t *Turn, id ID)
	// After is called at the end of every turn of the peer.
	After(t *Turn)
	// Listens reports whether the peer asks what the promises it is passed lead to.
	Listens() bool
	// Settles reports whether every promise that is listened to must settle in the end.
	Settles() bool
	// Stands reports whether the peer gives the same reference to the same peer under the same number again.
	Stands() bool
	// MovesQueues reports whether the peer empties a promise before it tells anybody where it leads.
	MovesQueues() bool
}

// forwarding is the policy to begin with: everything goes the long way, nobody is told anything.
type forwarding struct{}

func (forwarding) String() string                    { return "NoPromiseResolution" }
func (forwarding) Resolved(*Turn, ID)                {}
func (forwarding) Told(*Turn, Peer, ID, Desc)        {}
func (forwarding) Arrived(*Turn, Peer, ID)           {}
func (forwarding) Handle(t *Turn, from Peer, m Msg)  { t.unknown(from, m) }
func (forwarding) Blocks(*peer, Peer, Msg) bool      { return false }
func (forwarding) Ready(*Scenario, *peer, *Ref) bool { return false }
func (forwarding) Step(*Turn, ID)                    {}
func (forwarding) After(*Turn)                       {}
func (forwarding) Listens() bool                     { return false }
func (forwarding) Settles() bool                     { return false }
func (forwarding) Stands() bool                      { return false }
func (forwarding) MovesQueues() bool                 { return false }

// NoPromiseResolution never tells anybody what a promise leads to: every message goes the long way.
func NoPromiseResolution() Policy { return forwarding{} }

type naive struct{ forwarding }

// NaivePromiseResolution tells at once what a promise leads to, and goes there at once.
func NaivePromiseResolution() Policy { return naive{} }

func (naive) String() string { return "NaivePromiseResolution" }
func (naive) Listens() bool  { return true }

func (naive) Resolved(t *Turn, id ID) { t.tellAll(id, t.ref(id).To) }

// tellAll tells everybody who listens to a promise that it leads to to.
func (t *Turn) tellAll(id, to ID) {
	for _, l := range t.ref(id).Listeners {
		t.tell(l, to)
	}
}

func (naive) Told(t *Turn, from Peer, id ID, d Desc) { t.install(from, id, d) }

// install makes a remote promise lead to what its host says. What comes too late, or would make a ring, is ignored.
func (t *Turn) install(from Peer, id ID, d Desc) bool {
	r := t.ref(id)
	switch {
	case r.Broken, r.Kind != RemotePromise, d.Kind == DescGive && r.To != 0:
		return false
	case d.Kind == DescBroken:
		t.breakRef(id)
		return false
	}
	to := t.take(from, d)
	if t.leadsTo(to, id) {
		return false
	}
	t.ref(id).To = to
	return true
}

// The published model has peers tell their listeners once more when a promise that theirs leads to has got shorter.

func (naive) Ready(sc *Scenario, p *peer, r *Ref) bool {
	if !sc.Repropagate || r.Kind != LocalPromise || r.To == 0 || r.Again || r.ID >= firstMinted || len(r.Listeners) == 0 {
		return false
	}
	next := p.find(r.To)
	return next != nil && next.Kind == RemotePromise && next.To != 0
}

func (naive) Step(t *Turn, id ID) {
	t.ref(id).Again = true
	t.tellAll(id, t.ref(t.ref(id).To).To)
}

type eJava struct {
	naive
	opt EJavaOptions
}

// EJavaOptions are departures from the published model of E's rule.
type EJavaOptions struct {
	// Anywhere has every promise tell its listeners of a promise at a third peer. The published model has only the first of
	// a chain do it, if the end of the chain is there too, and only once its listeners have used it.
	Anywhere bool
	// MovesQueues moves what waits in a promise, in the same step, before anybody is told where it leads. In the published
	// model it is moved later, message by message. What a withdrawn promise leads to no longer waits on its channel, either,
	// until the promise that leads there is not held: the acknowledgement that ends the holding can be behind it.
	MovesQueues bool
}

// EJavaFlush is what E did (DelayedRedirector): a promise that was used is pointed elsewhere only when a probe that was
// sent down it has come to its end and been acknowledged from there.
func EJavaFlush(opt EJavaOptions) Policy { return eJava{opt: opt} }

func (e eJava) String() string {
	name := "EJavaFlush"
	if e.opt.Anywhere {
		name += ", everywhere"
	}
	if e.opt.MovesQueues {
		name += ", queues moved"
	}
	return name
}

func (e eJava) Resolved(t *Turn, id ID) {
	to := t.ref(id).To
	if e.opt.MovesQueues {
		t.drainAll(id)
	}
	if e.tells(t, id, to, e.opt.Anywhere || id == 1 && t.sc.coTerminal()) {
		t.tellAll(id, to)
	}
}

// coTerminal reports whether the last promise of a chain and its target have one host.
func (sc *Scenario) coTerminal() bool {
	var last, target Peer
	for p, refs := range sc.Refs {
		for _, r := range refs {
			switch r.Kind {
			case LocalTarget:
				target = Peer(p)
			case LocalPromise:
				if int(r.ID) == len(sc.Events) {
					last = Peer(p)
				}
			default:
			}
		}
	}
	return last == target
}

func (e eJava) tells(t *Turn, id, to ID, third bool) bool {
	r := t.ref(id)
	if k := t.ref(to).Kind; k == LocalTarget || k == RemoteTarget {
		return true
	}
	host, _ := t.host(to)
	for _, l := range r.Listeners {
		if host != t.Self && host != l.Peer && (!third || !e.opt.Anywhere && r.Seen&(1<<l.Peer) == 0) {
			return false
		}
	}
	return true
}

func (e eJava) Step(t *Turn, id ID) {
	t.ref(id).Again = true
	if to := t.ref(t.ref(id).To).To; e.tells(t, id, to, true) {
		t.tellAll(id, to)
	}
}

func (eJava) Arrived(t *Turn, from Peer, id ID) {
	r := t.ref(id)
	for _, l := range r.Listeners {
		if l.Peer == from && r.Kind == LocalPromise {
			r.Seen |= 1 << from
		}
	}
}

func (eJava) Told(t *Turn, from Peer, id ID, d Desc) {
	r := t.ref(id)
	at, used := r.At, r.Used
	same := d.Kind == DescImport && !d.Promise && from == r.Peer
	if t.install(from, id, d) && used && !same {
		t.ref(id).Phase = Holding
		t.send(from, Msg{Op: OpProbe, To: at, From: t.Self, Ref: id})
	}
}

// Blocks: what a withdrawn promise leads to waits until the promise that leads there is no longer held.
func (e eJava) Blocks(p *peer, _ Peer, m Msg) bool {
	if e.opt.MovesQueues || m.Op != OpResolve || m.To < firstMinted || !m.D.Promise {
		return false
	}
	for i := range p.refs {
		if r := &p.refs[i]; r.To == m.To && r.Phase == Holding {
			return true
		}
	}
	return false
}

func (eJava) Handle(t *Turn, from Peer, m Msg) {
	if m.Op != OpProbeAck {
		t.unknown(from, m)
		return
	}
	t.ref(m.To).Phase = Open
}
