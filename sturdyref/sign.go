package sturdyref

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"

	"filippo.io/edwards25519"
)

// Domain separates what identities sign for different purposes. It begins with "hawser/" and holds no zero byte.
type Domain string

// The domains of this package and of the netlayers.
const (
	// DomainRecord is that of identity records.
	DomainRecord Domain = "hawser/identity/1"
	// DomainSession is that of the signature that binds a session to an identity, made in the handshake.
	DomainSession Domain = "hawser/session/1"
)

// Sign signs message for the given purpose: the Ed25519 signature of domain, a zero byte, message.
func Sign(id Identity, domain Domain, message []byte) (signature [64]byte, err error) {
	m, err := domain.message(message)
	if err != nil {
		return signature, err
	}
	s, err := id.Sign(m)
	if err != nil {
		return signature, fmt.Errorf("sturdyref: the identity does not sign: %w", err)
	}
	if len(s) != len(signature) {
		return signature, fmt.Errorf("sturdyref: the identity returned a signature of %d bytes, expected %d", len(s), len(signature))
	}
	return [64]byte(s), nil
}

// Verify reports whether signature was made by Sign with the given key. It is strict: keys and commitments of small
// order, and encodings that are not canonical, are refused.
func Verify(signing [32]byte, domain Domain, message, signature []byte) bool {
	m, err := domain.message(message)
	if err != nil || len(signature) != ed25519.SignatureSize {
		return false
	}
	if !StrictEd25519(signing) || !StrictEd25519([32]byte(signature[:32])) {
		return false
	}
	return ed25519.Verify(signing[:], m, signature)
}

// StrictEd25519 reports whether a public key, or the first half of a signature, is the canonical encoding of a point
// that is not of small order. The plain verification accepts a key of small order with one signature for every message.
func StrictEd25519(public [32]byte) bool {
	p, err := new(edwards25519.Point).SetBytes(public[:])
	if err != nil || !bytes.Equal(p.Bytes(), public[:]) {
		return false
	}
	return new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 0
}

func (d Domain) message(message []byte) ([]byte, error) {
	if !strings.HasPrefix(string(d), "hawser/") || strings.ContainsRune(string(d), 0) {
		return nil, fmt.Errorf("sturdyref: %q is not a domain, one begins with hawser/", string(d))
	}
	b := make([]byte, 0, len(d)+1+len(message))
	b = append(b, d...)
	b = append(b, 0)
	return append(b, message...), nil
}

func hasDomain(message []byte) bool {
	return bytes.HasPrefix(message, []byte("hawser/")) && bytes.IndexByte(message[:min(len(message), 64)], 0) > 0
}
