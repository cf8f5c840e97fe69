package promise

import (
	"errors"
	"sync/atomic"
)

// Race returns a promise that settles as the first of the promises given does, fulfilled or broken. Race of none breaks
// with [ErrNone].
func Race[T any](ps ...Promise[T]) Promise[T] {
	r := &race{ps: cells(ps)}
	return Promise[T]{gather(&r.out, r.ps, r)}
}

type race struct {
	out Cell
	ps  []*Cell
}

func (r *race) Settled(c *Cell) { r.Relay(c, nil) }

func (r *race) Relay(c *Cell, cs *Cascade) {
	if c == nil {
		if len(r.ps) == 0 {
			r.out.Break(ErrNone)
		}
		return
	}
	if r.out.settleAs(cs, pending, c) {
		forget(r.ps, r)
	}
}

// Any returns a promise for the value of the first of the promises given to be fulfilled. If all of them break it
// breaks with all their errors, joined in the order of the promises. Any of none breaks with [ErrNone].
func Any[T any](ps ...Promise[T]) Promise[T] {
	a := &anyOf{ps: cells(ps)}
	return Promise[T]{gather(&a.out, a.ps, a)}
}

type anyOf struct {
	out    Cell
	ps     []*Cell
	failed atomic.Int64
}

func (a *anyOf) Settled(c *Cell) { a.Relay(c, nil) }

func (a *anyOf) Relay(c *Cell, cs *Cascade) {
	if c != nil {
		if _, err, _ := c.Outcome(); err == nil {
			if a.out.settleAs(cs, pending, c) {
				forget(a.ps, a)
			}
			return
		}
	}
	if a.failed.Add(1) != int64(len(a.ps)+1) {
		return
	}
	if len(a.ps) == 0 {
		a.out.Break(ErrNone)
		return
	}
	errs := make([]error, len(a.ps))
	for i, c := range a.ps {
		_, errs[i], _ = c.Outcome()
	}
	a.out.Settle(cs, nil, errors.Join(errs...))
}
