package model

// The exporter's side of a handoff, the same for every policy: the deposit and the withdrawal may come in either order, and
// what is sent to the answer of the withdrawal waits there for the deposit.

func (p *peer) gift(gifter Peer, n uint8) *Gift {
	for i := range p.gifts {
		if g := &p.gifts[i]; g.Gifter == gifter && g.N == n {
			return g
		}
	}
	return nil
}

// deposited handles deposit-gift.
func (t *Turn) deposited(from Peer, m Msg) {
	g := t.p.gift(from, m.D.Gift)
	switch {
	case g == nil:
		t.p.gifts = append(t.p.gifts, Gift{Gifter: from, N: m.D.Gift, Recipient: m.From, Value: m.Ref})
	case g.Value != 0:
		t.fail("GiftOneShot", "%s deposits gift %d twice", from, m.D.Gift)
	case g.Recipient != m.From:
		t.fail("GiftHasOneRecipient", "gift %d of %s is for %s, and %s has asked for it", m.D.Gift, from, m.From, g.Recipient)
	default:
		g.Value = m.Ref
		t.handOut(g.Answer, m.Ref)
	}
}

// withdrawn handles withdraw-gift.
func (t *Turn) withdrawn(from Peer, m Msg) {
	t.p.add(Ref{ID: m.Ref, Kind: LocalPromise, Listeners: []Listener{{from, m.Ref}}})
	g := t.p.gift(m.From, m.D.Gift)
	switch {
	case g == nil && !t.alive(m.From):
		t.breakTold(m.Ref) // nobody can deposit it any more
	case g == nil:
		t.p.gifts = append(t.p.gifts, Gift{Gifter: m.From, N: m.D.Gift, Recipient: from, Answer: m.Ref})
	case g.Answer != 0:
		t.fail("GiftOneShot", "gift %d of %s is withdrawn twice", g.N, g.Gifter)
	case g.Recipient != from:
		t.fail("GiftHasOneRecipient", "gift %d of %s is for %s, and %s withdraws it", g.N, g.Gifter, g.Recipient, from)
	default:
		g.Answer = m.Ref
		t.handOut(m.Ref, g.Value)
	}
}

func (t *Turn) handOut(answer, value ID) {
	if r := t.p.find(answer); r == nil || r.Broken {
		return
	}
	t.resolve(answer, value)
}

// breakTold breaks a local promise and tells whoever listens.
func (t *Turn) breakTold(id ID) {
	t.breakRef(id)
	r := t.ref(id)
	listeners := r.Listeners
	r.Listeners = nil
	for _, l := range listeners {
		t.send(l.Peer, Msg{Op: OpResolve, To: l.As, D: Desc{Kind: DescBroken}})
	}
}

// lose ends a session: what is on its way is lost, and at both ends breaks what rests on it.
func (sc *Scenario) lose(s *state, a, b Peer) {
	s.losses++
	s.dead = append([]bool(nil), s.dead...)
	for _, ends := range [][2]Peer{{a, b}, {b, a}} {
		i := s.wire(ends[0], ends[1])
		s.wires[i], s.dead[i] = nil, true
	}
	for _, ends := range [][2]Peer{{a, b}, {b, a}} {
		t := sc.turn(s, ends[0])
		other := ends[1]
		for i := range t.p.refs {
			r := &t.p.refs[i]
			switch {
			case r.Kind == RemoteTarget && r.Peer == other:
				r.Broken = true
			case r.Kind == RemotePromise && r.Peer == other && (r.To == 0 || r.Phase != Open):
				t.breakRef(r.ID)
			}
			listeners := r.Listeners
			r.Listeners = nil
			for _, l := range listeners {
				if l.Peer != other {
					r.Listeners = append(r.Listeners, l)
				}
			}
			r.Waits &^= 1 << other
		}
		// Gifts from the other end and for it end with the session, and so do withdrawals that wait for its deposit.
		kept := t.p.gifts[:0]
		for _, g := range t.p.gifts {
			switch {
			case g.Gifter != other && (g.Recipient != other || g.Value == 0):
				kept = append(kept, g)
			case g.Gifter == other && g.Value == 0 && g.Answer != 0:
				t.breakTold(g.Answer)
			}
		}
		t.p.gifts = kept
		t.policy().After(t)
	}
	if s.bad == "" {
		s.bad = sc.broken(s)
	}
}
