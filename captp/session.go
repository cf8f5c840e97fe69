package captp

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// Design.
//
// Three things are guarded in three ways. The tables and the write buffer belong to mu: they stand in lk and are
// reached only through withLock, which is never held while user code runs, while a vow is routed or settled, or over
// I/O. The connection's read side belongs to the reader goroutine, its write side to the writer goroutine. A vat never
// writes to a socket: Deliver, called when a turn commits, encodes into the write buffer and wakes the writer, which
// takes all that has gathered. The reader hands messages to vats' queues and never waits for anything but the network.
//
//	opening ──Start──▶ live ──Close, abort, loss──▶ closed
//	   └────Handover──▶ moved (its messages go on in another session)
//
// Lock order: a vow's lock is never taken with mu held; mu may be taken with a vow's lock released only. What has to
// happen to vows and messages is collected under mu and done after it.

// Config says what a session needs. Bootstrap and Location are required.
type Config struct {
	// Bootstrap is exported at position 0: what a peer can reach before it has been given anything.
	Bootstrap vat.Ref
	// Location is what the session states as its own place in op:start-session.
	Location sturdyref.Peer
	// Realm keeps identities apart: references that came over a session of another realm do not pass. Any comparable
	// value; equal for sessions of one identity.
	Realm any
	// Dialect is how operations look on the wire (default wire.Hawser).
	Dialect *wire.Dialect
	Limits  Limits
	Logger  hclog.Logger
	Tracer  vat.Tracer
	// LazyRelease makes notices of references the collector found unused wait for the next message or Sweep instead of
	// waking the writer: for programs in a testing/synctest bubble, which the collector may not enter.
	LazyRelease bool
	// Nudge, if set, is called when many imports may have become garbage that the collector has not looked for: to run
	// it, not too often. It must not block.
	Nudge func()
	// OnEnd, if set, is called once a session that was started has ended, before Close returns and Done is closed.
	OnEnd func()
}

// A Session is the conversation with one peer (CapTP Specification, "CapTP Overview"). It is made by [New], takes
// messages at once, and speaks when [Session.Start] gives it a connection.
type Session struct {
	cfg     Config
	log     hclog.Logger
	dialect wire.Dialect
	key     ed25519.PrivateKey
	public  [32]byte
	boot    *far // the peer's bootstrap object
	budget  budget
	inflow  inflow
	graves  graveyard

	wake   chan struct{} // the writer has something to do
	stop   chan struct{} // closed when the session ends: the writer finishes
	ended  chan struct{} // closed when both goroutines have ended
	halves atomic.Int32  // of the two goroutines, those still running
	caller atomic.Pointer[vat.Caller]
	// movedTo is where an opening session was handed over to.
	movedTo atomic.Pointer[Session]

	mu sync.Mutex
	lk locked
}

// locked is what mu guards. Its methods are called with mu held.
type locked struct {
	s       *Session
	state   state
	conn    netlayer.Conn
	err     error // why the session ended
	t       *tables
	opening []outgoing // messages accepted before there was a connection
	attempt *attempt   // what Early encoded last
	answers uint64     // question positions given out while opening
	watches map[*watch]struct{}
	peerKey [32]byte
	started bool // the peer's op:start-session has come
	id      [32]byte
	sent    uint64 // ordinals of messages, for traces
	space   [2]uint64
	alive   bool // what KeepAlive was last told
	release *time.Timer
	// deadline closes the connection of an ended session whose writer does not get to it.
	deadline *time.Timer
}

type state uint8

const (
	opening state = iota
	live
	moved
	closed
)

// New returns a session that is not connected yet. Messages to its Bootstrap, and to what they answer, wait for Start.
func New(cfg Config) (*Session, error) {
	if cfg.Bootstrap.IsNull() {
		return nil, fmt.Errorf("captp: Config.Bootstrap is null: give the object peers reach first")
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("captp: session key: %w", err)
	}
	s := &Session{
		cfg: cfg, log: cfg.Logger, key: key, public: [32]byte(public), dialect: wire.Hawser,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	if s.log == nil {
		s.log = hclog.NewNullLogger()
	}
	if cfg.Dialect != nil {
		s.dialect = *cfg.Dialect
	}
	s.cfg.Limits = cfg.Limits.withDefaults()
	s.budget.max = int64(s.cfg.Limits.MaxQuestions)
	s.inflow.limits = &s.cfg.Limits
	if !cfg.LazyRelease {
		s.graves.wake = s.releaseSoon
	}
	s.boot = newFar(s, farBootstrap, nil)
	s.boot.node.Init(s.boot)
	s.lk.s = s
	s.caller.Store(&vat.Caller{})
	return s, nil
}

// Bootstrap returns the peer's bootstrap object.
func (s *Session) Bootstrap() vat.Ref { return s.boot.node.Ref() }

// withLock runs fn with the session's tables at hand.
func (s *Session) withLock(fn func(l *locked)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.lk)
}

// Start gives the session its connection; it owns conn from now on. Messages taken before go out first, in order.
// Call it once, and not after Close.
func (s *Session) Start(conn netlayer.Conn) error {
	info := conn.Info()
	s.caller.Store(&vat.Caller{
		Transport: info.Remote.Transport, Designator: info.Remote.Designator,
		Authenticated: info.Authenticated, Anonymous: info.Anonymous && !info.Outbound,
	})
	var refused []refusal
	err := error(nil)
	s.withLock(func(l *locked) {
		if l.state != opening {
			err = l.ending()
			return
		}
		l.conn = conn
		refused = l.connect(info)
		l.state = live
		s.halves.Store(2)
	})
	if err != nil {
		_ = conn.Close("")
		return err
	}
	go s.read(conn)
	go s.write(conn)
	refuseAll(refused)
	s.poke()
	s.keepAlive()
	return nil
}

// half is deferred by each of the session's two goroutines.
func (s *Session) half() {
	if s.halves.Add(-1) > 0 {
		return
	}
	if s.cfg.OnEnd != nil {
		s.cfg.OnEnd()
	}
	close(s.ended)
}

// Fail ends a session that could not be connected to the peer named: everything that waited breaks because of err.
func (s *Session) Fail(peer string, err error) {
	s.fail(&EndError{Peer: peer, Kind: NotConnected, Err: err})
}

// Close ends the session: the peer is told reason, a line without secrets, and everything that waits breaks with an
// error that unwraps to net.ErrClosed. It returns when the session's goroutines have ended.
func (s *Session) Close(reason string) {
	s.fail(&EndError{Peer: s.peer(), Kind: Closed, Reason: reason})
	<-s.ended
}

// Done is closed when the session has ended and its goroutines are gone.
func (s *Session) Done() <-chan struct{} { return s.ended }

// Err returns why the session ended, nil while it lives.
func (s *Session) Err() error {
	var err error
	s.withLock(func(l *locked) { err = l.err })
	return err
}

// ID returns the session's OCapN id, which both ends share; zero before the peer's op:start-session has come.
func (s *Session) ID() [32]byte {
	var id [32]byte
	s.withLock(func(l *locked) { id = l.id })
	return id
}

func (s *Session) peer() string { return s.caller.Load().String() }

// fail ends the session, once.
func (s *Session) fail(end *EndError) {
	var left leftovers
	first := false
	var conn netlayer.Conn
	s.withLock(func(l *locked) {
		if l.state == closed || l.state == moved {
			return
		}
		first = true
		conn = l.conn
		left = l.takeAll(end)
		if conn != nil {
			// A peer that does not read must not keep the writer for ever.
			l.deadline = time.AfterFunc(lastWordsTimeout, func() { _ = conn.Close("") })
		}
	})
	if !first {
		return
	}
	close(s.stop)
	if conn == nil {
		close(s.ended)
	}
	left.end(end)
	s.log.Debug("session ended", "peer", end.Peer, "kind", end.Kind.String(), "reason", end.Reason)
}

// ending returns why nothing can be sent any more.
func (l *locked) ending() error {
	if l.err != nil {
		return l.err
	}
	return &EndError{Peer: l.s.peer(), Kind: Closed, Reason: "the session has ended"}
}

// poke wakes the writer.
func (s *Session) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// keepAlive tells the connection whether there is anything to keep it for.
func (s *Session) keepAlive() {
	var conn interface{ KeepAlive(on bool) }
	var on bool
	s.withLock(func(l *locked) {
		if l.state != live {
			return
		}
		on = l.t.inUse()
		if on != l.alive {
			l.alive = on
			conn, _ = l.conn.(interface{ KeepAlive(on bool) })
		}
	})
	if conn != nil {
		conn.KeepAlive(on)
	}
}

// messageSpaces derives the two trace spaces of a session, ours first, from its id.
func messageSpaces(id [32]byte, outbound bool) (out [2]uint64) {
	a := binary.BigEndian.Uint64(id[:8])
	if outbound {
		return [2]uint64{a, a ^ 1}
	}
	return [2]uint64{a ^ 1, a}
}
