package home

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// FeatureFetchProof is announced by netlayers whose sessions take fetch proofs.
const FeatureFetchProof = "fetch-proof"

// ErrRefused is what an enlivened reference breaks with when the peer has no object for the secret shown, or does not
// let us in, whatever the reason: peers do not say.
var ErrRefused = vat.NewError("home.refused", "home: refused: the peer has no object for this secret, or does not let us in")

// refusedBy says that a netlayer's refusal is one.
func refusedBy(err error) error { return fmt.Errorf("%w: %w", ErrRefused, err) }

var (
	errEmptyRef = errors.New("home: the sturdyref is empty: read one with sturdyref.Parse")
	errNoProofs = errors.New("home: the peer takes no fetch proofs in this session: the secret itself is not shown to it")
)

// admitted asks a fetch for what the secret shown in the handshake stands for.
const admitted = passable.Symbol("admitted")

// Enliven returns a reference to the object that a sturdyref stands for. It returns at once. If there is no session with
// the peer, messages sent to the reference go out with the connection, in one round trip with the fetch, to a peer that
// has proven to have the sturdyref's secret, too; over an open session they wait until it has proven that, one round
// trip, the first time. If the object cannot be had the reference breaks, and stays broken: enliven again to try again.
func (h *Home) Enliven(ref sturdyref.Ref) vat.Ref { return h.enliven(ref, nil) }

// enliven is Enliven of a sturdyref that may come from somebody whose word is no reason to dial every address.
func (h *Home) enliven(ref sturdyref.Ref, allow func(netip.Addr) bool) vat.Ref {
	if ref.Swiss.IsZero() || ref.Peer.IsZero() {
		return vat.Broken(errEmptyRef)
	}
	if h.isOwn(ref.Peer.ID()) {
		return h.own(h.registry.byNumber(ref.Swiss.Reveal()))
	}
	r := &request{peer: ref.Peer.Clone(), allow: allow}
	keys, err := ref.Swiss.Keys()
	if err != nil {
		// A number that might be guessed is no key. The secret of the peer's door may be there in its place.
		door, _ := ref.Door()
		keys, err = door.Keys()
	}
	if err == nil {
		r.secret = h.cfg.Post.secretFor(ref, keys)
		proof := keys.ProofKey()
		r.key, r.name = keys.Key(), keys.ID()
		r.check = func(mac []byte, info netlayer.Info) bool {
			return proof.CheckServe(mac, info.Binding, sturdyref.RoleOf(!info.Outbound))
		}
	}
	r.fetch = func(l *link) vat.Ref { return l.session.Fetch(fetchArgument(ref, l.over.TrustClaims)) }
	return h.insist(r)
}

// EnlivenKey returns a reference to the object at a peer that is opened by a capability key, as Enliven does.
func (h *Home) EnlivenKey(at sturdyref.Peer, key sturdyref.Capability) vat.Ref {
	static, err := sturdyref.DesignatorKey(at.Designator)
	if err != nil {
		return vat.Broken(fmt.Errorf("home: a capability key is for a peer that goes by its public key: %w", err))
	}
	name, err := key.ID(static)
	if err != nil {
		return vat.Broken(err)
	}
	if h.isOwn(at.ID()) {
		// Who holds the private key arrives at the same name as this node did.
		return h.own(h.registry.byLock(name))
	}
	r := &request{peer: at.Clone(), key: key, name: name, bound: true}
	r.check = func(mac []byte, info netlayer.Info) bool {
		proof, err := key.ProofKey(static, static)
		return err == nil && proof.CheckServe(mac, info.Binding, sturdyref.RoleOf(!info.Outbound))
	}
	r.fetch = func(l *link) vat.Ref {
		return l.session.Fetch(func(info netlayer.Info) (any, error) {
			if info.Outbound && info.AdmittedBy == name {
				return admitted, nil
			}
			challenge := l.current().challenge.Load()
			if challenge == nil {
				return nil, errNoProofs
			}
			proof, err := key.ProofKey(static, *challenge)
			if err != nil {
				return nil, err
			}
			return fetchProof(proof, info)
		})
	}
	return h.request(r)
}

// fetchArgument returns what to send for a swiss number: a proof bound to the session, or the number itself to a peer
// on a netlayer on which nothing can be bound, and in any case if it is too weak to prove anything; and then only to the
// peer that made it, which trusted says has claimed to be that.
func fetchArgument(ref sturdyref.Ref, trusted bool) func(netlayer.Info) (any, error) {
	return func(info netlayer.Info) (any, error) {
		if keys, err := ref.Swiss.Keys(); err == nil && info.Binding != ([32]byte{}) {
			if !slices.Contains(info.Features, FeatureFetchProof) {
				return nil, errNoProofs
			}
			return fetchProof(keys.ProofKey(), info)
		}
		// A netlayer that proves nobody can at least be trusted to have dialled where it was told to.
		if !trusted && (info.Remote.ID() != ref.Peer.ID() || !info.Authenticated && !info.Outbound) {
			return nil, fmt.Errorf("home: %s is not known to be the peer the sturdyref names: its secret is not shown there", info.Remote.ID())
		}
		return ref.Swiss.Reveal(), nil
	}
}

func fetchProof(key sturdyref.ProofKey, info netlayer.Info) (any, error) {
	proof, err := key.Fetch(info.Binding, sturdyref.RoleOf(info.Outbound))
	return proof[:], err
}

// own returns what is published here, without a session.
func (h *Home) own(p *publication) vat.Ref {
	h.mu.Lock()
	closed := h.closed
	h.mu.Unlock()
	switch {
	case closed:
		return vat.Broken(errClosed)
	case p == nil:
		return vat.Broken(ErrRefused)
	}
	return p.caret
}

// notConnected is what breaks that waited for a session there will not be.
func notConnected(id sturdyref.PeerID, err error) error {
	return &captp.EndError{Peer: id.String(), Kind: captp.NotConnected, Err: err}
}
