package model

import "fmt"

// A Scenario is who there is at the start, what they may do of their own accord, and what may go wrong. Everything it allows
// is tried in every order.
type Scenario struct {
	Name  string
	Peers int
	// Refs are the references of each peer at the start.
	Refs [][]Ref
	// Senders send their messages whenever they like.
	Senders []Sender
	// Events happen once each, whenever they can.
	Events []Event
	// Losses are the sessions that may be lost, at any moment, MaxLosses of them in one run.
	Losses    [][2]Peer
	MaxLosses int
	// Redials has the recipient of a gift begin a new session with the exporter if they have lost theirs.
	Redials bool
	// Unreachable lists pairs of peers that cannot connect: the first then asks the gifter to relay.
	Unreachable [][2]Peer
	// Repropagate lets the published policies tell listeners again when they learn of a shorter way.
	Repropagate bool
	// WithdrawalsBlock has an exporter take nothing more from a peer whose withdrawal waits for its deposit, as the
	// published model does. No implementation can: the session would stand still.
	WithdrawalsBlock bool
	// DepositsReplace is a fault that the code had: a gift that is deposited again can still be withdrawn once only.
	DepositsReplace bool
	// Others gives some peers a policy of their own.
	Others map[Peer]Policy

	policy Policy
}

// A Sender is a vat of a peer, with its messages on one reference.
type Sender struct {
	Peer  Peer
	Vat   int
	Ref   ID
	Count int // how many messages
}

func (s Sender) String() string { return fmt.Sprintf("%s%d on %d", s.Peer, s.Vat, s.Ref) }

// Event is something that a peer does of its own accord.
type Event struct {
	Peer Peer
	// Resolve, if set, is a local promise that is resolved to To.
	Resolve, To ID
	// Pass, if set, is a reference that is sent to peer Whom, which knows it as As from then on.
	Pass, As ID
	Whom     Peer
}

func (sc *Scenario) policyOf(p Peer) Policy {
	if other, ok := sc.Others[p]; ok {
		return other
	}
	return sc.policy
}

func (sc *Scenario) unreachable(a, b Peer) bool {
	for _, u := range sc.Unreachable {
		if u == [2]Peer{a, b} {
			return true
		}
	}
	return false
}

// Chain returns the scenario of the published model: promise 1 at hosts[0] is resolved to promise 2 at hosts[1], and so on;
// the last is a target. The head holds promise 1, each host the next reference, and all listen from the start.
func Chain(name string, messages int, hosts ...Peer) *Scenario {
	return Chains(name, []Sender{{Peer: 0, Ref: 1, Count: messages}}, hosts...)
}

// Chains is Chain with other senders; those of other peers than A hold promise 1 as well.
func Chains(name string, senders []Sender, hosts ...Peer) *Scenario {
	peers := hosts[0]
	for _, h := range hosts {
		peers = max(peers, h)
	}
	for _, s := range senders {
		peers = max(peers, s.Peer)
	}
	sc := &Scenario{Name: name, Peers: int(peers) + 1, Senders: senders}
	sc.Refs = make([][]Ref, sc.Peers)
	knows := make([]map[Peer]bool, len(hosts)+1)
	for i := range hosts {
		knows[i] = make(map[Peer]bool)
		if i > 0 {
			knows[i][hosts[i-1]] = true
		}
	}
	for _, s := range senders {
		knows[0][s.Peer] = true
	}
	for i, h := range hosts {
		id, target := ID(i+1), i == len(hosts)-1
		local := Ref{ID: id, Kind: LocalPromise}
		if target {
			local.Kind = LocalTarget
		} else {
			sc.Events = append(sc.Events, Event{Peer: h, Resolve: id, To: id + 1})
		}
		for p := range Peer(sc.Peers) {
			if !knows[i][p] || p == h {
				continue
			}
			far := Ref{ID: id, Kind: RemotePromise, Peer: h, At: id}
			if target {
				far.Kind = RemoteTarget
			} else {
				local.Listeners = append(local.Listeners, Listener{p, id})
			}
			sc.Refs[p] = append(sc.Refs[p], far)
		}
		sc.Refs[h] = append(sc.Refs[h], local)
	}
	return sc
}

// With returns a copy of the scenario under another name, changed.
func (sc *Scenario) With(name string, change func(*Scenario)) *Scenario {
	c := *sc
	c.Name = name
	change(&c)
	return &c
}

// LosingAny returns the scenario with any one session lost at any moment.
func (sc *Scenario) LosingAny() *Scenario {
	return sc.With(sc.Name+", a session lost", func(c *Scenario) {
		for a := range Peer(sc.Peers) {
			for b := range a {
				c.Losses = append(c.Losses, [2]Peer{b, a})
			}
		}
		c.MaxLosses = min(1, len(c.Losses))
	})
}

// Redialling returns the scenario with any one session lost at any moment, after which gifts are redeemed in new ones.
func (sc *Scenario) Redialling() *Scenario {
	c := sc.LosingAny()
	return c.With(c.Name+", had anew", func(c *Scenario) { c.Redials = true })
}

func (sc *Scenario) start() *state {
	n := sc.Peers
	s := &state{wires: make([][]Msg, n*n), dead: make([]bool, n*n), lost: make([]uint8, n*n)}
	for i := range n {
		p := &peer{sent: make([]uint8, len(sc.Senders)), got: make([]uint8, len(sc.Senders)), done: make([]bool, len(sc.Events))}
		for _, r := range sc.Refs[i] {
			p.add(r)
		}
		s.peers = append(s.peers, p)
	}
	return s
}
