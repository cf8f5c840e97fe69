package mailbox

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"slices"

	"github.com/hawser-go/hawser/sturdyref"
)

// Secret is what a swiss number is worth in mail: its public name and the pre-shared key of first letters. To a thief it is
// as good as the swiss number, so it does not print. The zero value is none.
type Secret struct {
	p func() *secret // nil for the zero value; a function, so that nothing that walks values shows it
}

type secret struct {
	id  [16]byte
	key [32]byte
}

// SecretOf derives the secret of a swiss number, or returns an error that matches sturdyref.ErrWeak if none may be derived from
// it.
func SecretOf(s sturdyref.SwissNum) (Secret, error) {
	keys, err := s.Keys()
	if err != nil {
		return Secret{}, err
	}
	b, err := hkdf.Key(sha256.New, s.Reveal(), []byte("hawser/swiss/1"), "mail", 32)
	if err != nil {
		return Secret{}, fmt.Errorf("mailbox: %w", err)
	}
	v := &secret{id: keys.ID(), key: [32]byte(b)}
	return Secret{func() *secret { return v }}, nil
}

// Encode returns s as 48 bytes, for a store: to a thief they are as good as the swiss number.
func (s Secret) Encode() []byte {
	if s.p == nil {
		return nil
	}
	v := s.p()
	return slices.Concat(v.id[:], v.key[:])
}

// DecodeSecret reads what Encode returned.
func DecodeSecret(b []byte) (Secret, error) {
	if len(b) != 48 {
		return Secret{}, fmt.Errorf("%w: a secret of %d bytes, expected 48", ErrMalformed, len(b))
	}
	v := &secret{id: [16]byte(b), key: [32]byte(b[16:])}
	return Secret{func() *secret { return v }}, nil
}

// IsZero reports whether s is no secret.
func (s Secret) IsZero() bool { return s.p == nil }

// ID returns the public name of the swiss number, which is what sturdyref.Keys has.
func (s Secret) ID() [16]byte {
	if s.p == nil {
		return [16]byte{}
	}
	return s.p().id
}

// mac proves to the other party of a first letter that who signs head knows the secret.
func (s Secret) mac(head []byte) (out [32]byte) {
	h := hmac.New(sha256.New, s.p().key[:])
	h.Write([]byte(letterLabel + "\x00"))
	h.Write(head)
	h.Sum(out[:0])
	return out
}

// Link returns what the two ends of a link prove to each other, when they have a connection, that a letter has opened with this secret: its
// name, and the static keys of who began it and of the other, go in.
func (s Secret) Link(link, dialler, acceptor [32]byte) (out [32]byte) {
	h := hmac.New(sha256.New, s.p().key[:])
	h.Write([]byte(mailLabel + "\x00link\x00"))
	for _, b := range [][32]byte{link, dialler, acceptor} {
		h.Write(b[:])
	}
	h.Sum(out[:0])
	return out
}

const redacted = "REDACTED"

// String, GoString, Format, LogValue and MarshalText show a placeholder.
func (s Secret) String() string               { return redacted }
func (s Secret) GoString() string             { return redacted }
func (s Secret) Format(f fmt.State, _ rune)   { fmt.Fprint(f, redacted) }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
