package model

import "testing"

// wrong is a policy with a fault, to show that each invariant can fail.
type wrong struct {
	hawser
	told func(t *Turn, from Peer, id ID, d Desc)
	name string
}

func (w wrong) String() string                         { return w.name }
func (w wrong) Told(t *Turn, from Peer, id ID, d Desc) { w.told(t, from, id, d) }

func TestInvariantsCanFail(t *testing.T) {
	h := hawser{}
	withdraw := func(t *Turn, from Peer, d Desc) { t.take(from, d) }
	for want, told := range map[string]func(t *Turn, from Peer, id ID, d Desc){
		"GiftOneShot": func(t *Turn, from Peer, id ID, d Desc) {
			if d.Kind == DescGive {
				withdraw(t, from, d)
			}
			h.Told(t, from, id, d)
		},
		"GiftHasOneRecipient": func(t *Turn, from Peer, id ID, d Desc) {
			if d.Kind == DescGive { // it is A's, and A lets D have it
				t.s.wires[t.s.wire(3, d.Host)] = []Msg{{Op: OpWithdraw, From: from, Ref: 100, D: Desc{Gift: d.Gift}}}
				return
			}
			h.Told(t, from, id, d)
		},
		"WireDescriptorContract": func(t *Turn, from Peer, id ID, d Desc) {
			if d.Kind == DescGive {
				d.Kind = DescImport
			}
			h.Told(t, from, id, d)
		},
		"PairingInvariant": func(t *Turn, from Peer, id ID, d Desc) {
			if d.Kind == DescGive {
				d = Desc{Kind: DescImport, Host: from, ID: 99}
			}
			h.Told(t, from, id, d)
		},
		"NoMessageLost": func(t *Turn, _ Peer, id ID, _ Desc) { t.ref(id).Queue, t.ref(id).Broken = nil, true },
		"NoDeadlock":    func(t *Turn, _ Peer, id ID, _ Desc) { t.ref(id).Phase = Holding },
		"EveryRunEnds": func(t *Turn, from Peer, id ID, d Desc) {
			t.send(from, Msg{Op: OpListen, To: t.ref(id).At, Ref: id})
		},
		"KnownMessage": func(t *Turn, from Peer, id ID, _ Desc) {
			t.send(from, Msg{Op: OpFlushAck, To: t.ref(id).At})
		},
		"NoCycle": func(t *Turn, _ Peer, id ID, _ Desc) { t.ref(id).To = id },
	} {
		sc := Chains("handoff", []Sender{{a, 0, 1, 2}, {d, 0, 1, 0}}, b, c)
		if want == "EveryRunEnds" {
			sc = Chain("plain", 0, b, b)
		}
		r := Check(sc, wrong{told: told, name: want}, 100000)
		if r.Invariant() != want {
			t.Errorf("%s: got %s %q %q", want, r, r.Violation, r.Trace)
		}
	}
	// A peer that never answers leaves promises open, and messages that wait in them.
	r := Check(Chain("silent", 0, b, c), silent{}, 1000)
	if r.Invariant() != "EveryPromiseSettles" {
		t.Errorf("silent: got %s %q", r, r.Violation)
	}
}

type silent struct{ hawser }

func (silent) After(*Turn) {}

// TestHoles shows that a message which is skipped is noticed after a session was lost, too.
func TestHoles(t *testing.T) {
	r := Check(Chain("handoff", 2, b, c).LosingAny(), NaivePromiseResolution(), 100000)
	if r.Violation == "" {
		t.Error("nothing was noticed")
	}
	sc := Chain("2 parties", 2, b, a)
	sc.policy = hawser{}
	s := sc.start()
	s.losses = 1
	turn := sc.turn(s, a)
	turn.deliver(Msg{Op: OpDeliver, Seq: 2})
	if s.bad == "" || (&Result{Violation: s.bad}).Invariant() != "NoHoles" {
		t.Errorf("got %q", s.bad)
	}
}

// TestKeys shows that states which differ in anything that matters have different keys.
func TestKeys(t *testing.T) {
	sc := Chain("handoff", 2, b, c)
	sc.policy = hawser{}
	seen := make(map[key]string)
	for name, change := range map[string]func(*state){
		"start":     func(*state) {},
		"losses":    func(s *state) { s.losses++ },
		"dead":      func(s *state) { s.dead[1] = true },
		"sent":      func(s *state) { s.peers[0].sent[0]++ },
		"got":       func(s *state) { s.peers[2].got[0]++ },
		"done":      func(s *state) { s.peers[1].done[0] = true },
		"given":     func(s *state) { s.peers[1].given++ },
		"minted":    func(s *state) { s.peers[1].minted++ },
		"gift":      func(s *state) { s.peers[2].gifts = []Gift{{Gifter: b, Recipient: a, Value: 2}} },
		"withdrawn": func(s *state) { s.peers[2].gifts = []Gift{{Gifter: b, Recipient: a, Value: 2, Answer: 20}} },
		"used":      func(s *state) { s.peers[0].refs[0].Used = true },
		"broken":    func(s *state) { s.peers[0].refs[0].Broken = true },
		"again":     func(s *state) { s.peers[0].refs[0].Again = true },
		"phase":     func(s *state) { s.peers[0].refs[0].Phase = Awaiting },
		"to":        func(s *state) { s.peers[0].refs[0].To = 2 },
		"learned":   func(s *state) { s.peers[0].refs[0].Learned = Desc{Kind: DescGive, Host: c, ID: 2} },
		"waits":     func(s *state) { s.peers[1].refs[0].Waits = 1 },
		"seen":      func(s *state) { s.peers[1].refs[0].Seen = 1 },
		"listeners": func(s *state) { s.peers[1].refs[0].Listeners = nil },
		"queue":     func(s *state) { s.peers[1].refs[0].Queue = []Msg{{Op: OpDeliver, Seq: 1}} },
		"queue 2":   func(s *state) { s.peers[1].refs[0].Queue = []Msg{{Op: OpDeliver, Seq: 2}} },
		"wire":      func(s *state) { s.wires[1] = []Msg{{Op: OpDeliver, Seq: 1}} },
		"wire 2":    func(s *state) { s.wires[2] = []Msg{{Op: OpDeliver, Seq: 1}} },
		"probe":     func(s *state) { s.wires[1] = []Msg{{Op: OpProbe, From: c}} },
		"desc":      func(s *state) { s.wires[1] = []Msg{{Op: OpResolve, D: Desc{Kind: DescGive, Gift: 1}}} },
		"promise":   func(s *state) { s.wires[1] = []Msg{{Op: OpResolve, D: Desc{Kind: DescGive, Gift: 1, Promise: true}}} },
	} {
		s := sc.start()
		change(s)
		k, _ := s.key(nil)
		if other, same := seen[k]; same {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[k] = name
	}
}
