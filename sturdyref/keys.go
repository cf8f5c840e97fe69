package sturdyref

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"

	"github.com/hawser-go/hawser/internal/conceal"
)

// Salts of the derivations. The label ("id", "psk", "proof") is the info string; the hash is SHA-256; 32 bytes are
// taken, of which a public name is the first 16.
const (
	saltSwiss      = "hawser/swiss/1"
	saltCapability = "hawser/capability/1"
)

// errNoSecret is what zero values answer.
var errNoSecret = errors.New("sturdyref: this is the zero value, there is no secret to derive a key from")

func derive(secret []byte, salt, label string) (out [32]byte) {
	key, err := hkdf.Key(sha256.New, secret, []byte(salt), label, len(out))
	if err != nil {
		// The length is fixed and the secret has at least 16 bytes, so no mode of the library refuses.
		panic("sturdyref: HKDF: " + err.Error())
	}
	copy(out[:], key)
	return out
}

// Keys are what is derived from a swiss number that is no weak one, or from the secret of a door: enough to be admitted
// and to prove knowledge of it, not enough to write it into a locator. To a thief they are as good as the swiss number,
// so they do not print either. The zero value is nobody's; its methods return zeros.
type Keys struct {
	p func() *keys // nil for the zero value, see package conceal
}

type keys struct {
	id         [16]byte
	psk, proof [32]byte
}

// Keys derives the keys of s, or returns ErrWeak if s must not have any.
func (s SwissNum) Keys() (Keys, error) {
	if s.Weak() {
		return Keys{}, ErrWeak
	}
	id := derive(s.p().b, saltSwiss, "id")
	return Keys{conceal.Secret(&keys{
		id:    [16]byte(id[:]),
		psk:   derive(s.p().b, saltSwiss, "psk"),
		proof: derive(s.p().b, saltSwiss, "proof"),
	})}, nil
}

// IsZero reports whether k are no keys.
func (k Keys) IsZero() bool { return k.p == nil }

// ID is the public name of the swiss number. It tells nothing of the secret, yet links whoever shows it: it is only
// ever sent encrypted to the peer that owns the object.
func (k Keys) ID() [16]byte {
	if k.p == nil {
		return [16]byte{}
	}
	return k.p().id
}

// PSK is the pre-shared key of a handshake made because of this swiss number.
func (k Keys) PSK() [32]byte {
	if k.p == nil {
		return [32]byte{}
	}
	return k.p().psk
}

// ProofKey makes and checks proofs within a session.
func (k Keys) ProofKey() ProofKey {
	if k.p == nil {
		return ProofKey{}
	}
	return newProofKey(k.p().id, &k.p().proof)
}

// Key is the dialler's use of k: a netlayer.Key.
func (k Keys) Key() SwissKey { return SwissKey{k} }

// Lock is the acceptor's use of k: a netlayer.Lock, to be found by ID.
func (k Keys) Lock() SwissLock { return SwissLock{k} }

// Reveal returns the keys as 80 bytes for storage: id, pre-shared key, proof key.
func (k Keys) Reveal() []byte {
	if k.p == nil {
		return nil
	}
	b := append(make([]byte, 0, 80), k.p().id[:]...)
	b = append(b, k.p().psk[:]...)
	return append(b, k.p().proof[:]...)
}

// KeysOf returns the keys that Reveal wrote.
func KeysOf(b []byte) (Keys, error) {
	if len(b) != 80 {
		return Keys{}, fmt.Errorf("sturdyref: stored keys have 80 bytes, these have %d", len(b))
	}
	return Keys{conceal.Secret(&keys{id: [16]byte(b[:16]), psk: [32]byte(b[16:48]), proof: [32]byte(b[48:])})}, nil
}

// String, GoString, Format, LogValue and MarshalText show a placeholder.
func (k Keys) String() string               { return conceal.Redacted }
func (k Keys) GoString() string             { return conceal.Redacted }
func (k Keys) Format(f fmt.State, _ rune)   { fmt.Fprint(f, conceal.Redacted) }
func (k Keys) LogValue() slog.Value         { return slog.StringValue(conceal.Redacted) }
func (k Keys) MarshalText() ([]byte, error) { return []byte(conceal.Redacted), nil }

// SwissKey admits a dialler that knows a swiss number, or the secret of a door.
type SwissKey struct{ keys Keys }

// ID returns the public name of the swiss number, the same for every acceptor.
func (k SwissKey) ID([32]byte) ([16]byte, error) {
	if k.keys.p == nil {
		return [16]byte{}, errNoSecret
	}
	return k.keys.p().id, nil
}

// PSK returns the pre-shared key, which depends on neither the acceptor nor the handshake.
func (k SwissKey) PSK(_, _ [32]byte) ([32]byte, error) {
	if k.keys.p == nil {
		return [32]byte{}, errNoSecret
	}
	return k.keys.p().psk, nil
}

// SwissLock is opened by a SwissKey of the same swiss number.
type SwissLock struct{ keys Keys }

// PSK returns the pre-shared key, which does not depend on the handshake.
func (l SwissLock) PSK(func([32]byte) ([32]byte, error)) ([32]byte, error) {
	if l.keys.p == nil {
		return [32]byte{}, errNoSecret
	}
	return l.keys.p().psk, nil
}
