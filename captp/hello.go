package captp

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// Hello returns the frame with this side's op:start-session, for a netlayer that sends it with its admission: for
// netlayer.Incoming.Accept. Start must then be called with the connection that returns.
func (s *Session) Hello(info netlayer.Info) [][]byte { return s.Early(info, netlayer.MaxFrame) }

// hello is the session's op:start-session: a key of this session's own, and where we are, signed with it.
func (s *Session) hello(info netlayer.Info) (*msg.StartSession, error) {
	op := &msg.StartSession{Version: s.dialect.Version(), Location: s.cfg.Location}
	if op.Location.Designator == "" {
		op.Location = info.Local
	}
	if err := s.dialect.SignHello(op, s.key); err != nil {
		return nil, fmt.Errorf("captp: our own location: %w", err)
	}
	return op, nil
}

// startSession handles the peer's op:start-session (CapTP Specification, "op:start-session", "Receiving").
func (r *reader) startSession(op *msg.StartSession) error {
	s, info := r.s, r.conn.Info()
	if r.started {
		return violation("op:start-session", "came twice")
	}
	if !s.dialect.Accepts(op.Version) {
		return violation("captp-version", "expected %q, got %.40q", s.dialect.Version(), op.Version)
	}
	if op.PublicKey == s.public {
		return violation("session-pubkey", "the peer sent our own key back")
	}
	if err := wire.VerifyHello(op); err != nil {
		return err
	}
	if info.Authenticated && op.Location.ID() != info.Remote.ID() {
		return violation("acceptable-location", "is %s, but the connection is with %s", op.Location.ID(), info.Remote.ID())
	}
	if !info.Authenticated {
		s.caller.Store(&vat.Caller{Transport: op.Location.Transport, Designator: op.Location.Designator})
	}
	g := &Greeting{
		Peer: op.Location, Key: op.PublicKey, Ours: s.PublicID(), Theirs: s.dialect.PublicID(op.PublicKey),
		giveable: len(op.LocationBytes) <= maxGivenLocation &&
			(info.Authenticated || s.cfg.TrustClaims && op.Location.Transport == s.cfg.Location.Transport),
	}
	g.loopback, g.linkLocal = info.Near()
	g.ID = wire.SessionID(g.Ours, g.Theirs)
	r.started = true
	var refused []refusal
	var due []gift
	s.withLock(func(l *locked) {
		if l.state != live {
			return
		}
		l.deadline.Stop()
		l.started, l.id = true, g.ID
		l.space = messageSpaces(l.id, info.Outbound)
		r.space = l.space[1]
		s.greeting.Store(g)
		l.mayLast()
		l.t.met()
	})
	if s.cfg.Greeted != nil {
		if err := s.cfg.Greeted(*g); err != nil {
			return &EndError{Peer: s.peer(), Kind: Closed, Reason: excerpt(err.Error()), Err: err}
		}
	}
	if s.cfg.Patient {
		var err error
		s.withLock(func(l *locked) {
			switch {
			case l.state != live:
				return
			case l.leaving:
				// What the peer's positions are called here names something else where the messages have gone.
				err = &EndError{Peer: s.peer(), Kind: Closed, Reason: "another connection with this peer goes on"}
				return
			case l.hello != nil:
				err, l.hello = l.t.append(l.hello), nil
			}
			if err == nil {
				l.patient = false
				refused, due = l.catchUp(0), l.takeDue()
			}
		})
		if err != nil {
			return err
		}
		refuseAll(refused)
		s.poke()
		s.deposit(due)
	}
	s.introduced.Store(true)
	s.trace()
	return nil
}

// A Greeting is what a session knows once the peer has said op:start-session.
type Greeting struct {
	// Peer is where the peer says it is. Whether that is proven the netlayer knows.
	Peer sturdyref.Peer
	// Key is the peer's key in this session, Theirs its public identifier and Ours this side's (CapTP Specification,
	// "Public Identifier").
	Key, Ours, Theirs [32]byte
	// ID is the session's.
	ID [32]byte

	giveable            bool // others may be sent to Peer: it is proven, or taken, to be there, and is not too long
	loopback, linkLocal bool // where the peer is: see netlayer.Info.Near
}

// Greeting returns what the peer has said in op:start-session; ok is false before it has.
func (s *Session) Greeting() (g Greeting, ok bool) {
	if p := s.greeting.Load(); p != nil {
		return *p, true
	}
	return Greeting{}, false
}

// PublicKey returns this side's key in the session.
func (s *Session) PublicKey() [32]byte { return s.public }

// Derive returns a secret of this side's that belongs to the session, also after a restart, for the purpose named.
func (s *Session) Derive(purpose string) [32]byte {
	mac := hmac.New(sha256.New, s.key.Seed())
	mac.Write([]byte(purpose))
	return [32]byte(mac.Sum(nil))
}

// PublicID returns this side's public identifier in the session.
func (s *Session) PublicID() [32]byte { return s.dialect.PublicID(s.public) }
