package model

import "slices"

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
		if m.D.Gift >= standing {
			t.p.gifts[len(t.p.gifts)-1].Times = 1
		}
	case m.D.Gift >= standing && g.Recipient == m.From:
		g.Value = m.Ref
		if answer := g.Answer; answer != 0 {
			g.Answer = 0
			t.handOut(answer, m.Ref)
			return
		}
		if !t.sc.DepositsReplace {
			g.Times++
		}
		g.Times = max(g.Times, 1)
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
	case !t.alive(m.From), m.D.Session != t.s.lost[t.s.wire(t.Self, m.From)]:
		t.breakTold(m.Ref) // nobody can deposit it any more
	case g != nil && g.N >= standing && g.Recipient == from:
		switch {
		case g.Times > 0:
			g.Times--
			t.handOut(m.Ref, g.Value)
		case g.Answer != 0:
			t.handOut(m.Ref, g.Answer) // both wait for one deposit
		default:
			g.Answer = m.Ref
		}
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
	s.dead, s.lost = slices.Clone(s.dead), slices.Clone(s.lost)
	for _, ends := range [][2]Peer{{a, b}, {b, a}} {
		i := s.wire(ends[0], ends[1])
		s.wires[i], s.dead[i] = nil, true
		s.lost[i]++
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
			case g.Gifter != other && g.Recipient == other && sc.Redials:
				// Who waits does not any more; what was deposited stays for who comes again.
				if g.Answer != 0 && (g.Value == 0 || g.N >= standing) {
					t.breakTold(g.Answer)
					g.Answer = 0
				}
				if g.Value != 0 {
					kept = append(kept, g)
				}
			case g.Gifter != other && (g.Recipient != other || g.Value == 0):
				kept = append(kept, g)
			case g.Gifter == other && g.Answer != 0 && (g.Value == 0 || g.N >= standing):
				t.breakTold(g.Answer)
			}
		}
		t.p.gifts = kept
		t.p.gave = slices.DeleteFunc(t.p.gave, func(g Standing) bool { return g.Peer == other || g.Host == other })
		t.p.took = slices.DeleteFunc(t.p.took, func(g Standing) bool { return g.Peer == other })
		t.policy().After(t)
	}
	if s.bad == "" {
		s.bad = sc.broken(s)
	}
}

// give makes the gift that describes a third peer's reference to another. A standing one has the same number each time.
func (t *Turn) give(d *Desc, to Peer, stands bool) {
	d.Session = t.s.lost[t.s.wire(t.Self, d.Host)]
	switch {
	case stands:
		d.Gift = t.standing(*d, to)
	default:
		d.Gift = t.p.given
		t.p.given++
	}
	t.send(d.Host, Msg{Op: OpDeposit, From: to, Ref: d.ID, D: Desc{Gift: d.Gift}})
}

func (t *Turn) standing(d Desc, to Peer) uint8 {
	for _, g := range t.p.gave {
		if g.Peer == to && g.Host == d.Host && g.Ref == d.ID {
			return g.N
		}
	}
	n := standing + t.p.stands
	t.p.stands++
	t.p.gave = append(t.p.gave, Standing{Peer: to, Host: d.Host, N: n, Ref: d.ID})
	return n
}

// redeem returns the recipient's ID for a gift: what it has come to before, if that is good still, or an answer of the
// exporter's.
func (t *Turn) redeem(from Peer, d Desc) ID {
	known := slices.IndexFunc(t.p.took, func(g Standing) bool { return g.Peer == from && g.Host == d.Host && g.N == d.Gift })
	if known >= 0 {
		if id := t.p.took[known].Ref; !t.lostHold(id) {
			return id
		}
		t.p.took = slices.Delete(t.p.took, known, known+1)
	}
	if t.sc.Redials && !t.alive(d.Host) {
		t.s.dead = slices.Clone(t.s.dead)
		t.s.dead[t.s.wire(t.Self, d.Host)], t.s.dead[t.s.wire(d.Host, t.Self)] = false, false
	}
	w := t.mint()
	t.p.add(Ref{ID: w, Kind: RemotePromise, Peer: d.Host, At: w, Broken: !t.alive(d.Host)})
	t.send(d.Host, Msg{Op: OpWithdraw, From: from, Ref: w, D: Desc{Gift: d.Gift, Session: d.Session}})
	if d.Gift >= standing {
		t.p.took = append(t.p.took, Standing{Peer: from, Host: d.Host, N: d.Gift, Ref: w})
	}
	return w
}

// lostHold reports whether nothing can come of a reference any more.
func (t *Turn) lostHold(id ID) bool {
	_, what := t.route(id)
	return what == refused
}
