package home

import (
	"errors"
	"slices"

	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// A Layer is one network a Home is on.
type Layer struct {
	netlayer.Netlayer
	// Dialect is how sessions over this layer begin to look on the wire. Nil means that peers of this module are at the
	// other end. With a dialect nothing but op:start-session is said before the peer has said its own.
	Dialect *wire.Dialect
	// TrustClaims takes peers that nobody can authenticate for who they say they are, and those dialled for who they were
	// to be: on networks made for testing. Everywhere else a claim decides nothing.
	TrustClaims bool
}

var errNoLayer = errors.New("home: there is no netlayer: the function given to New must return one at least")

// layerOf returns the layer that speaks a transport.
func (h *Home) layerOf(transport string) (Layer, bool) {
	i := slices.IndexFunc(h.layers, func(l Layer) bool { return l.Transport() == transport })
	if i < 0 {
		return Layer{}, false
	}
	return h.layers[i], true
}

// named reports whether the Home acts under an identity.
func (h *Home) named() bool { return len(h.layers) > 0 }

// isOwn reports whether a peer is this Home itself.
func (h *Home) isOwn(id sturdyref.PeerID) bool { return slices.Contains(h.selves, id) }

// closeLayers closes layers, of which there may be none.
func closeLayers(layers []Layer) error {
	var errs []error
	for _, l := range layers {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
