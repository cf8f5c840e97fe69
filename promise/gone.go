package promise

import (
	"slices"
	"weak"
)

// A Leaver is a waiter that loses interest some day. What waits on a promise that never settles would else be kept for
// everybody who ever waited, however long gone.
type Leaver interface {
	Waiter
	// Gone reports whether the waiter need not be told any more; if so, that is for ever. It is called with locks held, and
	// must neither block nor use the cell.
	Gone() bool
}

// crowd is how many wait on a cell before it is looked at who has gone.
const crowd = 32

// add adds a waiter to several, after those that have gone were dropped if the list is full.
func (s *several) add(w Waiter) {
	if n := len(s.ws); n >= crowd && n == cap(s.ws) {
		s.ws = slices.DeleteFunc(s.ws, gone)
		for i, x := range s.ws {
			if f, ok := x.(follower); ok && f.c.desert() {
				s.ws[i] = loose{weak.Make(f.c)}
			}
		}
		s.ws = slices.Grow(s.ws, n/4) // not to look again soon in vain
	}
	s.ws = append(s.ws, w)
}

func gone(w Waiter) bool {
	l, ok := w.(Leaver)
	return ok && l.Gone()
}

// desert forgets those who waited for c, if there were some and all have gone, and reports whether it did. The cell that c
// follows need then know of c only as long as somebody else does; see [Cell.Subscribe].
func (c *Cell) desert() bool {
	if !c.mu.TryLock() { // a ring that is about to be found would wait for itself
		return false
	}
	defer c.mu.Unlock()
	if c.state > following || c.next.Load() == nil || c.waiter == nil {
		return false
	}
	if s, ok := c.waiter.(*several); ok {
		if slices.ContainsFunc(s.ws, func(w Waiter) bool { return !gone(w) }) {
			return false
		}
	} else if !gone(c.waiter) {
		return false
	}
	c.waiter, c.heeded, c.deserted = nil, true, true
	return true
}

// loose is a follower that nobody waits for.
type loose struct{ c weak.Pointer[Cell] }

func (f loose) Settled(of *Cell) { f.Relay(of, nil) }

func (f loose) Relay(of *Cell, cs *Cascade) {
	if c := f.c.Value(); c != nil {
		c.settleAs(cs, following, of)
	}
}

func (f loose) Gone() bool { return f.c.Value() == nil }
