package noisetest

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/binary"
	"testing"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/sturdyref"
)

// Secrets are the private halves of an identity, and its record.
type Secrets struct {
	Static  *ecdh.PrivateKey
	Signing ed25519.PrivateKey
	Record  []byte
}

// SecretsOf takes an identity apart.
func SecretsOf(t testing.TB, k sturdyref.KeyPair) Secrets {
	t.Helper()
	b, err := k.Reveal()
	if err != nil {
		t.Fatal(err)
	}
	var stored struct {
		Version   uint64   `cbor:"1,keyasint"`
		Static    [32]byte `cbor:"2,keyasint"`
		Signing   [32]byte `cbor:"3,keyasint"`
		NotBefore int64    `cbor:"4,keyasint"`
	}
	if err := detcbor.Unmarshal(b, &stored); err != nil {
		t.Fatal(err)
	}
	r, err := sturdyref.NewRecord(k, k.NotBefore())
	if err != nil {
		t.Fatal(err)
	}
	return Secrets{Key(stored.Static[:]), ed25519.NewKeyFromSeed(stored.Signing[:]), r.Encoded()}
}

// Labels of the two carriers.
const (
	QUIC = "hawser/noise-quic/1"
	TCP  = "hawser/noise-tcp/1"
)

// Prologue is that of a carrier; exported is empty for TCP.
func Prologue(label string, clear byte, exported []byte) []byte {
	return Join([]byte(label), []byte{0, clear}, exported)
}

// Binding is that of a session; h is the hash after message 2.
func Binding(h, dialler, acceptor []byte) []byte {
	return sum([]byte("hawser/binding/1"), h, dialler, acceptor)
}

// NoSecret is the pre-shared key of a dialler without a secret.
func NoSecret(label string, acceptor []byte) []byte { return HKDF(acceptor, label, "no secret") }

// Hello is the payload of message 1.
func Hello(secret [16]byte, features ...string) []byte {
	return Join([]byte{1}, secret[:], Features(features...))
}

// Features is the encoding of a list of them.
func Features(features ...string) []byte {
	b := []byte{byte(len(features))}
	for _, f := range features {
		b = append(append(b, byte(len(f))), f...)
	}
	return b
}

// Frames is the encoding of frames.
func Frames(frames ...string) (b []byte) {
	for _, f := range frames {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
	}
	return b
}

// Named is what a named party says of itself: role is 'd' or 'a'.
func Named(s Secrets, binding []byte, role byte, frames ...string) []byte {
	first := ""
	if len(frames) > 0 {
		first = frames[0]
	}
	signed := Join([]byte("hawser/session/1\x00"), binding, []byte{role}, sum([]byte(first)))
	return Join([]byte{0}, binary.BigEndian.AppendUint16(nil, uint16(len(s.Record))), s.Record, ed25519.Sign(s.Signing, signed), Frames(frames...))
}

// Anonymous is what an anonymous party says of itself.
func Anonymous(frames ...string) []byte { return Join([]byte{1}, Frames(frames...)) }

// Credential is what stands before the rest of the last payload if there is a credential.
func Credential(credential []byte) []byte {
	if len(credential) == 0 {
		return nil
	}
	return Join([]byte{3}, binary.BigEndian.AppendUint16(nil, uint16(len(credential))), credential)
}

// WithLength puts two bytes of length before a message.
func WithLength(m []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
}
