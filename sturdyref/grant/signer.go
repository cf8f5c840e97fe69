package grant

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"

	"github.com/hawser-go/hawser/sturdyref"
)

// SignerOf returns the signing half of an identity as a crypto.Signer, the form in which this package takes signers: a
// key in an agent or a hardware token will do. It signs messages, not digests.
func SignerOf(id sturdyref.Identity) crypto.Signer { return identitySigner{id} }

type identitySigner struct{ id sturdyref.Identity }

func (s identitySigner) Public() crypto.PublicKey {
	k := s.id.Public().Signing
	return ed25519.PublicKey(k[:])
}

func (s identitySigner) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts != nil && opts.HashFunc() != 0 {
		return nil, errors.New("grant: an identity signs messages, not digests: opts must be crypto.Hash(0)")
	}
	return s.id.Sign(message)
}

// KeyOf returns the public key of a signer, the zero Key if it has none that a grant can name.
func KeyOf(signer crypto.Signer) Key {
	key, err := keyOf(signer)
	if err != nil {
		return Key{}
	}
	return key
}

// keyOf returns the public key of a signer, checked.
func keyOf(signer crypto.Signer) (Key, error) {
	if signer == nil {
		return Key{}, errors.New("grant: there is no signer")
	}
	public, ok := signer.Public().(ed25519.PublicKey)
	if !ok || len(public) != ed25519.PublicKeySize {
		return Key{}, fmt.Errorf("grant: the signer has a public key of type %T, expected an ed25519.PublicKey of 32 bytes", signer.Public())
	}
	if !sturdyref.StrictEd25519([32]byte(public)) {
		return Key{}, errors.New("grant: the signer's public key is not the canonical encoding of an Ed25519 key of large order")
	}
	return Key(public), nil
}
