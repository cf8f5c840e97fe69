package home

import (
	"crypto"
	"crypto/sha256"

	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// source is where a live reference is had.
type source interface {
	peer() sturdyref.PeerID
	// key names what is had: two sources with one key have the same.
	key() [32]byte
	have(h *Home) vat.Ref
}

// secret is a sturdyref.
type secret struct{ sturdyref.Ref }

func (s secret) peer() sturdyref.PeerID { return s.Peer.ID() }
func (s secret) key() [32]byte {
	return sha256.Sum256(append([]byte(s.Peer.ID().String()+"\x00"), s.Swiss.Reveal()...))
}

// have is without the mailbox: the reference would lead nowhere until a letter is taken, though the peer can be dialled before.
func (s secret) have(h *Home) vat.Ref {
	s.Peer = withoutMailbox(s.Peer)
	return h.Enliven(s.Ref)
}

// shownGrant is a grant, and who holds it.
type shownGrant struct {
	*grant.Grant
	signer crypto.Signer
	at     sturdyref.Peer
}

func (g shownGrant) peer() sturdyref.PeerID { return g.at.ID() }
func (g shownGrant) key() [32]byte {
	id := g.ID()
	return sha256.Sum256(append([]byte(g.at.ID().String()+"\x00grant\x00"), id[:]...))
}
func (g shownGrant) have(h *Home) vat.Ref { return h.Redeem(g.Grant, g.signer, g.at) }
