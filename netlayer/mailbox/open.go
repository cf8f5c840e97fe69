package mailbox

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/sturdyref"
)

// Opener opens letters to one identity. It may be used by several goroutines.
type Opener struct {
	// Identity is whom the letters are to.
	Identity sturdyref.Identity
	// Prekeys are its prekeys.
	Prekeys *Prekeys
	// Secrets returns the secret with a public name; false if there is none, or it does not admit anybody any more. Nil knows
	// none. It is not told to anybody which it was.
	Secrets func(id [16]byte) (Secret, bool)
	// Correspondent returns what is known of the sender of a letter, who has proven to have the given static key, and of the
	// link it is about. An error, ErrEnded or ErrUnknownLink as a rule, refuses the letter; it is returned by Open.
	Correspondent func(about Envelope) (Correspondent, error)
}

// Envelope is what is known of a letter before its signature has been looked at. Whoever has stolen the key that the letter
// is sealed to may have written it.
type Envelope struct {
	// Sender is the static key that the letter shows.
	Sender [32]byte
	// Link, From and Opens are the fields of Message.
	Link  [32]byte
	From  sturdyref.Role
	Opens bool
	// Secret is the public name of the secret that the letter was sealed with; zeros if it was sealed to a prekey.
	Secret [16]byte
	// AcceptBy is until when the letter is to be taken: a letter like this one may come again until then.
	AcceptBy time.Time
}

// Correspondent is what is known of the sender of a letter.
type Correspondent struct {
	// Signing is the sender's signing key: as a handshake, an earlier letter, or a sturdyref has shown it. Zeros if it is not known.
	Signing [32]byte
	// Secret is, while Signing is not known, what this side has made first contact with: a letter that proves to know it, and holds
	// a record, is from the owner of the sturdyref.
	Secret Secret
}

// Letter is what was in a letter.
type Letter struct {
	Message
	// Sender is the static key of who sent it.
	Sender [32]byte
	// Record is the sender's identity record; nil if it is known and the letter has none.
	Record *sturdyref.Record
	// Bundle is where answers are to be sealed to; nil if the letter does not say.
	Bundle *Bundle
	// Secret is the public name of the secret that the letter was sealed with; zeros if it was sealed to a prekey.
	Secret [16]byte
}

// Open opens a letter, which came from anybody, and verifies whom it is from. It costs no Diffie-Hellman if the letter has not
// the form of one or is to a prekey that is not held, and the same for a secret that is unknown, wrong or revoked.
func (o *Opener) Open(letter []byte, now time.Time) (*Letter, error) {
	if err := CheckSize(len(letter)); err != nil {
		return nil, err
	}
	if letter[0] != version {
		return nil, fmt.Errorf("%w: version %d, this program knows version %d", ErrMalformed, letter[0], version)
	}
	switch letter[1] {
	case toPrekey:
		return o.openPrekey(letter, now)
	case toStatic:
		return o.openStatic(letter, now)
	}
	return nil, fmt.Errorf("%w: letters are not sealed in a way numbered %d", ErrMalformed, letter[1])
}

func (o *Opener) openPrekey(letter []byte, now time.Time) (*Letter, error) {
	id := PrekeyID(letter[2:])
	if o.Prekeys == nil {
		return nil, ErrPrekey
	}
	static, bundle, ok := o.Prekeys.static(id)
	if !ok {
		return nil, fmt.Errorf("%w: %v", ErrPrekey, id)
	}
	header := letter[:prekeyHeader]
	first, others := cut(letter[prekeyHeader:])
	b, sender, rest, err := noisehs.OpenX(noisehs.Config{Static: static, Prologue: prologue(header)}, first)
	if err != nil {
		return nil, ErrSealed
	}
	return o.read(b, others, rest, &Letter{Sender: sender}, bundle.Retires, now)
}

func (o *Opener) openStatic(letter []byte, now time.Time) (*Letter, error) {
	c := noisehs.Config{Static: noisehs.Static{Public: o.Identity.Public().Static, ECDH: o.Identity.ECDH}}
	header := letter[:staticHeader]
	c.Prologue = prologue(header[:2])
	name, err := noisehs.OpenN(c, header[2:])
	if err != nil || len(name) != 16 {
		return nil, ErrSealed
	}
	id := [16]byte(name)
	var psk [32]byte
	rand.Read(psk[:]) // also for a secret that is known, so that both cost the same
	if o.Secrets != nil {
		if s, ok := o.Secrets(id); ok && !s.IsZero() {
			psk = s.p().key
		}
	}
	c.Prologue = prologue(header)
	first, others := cut(letter[staticHeader:])
	b, sender, rest, err := noisehs.OpenXpsk1(c, &psk, first)
	if err != nil {
		return nil, ErrSealed
	}
	return o.read(b, others, rest, &Letter{Sender: sender, Secret: id}, now.Add(FirstContact+Skew), now)
}

// cut divides a letter without its header into its first piece and the others.
func cut(b []byte) (first, others []byte) {
	n := min(len(b), noisehs.MaxMessage)
	return b[:n], b[n:]
}

// read takes what the first piece of a letter says, believes it if it may, and reads on. latest is the last time up to which the letter
// may be to be accepted.
func (o *Opener) read(b, others []byte, rest *noisehs.Transport, l *Letter, latest, now time.Time) (*Letter, error) {
	encoded, b, ok := chop(b)
	if !ok {
		return nil, fmt.Errorf("%w: the head is cut off, or too long", ErrMalformed)
	}
	var h head
	if err := headCodec.Unmarshal(encoded, &h); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	signature, mac, b := b[:64], b[64:96], b[96:]
	me := o.Identity.Public().Static
	acceptBy := timeOf(h.AcceptBy)
	switch {
	case h.To != me:
		return nil, ErrMisaddressed
	case !sturdyref.CanonicalX25519(l.Sender) || l.Sender == me:
		return nil, fmt.Errorf("%w: its sender cannot be", ErrForged)
	case acceptBy.After(latest):
		return nil, fmt.Errorf("%w: it is to be accepted until %v, later than may be", ErrMalformed, acceptBy)
	case now.After(acceptBy.Add(Skew)):
		return nil, fmt.Errorf("%w: it was to be accepted until %v", ErrLate, acceptBy)
	}
	e := Envelope{Sender: l.Sender, Link: h.Link, From: sturdyref.Role(h.From), Opens: h.Opens, Secret: l.Secret, AcceptBy: acceptBy}
	if err := o.signed(&h, e, l, encoded, signature, mac); err != nil {
		return nil, err
	}
	if err := o.rest(&h, l, b, others, rest); err != nil {
		return nil, err
	}
	l.Message = Message{
		Link: h.Link, From: e.From, Life: Life{h.Store, h.Opening, h.Epoch, h.Base}, Seen: h.Seen, Opens: h.Opens, First: h.First, Frames: l.Frames, Part: int(h.Part), Parts: int(h.Parts),
		Next: h.Next, Over: h.Over, Reason: h.Reason, Reply: h.Reply, AcceptBy: acceptBy,
	}
	return l, nil
}

// chop takes the head from what a letter begins with, if there is room behind it for a signature and a MAC.
func chop(b []byte) (encoded, rest []byte, ok bool) {
	if len(b) < fixed {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if n > maxHead || int(n) > len(b)-fixed {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// signed verifies that a head is from the sender that the letter shows, and fills in what it says of that one.
func (o *Opener) signed(h *head, e Envelope, l *Letter, encoded, signature, mac []byte) error {
	if o.Correspondent == nil {
		return ErrStranger
	}
	known, err := o.Correspondent(e)
	if err != nil {
		return err
	}
	if len(h.Record) > 0 {
		if l.Record, err = sturdyref.VerifyRecord(h.Record, l.Sender); err != nil {
			return fmt.Errorf("%w: %w", ErrForged, err)
		}
	}
	signing := known.Signing
	if signing == ([32]byte{}) {
		// The record says that its signing key belongs to the sender's static key, and only a secret that nobody else has says
		// that the static key's owner thinks so: the static key itself is shown by who has stolen ours, too.
		switch {
		case l.Record == nil:
			return ErrStranger
		case l.Secret != ([16]byte{}):
		case known.Secret.IsZero():
			return ErrStranger
		default:
			if want := known.Secret.mac(encoded); !hmac.Equal(want[:], mac) {
				return fmt.Errorf("%w: it does not prove the secret of the first letter", ErrForged)
			}
		}
		signing = l.Record.Signing
	} else if l.Record != nil && l.Record.Signing != signing {
		return fmt.Errorf("%w: its signing key is another one than before", ErrForged)
	}
	if !sturdyref.Verify(signing, domainLetter, encoded, signature) {
		return fmt.Errorf("%w: the signature does not verify", ErrForged)
	}
	if len(h.Bundle) > 0 {
		if l.Bundle, err = VerifyBundle(h.Bundle, sturdyref.Public{Static: l.Sender, Signing: signing}); err != nil {
			return err
		}
	}
	return nil
}

// rest decrypts what follows the first piece, and takes the frames.
func (o *Opener) rest(h *head, l *Letter, b, others []byte, t *noisehs.Transport) error {
	b = slices.Grow(b, len(others))
	for len(others) > 0 {
		piece, after := cut(others)
		plain, err := t.Open(piece)
		if err != nil {
			return ErrSealed
		}
		b, others = append(b, plain...), after
	}
	if h.Length > uint64(len(b)) || !isZero(b[h.Length:]) {
		return fmt.Errorf("%w: the frames are cut off, or followed by something", ErrMalformed)
	}
	b = b[:h.Length:h.Length]
	if sha256.Sum256(b) != h.Digest {
		return fmt.Errorf("%w: other frames than those signed", ErrForged)
	}
	var err error
	l.Frames, err = frames(b, int(h.Count))
	return err
}
