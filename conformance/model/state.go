package model

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
)

// Peer is a process, counted from 0; it is printed as A, B, C.
type Peer int8

// nobody is the peer of what belongs to none.
const nobody Peer = -1

func (p Peer) String() string { return string(rune('A' + p)) }

// ID names a reference. What one peer hosts under an ID, another may hold as a reference of the same ID; a peer that knows
// two ways to it has the second under an ID of its own.
type ID int8

const (
	// firstMinted is where the IDs begin that peers make while they run; those below are the scenario's.
	firstMinted ID = 16
	// mintable is how many IDs each peer can make.
	mintable = 16
)

// Kind says what a reference is at the peer that holds it.
type Kind uint8

// The kinds of reference, as in the published model.
const (
	Absent Kind = iota
	LocalTarget
	RemoteTarget
	LocalPromise
	RemotePromise
)

func (k Kind) String() string {
	return [...]string{"absent", "local target", "remote target", "local promise", "remote promise"}[k]
}

// Phase is what a policy is doing with a remote promise.
type Phase uint8

// The phases of a remote promise.
const (
	Open     Phase = iota // follows To if it is set, else the connection
	Holding               // messages wait in Queue until the policy says otherwise
	Awaiting              // as Holding, until the peer has answered a second time (Hawser)
	Kept                  // To is what it settled to, but messages go on by the connection
)

// Ref is one reference of one peer.
type Ref struct {
	ID        ID
	Kind      Kind
	Peer      Peer // of Remote*: who hosts it
	At        ID   // of Remote*: its ID there
	To        ID   // of promises: what it leads to in the same table, 0 while unknown
	Queue     []Msg
	Listeners []Listener
	Used      bool // a message was sent down this remote promise
	Broken    bool
	Phase     Phase
	Learned   Desc  // the answer that is waited with while Phase is Holding
	Waits     uint8 // the peers whose acknowledgement is waited for, a bit each
	Seen      uint8 // the listeners that have sent something to this local promise, a bit each
	Again     bool  // listeners were told a second time
}

// Listener is whom to tell of a promise: its own ID for it goes with it.
type Listener struct {
	Peer Peer
	As   ID
}

// Gift is an entry of an exporter's gift table: deposited, waited for, or withdrawn.
type Gift struct {
	Gifter    Peer
	N         uint8
	Recipient Peer
	Value     ID    // what was deposited, 0 while only the withdrawal has come
	Answer    ID    // the promise of the withdrawal, 0 while only the deposit has come; of a standing gift 0 unless it is waited for
	Times     uint8 // how often a standing gift can still be withdrawn
}

// standing is the number of the first gift that stands for a reference each time it is given, and is given again under
// the same number; those below are given once.
const standing = 128

// A Standing is such a gift, as its gifter or its recipient remembers it.
type Standing struct {
	Peer Peer // the recipient, or the gifter
	Host Peer
	N    uint8
	Ref  ID // at the host, or what it has come to
}

// Op is the kind of a message.
type Op uint8

// The operations between peers.
const (
	OpDeliver  Op = iota + 1
	OpListen      // to a promise; answered with OpResolve when it settles
	OpSync        // op:listen to the bootstrap object, which is answered at once
	OpSynced      // that answer
	OpResolve     // the answer to OpListen
	OpDeposit     // deposit-gift
	OpWithdraw    // withdraw-gift; Ref is the position of its answer
	OpRelay       // relay-gift: asks the gifter for a reference by way of the gifter
	OpIntro       // a message that carries a reference
	OpAskFlush    // the op:flush of the flush policies
	OpFlushAck    // and its answer
	OpProbe       // E's second __whenMoreResolved: travels like OpDeliver
	OpProbeAck    // what the target's host answers to the origin of a probe
)

func (o Op) String() string {
	return [...]string{"", "deliver", "listen", "sync", "synced", "resolve", "deposit", "withdraw", "relay", "intro", "flush", "flush-ack", "probe", "probe-ack"}[o]
}

// DescKind says how a reference is named in a message, seen by the receiver.
type DescKind uint8

// The descriptors.
const (
	DescBroken DescKind = iota + 1 // an error instead of a reference
	DescImport                     // hosted by the sender
	DescExport                     // hosted by the receiver
	DescGive                       // hosted by a third peer: desc:handoff-give
)

// Desc is a reference as it is written in a message.
type Desc struct {
	Kind    DescKind
	Promise bool
	Host    Peer
	ID      ID // at Host
	Gift    uint8
	Session uint8 // of a gift: which of the sessions of the gifter with Host
}

// Msg is a message between peers, or one that waits in a promise.
type Msg struct {
	Op     Op
	To     ID    // the receiver's ID of what it is for
	Sender int8  // OpDeliver: which of the scenario's senders
	Seq    uint8 // OpDeliver: counted from 1
	From   Peer  // OpProbe: its origin; OpWithdraw: the gifter; OpDeposit: the recipient
	Ref    ID    // the sender's, or for OpProbe the origin's, ID of what is asked for
	D      Desc
}

// peer is the state of one process. Only its own turns change it.
type peer struct {
	refs   []Ref // by ascending ID
	gifts  []Gift
	gave   []Standing
	took   []Standing
	given  uint8 // gifts made so far, standing ones apart
	stands uint8 // standing gifts made so far
	minted uint8 // IDs made so far
	sent   []uint8
	got    []uint8 // the last message of each sender that arrived at a target here
	done   []bool  // which of the scenario's events of this peer have happened
}

func (p *peer) clone() *peer {
	q := *p
	q.refs = slices.Clone(p.refs)
	q.gifts = slices.Clone(p.gifts)
	q.gave, q.took = slices.Clone(p.gave), slices.Clone(p.took)
	q.sent = slices.Clone(p.sent)
	q.got = slices.Clone(p.got)
	q.done = slices.Clone(p.done)
	return &q
}

func (p *peer) find(id ID) *Ref {
	for i := range p.refs {
		if p.refs[i].ID == id {
			return &p.refs[i]
		}
	}
	return nil
}

func (p *peer) add(r Ref) {
	i, _ := slices.BinarySearchFunc(p.refs, r.ID, func(a Ref, id ID) int { return int(a.ID) - int(id) })
	p.refs = slices.Insert(p.refs, i, r)
}

// state is everything at one moment. States share what did not change between them, so slices in it are never written.
type state struct {
	peers  []*peer
	wires  [][]Msg // one queue for each ordered pair of peers
	dead   []bool  // which pairs have no session, both directions
	lost   []uint8 // how many sessions each pair has lost, both directions
	losses int     // sessions lost so far
	bad    string  // the invariant that the last step broke
}

func (s *state) wire(from, to Peer) int { return int(from)*len(s.peers) + int(to) }

func (s *state) clone() *state {
	n := *s
	n.peers = slices.Clone(s.peers)
	n.wires = slices.Clone(s.wires)
	return &n
}

// key is a canonical hash of the state.
type key [16]byte

func (s *state) key(buf []byte) (key, []byte) {
	b := append(buf[:0], byte(s.losses))
	for _, p := range s.peers {
		b = append(b, byte(len(p.refs)))
		for i := range p.refs {
			b = p.refs[i].append(b)
		}
		b = append(b, byte(len(p.gifts)), byte(len(p.gave)), byte(len(p.took)), p.given, p.stands, p.minted)
		for _, g := range p.gifts {
			b = append(b, byte(g.Gifter), g.N, byte(g.Recipient), byte(g.Value), byte(g.Answer), g.Times)
		}
		for _, g := range p.gave {
			b = append(b, byte(g.Peer), byte(g.Host), g.N, byte(g.Ref))
		}
		for _, g := range p.took {
			b = append(b, byte(g.Peer), byte(g.Host), g.N, byte(g.Ref))
		}
		b = append(append(b, p.sent...), p.got...)
		for _, d := range p.done {
			b = append(b, bit(d))
		}
	}
	for i, w := range s.wires {
		b = appendMsgs(append(b, bit(s.dead[i]), s.lost[i]), w)
	}
	h := fnv.New128a()
	h.Write(b)
	var k key
	h.Sum(k[:0])
	return k, b
}

func (r *Ref) append(b []byte) []byte {
	flags := bit(r.Used) | bit(r.Broken)<<1 | bit(r.Again)<<2
	b = append(b, byte(r.ID), byte(r.Kind), byte(r.Peer), byte(r.At), byte(r.To), flags, byte(r.Phase), r.Waits, r.Seen)
	b = append(appendMsgs(r.Learned.append(b), r.Queue), byte(len(r.Listeners)))
	for _, l := range r.Listeners {
		b = append(b, byte(l.Peer), byte(l.As))
	}
	return b
}

func (d Desc) append(b []byte) []byte {
	return append(b, byte(d.Kind), bit(d.Promise), byte(d.Host), byte(d.ID), d.Gift, d.Session)
}

func appendMsgs(b []byte, msgs []Msg) []byte {
	b = binary.AppendUvarint(b, uint64(len(msgs)))
	for _, m := range msgs {
		b = m.D.append(append(b, byte(m.Op), byte(m.To), byte(m.Sender), m.Seq, byte(m.From), byte(m.Ref)))
	}
	return b
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}
