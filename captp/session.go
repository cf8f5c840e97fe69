package captp

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/internal/meter"
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
// Lock order: with mu held a vow is only looked at (Ahead, Outcome), and nothing takes mu while it holds the lock of a
// vow. What has to happen to vows and messages is collected under mu and done after it. The only case of two sessions'
// mu at once is the last step of Handover, which takes the winner's second.

// Config says what a session needs. Bootstrap is required, and Location unless this side is anonymous.
type Config struct {
	// Bootstrap is exported at position 0: what a peer can reach before it has been given anything.
	Bootstrap vat.Ref
	// Location is what the session states as its own place in op:start-session. Without a designator it is what the
	// connection calls this end: an anonymous side has a key for each.
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
	// Patient sessions say nothing but op:start-session before the peer has said its own, so that what waits can still go
	// by another session with the same peer: for netlayers that do not settle in a handshake which of two crossing
	// connections stays.
	Patient bool
	// Reticent sessions, if the peer has dialled and they are Patient, say even that only when Greeted has agreed: a dialler
	// that is greeted knows then that its connection is the one that stays.
	Reticent bool
	// TrustClaims takes a peer that the netlayer has not authenticated for who it says it is on the transport of Location, as
	// the exporter of what is handed to others. Else what it exports is forwarded: a certificate would send others to where
	// it only says that it is.
	TrustClaims bool
	// Greeted, if set, is told what the peer says of itself in op:start-session, on the reader's goroutine and before
	// anything else of the peer's is looked at. An error ends the session with op:abort and the error's text.
	Greeted func(Greeting) error
	// Handoffs, if set, makes references of third parties cross as certificates, both ways. Else they are forwarded, and
	// certificates are values like any other.
	Handoffs Handoffs
	// Ledger, if set, is where the session is stored as soon as something durable depends on it, if the peer can do the same.
	Ledger *Ledger
	// OnEnd, if set, is called once when a session that was started has ended, before Close returns and Done is closed.
	// It must neither block nor call Close.
	OnEnd func()
	// OnLost, if set, is called when a call to an object of the peer's breaks with the code of vat.ErrLost: perhaps because the
	// object went with an earlier process of the peer's, which the session has outlived, perhaps because of something behind it.
	// It must not block.
	OnLost func(object vat.Ref)
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
	spent   *far // stands for every question whose resolver has done its work
	budget  budget
	inflow  inflow
	graves  *graveyard
	// promised must not be part of the session, which the collector must not hold.
	promised *promised
	moves    atomic.Bool // the peer moves a promise's queue before it says what the promise is
	mishaps  meter.Meter // lines of the log that a peer can cause as often as it likes

	wake   chan struct{} // the writer has something to do
	stop   chan struct{} // closed when the session ends: the writer finishes
	ended  chan struct{} // closed when both goroutines, and whoever ended the session, are done
	parts  atomic.Int32  // of these three, those that are not
	caller atomic.Pointer[vat.Caller]
	// greeting is what is known of the peer once it has said op:start-session.
	greeting atomic.Pointer[Greeting]
	// introduced says that what waited for that is on its way, and nothing that is said now overtakes it.
	introduced atomic.Bool
	// handed is closed when the session, though it has a connection, was handed over.
	handed chan struct{}
	// movedTo is where an opening session was handed over to.
	movedTo atomic.Pointer[Session]
	// keeping orders what the connection is told by KeepAlive.
	keeping sync.Mutex
	// step is held from the beginning of a frame of the peer's to its end, and while what has changed is recorded.
	step   sync.Mutex
	lasts  atomic.Uint32 // a vat.Lasts
	wanted atomic.Bool   // it is to last
	name   [16]byte      // under which it is stored
	// dormant is a session from before that has no connection yet, nor a configuration: what is sent waits.
	dormant  atomic.Bool
	resuming *restoring

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
	watches map[*watch]struct{}
	started bool              // the peer's op:start-session has come
	patient bool              // and messages wait for it, though there is a connection
	leaving bool              // it is being handed over
	hello   *msg.StartSession // ours, if that waits, too
	id      [32]byte
	space   [2]uint64
	events  []vat.Event      // of messages sent, for the tracer, which must not be called with mu held
	alive   bool             // what KeepAlive is to be told
	given   given            // what the peer was given certificates for
	lasting netlayer.Lasting // conn, if the session can be stored
	flying  [][]byte         // frames that the writer is giving to conn,
	handed  uint64           // and how many there were before
	pins    []pin            // to be made in the transaction under way
	seen    wire.Seen        // of the peer's dialect
	release *time.Timer      // has notices written
	relief  *time.Timer      // has it looked whether there is room again
	// deadline bounds the wait for the peer's op:start-session, then that of an ended session for its writer.
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
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("captp: session key: %w", err)
	}
	s := newSession(key, cfg.Limits)
	if err := s.configure(cfg); err != nil {
		return nil, err
	}
	return s, nil
}

// newSession returns a session that is to be configured.
func newSession(key ed25519.PrivateKey, limits Limits) *Session {
	s := &Session{
		key: key, public: [32]byte(key.Public().(ed25519.PublicKey)), dialect: wire.Hawser, log: hclog.NewNullLogger(),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}), handed: make(chan struct{}),
	}
	s.cfg.Limits = limits.withDefaults()
	s.budget.max = int64(s.cfg.Limits.MaxQuestions)
	s.budget.exhausted = func() {
		if s.dormant.Load() {
			return
		}
		s.poke()
		if s.cfg.Nudge != nil {
			s.cfg.Nudge()
		}
	}
	s.inflow.limits = &s.cfg.Limits
	s.graves, s.promised = new(graveyard), new(promised)
	s.boot = newFar(s, farBootstrap, nil)
	s.boot.node.Init(s.boot)
	s.spent = newFar(s, farQuestion, nil)
	s.spent.settled = true
	s.lk.s = s
	s.caller.Store(&vat.Caller{})
	return s
}

// configure gives a session its configuration.
func (s *Session) configure(cfg Config) error {
	limits := s.cfg.Limits
	s.cfg = cfg
	s.cfg.Limits = limits
	if cfg.Logger != nil {
		s.log = cfg.Logger
	}
	if cfg.Dialect != nil {
		s.dialect = *cfg.Dialect
	}
	s.inflow.realm = cfg.Realm
	if !cfg.LazyRelease {
		s.graves.wakes(s)
	}
	if cfg.Location.Designator != "" {
		// A place that cannot be stated is found out here rather than by the peer.
		if err := s.dialect.SignHello(&msg.StartSession{Location: cfg.Location}, s.key); err != nil {
			return fmt.Errorf("captp: Config.Location: %w", err)
		}
	}
	return nil
}

// Bootstrap returns the peer's bootstrap object.
func (s *Session) Bootstrap() vat.Ref { return s.boot.node.Ref() }

// withLock runs fn with the session's tables at hand.
func (s *Session) withLock(fn func(l *locked)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.lk)
}

// helloTimeout bounds the wait for the peer's op:start-session, except by mail.
const helloTimeout = time.Minute

// errUnkept ends a session that a letter was to open, and that is of no use if it does not last.
var errUnkept = errors.New("captp: a session by mail cannot be stored here: as many are stored as may be, or the store has failed")

// Start gives the session its connection; it owns conn from now on, and closes it if it cannot use it. Messages taken
// before go out first, in order. It is called once; when the session has ended it returns why. After an error the
// session is as it was. With a connection that a letter begins (netlayer.Info.Posted) the session is stored at once, or ends.
func (s *Session) Start(conn netlayer.Conn) error {
	info := conn.Info()
	var refused []refusal
	hello, err := s.hello(info)
	s.withLock(func(l *locked) {
		if err != nil {
			return
		}
		if l.state != opening || l.leaving {
			err = l.notOpening()
			return
		}
		s.caller.Store(&vat.Caller{
			Transport: info.Remote.Transport, Designator: info.Remote.Designator,
			Authenticated: info.Authenticated, Anonymous: info.Anonymous && !info.Outbound,
		})
		s.moves.Store(slices.Contains(info.Features, FeatureMovesQueues))
		if refused, err = l.connect(info, hello); err != nil {
			return
		}
		l.conn, l.state = conn, live
		s.parts.Store(3)
		l.deadline = time.AfterFunc(helloTimeout, func() {
			s.fail(s.violated(violation("op:start-session", "did not come within %v", helloTimeout)))
		})
		if info.Posted {
			l.deadline.Stop() // it may come in weeks
			l.mayLast()
		}
	})
	if err != nil {
		_ = conn.Close("")
		return err
	}
	if info.Posted {
		s.last()
	}
	go s.read(conn)
	go s.write(conn)
	if info.Posted && !s.Lasts() {
		s.fail(&EndError{Peer: s.peer(), Kind: NotConnected, Err: errUnkept})
	}
	refuseAll(refused)
	s.trace()
	s.poke()
	s.keepAlive()
	return nil
}

// notOpening says why a session cannot be started.
func (l *locked) notOpening() error {
	switch {
	case l.state == closed:
		return l.err
	case l.leaving:
		return errMoved
	default:
		return errStarted
	}
}

// partDone is called by each of those that ended waits for.
func (s *Session) partDone() {
	if s.parts.Add(-1) > 0 {
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
// error that unwraps to net.ErrClosed. It returns when all of it has broken and the session's goroutines have ended,
// which a peer that does not read delays by some seconds. Closing again waits for the same.
func (s *Session) Close(reason string) {
	s.fail(&EndError{Peer: s.peer(), Kind: Closed, Reason: reason})
	<-s.ended
}

// Suspend ends a session in this process; if it is stored, it is to go on when the node is started again: the peer sees no more
// than a loss. Any other is closed. What waits here breaks. Durable vats that use the session have been closed before.
func (s *Session) Suspend(reason string) {
	if s.lastable() != vat.LastsNow {
		s.Close(reason)
		return
	}
	s.leave(nil)
	<-s.ended
}

// Lasts reports whether the session is stored.
func (s *Session) Lasts() bool { return s.lastable() == vat.LastsNow }

// Done is closed when the session has ended, everything that waited has broken and its goroutines are gone.
func (s *Session) Done() <-chan struct{} { return s.ended }

// Ending is closed as soon as the session has begun to end: Err says why, and nothing more is sent or taken.
func (s *Session) Ending() <-chan struct{} { return s.stop }

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

// peer names the other end, for logs and errors.
func (s *Session) peer() string {
	if c := s.caller.Load(); !c.Local() {
		return c.String()
	}
	return "a peer not connected yet"
}

// poke wakes the writer.
func (s *Session) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
