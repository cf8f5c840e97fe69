package promise

import "context"

// HostKey is the context key under which a vat's turn offers itself as [Host]. Programs do not use it.
type HostKey struct{}

// A Host is the vat turn a context belongs to: it knows how to wait without blocking the vat and how to hold effects
// back until the turn commits. Package vat implements it; programs do not use it.
type Host interface {
	// Park commits the turn and waits for c to settle or ctx to end; ctx descends from the turn.
	Park(ctx context.Context, c *Cell) error
	// OnCommit runs effect, which must not block, when the turn commits, in order with the turn's sends, or abandoned,
	// with the reason, if it fails; either may be nil.
	OnCommit(effect func(), abandoned func(error))
	// SettleOnCommit is OnCommit for an effect that settles c, with v or, if it is not nil, with err: v is a Go value, or the
	// *Cell that c is to follow.
	SettleOnCommit(c *Cell, v any, err error, effect func())
	// Home returns the vat, for functions that run in it after the turn and may use what the turn was about.
	Home() Home
	// Reporter returns the vat, for promises made in it.
	Reporter() Reporter
}

// A Home runs turns. A vat is one.
type Home interface {
	Reporter
	// Enqueue has j run as a turn of its own, after what is waiting already.
	Enqueue(j Job)
}

// A Job is work that runs as a turn without being a message.
type Job interface {
	// Run is the turn. An error undoes it.
	Run(ctx context.Context) error
	// Done is told, once, how it ended: nil if the turn has committed, the error it failed with, or why it never ran.
	// It must neither block nor run foreign code.
	Done(err error)
}

func hostOf(ctx context.Context) (Host, bool) {
	h, ok := ctx.Value(HostKey{}).(Host)
	return h, ok
}
