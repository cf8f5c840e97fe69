package home

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"fmt"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// bootstrap is what a peer can reach before it has been given anything.
type bootstrap interface {
	Fetch(ctx context.Context, secret any) (vat.Ref, error)
	Prove(ctx context.Context, id []byte) ([]byte, error)
	Challenge(ctx context.Context) ([]byte, error)
}

var bootstrapFacet = vat.FacetOf[bootstrap]("hawser.Bootstrap")

// maxChallenges is how many challenges of one session wait for their fetch.
const maxChallenges = 16

// lobby is the bootstrap object of one session. Its turns are the home vat's.
type lobby struct {
	h          *Home
	link       *link
	challenges []*ecdh.PrivateKey
}

// speaker is the role of the peer in the proofs it makes.
func (b *lobby) speaker() sturdyref.Role { return sturdyref.RoleOf(!b.link.info().Outbound) }

// Fetch returns the object that the secret stands for.
func (b *lobby) Fetch(_ context.Context, secret any) (vat.Ref, error) {
	var p *publication
	switch s := secret.(type) {
	case []byte:
		if id, ok := sturdyref.ProofID(s); ok {
			if p = b.proven(id, s); p != nil {
				b.link.credential(id)
			}
		} else {
			p = b.h.registry.byNumber(s)
		}
	case string:
		p = b.h.registry.byNumber([]byte(s))
	case passable.Symbol:
		// What the secret shown in this session's own handshake stands for.
		if info := b.link.info(); s == admitted && !info.Outbound && info.AdmittedBy != ([16]byte{}) {
			p = b.h.registry.byPublicName(info.AdmittedBy)
		}
	default:
		return vat.Ref{}, vat.ErrBadArgs
	}
	if p == nil {
		return vat.Ref{}, ErrRefused
	}
	return p.caret, nil
}

// proven returns the publication with the public name id if the proof is of its secret. The work done is the same
// whether there is such a publication or not.
func (b *lobby) proven(id [16]byte, proof []byte) *publication {
	p := b.h.registry.byPublicName(id)
	key := b.h.decoy
	switch {
	case p == nil:
	case p.lock == nil:
		key = p.keys.ProofKey()
	default:
		// A capability key proves itself against a challenge of this session, which is used up.
		for _, c := range b.challenges {
			k, err := p.lock.ProofKey(func(public [32]byte) (out [32]byte, err error) {
				pub, err := ecdh.X25519().NewPublicKey(public[:])
				if err != nil {
					return out, err
				}
				s, err := c.ECDH(pub)
				if err != nil {
					return out, err
				}
				return [32]byte(s), nil
			})
			if err == nil && k.CheckFetch(proof, b.link.info().Binding, b.speaker()) {
				b.challenges = nil
				return p
			}
		}
		p = nil
	}
	if !key.CheckFetch(proof, b.link.info().Binding, b.speaker()) {
		return nil
	}
	return p
}

// Prove shows that this side knows the secret with the public name id.
func (b *lobby) Prove(_ context.Context, id []byte) ([]byte, error) {
	if len(id) != 16 {
		return nil, vat.ErrBadArgs
	}
	key := b.h.decoy
	p := b.h.registry.byPublicName([16]byte(id))
	if p != nil && p.lock == nil {
		key = p.keys.ProofKey()
	}
	mac, err := key.Serve(b.link.info().Binding, b.speaker().Other())
	if err != nil {
		return nil, ErrRefused
	}
	return mac[:], nil
}

// Challenge returns a fresh X25519 public key.
func (b *lobby) Challenge(context.Context) ([]byte, error) {
	if len(b.challenges) >= maxChallenges {
		return nil, vat.ErrOverloaded
	}
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("home: challenge: %w", err)
	}
	b.challenges = append(b.challenges, k)
	return k.PublicKey().Bytes(), nil
}
