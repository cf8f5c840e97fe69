package caps

import (
	"context"

	"github.com/hawser-go/hawser/vat"
)

// A Forwarder is a reference that leads where it is told to: a name for whatever now does the work behind it.
type Forwarder struct {
	// Proxy passes every message on, in order, with its answer, to where the forwarder leads when the message gets its
	// turn; to null, messages break with vat.ErrNull.
	Proxy vat.Ref
	// Setter is called with a reference, without a selector, and has the forwarder lead there. Null is a reference.
	Setter vat.Ref

	home home
	to   vat.Cell[vat.Ref]
}

// NewForwarder makes a forwarder that leads to r in the vat whose turn ctx is. It panics outside a turn.
func NewForwarder(ctx context.Context, r vat.Ref) *Forwarder {
	f := &Forwarder{home: newHome(ctx), to: vat.NewCell(r)}
	f.Proxy = vat.SpawnProxy(ctx, func(context.Context) (vat.Ref, error) { return f.to.Get(), nil })
	f.Setter = vat.Func(ctx, f.Set)
	return f
}

// Set has the forwarder lead to r, from the end of the turn ctx belongs to, and not at all if that fails. Messages that
// have gone on are not called back. It panics outside the turns of the forwarder's vat.
func (f *Forwarder) Set(ctx context.Context, r vat.Ref) {
	f.home.check(ctx, "Set")
	f.to.Set(ctx, r)
}

// Target returns where the forwarder leads. It panics outside the turns of the forwarder's vat.
func (f *Forwarder) Target(ctx context.Context) vat.Ref {
	f.home.check(ctx, "Target")
	return f.to.Get()
}
