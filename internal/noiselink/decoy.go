package noiselink

import (
	"crypto/rand"
	"time"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/sturdyref"
)

// newDecoy returns a lock that nobody has the key to.
func newDecoy() (l sturdyref.CapabilityLock, err error) {
	id, err := sturdyref.GenerateIdentity(time.Unix(0, 0))
	if err != nil {
		return l, err
	}
	key, err := sturdyref.NewCapability()
	if err != nil {
		return l, err
	}
	return sturdyref.NewCapabilityLock(id, key.Public())
}

// psk returns the pre-shared key that a dialler who named a secret must have: for one that is unknown, or does not work,
// a key that nobody has, so that the handshake goes on and fails as it does with a wrong one. The work is the same whether there is
// such a secret or not, and whether it is a number or a capability key, of which the latter takes a Diffie-Hellman.
func (n *Node) psk(secret [16]byte, hs *noisehs.XKAcceptor) ([32]byte, error) {
	if secret == ([16]byte{}) {
		return n.cfg.Carrier.publicPSK(n.self.static.Public)
	}
	agreed := false
	ephemeral := func(public [32]byte) ([32]byte, error) {
		agreed = true
		n.did("agreement")
		return hs.EphemeralECDH(public)
	}
	var psk [32]byte
	rand.Read(psk[:])
	if d := n.cfg.Doorkeeper; d != nil {
		if lock, ok := d.Lock(secret); ok {
			if k, err := lock.PSK(ephemeral); err == nil && k != ([32]byte{}) {
				psk = k
			}
		}
	}
	if !agreed {
		_, _ = n.decoy.PSK(ephemeral)
	}
	return psk, nil
}

// did counts an operation that refusals must have in common; for tests.
func (n *Node) did(what string) {
	if n.tally != nil {
		n.tally(what)
	}
}
