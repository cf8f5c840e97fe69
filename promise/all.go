package promise

import (
	"fmt"
	"sync/atomic"
)

// All returns a promise for the values of all the promises given, in their order. It breaks as soon as one of them
// does, with that one's error. All of none is fulfilled with an empty slice.
func All[T any](ps ...Promise[T]) Promise[[]T] {
	a := &all[T]{ps: cells(ps)}
	return Promise[[]T]{gather(&a.out, a.ps, a)}
}

type all[T any] struct {
	out  Cell
	ps   []*Cell
	told atomic.Int64
}

func (a *all[T]) Settled(c *Cell) { a.Relay(c, nil) }

func (a *all[T]) Relay(c *Cell, cs *Cascade) {
	if c != nil {
		if _, err, _ := c.Outcome(); err != nil && a.out.Settle(cs, nil, err) {
			forget(a.ps, a)
		}
	}
	if a.told.Add(1) != int64(len(a.ps)+1) || a.out.Settled() {
		return
	}
	vs := make([]T, len(a.ps))
	for i, c := range a.ps {
		v, err := guarded[T](c)
		if err != nil {
			a.out.Settle(cs, nil, fmt.Errorf("promise: value %d of All: %w", i, err))
			return
		}
		vs[i] = v
	}
	a.out.settle(cs, pending, fulfilled, vs, false)
}

// Settled returns a promise for the outcomes of all the promises given, in their order. It is fulfilled once all of
// them have settled, and never breaks.
func Settled[T any](ps ...Promise[T]) Promise[[]Outcome[T]] {
	a := &outcomes[T]{ps: cells(ps)}
	return Promise[[]Outcome[T]]{gather(&a.out, a.ps, a)}
}

type outcomes[T any] struct {
	out  Cell
	ps   []*Cell
	told atomic.Int64
}

func (a *outcomes[T]) Settled(c *Cell) { a.Relay(c, nil) }

func (a *outcomes[T]) Relay(_ *Cell, cs *Cascade) {
	if a.told.Add(1) != int64(len(a.ps)+1) {
		return
	}
	os := make([]Outcome[T], len(a.ps))
	for i, c := range a.ps {
		os[i].Value, os[i].Err = guarded[T](c)
	}
	a.out.settle(cs, pending, fulfilled, os, false)
}

// cells returns the insides of promises, each of them once made.
func cells[T any](ps []Promise[T]) []*Cell {
	cs := make([]*Cell, len(ps))
	for i, p := range ps {
		cs[i] = p.Cell()
	}
	return cs
}

// gather subscribes w, which settles out, to each of ps, and relays to it once more when that is done, with nil: so it
// has heard of everything when it has been told len(ps)+1 times.
func gather(out *Cell, ps []*Cell, w Relay) *Cell {
	for _, c := range ps {
		if out.report == nil {
			out.report = c.report // a break of out is then heard of where that of c would have been
		}
	}
	for _, c := range ps {
		c.Subscribe(w)
	}
	w.Relay(nil, nil)
	if out.Settled() {
		forget(ps, w)
	}
	return out
}

// forget takes w off the lists of those that are still pending, which may live long. How they settle does not matter
// any more: a break is not one that nobody would have looked at.
func forget(ps []*Cell, w Waiter) {
	for _, c := range ps {
		c.Look()
		c.Unsubscribe(w)
	}
}

// guarded is valueOf where nobody could catch the panic of a type's own conversion.
func guarded[T any](c *Cell) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("promise: converting the value to %T panicked: %v", v, p)
		}
	}()
	return valueOf[T](c)
}
