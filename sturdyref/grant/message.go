package grant

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// MaxMessage is the length of the longest message, in bytes, MaxReplyTo that of the longest address for an answer.
const (
	MaxMessage = 512 << 10
	MaxReplyTo = 1024
	maxMethod  = 256
)

// Message is one call by mail: what the holder of a grant says to the object while its home need not be there. It is
// signed, not sealed; and signed although what carries it may authenticate its sender, because who has stolen a
// recipient's key can send themselves mail in anybody's name.
type Message struct {
	// To is the key of the host. A message is of no use at another.
	To Key
	// Seq is another one for each message by one grant, from 1, in order: see [Window].
	Seq uint64
	// ID names the message towards its sender; zero becomes a random one.
	ID [16]byte
	// Authored is when it was written, as its author says; AcceptBy until when it is to be taken, by default as long as
	// the grant allows. Whole seconds.
	Authored, AcceptBy time.Time
	// Method and Args are the call; how the arguments are encoded is between sender and host.
	Method string
	Args   []byte
	// ReplyTo says where an answer goes, in whatever way sender and host have agreed on. Empty means nowhere.
	ReplyTo []byte

	// Grant and Object are those of the grant; SignMessage fills them in.
	Grant  LinkID
	Object ObjectID

	env *envelope
}

type messageClaims struct {
	Version  uint64   `cbor:"1,keyasint"`
	To       [32]byte `cbor:"2,keyasint"`
	Grant    [32]byte `cbor:"3,keyasint"`
	Seq      uint64   `cbor:"4,keyasint"`
	ID       [16]byte `cbor:"5,keyasint"`
	Authored uint64   `cbor:"6,keyasint"`
	AcceptBy uint64   `cbor:"7,keyasint"`
	Object   [16]byte `cbor:"8,keyasint"`
	Method   string   `cbor:"9,keyasint"`
	Args     []byte   `cbor:"10,keyasint"`
	ReplyTo  []byte   `cbor:"11,keyasint,omitempty"`
}

// SignMessage signs m by the authority of g, whose holder owns signer. It fails if g cannot be used by mail, or not for
// this method and number.
func SignMessage(signer crypto.Signer, g *Grant, m Message) ([]byte, error) {
	key, err := keyOf(signer)
	if err != nil {
		return nil, err
	}
	if key != g.Holder() {
		return nil, fmt.Errorf("grant: the signer is %s, but the grant is for %s, who alone can use it", key, g.Holder())
	}
	accept := g.Accept()
	if accept.IsZero() {
		return nil, errors.New("grant: it cannot be used by message, because not every link has an accept-by time")
	}
	if m.AcceptBy.IsZero() {
		m.AcceptBy = accept
	}
	if m.ID == ([16]byte{}) {
		rand.Read(m.ID[:])
	}
	switch {
	case m.Seq == 0:
		return nil, errors.New("grant: Message.Seq is 0, the first is 1")
	case m.Authored.Unix() <= 0 || m.AcceptBy.Before(m.Authored) || m.AcceptBy.After(accept):
		return nil, fmt.Errorf("grant: Message.Authored (%s) and AcceptBy (%s) do not fit a grant whose messages are accepted until %s", stamp(m.Authored), stamp(m.AcceptBy), stamp(accept))
	case len(m.Method) > maxMethod || len(m.ReplyTo) > MaxReplyTo:
		return nil, fmt.Errorf("grant: Message.Method and ReplyTo have %d and %d bytes, at most %d and %d are possible", len(m.Method), len(m.ReplyTo), maxMethod, MaxReplyTo)
	}
	if err := (&Verifier{Skew: -1}).within(g, m.Authored); err != nil {
		return nil, fmt.Errorf("grant: the message would not be heard: %w", err)
	}
	if err := g.hears(m.Method, m.Seq); err != nil {
		return nil, fmt.Errorf("grant: the message would not be heard: %w", err)
	}
	payload, err := kindMessage.codec.Marshal(messageClaims{
		1, m.To, g.ID(), m.Seq, m.ID, uint64(m.Authored.Unix()), uint64(m.AcceptBy.Unix()), g.Object(), m.Method, m.Args, m.ReplyTo,
	})
	if err != nil {
		return nil, err
	}
	return kindMessage.seal(signer, payload)
}

// ParseMessage reads what SignMessage wrote. Nothing in it is to be believed before [Verifier.CheckMessage] has agreed. Its
// error matches ErrRefused and is a *Refusal.
func ParseMessage(b []byte) (*Message, error) {
	e, err := kindMessage.open(b)
	if err != nil {
		return nil, refuse(Malformed, 0, "%v", err)
	}
	var c messageClaims
	if err := kindMessage.claims(e, &c); err != nil {
		return nil, refuse(Malformed, 0, "%v", err)
	}
	switch {
	case c.Version != 1:
		return nil, refuse(Malformed, 0, "version %d of a message, this program knows version 1", c.Version)
	case c.Seq == 0:
		return nil, refuse(Malformed, 0, "messages are numbered from 1")
	case c.Authored == 0 || c.AcceptBy < c.Authored || c.AcceptBy > maxSeconds:
		return nil, refuse(Malformed, 0, "times that do not fit each other, or are not within the years 1970 to 9999")
	case len(c.Method) > maxMethod || len(c.ReplyTo) > MaxReplyTo:
		return nil, refuse(Malformed, 0, "a method of %d bytes and an address of %d, at most %d and %d are accepted", len(c.Method), len(c.ReplyTo), maxMethod, MaxReplyTo)
	}
	return &Message{
		To: c.To, Seq: c.Seq, ID: c.ID, Authored: seconds(c.Authored), AcceptBy: seconds(c.AcceptBy),
		Method: c.Method, Args: bytes.Clone(c.Args), ReplyTo: bytes.Clone(c.ReplyTo),
		Grant: c.Grant, Object: c.Object, env: e,
	}, nil
}

// CheckMessage checks that m, which ParseMessage returned, was written for this host by the holder of g, in time and
// with the right to do so, and that g is good: it takes the place of Verify. A message is accepted after a link has
// expired, until the earliest accept-by time, if it says that it was written before; and after a revocation that makes
// an exception for it. What it says of the time of its writing cannot be checked: until accept-by its author can
// pretend anything.
//
// The host then decodes the arguments and asks Permits, with the message's Seq; and it executes a message once, see
// [Window].
func (v *Verifier) CheckMessage(g *Grant, m *Message, host Key) error {
	now := v.Now()
	accept := g.Accept()
	switch {
	case len(g.links) == 0 || m.env == nil:
		return refuse(Malformed, 0, "there is no grant, or no message that was read")
	case m.To != host:
		return refuse(Misdirected, 0, "the message is to %s", m.To)
	case m.Grant != g.ID() || m.Object != g.Object():
		return refuse(Misdirected, 0, "the message is by another grant, %s", m.Grant)
	case accept.IsZero():
		return refuse(Beyond, 0, "not every link has an accept-by time")
	case m.Authored.After(now.Add(v.skew())):
		return refuse(NotYet, 0, "the message was written %s, it is %s", stamp(m.Authored), stamp(now))
	case !now.Add(-v.skew()).Before(m.AcceptBy) || !now.Add(-v.skew()).Before(accept):
		return refuse(Expired, 0, "the message was to be accepted until %s, by the grant %s, it is %s", stamp(m.AcceptBy), stamp(accept), stamp(now))
	}
	if err := v.within(g, m.Authored); err != nil {
		return err
	}
	if err := g.hears(m.Method, m.Seq); err != nil {
		return err
	}
	if !v.Even {
		if err := v.Spares(g, m.Seq); err != nil {
			return err
		}
	}
	if err := g.checkSignatures(v.Cache, v.Checked); err != nil {
		return err
	}
	if !kindMessage.verify(g.Holder(), m.env) {
		return refuse(Forged, 0, "the message is not signed by %s, for whom the grant is", g.Holder())
	}
	if v.Even {
		return v.Spares(g, m.Seq)
	}
	return nil
}

// Spares returns nil if no link of g was revoked but with an exception for the message by g with that number. CheckMessage asks it; who
// still has to do with a message that was heard asks again.
func (v *Verifier) Spares(g *Grant, seq uint64) error {
	if v.Revoked == nil {
		return nil
	}
	for i := range g.links {
		id := g.links[i].ID
		if !v.Revoked(id) {
			continue
		}
		if v.Cut == nil {
			return refuse(Withdrawn, i+1, "%s was revoked", id)
		}
		if last, ok := v.Cut(id, g.ID()); !ok || seq > last {
			return refuse(Withdrawn, i+1, "%s was revoked, and no exception made for message %d", id, seq)
		}
	}
	return nil
}

// hears checks what can be said of a message without its arguments.
func (g *Grant) hears(method string, seq uint64) error {
	for i := range g.links {
		l := &g.links[i]
		if !l.allows(method) {
			return refuse(Beyond, i+1, "the method %.80q is not among %q", method, l.Methods)
		}
		for _, c := range l.Caveats {
			if (c.kind == seqWindow || c.kind == liveOnly) && !c.met(l, Call{Seq: seq}, time.Time{}, nil, Key{}) {
				return refuse(Beyond, i+1, "the caveat does not hold: %s", c)
			}
		}
	}
	return nil
}
