package sturdyref

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hawser-go/hawser/internal/conceal"
	"github.com/hawser-go/hawser/internal/detcbor"
)

// Public is the public half of an identity.
type Public struct {
	// Static is the X25519 key that Noise handshakes prove; the designator spells it.
	Static [32]byte
	// Signing is the Ed25519 key of what the identity signs. The two are independent keys.
	Signing [32]byte
}

// Peer returns the locator of the identity on the transport "hawser", without hints.
func (p Public) Peer() Peer { return Peer{Transport: Transport, Designator: Designator(p.Static)} }

// Identity is a node's or a person's key pair, wherever the private half lives: in memory ([KeyPair]), in an agent, in
// a hardware token. Its methods may be called by several goroutines at once.
type Identity interface {
	// Public returns the public half; it never changes.
	Public() Public
	// ECDH returns the X25519 shared secret of the static key and peer, or an error if peer is a point of low order.
	ECDH(peer [32]byte) ([32]byte, error)
	// Sign returns the Ed25519 signature, 64 bytes, of the message itself. Callers go through [Sign], which puts a
	// domain before what is signed; an implementation does well to refuse messages that begin otherwise.
	Sign(message []byte) ([]byte, error)
}

// KeyPair is an Identity held in memory.
type KeyPair struct {
	p func() *keyPair // nil for the zero value, see package conceal
}

type keyPair struct {
	static    *ecdh.PrivateKey
	signing   ed25519.PrivateKey
	notBefore time.Time
}

// GenerateIdentity returns a fresh key pair that is in use from the given time on.
func GenerateIdentity(notBefore time.Time) (KeyPair, error) {
	static, seed := make([]byte, 32), make([]byte, ed25519.SeedSize)
	rand.Read(static)
	rand.Read(seed)
	return newKeyPair(static, seed, notBefore)
}

func newKeyPair(static, seed []byte, notBefore time.Time) (KeyPair, error) {
	s, err := ecdh.X25519().NewPrivateKey(static)
	if err != nil {
		return KeyPair{}, fmt.Errorf("sturdyref: static key: %w", err)
	}
	return KeyPair{conceal.Secret(&keyPair{s, ed25519.NewKeyFromSeed(seed), notBefore.Truncate(time.Second).UTC()})}, nil
}

// storedIdentity is the form of a key pair in a file.
type storedIdentity struct {
	Version   uint64   `cbor:"1,keyasint"`
	Static    [32]byte `cbor:"2,keyasint"`
	Signing   [32]byte `cbor:"3,keyasint"`
	NotBefore int64    `cbor:"4,keyasint"`
}

// Reveal returns the private keys as bytes to be kept in a file that only its owner can read.
func (k KeyPair) Reveal() ([]byte, error) {
	if k.p == nil {
		return nil, errors.New("sturdyref: there is no key pair to store")
	}
	return detcbor.Marshal(storedIdentity{1, [32]byte(k.p().static.Bytes()), [32]byte(k.p().signing.Seed()), k.p().notBefore.Unix()})
}

// KeyPairOf returns the key pair that Reveal wrote.
func KeyPairOf(b []byte) (KeyPair, error) {
	var s storedIdentity
	if err := detcbor.Unmarshal(b, &s); err != nil {
		return KeyPair{}, fmt.Errorf("sturdyref: these %d bytes are not a stored identity: %w", len(b), err)
	}
	if s.Version != 1 {
		return KeyPair{}, fmt.Errorf("sturdyref: the stored identity has version %d, this program knows version 1: use a newer program", s.Version)
	}
	return newKeyPair(s.Static[:], s.Signing[:], time.Unix(s.NotBefore, 0))
}

// IsZero reports whether k is no key pair. Such a one has public keys of zeros and neither agrees nor signs.
func (k KeyPair) IsZero() bool { return k.p == nil }

// NotBefore is when the key pair came into use.
func (k KeyPair) NotBefore() time.Time {
	if k.p == nil {
		return time.Time{}
	}
	return k.p().notBefore
}

// Public returns the public keys.
func (k KeyPair) Public() Public {
	if k.p == nil {
		return Public{}
	}
	return Public{
		Static:  [32]byte(k.p().static.PublicKey().Bytes()),
		Signing: [32]byte(k.p().signing.Public().(ed25519.PublicKey)),
	}
}

// ECDH returns the X25519 shared secret of the static key and peer.
func (k KeyPair) ECDH(peer [32]byte) ([32]byte, error) {
	if k.p == nil {
		return [32]byte{}, errNoSecret
	}
	return x25519(k.p().static, peer)
}

// Sign signs a message that begins with a domain of this module (see [Sign]) or is a COSE Sig_structure, which has
// one of its own; any other is refused, so that no peer can obtain a signature over bytes of its choice.
func (k KeyPair) Sign(message []byte) ([]byte, error) {
	if k.p == nil {
		return nil, errNoSecret
	}
	if !hasDomain(message) && !bytes.HasPrefix(message, []byte("\x84\x6aSignature1")) {
		return nil, errors.New("sturdyref: refused to sign a message without a domain")
	}
	return ed25519.Sign(k.p().signing, message), nil
}

func x25519(private *ecdh.PrivateKey, public [32]byte) (out [32]byte, err error) {
	p, err := ecdh.X25519().NewPublicKey(public[:])
	if err != nil {
		return out, err
	}
	secret, err := private.ECDH(p)
	if err != nil {
		return out, err
	}
	return [32]byte(secret), nil
}

// String, GoString, Format, LogValue and MarshalText show the public keys' owner only.
func (k KeyPair) String() string {
	if k.p == nil {
		return "no identity"
	}
	return "identity " + Designator(k.Public().Static)
}
func (k KeyPair) GoString() string             { return k.String() }
func (k KeyPair) Format(f fmt.State, _ rune)   { fmt.Fprint(f, k.String()) }
func (k KeyPair) LogValue() slog.Value         { return slog.StringValue(k.String()) }
func (k KeyPair) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
