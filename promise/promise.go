package promise

import (
	"context"
	"fmt"

	"github.com/hawser-go/hawser/passable"
)

// A Promise is a value of type T that may not be there yet. It is comparable: two promises are equal if they are the
// same promise. The zero Promise is broken. It may be used from any goroutine, copied, kept and passed as an argument.
type Promise[T any] struct{ c *Cell }

// None is the value of a promise that settles without one: a method that returns only an error.
type None struct{}

// New returns a pending promise and its resolver. ctx says whose it is: made inside a turn, a break that nobody looks
// at is logged by that vat.
func New[T any](ctx context.Context) (Promise[T], Resolver[T]) {
	c := new(Cell)
	if h, ok := hostOf(ctx); ok {
		c.report = h.Reporter()
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

// PassableReference makes a promise passable: it travels as a promise, the zero Promise as null.
func (p Promise[T]) PassableReference() passable.Reference { return p.c.PassableReference() }

// SetPassableReference makes p the promise that r is: a reference that arrived as an argument or result. Null makes it
// the zero Promise.
func (p *Promise[T]) SetPassableReference(r passable.Reference) error {
	switch r := r.(type) {
	case nil:
		p.c = nil
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
	var err error
	if h, ok := hostOf(ctx); ok {
		err = h.Park(ctx, c)
	} else {
		err = c.wait(ctx)
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return valueOf[T](c)
}

// Settled reports whether p has settled, so that Await would return at once.
func (p Promise[T]) Settled() bool { return p.Cell().Settled() }

// valueOf returns the outcome of a settled cell as a T.
func valueOf[T any](c *Cell) (T, error) {
	c.mu.Lock()
	c.observe()
	s, v, model := c.state, c.value, c.model
	c.mu.Unlock()
	var zero T
	if s == broken {
		return zero, v.(error)
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
		if !c.Unsubscribe(w) {
			return nil // it has settled as well
		}
		return context.Cause(ctx)
	}
}

type signal chan struct{}

func (s signal) Settled(*Cell) { close(s) }
