package promise

import "context"

// A Resolver settles the promise it was made with. It is comparable and may be used from any goroutine. The zero
// Resolver does nothing.
type Resolver[T any] struct{ c *Cell }

// Fulfill settles the promise with v. Inside a turn that happens when the turn commits, and not at all if it fails.
// Only the first settling of a promise counts.
func (r Resolver[T]) Fulfill(ctx context.Context, v T) {
	r.effect(ctx, func() { r.c.Fulfill(v, false) })
}

// Break settles the promise with err; inside a turn, when the turn commits.
func (r Resolver[T]) Break(ctx context.Context, err error) { r.effect(ctx, func() { r.c.Break(err) }) }

// Follow has the promise settle as other does, and messages on it go where those on other go, inside a turn from when
// the turn commits. It counts as settling: nothing else settles the promise any more. A promise made to follow itself
// breaks with [ErrCycle].
func (r Resolver[T]) Follow(ctx context.Context, other Promise[T]) {
	r.effect(ctx, func() { r.c.Follow(other.Cell()) })
}

// Promise returns the promise that r settles.
func (r Resolver[T]) Promise() Promise[T] { return Promise[T](r) }

func (r Resolver[T]) effect(ctx context.Context, fn func()) {
	if r.c == nil {
		return
	}
	if h, ok := hostOf(ctx); ok {
		h.OnCommit(fn, nil)
		return
	}
	fn()
}
