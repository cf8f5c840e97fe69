// Package caps holds patterns of object capabilities that more than one program needs, built on package vat: sealers,
// forwarders and membranes.
//
// Each is reached in two ways. By messages, from any vat or peer that was given one of its references; and by Go methods
// in the turns of the vat it was made in, without a message. The methods panic elsewhere.
package caps

import (
	"context"

	"github.com/hawser-go/hawser/vat"
)

// home is an object that tells the turns of its vat from others.
type home struct{ mark vat.Ref }

// marker is a facet without methods.
var marker = vat.FacetWith[any]("caps.home", nil)

func newHome(ctx context.Context) home { return home{marker.Spawn(ctx, new(struct{ byte }))} }

// check panics outside the turns of the vat that h was made in.
func (h home) check(ctx context.Context, what string) {
	if _, ok := vat.Near[any](ctx, h.mark); !ok {
		panic("caps: " + what + " called in another vat than its own: send a message to the reference instead")
	}
}
