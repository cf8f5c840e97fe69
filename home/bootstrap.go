package home

import (
	"context"
	"crypto/ecdh"
	"fmt"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// bootstrap is what a peer can reach before it has been given anything.
type bootstrap interface {
	Fetch(ctx context.Context, secret any) (vat.Ref, error)
	Prove(ctx context.Context, id []byte) ([]byte, error)
	Challenge(ctx context.Context) ([]byte, error)
	DepositGift(ctx context.Context, id any, gift vat.Ref) error
	WithdrawGift(ctx context.Context, certificate any) (vat.Ref, error)
	RelayGift(ctx context.Context, id []byte) (vat.Ref, error)
	MailTo(ctx context.Context, drop string, record, bundle, life []byte) error
	Redeem(ctx context.Context, shown, presentation []byte) (vat.Ref, error)
	Notify(ctx context.Context, notice []byte) (vat.Ref, error)
	ListNotices(ctx context.Context, about, prefix, digest []byte) ([]byte, error)
	GetNotices(ctx context.Context, about, names []byte) ([][]byte, error)
	Deliver(ctx context.Context, shown, message []byte) (vat.Ref, error)
	Answer(ctx context.Context, shown, presentation, message []byte) (vat.Ref, error)
}

var bootstrapFacet = vat.FacetOf[bootstrap]("hawser.Bootstrap", vat.Selectors{
	"DepositGift": "deposit-gift", "WithdrawGift": "withdraw-gift", "RelayGift": "relay-gift", "MailTo": "mail-to",
	"ListNotices": "list-notices", "GetNotices": "get-notices",
})

// lobby is the bootstrap object of one session. Its turns are the home vat's.
type lobby struct {
	h         *Home
	link      *link
	challenge *ecdh.PrivateKey // made when it is first asked for
}

// speaker is the role of the peer in the proofs it makes.
func (b *lobby) speaker() sturdyref.Role { return sturdyref.RoleOf(!b.link.info().Outbound) }

// Fetch returns the object that the secret stands for.
func (b *lobby) Fetch(_ context.Context, secret any) (vat.Ref, error) {
	var p *publication
	switch s := secret.(type) {
	case []byte:
		if id, ok := sturdyref.ProofID(s); ok {
			p = b.proven(id, s)
		} else {
			p = b.h.registry.byNumber(s)
		}
	case string:
		p = b.h.registry.byNumber([]byte(s))
	case passable.Symbol:
		// What the secret shown in this session's own handshake stands for.
		if info := b.link.info(); s == admitted && !info.Outbound && info.AdmittedBy != ([16]byte{}) {
			p = b.h.registry.byName(info.AdmittedBy)
		}
	default:
		return vat.Ref{}, vat.ErrBadArgs
	}
	if p == nil {
		return vat.Ref{}, ErrRefused
	}
	if p.id != ([16]byte{}) {
		b.h.credit(b.link, p.id, bySecret)
	}
	return p.caret, nil
}

// fetched returns what the peer of a session fetches with a proof of its swiss number, nil if it is for Fetch to say: the work is that of
// Fetch, which is done once more then.
func (h *Home) fetched(l *link, secret any) *publication {
	proof, _ := secret.([]byte)
	id, ok := sturdyref.ProofID(proof)
	if !ok {
		return nil
	}
	p, b := h.registry.byName(id), &lobby{h: h, link: l}
	key := h.decoy.proofKey(id)
	if p != nil && p.lock == nil {
		key = p.keys.ProofKey()
	}
	if fits := b.checks(key, proof); !fits || p == nil || p.lock != nil {
		return nil
	}
	h.credit(l, p.id, bySecret)
	return p
}

// proven returns the publication with the public name id if the proof is of its secret. The work done is the same
// whether there is such a publication or not, and of which kind it is.
func (b *lobby) proven(id [16]byte, proof []byte) *publication {
	p := b.h.registry.byName(id)
	key, lock := b.h.decoy.proofKey(id), &b.h.decoy.lock
	byKey := p != nil && p.lock != nil
	switch {
	case byKey:
		lock = p.lock
	case p != nil:
		key = p.keys.ProofKey()
	}
	fits := b.checks(key, proof)
	if b.challenge == nil && b.link.session.Lasts() {
		_, _ = b.Challenge(context.Background()) // before a restart, perhaps
	}
	if b.challenge != nil {
		k, err := lock.ProofKey(func(public [32]byte) (out [32]byte, err error) {
			b.h.did("agreement")
			pub, err := ecdh.X25519().NewPublicKey(public[:])
			if err != nil {
				return out, err
			}
			s, err := b.challenge.ECDH(pub)
			if err != nil {
				return out, err
			}
			return [32]byte(s), nil
		})
		if opens := err == nil && b.checks(k, proof); byKey {
			fits = opens
		}
	} else if byKey {
		fits = false
	}
	if p == nil || !fits {
		return nil
	}
	return p
}

func (b *lobby) checks(key sturdyref.ProofKey, proof []byte) bool {
	b.h.did("mac")
	return key.CheckFetch(proof, b.link.info().Binding, b.speaker())
}

// Prove shows that this side knows the secret with the public name id. For a name that is unknown here it gives what
// nobody can tell from such a proof without the secret.
func (b *lobby) Prove(_ context.Context, id []byte) ([]byte, error) {
	if len(id) != 16 {
		return nil, vat.ErrBadArgs
	}
	key := b.h.decoy.proofKey([16]byte(id))
	if k, ok := b.h.registry.proofKey([16]byte(id)); ok {
		key = k
	}
	b.h.did("mac")
	mac, err := key.Serve(b.link.info().Binding, b.speaker().Other())
	if err != nil {
		return nil, ErrRefused
	}
	return mac[:], nil
}

// Challenge returns a fresh X25519 public key, the same for the whole session.
func (b *lobby) Challenge(context.Context) ([]byte, error) {
	if b.challenge == nil {
		k, err := challengeOf(b.link.session)
		if err != nil {
			return nil, fmt.Errorf("home: challenge: %w", err)
		}
		b.challenge = k
	}
	return b.challenge.PublicKey().Bytes(), nil
}

// DepositGift keeps a reference for whoever comes with the peer's certificate for it.
func (b *lobby) DepositGift(_ context.Context, id any, gift vat.Ref) error {
	g, _ := b.link.session.Greeting()
	k, ok := newGiftKey(g.ID, id)
	if gift.IsNull() || !ok {
		return vat.ErrBadArgs
	}
	var err error
	var then func()
	b.h.storing(func() bool { return b.h.keeps(k.session) }, func(tx *vat.Tx) { then, err = b.h.deposit(tx, k, gift) })
	if then != nil {
		then()
	}
	return err
}

// WithdrawGift returns what the peer shows certificates for, or a promise if that has not been deposited yet.
func (b *lobby) WithdrawGift(_ context.Context, certificate any) (vat.Ref, error) {
	env, ok := certificate.(*msg.SigEnvelope)
	if !ok {
		return vat.Ref{}, vat.ErrBadArgs
	}
	return b.h.withdraw(b.link, env)
}

// RelayGift returns by way of this node what the peer was given a certificate for and cannot get.
func (b *lobby) RelayGift(_ context.Context, id []byte) (vat.Ref, error) {
	ref, ok := b.link.session.Relay(id)
	if !ok {
		return vat.Ref{}, ErrHandoff
	}
	return ref, nil
}
