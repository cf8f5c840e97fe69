package link

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/netlayer"
)

// Design.
//
//	connected ──loss──▶ suspended ──resumed──▶ connected
//	    │                   └── grace over, peer gone, crowded ──▶ ended
//	    └── Close of either side, violation, stall ──▶ ended
//
// A link that lasts (Last) is the same with its frames in the store, too. They go out when they are on the disk, those that have
// not gone out from memory (out) as long as there are few, the others from the store.
//
// A link has no goroutine of its own. Its reader reads from the connection there is; who writes, and finds that nobody is
// writing to the connection, does that until nothing waits (flush). Only a suspended link that knows where its peer may be has
// one, which dials.
//
// Everything in lk is guarded by mu, which is never held over I/O. What ties a goroutine to a connection is gen: it changes
// when the connection is taken away, and whoever comes back with a frame or an error of an earlier gen has nothing to say.
// That is the fence: once gen has changed, received does not move before the next connection is there.
//
// Lock order: reading, mu of one link, mu of the Netlayer.

// link is a netlayer.Conn over a succession of connections.
type link struct {
	n       *Netlayer
	info    netlayer.Info
	name    name          // by which the peer finds it, if
	named   bool          // it has one; both guarded by the Netlayer's mu
	hurry   chan struct{} // says that the network may be back
	opening *opening      // nil if a handshake has begun it

	out     *memory    // the frames that the peer has not acknowledged, or some of them if the link lasts; under mu
	back    memory     // some that were read from the store; of who is in flush
	keeping sync.Mutex // orders what connections are told by KeepAlive
	done    func()
	// consumed counts the frames handed back, and said those of them that the peer has been told of.
	consumed, said atomic.Uint64
	lasting        atomic.Bool // state.lasts
	lettered       atomic.Bool // there are post.letters
	confirming     atomic.Bool // the peer is waited for to confirm that the two ends do not agree
	heavy          atomic.Bool // enough bytes came to tell the peer before it has to wait
	armed          atomic.Bool // the timer of acknowledgements is set

	reading sync.Mutex // held by Read, and by More while it looks ahead
	in      inflow

	mu      sync.Mutex
	changed sync.Cond
	lk      state
}

// inflow is the reader's: guarded by reading.
type inflow struct {
	conn  netlayer.Conn // nil if the next one is to be waited for
	gen   uint64
	raw   int // frames that are to come as they are
	ahead netlayer.Frame
	isSet bool   // ahead is a frame that was read and not returned,
	n     uint64 // with this number
	last  uint64 // the number of the frame that read has returned
}

// state is what mu guards.
type state struct {
	conn     netlayer.Conn // nil while suspended
	gen      uint64
	secret   *secret       // nil as long as the peer has not said it
	previous netlayer.Conn // the last one there was
	writable bool          // conn takes frames
	writing  bool          // somebody is in flush,
	pin      uint64        // and may be writing frames from this one on
	needed   bool          // what KeepAlive said
	passed   bool          // a frame has passed since conn was there
	heard    bool          // the peer knows that there is a link

	end      uint64 // frames of this link so far
	next     uint64 // the one that goes out next on conn
	sent     uint64 // those that have gone out on any
	acked    uint64 // those that the peer has consumed
	waiting  int    // Writes that wait for room
	received uint64 // frames of the peer's that were read
	weight   int    // bytes of those since the last acknowledgement
	ackDue   bool
	ack      [9]byte // the one being written
	ackTimer *time.Timer

	suspended time.Time          // when the connection was lost
	expiry    *time.Timer        // of the grace
	to, also  *target            // where to dial: where it was dialled, if it was, and what Reach has said last
	attempt   uint64             // of our dials, the last
	theirs    uint64             // of the peer's, the last one heard of
	dialling  bool               // one of ours is under way
	cancel    context.CancelFunc // ends the dialling

	closing bool   // Close was called
	bye     []byte // what is to be said last
	byeSaid bool
	ended   error
	closed  chan struct{} // closed when Close is through

	peer    incarnation // who the peer has last said it is
	asked   uint64      // received when the last request was made
	granted uint64      // acked then
	counted uint64      // the number that the next frame has that comes by conn
	shelf
	post
}

var (
	_ netlayer.Conn       = (*link)(nil)
	_ netlayer.KeepAliver = (*link)(nil)
	_ netlayer.Reacher    = (*link)(nil)
)

// newLink makes a link that has nothing yet.
func newLink(n *Netlayer, info netlayer.Info) *link {
	l := &link{n: n, info: info, out: new(memory), hurry: make(chan struct{}, 1)}
	l.changed.L = &l.mu
	l.done = l.handedBack
	l.lk.closed = make(chan struct{})
	return l
}

// firstLink makes a link of its first connection, with which what is in m has gone out.
func firstLink(n *Netlayer, conn netlayer.Conn, to *target, s *secret, m *memory) *link {
	l := newLink(n, conn.Info())
	l.out = m
	if s != nil {
		l.name, l.named = name{s.id(), false}, true
	}
	lk := &l.lk
	lk.conn, lk.previous, lk.gen, lk.writable, lk.passed = conn, conn, 1, true, true
	lk.end, lk.next, lk.sent = m.end, m.end, m.end
	lk.secret, lk.to, lk.heard = s, to, to != nil
	if n.cfg.Store != nil {
		_, _ = rand.Read(lk.id[:])
	}
	return l
}

// Info returns what the first connection knew.
func (l *link) Info() netlayer.Info { return l.info }

// peer names the other end in logs.
func (l *link) peer() string { return l.info.Remote.ID().String() }

// KeepAlive says whether the connection is needed while nothing is sent: this one, and those to come.
func (l *link) KeepAlive(on bool) {
	l.keeping.Lock()
	defer l.keeping.Unlock()
	l.mu.Lock()
	l.lk.needed = on
	conn := l.lk.conn
	if on && l.lk.lasts {
		l.look()
	}
	l.mu.Unlock()
	if k, ok := conn.(netlayer.KeepAliver); ok {
		k.KeepAlive(on)
	}
}

// keep tells a new connection what KeepAlive said.
func (l *link) keep(conn netlayer.Conn) {
	k, ok := conn.(netlayer.KeepAliver)
	if !ok {
		return
	}
	l.keeping.Lock()
	defer l.keeping.Unlock()
	l.mu.Lock()
	on := l.lk.needed
	l.mu.Unlock()
	if on {
		k.KeepAlive(true)
	}
}

// dispose closes a connection that is of no use any more, which may take a while.
func (l *link) dispose(conn netlayer.Conn, reason string) {
	if conn != nil && !l.n.spawn(func() { _ = conn.Close(reason) }) {
		return // the netlayer is closing, and closes it
	}
}
