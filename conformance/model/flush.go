package model

type opFlush struct {
	naive
	extended bool
}

// OpFlush is op:flush: who knows where a promise leads asks those who listen to hold what they send, waits until all have
// agreed, and then says where. As first proposed it is done for what a third peer hosts; extended, as in the published
// model, for whatever another peer hosts, and queues are moved in the step that asks, or tells.
func OpFlush(extended bool) Policy { return opFlush{extended: extended} }

func (f opFlush) String() string {
	if f.extended {
		return "OpFlush, extended"
	}
	return "OpFlush, as proposed"
}

func (f opFlush) Resolved(t *Turn, id ID) {
	r := t.ref(id)
	host, _ := t.host(r.To)
	third := false
	for _, l := range r.Listeners {
		third = third || host != t.Self && host != l.Peer
	}
	switch {
	case len(r.Listeners) == 0:
	case third, f.extended && host != t.Self:
		for _, l := range r.Listeners {
			r.Waits |= 1 << l.Peer
			t.send(l.Peer, Msg{Op: OpAskFlush, To: l.As, Ref: id})
		}
		if f.extended {
			t.drainAll(id)
		}
	default:
		t.tellAll(id, r.To)
		if f.extended {
			t.drainAll(id)
		}
	}
}

func (f opFlush) Ready(sc *Scenario, p *peer, r *Ref) bool {
	return f.naive.Ready(sc, p, r) && (!f.extended || r.Waits == 0)
}

func (f opFlush) Handle(t *Turn, from Peer, m Msg) {
	switch r := t.ref(m.To); m.Op {
	case OpAskFlush:
		if r.Kind == RemotePromise && !r.Broken {
			r.Phase = Holding
		}
		t.send(from, Msg{Op: OpFlushAck, To: m.Ref})
	case OpFlushAck:
		if r.Waits &^= 1 << from; r.Waits == 0 {
			t.tellAll(m.To, r.To)
		}
	default:
		t.unknown(from, m)
	}
}

func (f opFlush) Told(t *Turn, from Peer, id ID, d Desc) {
	if !t.install(from, id, d) {
		return
	}
	r := t.ref(id)
	switch {
	case !f.extended:
		r.Phase = Open
	case d.Kind != DescGive:
		r.Phase = Open
		t.drainAll(id)
		// What a withdrawn promise belongs to was held until it is known where it leads.
		for i := range t.p.refs {
			if b := &t.p.refs[i]; id >= firstMinted && b.To == id {
				b.Phase = Open
			}
		}
	}
}
