package promise

import (
	"context"
	"errors"
	"fmt"

	"github.com/hawser-go/hawser/passable"
)

// A Promise is a value of type T that may not be there yet. It is comparable: two promises are equal if they are the
// same promise. The zero Promise is broken. It may be used from any goroutine, copied, kept and passed as an argument.
type Promise[T any] struct{ c *Cell }

// A Resolver settles the promise it was made with. It is comparable and may be used from any goroutine.
type Resolver[T any] struct{ c *Cell }

// None is the value of a promise that settles without one: a method that returns only an error.
type None struct{}

var errZero = errors.New("promise: the zero Promise is broken: get one from New or a call")

// New returns a pending promise and its resolver. ctx says whose it is: made inside a turn, a break that nobody looks
// at is logged by that vat.
func New[T any](ctx context.Context) (Promise[T], Resolver[T]) {
	c := new(Cell)
	if h, ok := hostOf(ctx); ok {
		c.report = h
	}
	return Promise[T]{c}, Resolver[T]{c}
}

// Fulfilled returns a promise that has settled with v.
func Fulfilled[T any](v T) Promise[T] {
	c := new(Cell)
	c.Fulfill(v, false)
	return Promise[T]{c}
}

// Broken returns a promise that has settled with err.
func Broken[T any](err error) Promise[T] {
	c := new(Cell)
	c.Break(err)
	return Promise[T]{c}
}

// Of returns the typed face of a cell: its value is converted to T when it is looked at.
func Of[T any](c *Cell) Promise[T] { return Promise[T]{c} }

// Cell returns the inside of p, never nil.
func (p Promise[T]) Cell() *Cell {
	if p.c == nil {
		c := new(Cell)
		c.Break(errZero)
		return c
	}
	return p.c
}

// PassableReference makes a promise passable: it travels as a promise.
func (p Promise[T]) PassableReference() passable.Reference { return p.Cell() }

// SetPassableReference makes p the promise that r is: a reference that arrived as an argument or result.
func (p *Promise[T]) SetPassableReference(r passable.Reference) error {
	switch r := r.(type) {
	case *Cell:
		p.c = r
	case interface{ PromiseCell() *Cell }:
		p.c = r.PromiseCell()
	default:
		return fmt.Errorf("promise: a %T is no promise", r)
	}
	return nil
}

// Await waits for p to settle and returns its value, converted to T, or the error it broke with. It returns early with
// ctx's cause if ctx ends; the promise is not affected. Inside a turn it COMMITS THE TURN and parks it, also if p has
// settled already: see the package comment.
func (p Promise[T]) Await(ctx context.Context) (T, error) {
	c := p.Cell()
	if h, ok := hostOf(ctx); ok {
		if err := h.Park(ctx, c); err != nil {
			var zero T
			return zero, err
		}
	} else if err := c.wait(ctx); err != nil {
		var zero T
		return zero, err
	}
	return p.get(c)
}

// Settled reports whether p has settled, so that Await would return at once.
func (p Promise[T]) Settled() bool { return p.Cell().Settled() }

// get returns the outcome of a settled cell as a T.
func (p Promise[T]) get(c *Cell) (T, error) { return valueOf[T](c) }

func valueOf[T any](c *Cell) (T, error) {
	c.mu.Lock()
	c.observe()
	v, model, err := c.value, c.model, c.err
	c.mu.Unlock()
	var zero T
	if err != nil {
		return zero, err
	}
	if _, none := any(zero).(None); none {
		return zero, nil
	}
	if !model {
		if t, ok := v.(T); ok {
			return t, nil
		}
		if v == nil {
			return zero, nil
		}
		m, err := passable.Copy(v, nil)
		if err != nil {
			return zero, err
		}
		v = m
	}
	return passable.To[T](v)
}

// wait blocks a goroutine that is no turn.
func (c *Cell) wait(ctx context.Context) error {
	if c.Settled() {
		return nil
	}
	w := make(signal)
	c.Subscribe(w)
	select {
	case <-w:
		return nil
	case <-ctx.Done():
		c.Unsubscribe(w)
		return context.Cause(ctx)
	}
}

type signal chan struct{}

func (s signal) Settled(*Cell) { close(s) }

// Fulfill settles the promise with v. Inside a turn that happens when the turn commits, and not at all if it fails.
// Only the first settling of a promise counts.
func (r Resolver[T]) Fulfill(ctx context.Context, v T) {
	r.effect(ctx, func() { r.c.Fulfill(v, false) })
}

// Break settles the promise with err; inside a turn, when the turn commits.
func (r Resolver[T]) Break(ctx context.Context, err error) { r.effect(ctx, func() { r.c.Break(err) }) }

// Follow settles the promise as other settles; inside a turn, from when the turn commits. A promise made to follow
// itself breaks with [ErrCycle].
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
