package mailbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/sturdyref"
)

// Sealer makes letters from one identity. It may be used by several goroutines.
type Sealer struct {
	// Identity is whom the letters are from.
	Identity sturdyref.Identity
	// Record is its identity record, which goes along where the recipient may not have it.
	Record *sturdyref.Record
	// Prekeys is where answers are sealed to: the newest goes along with each letter. Nil sends none.
	Prekeys *Prekeys
	// Random makes ephemeral keys; nil means crypto/rand. Anything else is for test vectors.
	Random io.Reader
}

// Seal makes a letter for the owner of a bundle. It returns the letter and until when it will be accepted: m.AcceptBy, but no later than
// the prekey retires, and in whole seconds. proof is the secret by which the recipient has made first contact, as long as it
// may not know this side's signing key, and zero otherwise. An error that matches ErrRetired says that a newer bundle is wanted.
func (s *Sealer) Seal(to *Bundle, proof Secret, m *Message, now time.Time) (letter []byte, until time.Time, err error) {
	until = to.Retires
	if !m.AcceptBy.IsZero() && m.AcceptBy.Before(until) {
		until = m.AcceptBy.Truncate(time.Second)
	}
	if !until.After(now) {
		return nil, until, fmt.Errorf("%w: it has until %v", ErrRetired, until)
	}
	id := to.ID()
	header := append([]byte{version, toPrekey}, id[:]...)
	b, err := s.content(to.Owner, m, proof, until, m.Opens || !proof.IsZero(), header)
	if err != nil {
		return nil, until, err
	}
	c := s.config(header)
	letter, err = wrap(header, b, func(first []byte) ([]byte, *noisehs.Transport, error) {
		return noisehs.SealX(c, to.Prekey, first)
	})
	return letter, until, err
}

// SealFirst makes a letter for the peer with the given static key, of whom no prekey is known, because of a sturdyref of its
// with that secret. It returns the letter and until when it will be accepted: m.AcceptBy, but at most 30 days from now.
func (s *Sealer) SealFirst(to [32]byte, secret Secret, m *Message, now time.Time) (letter []byte, until time.Time, err error) {
	if secret.IsZero() {
		return nil, until, errors.New("mailbox: a letter of first contact needs the secret of a sturdyref: see SecretOf")
	}
	until = now.Add(FirstContact).Truncate(time.Second)
	if !m.AcceptBy.IsZero() && m.AcceptBy.Before(until) {
		until = m.AcceptBy.Truncate(time.Second)
	}
	if !until.After(now) {
		return nil, until, fmt.Errorf("mailbox: the letter is to be accepted until %v, which is over", until)
	}
	if s.Record == nil {
		return nil, until, errors.New("mailbox: a letter of first contact needs the sender's record: set Sealer.Record")
	}
	header := []byte{version, toStatic}
	name := secret.ID()
	box, err := noisehs.SealN(s.Random, prologue(header), to, name[:])
	if err != nil {
		return nil, until, fmt.Errorf("mailbox: the static key of the recipient is not usable: %w", err)
	}
	header = append(header, box...)
	b, err := s.content(to, m, Secret{}, until, true, header)
	if err != nil {
		return nil, until, err
	}
	c := s.config(header)
	letter, err = wrap(header, b, func(first []byte) ([]byte, *noisehs.Transport, error) {
		return noisehs.SealXpsk1(c, &secret.p().key, to, first)
	})
	return letter, until, err
}

func prologue(header []byte) []byte { return slices.Concat([]byte(mailLabel), []byte{0}, header) }

func (s *Sealer) config(header []byte) noisehs.Config {
	return noisehs.Config{
		Static:   noisehs.Static{Public: s.Identity.Public().Static, ECDH: s.Identity.ECDH},
		Prologue: prologue(header), Random: s.Random,
	}
}

// content returns what is to be encrypted: head, signature, MAC, frames, and zeros up to the size of a letter.
func (s *Sealer) content(to [32]byte, m *Message, proof Secret, until time.Time, introduce bool, header []byte) ([]byte, error) {
	frames := body(m.Frames)
	h := head{
		Version: version, To: to, Link: m.Link, From: uint64(m.From), Epoch: m.Epoch, First: m.First, Count: uint64(len(m.Frames)),
		Next: m.Next, AcceptBy: seconds(until), Length: uint64(len(frames)), Digest: sha256.Sum256(frames),
		Part: uint64(m.Part), Parts: uint64(m.Parts), Opens: m.Opens, Over: m.Over, Reason: m.Reason, Reply: m.Reply,
		Store: m.Store, Base: m.Base, Seen: m.Seen, Opening: m.Opening,
	}
	if introduce && s.Record != nil {
		h.Record = s.Record.Encoded()
	}
	if s.Prekeys != nil {
		h.Bundle = s.Prekeys.Bundle().Encoded()
	}
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTooLong, err)
	}
	encoded, err := headCodec.Marshal(&h)
	if err != nil {
		return nil, err
	}
	signature, err := sturdyref.Sign(s.Identity, domainLetter, encoded)
	if err != nil {
		return nil, err
	}
	var mac [32]byte
	if !proof.IsZero() {
		mac = proof.mac(encoded)
	}
	n := fixed + len(encoded) + len(frames)
	size := bucket(len(header), n)
	if size == 0 {
		return nil, fmt.Errorf("%w: %d bytes of frames: see FitOf", ErrTooLong, len(frames))
	}
	b := make([]byte, 0, capacity(len(header), size))
	b = binary.BigEndian.AppendUint32(b, uint32(len(encoded)))
	b = append(b, encoded...)
	b = append(b, signature[:]...)
	b = append(b, mac[:]...)
	b = append(b, frames...)
	return b[:cap(b)], nil // make has filled the rest with zeros
}

// wrap encrypts content behind a header: the first piece as a handshake message, the others as transport messages.
func wrap(header, content []byte, seal func([]byte) ([]byte, *noisehs.Transport, error)) ([]byte, error) {
	n := min(len(content), noisehs.MaxMessage-noisehs.XOverhead)
	message, rest, err := seal(content[:n])
	if err != nil {
		return nil, fmt.Errorf("mailbox: the key of the recipient is not usable: %w", err)
	}
	pieces := (len(content)-n+noisehs.MaxPlaintext-1)/noisehs.MaxPlaintext + 1
	letter := make([]byte, 0, len(header)+len(message)+len(content)-n+pieces*noisehs.TransportOverhead)
	letter = append(append(letter, header...), message...)
	for piece := range slices.Chunk(content[n:], noisehs.MaxPlaintext) {
		if letter, err = rest.AppendSeal(letter, piece); err != nil {
			return nil, err
		}
	}
	return letter, nil
}

// isZero reports whether b is all zeros.
func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }
