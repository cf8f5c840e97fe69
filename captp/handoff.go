package captp

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// Third-party handoffs (CapTP Specification, "Third Party Handoffs"): a reference into a session with one peer, the
// exporter, that is sent over a session with another, the receiver, crosses as a certificate. This side, the gifter,
// deposits the object at the exporter, and the receiver goes and gets it there. Sessions write and read certificates;
// connecting to exporters, and the gifts deposited here, are the node's: see [Handoffs].

// Handoffs is how a node takes part in handoffs as their receiver, and as their exporter in sessions that may last.
type Handoffs interface {
	// Receive returns the reference that a certificate stands for. It is called on the reader's goroutine, and returns at
	// once. Whether the certificate is any good is for Receive to find out. If what it stands for is to be fetched Receive returns
	// the withdrawal's promise, or another for what that comes to, and a Redeemer, which is told to Redeem at once, or when the frame
	// with the certificate has been recorded; else nil.
	Receive(w *Withdrawal) (vat.Ref, Redeemer)
	// Errand returns what a message to the bootstrap object asks for that is to be recorded with it, nil if the object itself
	// is to get the message. It is called on the reader's goroutine.
	Errand(s *Session, selector passable.Symbol, args []any) Errand
}

// FeatureRelaysGifts is announced by peers that, as gifters, go on forwarding where the receiver cannot reach the
// exporter: their bootstrap object has the method relay-gift.
const FeatureRelaysGifts = "relays-gifts"

const (
	// maxGiven bounds the gifts that a session remembers for its receiver; beyond it references are forwarded.
	maxGiven = 4096
	// givenFor is how long it remembers one.
	givenFor = time.Minute
	// maxGivenLocation is how long an exporter's location may be, in bytes: it stands in every certificate.
	maxGivenLocation = 4096
	// unreachableFor is how long it remembers that the receiver could not reach an exporter, and maxUnreachable how many of
	// them; when there are more all are forgotten, and tried once more.
	unreachableFor = time.Hour
	maxUnreachable = 256
)

// gift is a reference on its way to a third party.
type gift struct {
	id   [32]byte
	ref  vat.Ref
	at   *Session // with the exporter
	env  *msg.SigEnvelope
	when time.Time
	to   [16]byte // the name of at, of a gift from before
	debt debt     // paid by the deposit, if any
}

// given is what a session remembers of the gifts made to its peer.
type given struct {
	gifts map[[32]byte]gift
	// unreachable are the sessions with exporters that the peer could not reach, and since when that is known: what is
	// there is forwarded for unreachableFor.
	unreachable map[[32]byte]time.Time
	timer       *time.Timer
}

// give describes a reference into another session by a certificate. It reports false if it has to be forwarded: the
// two sessions have not both been greeted, the peer has it by way of this node already, cannot get it elsewhere, or is not
// to be sent to where the exporter says that it is.
func (t *tables) give(ref vat.Ref, f *far) (msg.Desc, bool) {
	s, at := t.s, f.session()
	to, from := s.greeting.Load(), at.greeting.Load()
	if s.cfg.Handoffs == nil || to == nil || from == nil || !at.introduced.Load() || at.budget.full.Load() ||
		from.Peer.Designator == "" || at.caller.Load().Anonymous || s.caller.Load().Anonymous {
		return msg.Desc{}, false
	}
	if _, known := t.byRef[ref]; known || f.kind == farQuestion && !at.moves.Load() {
		return msg.Desc{}, false
	}
	relays := slices.Contains(t.info.Features, FeatureRelaysGifts)
	if !relays && from.Peer.Transport != to.Peer.Transport {
		return msg.Desc{}, false
	}
	if !from.giveable || !to.mayBeSentTo(from) || s.lk.given.outOfReach(from) || relays && len(s.lk.given.gifts) >= maxGiven {
		return msg.Desc{}, false
	}
	g := gift{id: s.giftID(f, t.once), ref: ref, at: at, when: time.Now()}
	if before, ok := s.lk.given.gifts[g.id]; ok && before.at == at {
		g.env = before.env
	} else {
		env, err := at.dialect.Sign(&msg.HandoffGive{
			ReceiverKey: to.Key, Exporter: from.Peer, Session: from.ID, GifterSide: from.Ours, GiftID: g.id[:],
		}, at.key)
		if err != nil {
			return msg.Desc{}, false
		}
		g.env = env
	}
	t.gifts = append(t.gifts, g)
	return msg.Desc{Kind: msg.Given, Pos: msg.Pos(len(t.gifts) - 1)}, true
}

// serials number what is given away.
var serials atomic.Uint64

// giftID returns the id of a gift: the same for the same thing in the same session, so that the receiver knows again what
// it was given before, also when it can no longer be fetched. A gift that is to arrive behind what was forwarded, once,
// has an id of its own.
func (s *Session) giftID(f *far, once bool) (id [32]byte) {
	if once {
		_, _ = rand.Read(id[:])
		return id
	}
	if f.serial.Load() == 0 {
		f.serial.CompareAndSwap(0, serials.Add(1))
	}
	b := append([]byte("hawser/gift/1"), s.key.Seed()...)
	if g := s.cfg.Ledger; g != nil {
		b = binary.BigEndian.AppendUint64(b, g.Epoch()) // serials begin anew with each process, and keys of sessions that last do not
	}
	return sha256.Sum256(binary.BigEndian.AppendUint64(b, f.serial.Load()))
}

// handOut makes the gifts of an operation that has been encoded due for deposit.
func (t *tables) handOut() {
	if len(t.gifts) == 0 {
		return
	}
	t.due = append(t.due, t.gifts...)
	clear(t.gifts)
	t.gifts = t.gifts[:0]
}

// takeDue returns the gifts to be deposited once mu is released, and remembers them for a receiver that may come back.
func (l *locked) takeDue() []gift {
	if l.t == nil || len(l.t.due) == 0 {
		return nil
	}
	due := l.t.due
	l.t.due = nil
	if slices.Contains(l.t.info.Features, FeatureRelaysGifts) {
		if l.given.gifts == nil {
			l.given.gifts = make(map[[32]byte]gift)
			l.given.timer = time.AfterFunc(givenFor, l.s.forget)
		}
		for i := range due {
			l.given.gifts[due[i].id] = due[i]
		}
	}
	return l.owe(due)
}

// forget drops the gifts that were made long enough ago.
func (s *Session) forget() {
	s.withLock(func(l *locked) {
		for id := range l.given.gifts {
			if time.Since(l.given.gifts[id].when) >= givenFor {
				delete(l.given.gifts, id)
			}
		}
		switch {
		case l.state != live || len(l.given.gifts) == 0:
			l.given.gifts = nil
		default:
			l.given.timer.Reset(givenFor)
		}
	})
}

// deposit gives the exporters what the receiver was given certificates for. It comes behind everything that was
// forwarded there before.
func (s *Session) deposit(due []gift) {
	for i := range due {
		at := due[i].at.current()
		var err error
		var more []gift // what it was a promise for may be somebody else's by now
		at.withLock(func(l *locked) {
			most := at.cfg.Limits.MaxUnsent
			switch {
			case l.state != live:
				err = l.ending()
			case due[i].debt.of == nil && len(l.t.out) > most:
				err = vat.ErrOverloaded // the receiver must not fill this node because the exporter does not read
			default:
				err = l.t.say(msg.Desc{Kind: msg.Export}, "deposit-gift", due[i].id[:], due[i].ref)
				if err == nil && due[i].debt.of != nil && l.t.journal != nil {
					l.t.sequel.paid = append(l.t.sequel.paid, due[i].debt)
					due[i].debt = debt{}
				}
				more = l.takeDue()
				at.budget.full.Store(len(l.t.out) > most)
			}
		})
		if err != nil {
			// The receiver's withdrawal comes to nothing, which is what it is told.
			s.log.Debug("a gift could not be deposited", "exporter", at.peer(), "error", err)
		}
		due[i].debt.forgive()
		at.poke()
		at.deposit(more)
		s.traceHandoff("handoff-give", at.peer())
	}
}

// traceHandoff tells the tracer of a handoff.
func (s *Session) traceHandoff(kind, exporter string) {
	if s.cfg.Tracer != nil {
		s.cfg.Tracer.Trace(vat.Event{Time: time.Now(), Kind: kind, Where: s.peer(), Method: exporter})
	}
}

// Relay returns the reference behind a gift made to this session's peer, which cannot reach the exporter, and forwards
// everything of that exporter's from now on. In a session that lasts the gift stays remembered for its minute. If the session that the reference leads into has ended it is a promise that
// is broken because of that. Relay reports false for a gift that is not, or no longer, remembered.
func (s *Session) Relay(id []byte) (ref vat.Ref, ok bool) {
	if len(id) != 32 {
		return vat.Ref{}, false
	}
	var g gift
	s.withLock(func(l *locked) {
		if g, ok = l.given.gifts[[32]byte(id)]; ok && s.lastable() != vat.LastsNow { // else the peer may have to ask again
			delete(l.given.gifts, g.id)
		}
	})
	if !ok {
		return vat.Ref{}, false
	}
	// Not with mu held: what is asked of other sessions takes theirs.
	if exporter := g.at.current(); exporter.Err() == nil { // else the peer may well reach it when it is there again
		s.withLock(func(l *locked) { l.given.forward(exporter) })
		s.traceHandoff("handoff-relay", exporter.peer())
	}
	if f, far := vat.Ahead(g.ref).(*far); far {
		if err := f.session().Err(); err != nil {
			return vat.Broken(err), true
		}
	}
	return g.ref, true
}

// forward notes that the peer cannot reach an exporter.
func (g *given) forward(exporter *Session) {
	from := exporter.greeting.Load()
	if from == nil {
		return
	}
	if g.unreachable == nil || len(g.unreachable) >= maxUnreachable {
		g.unreachable = make(map[[32]byte]time.Time)
	}
	g.unreachable[from.ID] = time.Now()
}

// outOfReach reports whether the peer could not reach an exporter, not long ago.
func (g *given) outOfReach(from *Greeting) bool {
	since, ok := g.unreachable[from.ID]
	return ok && time.Since(since) < unreachableFor
}

// mayBeSentTo reports whether a receiver may be told where an exporter says that it is. A receiver that has found us on its
// own machine, or by a link-local address, lets us send it to such addresses, since we are there ourselves; an exporter
// that is not must not get that by our word.
func (receiver *Greeting) mayBeSentTo(exporter *Greeting) bool {
	switch {
	case receiver.loopback:
		return exporter.loopback
	case receiver.linkLocal:
		return exporter.linkLocal || exporter.loopback
	}
	return true
}

// Accept returns the certificate with which this session's peer redeems, at the exporter that at is a session with,
// what it was given over this one: count must not have been used there before.
func (s *Session) Accept(give *msg.SigEnvelope, at *Session, count uint64) (*msg.SigEnvelope, error) {
	g, ok := at.Greeting()
	if !ok {
		return nil, violation("op:start-session", "has not come from the exporter yet")
	}
	return s.dialect.Sign(&msg.HandoffReceive{Session: g.ID, Side: g.Ours, Count: count, Give: give}, s.key)
}

// Introduce returns the certificate by which this session's peer is known to an exporter before there is a session with
// it: for the connection with that binding, and for nothing else.
func (s *Session) Introduce(give *msg.SigEnvelope, binding [32]byte) (*msg.SigEnvelope, error) {
	return s.dialect.Sign(&msg.HandoffReceive{Session: binding, Give: give}, s.key)
}

// certificate turns a certificate in a message into what it stands for.
func (r *reader) certificate(env *msg.SigEnvelope) (any, error) {
	h := r.s.cfg.Handoffs
	if _, give := env.Signed.(*msg.HandoffGive); !give || h == nil {
		return env, nil
	}
	if !r.started {
		return nil, violation("op:start-session", "must come first, got a message with a certificate")
	}
	w := &Withdrawal{s: r.s, env: env, vow: vat.NewVow(nil)}
	if r.given, w.redeemer = h.Receive(w); w.redeemer != nil {
		r.certified = true
		r.s.withdrawing(w, r.given)
	}
	return r.given, nil
}

// isGiven reports whether what a promise was fulfilled with is the certificate in the message being read.
func (r *reader) isGiven(selector passable.Symbol, args []any) bool {
	return selector == "fulfill" && len(args) == 1 && !r.given.IsNull() && args[0] == any(r.given)
}
