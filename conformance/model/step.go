package model

import (
	"fmt"
	"slices"
)

type stepKind uint8

const (
	stepSend stepKind = iota
	stepReceive
	stepEvent
	stepDrain
	stepPolicy
	stepLose
)

// step is one thing that can happen next.
type step struct {
	kind stepKind
	peer Peer
	a, b int8
}

// steps lists what can happen next, in a fixed order.
func (sc *Scenario) steps(s *state, out []step) []step {
	for i, snd := range sc.Senders {
		p := s.peers[snd.Peer]
		if int(p.sent[i]) < snd.Count && p.find(snd.Ref) != nil && sc.accepts(s, snd) {
			out = append(out, step{stepSend, snd.Peer, int8(i), 0})
		}
	}
	n := Peer(sc.Peers)
	for from := range n {
		for to := range n {
			if w := s.wires[s.wire(from, to)]; len(w) > 0 && !sc.blocked(s.peers[to], from, to, w[0]) {
				out = append(out, step{stepReceive, to, int8(from), 0})
			}
		}
	}
	for i, e := range sc.Events {
		if p := s.peers[e.Peer]; !p.done[i] && sc.possible(p, e) {
			out = append(out, step{stepEvent, e.Peer, int8(i), 0})
		}
	}
	for p := range n {
		for i := range s.peers[p].refs {
			r := &s.peers[p].refs[i]
			if drainable(r) {
				out = append(out, step{stepDrain, p, int8(r.ID), 0})
			}
			if sc.policyOf(p).Ready(sc, s.peers[p], r) {
				out = append(out, step{stepPolicy, p, int8(r.ID), 0})
			}
		}
	}
	if s.losses < sc.MaxLosses {
		for i, l := range sc.Losses {
			if !s.dead[s.wire(l[0], l[1])] {
				out = append(out, step{stepLose, nobody, int8(i), 0})
			}
		}
	}
	return out
}

func (sc *Scenario) possible(p *peer, e Event) bool {
	if e.Resolve != 0 {
		r := p.find(e.Resolve)
		return r != nil && r.To == 0 && !r.Broken && p.find(e.To) != nil
	}
	return p.find(e.Pass) != nil
}

// blocked reports whether the message that is next on a channel cannot be taken yet.
func (sc *Scenario) blocked(p *peer, from, to Peer, m Msg) bool {
	if sc.WithdrawalsBlock && m.Op == OpWithdraw {
		g := p.gift(m.From, m.D.Gift)
		return g == nil || g.Value == 0
	}
	return sc.policyOf(to).Blocks(p, from, m)
}

// accepts reports whether a message that the sender sends now is not refused at once.
func (sc *Scenario) accepts(s *state, snd Sender) bool {
	t := Turn{Self: snd.Peer, sc: sc, s: &state{peers: s.peers, dead: s.dead}, p: s.peers[snd.Peer]}
	_, what := t.route(snd.Ref)
	return what != refused || t.s.bad != "" // what is wrong is found when it is sent
}

// apply returns the state after a step.
func (sc *Scenario) apply(old *state, st step) *state {
	s := old.clone()
	if st.kind == stepLose {
		l := sc.Losses[st.a]
		sc.lose(s, l[0], l[1])
		return s
	}
	t := sc.turn(s, st.peer)
	switch st.kind {
	case stepSend:
		snd := sc.Senders[st.a]
		t.p.sent[st.a]++
		t.forward(snd.Ref, Msg{Op: OpDeliver, Sender: st.a, Seq: t.p.sent[st.a]})
	case stepReceive:
		from := Peer(st.a)
		i := s.wire(from, st.peer)
		m := s.wires[i][0]
		s.wires[i] = s.wires[i][1:]
		t.receive(from, m)
	case stepEvent:
		t.p.done[st.a] = true
		e := sc.Events[st.a]
		if e.Resolve != 0 {
			t.resolve(e.Resolve, e.To)
			break
		}
		t.send(e.Whom, Msg{Op: OpIntro, To: e.As, D: t.mention(e.Pass, e.Whom)})
	case stepDrain:
		t.drain(ID(st.a))
	case stepPolicy:
		t.policy().Step(t, ID(st.a))
	case stepLose:
	}
	t.policy().After(t)
	if s.bad == "" {
		s.bad = sc.broken(s)
	}
	return s
}

// resolve gives a local promise what it leads to.
func (t *Turn) resolve(id, to ID) {
	if t.leadsTo(to, id) {
		t.breakRef(id)
		return
	}
	t.ref(id).To = to
	t.policy().Resolved(t, id)
}

func (t *Turn) receive(from Peer, m Msg) {
	switch m.Op {
	case OpDeliver, OpProbe:
		t.policy().Arrived(t, from, m.To)
		t.forward(m.To, m)
	case OpListen:
		r := t.ref(m.To)
		r.Listeners = append(slices.Clip(r.Listeners), Listener{from, m.Ref})
	case OpSync:
		t.send(from, Msg{Op: OpSynced, To: m.Ref})
	case OpResolve:
		t.policy().Told(t, from, m.To, m.D)
	case OpIntro:
		t.introduced(from, m)
	case OpDeposit:
		t.deposited(from, m)
	case OpWithdraw:
		t.withdrawn(from, m)
	default:
		t.policy().Handle(t, from, m)
	}
}

// introduced handles a message that carries a reference: it is known by the name the scenario has for it.
func (t *Turn) introduced(from Peer, m Msg) {
	if m.D.Kind == DescBroken {
		t.p.add(Ref{ID: m.To, Kind: LocalPromise, Broken: true})
		return
	}
	to := t.take(from, m.D)
	if r := t.ref(to); r.Kind == RemotePromise && m.D.Kind == DescImport && t.policy().Listens() {
		t.send(from, Msg{Op: OpListen, To: r.At, Ref: to})
	}
	t.p.add(Ref{ID: m.To, Kind: LocalPromise, To: to})
}

// describeStep says in words what a step did.
func (sc *Scenario) describeStep(s *state, st step) string {
	switch st.kind {
	case stepSend:
		return fmt.Sprintf("%s sends message %d on %d", st.peer, s.peers[st.peer].sent[st.a]+1, sc.Senders[st.a].Ref)
	case stepReceive:
		m := s.wires[s.wire(Peer(st.a), st.peer)][0]
		return fmt.Sprintf("%s gets from %s: %s", st.peer, Peer(st.a), sc.describeMsg(m))
	case stepEvent:
		e := sc.Events[st.a]
		if e.Resolve != 0 {
			return fmt.Sprintf("%s resolves %d to %d", st.peer, e.Resolve, e.To)
		}
		return fmt.Sprintf("%s passes %d to %s, as %d", st.peer, e.Pass, e.Whom, e.As)
	case stepDrain:
		return fmt.Sprintf("%s moves a message on from %d", st.peer, st.a)
	case stepPolicy:
		return fmt.Sprintf("%s tells again of %d", st.peer, st.a)
	default:
		return fmt.Sprintf("the session of %s and %s is lost", sc.Losses[st.a][0], sc.Losses[st.a][1])
	}
}

func (sc *Scenario) describeMsg(m Msg) string {
	switch m.Op {
	case OpDeliver:
		return fmt.Sprintf("message %d of %s for %d", m.Seq, sc.Senders[m.Sender], m.To)
	case OpResolve, OpIntro:
		return fmt.Sprintf("%s %d is %s", m.Op, m.To, m.D)
	case OpDeposit:
		return fmt.Sprintf("deposit of gift %d, %d for %s", m.D.Gift, m.Ref, m.From)
	case OpWithdraw:
		return fmt.Sprintf("withdrawal of gift %d of %s, answer %d", m.D.Gift, m.From, m.Ref)
	case OpProbe:
		return fmt.Sprintf("probe of %s's %d for %d", m.From, m.Ref, m.To)
	default:
		return fmt.Sprintf("%s of %d, for %d", m.Op, m.To, m.Ref)
	}
}

func (d Desc) String() string {
	switch d.Kind {
	case DescImport:
		return fmt.Sprintf("my %d", d.ID)
	case DescExport:
		return fmt.Sprintf("your %d", d.ID)
	case DescGive:
		return fmt.Sprintf("gift %d at %s", d.Gift, d.Host)
	default:
		return "broken"
	}
}
