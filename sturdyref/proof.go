package sturdyref

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"

	"github.com/hawser-go/hawser/internal/conceal"
)

// ProofSize is the length of a fetch proof: tag, public name, MAC.
const ProofSize = 8 + 16 + 32

const proofTag = "ocp-fp1\x00"

// ErrUnbound says that a session has no binding, so that a proof made on it could be replayed elsewhere.
var ErrUnbound = errors.New("sturdyref: no proof is made or accepted on a session without a binding")

// Role says which end of a session speaks, so that a proof cannot be sent back to its maker.
type Role byte

// The two ends of a session.
const (
	Dialler  Role = 'd'
	Acceptor Role = 'a'
)

// RoleOf is the role of the end that dialled (outbound) or was dialled, see netlayer.Info.Outbound.
func RoleOf(outbound bool) Role {
	if outbound {
		return Dialler
	}
	return Acceptor
}

// Other is the role of the other end.
func (r Role) Other() Role {
	if r == Dialler {
		return Acceptor
	}
	return Dialler
}

// ProofKey proves within one session that its holder knows a swiss number, or holds a capability key, without
// revealing it. The zero value proves nothing and accepts nothing.
type ProofKey struct {
	p func() *proofKey // nil for the zero value, see package conceal
}

type proofKey struct {
	id  [16]byte
	key [32]byte
}

func newProofKey(id [16]byte, key *[32]byte) ProofKey {
	return ProofKey{conceal.Secret(&proofKey{id, *key})}
}

// ID is the public name a proof carries.
func (k ProofKey) ID() [16]byte {
	if k.p == nil {
		return [16]byte{}
	}
	return k.p().id
}

// Fetch makes the argument of a bootstrap fetch: the end that speaks knows the secret. It goes in place of a raw swiss
// number, on the session with that binding only; elsewhere it is worth nothing.
func (k ProofKey) Fetch(binding [32]byte, speaker Role) (proof [ProofSize]byte, err error) {
	mac, err := k.mac(binding, speaker, 'f')
	if err != nil {
		return proof, err
	}
	copy(proof[:], proofTag)
	copy(proof[8:], k.p().id[:])
	copy(proof[24:], mac[:])
	return proof, nil
}

// CheckFetch reports, in constant time, whether proof was made by Fetch with this key, binding and speaker.
func (k ProofKey) CheckFetch(proof []byte, binding [32]byte, speaker Role) bool {
	want, err := k.Fetch(binding, speaker)
	return err == nil && hmac.Equal(want[:], proof)
}

// Serve makes the answer of a bootstrap prove(id): the end that speaks, which owns the object, knows the secret too.
func (k ProofKey) Serve(binding [32]byte, speaker Role) ([32]byte, error) {
	return k.mac(binding, speaker, 's')
}

// CheckServe reports, in constant time, whether mac was made by Serve with this key, binding and speaker.
func (k ProofKey) CheckServe(mac []byte, binding [32]byte, speaker Role) bool {
	want, err := k.Serve(binding, speaker)
	return err == nil && hmac.Equal(want[:], mac)
}

func (k ProofKey) mac(binding [32]byte, speaker Role, purpose byte) (out [32]byte, err error) {
	if k.p == nil {
		return out, errNoSecret
	}
	if binding == ([32]byte{}) {
		return out, ErrUnbound
	}
	h := hmac.New(sha256.New, k.p().key[:])
	h.Write(binding[:])
	h.Write([]byte{byte(speaker), purpose})
	h.Sum(out[:0])
	return out, nil
}

// ProofID says whether the argument of a fetch is a proof rather than a raw swiss number, and if so of which one. It
// checks nothing else.
func ProofID(argument []byte) (id [16]byte, ok bool) {
	if len(argument) != ProofSize || string(argument[:8]) != proofTag {
		return id, false
	}
	return [16]byte(argument[8:24]), true
}

// String, GoString, Format, LogValue and MarshalText show a placeholder.
func (k ProofKey) String() string               { return conceal.Redacted }
func (k ProofKey) GoString() string             { return conceal.Redacted }
func (k ProofKey) Format(f fmt.State, _ rune)   { fmt.Fprint(f, conceal.Redacted) }
func (k ProofKey) LogValue() slog.Value         { return slog.StringValue(conceal.Redacted) }
func (k ProofKey) MarshalText() ([]byte, error) { return []byte(conceal.Redacted), nil }
