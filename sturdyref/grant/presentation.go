package grant

import (
	"crypto"
	"fmt"
)

// presentationClaims is what a holder signs to use a grant in a session.
type presentationClaims struct {
	Version uint64   `cbor:"1,keyasint"`
	Binding [32]byte `cbor:"2,keyasint"`
	Host    [32]byte `cbor:"3,keyasint"`
	Grant   [32]byte `cbor:"4,keyasint"`
	Counter uint64   `cbor:"5,keyasint"`
}

// Present proves, in the session with the given binding, that the owner of signer is the holder of g and wants to use
// it at host (the key that g's subject is, when the host is the object's home). counter is another number each time
// within a session. The presentation is of no use in another session, at another host, or with another grant.
func Present(signer crypto.Signer, g *Grant, binding [32]byte, host Key, counter uint64) ([]byte, error) {
	key, err := keyOf(signer)
	if err != nil {
		return nil, err
	}
	if key != g.Holder() {
		return nil, fmt.Errorf("grant: the signer is %s, but the grant is for %s, who alone can use it", key, g.Holder())
	}
	payload, err := kindPresentation.codec.Marshal(presentationClaims{1, binding, host, g.ID(), counter})
	if err != nil {
		return nil, err
	}
	return kindPresentation.seal(signer, payload)
}

// CheckPresentation checks that p was made by the holder of g for exactly this session and host, and returns its
// counter, which the caller compares with those it has had in this session. It always costs one signature. g itself is
// to be verified before. Its error matches ErrRefused and is a *Refusal.
func (g *Grant) CheckPresentation(p []byte, binding [32]byte, host Key) (counter uint64, err error) {
	e, err := kindPresentation.open(p)
	if err != nil {
		return 0, refuse(Malformed, 0, "%v", err)
	}
	var c presentationClaims
	if err := kindPresentation.claims(e, &c); err != nil {
		return 0, refuse(Malformed, 0, "%v", err)
	}
	switch {
	case c.Version != 1:
		return 0, refuse(Malformed, 0, "version %d of a presentation, this program knows version 1", c.Version)
	case len(g.links) == 0:
		return 0, refuse(Malformed, 0, "there is no link in the grant")
	case c.Binding != binding:
		return 0, refuse(Misdirected, 0, "it was presented in another session")
	case Key(c.Host) != host:
		return 0, refuse(Misdirected, 0, "it was presented to %s", Key(c.Host))
	case LinkID(c.Grant) != g.ID():
		return 0, refuse(Misdirected, 0, "the presentation is of another grant, %s", LinkID(c.Grant))
	case !kindPresentation.verify(g.Holder(), e):
		return 0, refuse(Forged, 0, "the presentation is not signed by %s, for whom the grant is", g.Holder())
	}
	return c.Counter, nil
}
