package sturdyref

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"

	"github.com/hawser-go/hawser/internal/conceal"
)

// Capability is a capability in the form of a private X25519 key, of which the owner of the object stores the public
// half only and can therefore never pass it on. It is a netlayer.Key. The zero value is none.
type Capability struct {
	p func() **ecdh.PrivateKey // nil for the zero value, see package conceal
}

// NewCapability returns a fresh capability key.
func NewCapability() (Capability, error) {
	b := make([]byte, 32)
	rand.Read(b)
	return CapabilityOf(b)
}

// CapabilityOf returns the capability with the given 32 bytes, as Reveal wrote them.
func CapabilityOf(b []byte) (Capability, error) {
	k, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		return Capability{}, fmt.Errorf("sturdyref: a capability key has 32 bytes, this one has %d", len(b))
	}
	return Capability{conceal.Secret(&k)}, nil
}

// IsZero reports whether c is no capability.
func (c Capability) IsZero() bool { return c.p == nil }

// Reveal returns the secret bytes.
func (c Capability) Reveal() []byte {
	if c.p == nil {
		return nil
	}
	return (*c.p()).Bytes()
}

// Public returns what the owner of the object stores.
func (c Capability) Public() [32]byte {
	if c.p == nil {
		return [32]byte{}
	}
	return [32]byte((*c.p()).PublicKey().Bytes())
}

// ID returns the public name of the capability towards the node with the given static key.
func (c Capability) ID(acceptor [32]byte) ([16]byte, error) {
	k, err := c.dh(acceptor)
	if err != nil {
		return [16]byte{}, err
	}
	return capabilityID(&k), nil
}

// PSK returns the pre-shared key for a handshake with that node in which its ephemeral key is the one given.
func (c Capability) PSK(acceptor, ephemeral [32]byte) ([32]byte, error) {
	return c.derive(acceptor, ephemeral, "psk")
}

// ProofKey returns the key that proves the capability in an open session with that node, which gave challenge, a fresh
// public key, for this one proof.
func (c Capability) ProofKey(acceptor, challenge [32]byte) (ProofKey, error) {
	id, err := c.ID(acceptor)
	if err != nil {
		return ProofKey{}, err
	}
	key, err := c.derive(acceptor, challenge, "proof")
	if err != nil {
		return ProofKey{}, err
	}
	return newProofKey(id, &key), nil
}

func (c Capability) derive(acceptor, fresh [32]byte, label string) (out [32]byte, err error) {
	k, err := c.dh(acceptor)
	if err != nil {
		return out, err
	}
	f, err := c.dh(fresh)
	if err != nil {
		return out, err
	}
	return capabilitySecret(&k, &f, label), nil
}

func (c Capability) dh(public [32]byte) (out [32]byte, err error) {
	if c.p == nil {
		return out, errNoSecret
	}
	return x25519(*c.p(), public)
}

func capabilityID(k *[32]byte) [16]byte {
	id := derive(k[:], saltCapability, "id")
	return [16]byte(id[:])
}

func capabilitySecret(k, fresh *[32]byte, label string) [32]byte {
	return derive(slices.Concat(k[:], fresh[:]), saltCapability, label)
}

// CapabilityLock is the acceptor's side of a Capability: a netlayer.Lock, to be found by ID.
type CapabilityLock struct {
	public [32]byte
	p      func() *[32]byte // K, known to the node and to the holder of the capability; see package conceal
}

// NewCapabilityLock returns the lock of host that the capability with the given public key opens.
func NewCapabilityLock(host Identity, public [32]byte) (CapabilityLock, error) {
	k, err := host.ECDH(public)
	if err != nil {
		return CapabilityLock{}, fmt.Errorf("sturdyref: the public key of a capability is not usable: %w", err)
	}
	return CapabilityLock{public: public, p: conceal.Secret(&k)}, nil
}

// ID returns the public name of the capability towards this node.
func (l CapabilityLock) ID() [16]byte {
	if l.p == nil {
		return [16]byte{}
	}
	return capabilityID(l.p())
}

// PSK returns the pre-shared key of the handshake whose ephemeral key does the given Diffie-Hellman.
func (l CapabilityLock) PSK(ephemeral func([32]byte) ([32]byte, error)) ([32]byte, error) {
	return l.derive(ephemeral, "psk")
}

// ProofKey returns the key that checks the proof made for the challenge whose private key does the given
// Diffie-Hellman.
func (l CapabilityLock) ProofKey(challenge func([32]byte) ([32]byte, error)) (ProofKey, error) {
	key, err := l.derive(challenge, "proof")
	if err != nil {
		return ProofKey{}, err
	}
	return newProofKey(l.ID(), &key), nil
}

func (l CapabilityLock) derive(fresh func([32]byte) ([32]byte, error), label string) (out [32]byte, err error) {
	if l.p == nil {
		return out, errNoSecret
	}
	f, err := fresh(l.public)
	if err != nil {
		return out, err
	}
	return capabilitySecret(l.p(), &f, label), nil
}

// String, GoString, Format, LogValue and MarshalText show a placeholder.
func (c Capability) String() string               { return conceal.Redacted }
func (c Capability) GoString() string             { return conceal.Redacted }
func (c Capability) Format(f fmt.State, _ rune)   { fmt.Fprint(f, conceal.Redacted) }
func (c Capability) LogValue() slog.Value         { return slog.StringValue(conceal.Redacted) }
func (c Capability) MarshalText() ([]byte, error) { return []byte(conceal.Redacted), nil }
