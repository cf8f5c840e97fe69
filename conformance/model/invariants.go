package model

import "fmt"

// broken checks what must hold in every state; order and gifts are checked where they happen.
func (sc *Scenario) broken(s *state) string {
	for i, p := range s.peers {
		for k := range p.refs {
			r := &p.refs[k]
			if r.Kind != RemoteTarget && r.Kind != RemotePromise || s.dead[s.wire(Peer(i), r.Peer)] || sc.Redials && r.Broken {
				continue
			}
			if s.peers[r.Peer].find(r.At) == nil && !announced(s.wires[s.wire(Peer(i), r.Peer)], r.At) {
				return fmt.Sprintf("PairingInvariant: %s's %d is %d of %s, which has no such reference", Peer(i), r.ID, r.At, r.Peer)
			}
		}
	}
	return ""
}

// announced reports whether the host is about to hear of a position that the holder has chosen.
func announced(wire []Msg, at ID) bool {
	for _, m := range wire {
		if m.Op == OpWithdraw && m.Ref == at {
			return true
		}
	}
	return false
}

// stuck checks a state in which nothing can happen any more: nothing may be left.
func (sc *Scenario) stuck(s *state) string {
	for from := range Peer(sc.Peers) {
		for to := range Peer(sc.Peers) {
			if w := s.wires[s.wire(from, to)]; len(w) > 0 {
				return fmt.Sprintf("NoDeadlock: %s never takes from %s: %s", to, from, sc.describeMsg(w[0]))
			}
		}
	}
	for i, p := range s.peers {
		for _, g := range p.gifts {
			if g.Answer != 0 && g.N >= standing {
				return fmt.Sprintf("NoDeadlock: %s waits at %s for gift %d of %s for ever", g.Recipient, Peer(i), g.N, g.Gifter)
			}
		}
		for k := range p.refs {
			r := &p.refs[k]
			if len(r.Queue) > 0 {
				return fmt.Sprintf("NoDeadlock: %s holds %d messages in %d for ever", Peer(i), len(r.Queue), r.ID)
			}
			if settles := sc.policyOf(Peer(i)).Settles(); settles && !r.Broken && r.ID < firstMinted && sc.everResolved(s, Peer(i), r) {
				return fmt.Sprintf("EveryPromiseSettles: %s never learns what %d leads to", Peer(i), r.ID)
			}
		}
	}
	if s.losses > 0 {
		return ""
	}
	for i, snd := range sc.Senders {
		sent, got := s.peers[snd.Peer].sent[i], uint8(0)
		for _, p := range s.peers {
			got = max(got, p.got[i])
		}
		if sent != got || int(sent) != snd.Count {
			return fmt.Sprintf("NoMessageLost: %s has sent %d of %d messages, %d have arrived", snd, sent, snd.Count, got)
		}
	}
	return ""
}

// everResolved reports whether a remote promise should have settled and has not.
func (sc *Scenario) everResolved(s *state, at Peer, r *Ref) bool {
	return r.Kind == RemotePromise && (r.To == 0 || r.Phase == Holding || r.Phase == Awaiting) && sc.policyOf(r.Peer).Settles()
}
