package promise

import "context"

// HostKey is the context key under which a vat's turn offers itself as [Host]. Programs do not use it.
type HostKey struct{}

// A Host is the vat turn a context belongs to: it knows how to wait without blocking the vat and how to hold effects
// back until the turn commits. Package vat implements it; programs do not use it.
type Host interface {
	Reporter
	// Park commits the turn and waits for c to settle or ctx to end; ctx descends from the turn.
	Park(ctx context.Context, c *Cell) error
	// OnCommit runs effect, which must not block, when the turn commits, in order with the turn's sends, or abandoned,
	// with the reason, if it fails; either may be nil.
	OnCommit(effect func(), abandoned func(error))
	// WhenSettled runs fn as a turn of its own once c has settled; if that turn fails, or never runs because the vat
	// has closed, failed is told why. committed is called when the turn has committed.
	WhenSettled(c *Cell, fn func(ctx context.Context) error, committed func(), failed func(error))
}

func hostOf(ctx context.Context) (Host, bool) {
	h, ok := ctx.Value(HostKey{}).(Host)
	return h, ok
}
