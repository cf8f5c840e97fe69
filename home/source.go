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
func (s secret) key() [32]byte          { return sourceKey("secret", s.peer(), s.Swiss.Reveal()) }

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
	return sourceKey("grant", g.peer(), id[:])
}
func (g shownGrant) have(h *Home) vat.Ref { return h.Redeem(g.Grant, g.signer, g.at) }

// sourceKey returns the key of a source of some sort. Of a secret everybody can choose the bytes, and a grant's id is known to many.
func sourceKey(sort string, at sturdyref.PeerID, of []byte) [32]byte {
	return sha256.Sum256(append([]byte(sort+"\x00"+at.String()+"\x00"), of...))
}
