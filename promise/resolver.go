package promise

import (
	"context"
	"fmt"

	"github.com/hawser-go/hawser/passable"
)

// A Resolver settles the promise it was made with. It is comparable and may be used from any goroutine. The zero
// Resolver does nothing.
type Resolver[T any] struct{ c *Cell }

// Fulfill settles the promise with v. Inside a turn that happens when the turn commits, and not at all if it fails.
// Only the first settling of a promise counts.
func (r Resolver[T]) Fulfill(ctx context.Context, v T) {
	r.settle(ctx, v, nil, func() { r.c.Fulfill(v, false) })
}

// Break settles the promise with err; inside a turn, when the turn commits.
func (r Resolver[T]) Break(ctx context.Context, err error) {
	if err == nil {
		err = errNoReason
	}
	r.settle(ctx, nil, err, func() { r.c.Break(err) })
}

// Follow has the promise settle as other does, and messages on it go where those on other go, inside a turn from when
// the turn commits. It counts as settling: nothing else settles the promise any more. A promise made to follow itself
// breaks with [ErrCycle].
func (r Resolver[T]) Follow(ctx context.Context, other Promise[T]) {
	r.settle(ctx, other.Cell(), nil, func() { r.c.Follow(other.Cell()) })
}

// Promise returns the promise that r settles.
func (r Resolver[T]) Promise() Promise[T] { return Promise[T](r) }

// settle calls fn, which settles the promise with v or err; inside a turn when it commits.
func (r Resolver[T]) settle(ctx context.Context, v any, err error, fn func()) {
	if r.c == nil {
		return
	}
	switch h, ok := hostOf(ctx); {
	case !ok:
		fn()
	default:
		h.SettleOnCommit(r.c, v, err, fn)
	}
}

// PassableReference makes a resolver something that the state of a durable object may hold. It goes into no message: pass an
// object that uses it.
func (r Resolver[T]) PassableReference() passable.Reference {
	if r.c == nil {
		return nil
	}
	return Settler(r)
}

// SetPassableReference makes r the resolver that was stored.
func (r *Resolver[T]) SetPassableReference(ref passable.Reference) error {
	switch ref := ref.(type) {
	case nil:
		r.c = nil
	case Settler:
		r.c = ref.c
	default:
		return fmt.Errorf("promise: a %T is no resolver", ref)
	}
	return nil
}

// A Settler is a [Resolver] without its type, for those who store it. It is comparable.
type Settler struct{ c *Cell }

// SettlerOf returns the settler of a promise's inside.
func SettlerOf(c *Cell) Settler { return Settler{c} }

// Cell returns the inside of the promise that is to be settled.
func (s Settler) Cell() *Cell { return s.c }

// PassableReference makes a Settler a reference, of which only those who store know.
func (s Settler) PassableReference() passable.Reference { return s }
