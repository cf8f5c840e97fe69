package seal

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"log/slog"

	"github.com/hawser-go/hawser/internal/conceal"
	"github.com/hawser-go/hawser/sturdyref"
)

// A Key opens what is sealed to its public half, Public().Static. Every [sturdyref.Identity] is one, and every [ReadKey].
type Key interface {
	// Public returns the public half.
	Public() sturdyref.Public
	// ECDH returns the X25519 shared secret of the key and peer, or an error if peer is a point of low order.
	ECDH(peer [32]byte) ([32]byte, error)
}

// ReadKey is the capability to read what is sealed to it, in the form of a private X25519 key: it can be given to whoever
// shall read, now or later, and it signs nothing. The zero value is none.
type ReadKey struct {
	p func() **ecdh.PrivateKey // nil for the zero value, see package conceal
}

// NewReadKey returns a fresh key.
func NewReadKey() (ReadKey, error) {
	b := make([]byte, 32)
	rand.Read(b)
	return ReadKeyOf(b)
}

// ReadKeyOf returns the key with the given 32 bytes, as Reveal wrote them.
func ReadKeyOf(b []byte) (ReadKey, error) {
	k, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		return ReadKey{}, fmt.Errorf("seal: a key has 32 bytes, this one has %d", len(b))
	}
	return ReadKey{conceal.Secret(&k)}, nil
}

// IsZero reports whether k is no key.
func (k ReadKey) IsZero() bool { return k.p == nil }

// Reveal returns the secret bytes.
func (k ReadKey) Reveal() []byte {
	if k.p == nil {
		return nil
	}
	return (*k.p()).Bytes()
}

// Public returns the public half, as Static. Signing is zeros.
func (k ReadKey) Public() sturdyref.Public {
	if k.p == nil {
		return sturdyref.Public{}
	}
	return sturdyref.Public{Static: [32]byte((*k.p()).PublicKey().Bytes())}
}

// ECDH implements Key.
func (k ReadKey) ECDH(peer [32]byte) (out [32]byte, err error) {
	if k.p == nil {
		return out, fmt.Errorf("%w: there is none", ErrKey)
	}
	public, err := ecdh.X25519().NewPublicKey(peer[:])
	if err != nil {
		return out, err
	}
	secret, err := (*k.p()).ECDH(public)
	if err != nil {
		return out, err
	}
	return [32]byte(secret), nil
}

// String, GoString, Format, LogValue and MarshalText show a placeholder.
func (k ReadKey) String() string               { return conceal.Redacted }
func (k ReadKey) GoString() string             { return conceal.Redacted }
func (k ReadKey) Format(f fmt.State, _ rune)   { fmt.Fprint(f, conceal.Redacted) }
func (k ReadKey) LogValue() slog.Value         { return slog.StringValue(conceal.Redacted) }
func (k ReadKey) MarshalText() ([]byte, error) { return []byte(conceal.Redacted), nil }
