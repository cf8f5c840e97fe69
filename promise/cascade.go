package promise

import "slices"

// A Cascade is what settling one promise sets off: others that follow it, or wait for it in a row. It is worked off in
// a loop, each step with all that it sets off before the next one, so that a chain of promises, however long a peer
// makes it, takes no stack. It belongs to one goroutine.
type Cascade struct{ todo []func(*Cascade) } // a stack once it runs

// Later has f called when what is going on has finished, after what was put off before it.
func (cs *Cascade) Later(f func(*Cascade)) { cs.todo = append(cs.todo, f) }

// Run works off all there is, and what that sets off.
func (cs *Cascade) Run() {
	slices.Reverse(cs.todo)
	for len(cs.todo) > 0 {
		n := len(cs.todo) - 1
		f := cs.todo[n]
		cs.todo[n] = nil
		cs.todo = cs.todo[:n]
		f(cs)
		slices.Reverse(cs.todo[n:])
	}
}

// A Relay is a waiter that settles other cells.
type Relay interface {
	Waiter
	// Relay is called instead of Settled, with the cascade that what it sets off goes into.
	Relay(c *Cell, cs *Cascade)
}

// tell tells the waiters of a settled cell.
func (c *Cell) tell(cs *Cascade, w Waiter) {
	switch w := w.(type) {
	case nil:
	case signal:
		close(w)
	case *several:
		c.tellAll(cs, w.ws)
	case Relay:
		c.tellRelay(cs, w)
	default:
		w.Settled(c)
	}
}

// tellAll tells several waiters. Those that settle other cells are left to the cascade.
func (c *Cell) tellAll(cs *Cascade, ws []Waiter) {
	own := cs == nil
	if own {
		cs = new(Cascade)
	}
	for _, w := range ws {
		if r, ok := w.(Relay); ok {
			c.tellRelay(cs, r)
		} else {
			w.Settled(c)
		}
	}
	if own {
		cs.Run()
	}
}

func (c *Cell) tellRelay(cs *Cascade, r Relay) {
	if cs != nil {
		cs.Later(func(cs *Cascade) { r.Relay(c, cs) })
		return
	}
	cs = new(Cascade)
	r.Relay(c, cs)
	cs.Run()
}

// Follow settles c as other settles, and from now on in no other way. A ring breaks every cell that closes it with
// [ErrCycle]. Follow reports whether it decided how c settles; it has not if c had settled or followed already.
func (c *Cell) Follow(other *Cell) bool {
	c.mu.Lock()
	if c.state != pending {
		c.mu.Unlock()
		return false
	}
	c.state = following
	c.mu.Unlock()
	if !c.Link(other) {
		return c.settle(nil, following, broken, ErrCycle, false)
	}
	if a := c.adopter(); a != nil && !other.Settled() {
		a.Follow(other)
	}
	c.Join(nil, other)
	return true
}

func (c *Cell) adopter() Adopter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.adopted {
		return nil
	}
	return c.host.(Adopter)
}

// Following returns a cell that c will settle as, as far along as can be told cheaply, or nil if c follows none.
func (c *Cell) Following() *Cell {
	var last *Cell
	for x, n := c.next.Load(), 0; x != nil && n < 64; x, n = x.next.Load(), n+1 {
		last = x
	}
	return last
}

// Link records that c will settle as other does and reports whether that closes no ring. Whoever calls it sees to the
// rest; [Cell.Follow] does both. When two goroutines close a ring from its two ends at least one is told.
func (c *Cell) Link(other *Cell) bool {
	c.next.Store(other)
	// The walk shortens the way for the next one, so that long chains do not cost their length each time they grow.
	// Others do the same meanwhile and may leave c out of the ring that it closes: any ring found means one.
	mark, steps, limit := other, 0, 2
	for x := other; x != c; {
		y := x.next.Load()
		if y == nil || x.Settled() {
			return true
		}
		if z := y.next.Load(); z != nil && y != c {
			x.next.CompareAndSwap(y, z)
			y = z
		}
		x = y
		if x == mark {
			break
		}
		if steps++; steps == limit {
			mark, steps, limit = x, 0, 2*limit
		}
	}
	c.next.Store(nil) // opens the ring again for those who walk along it
	return false
}

// Join settles c when other settles, or now if it has. What that sets off goes into cs, unless it is nil.
func (c *Cell) Join(cs *Cascade, other *Cell) {
	f := follower{c}
	if other.Settled() {
		f.Relay(other, cs)
		return
	}
	other.Subscribe(f)
	c.mu.Lock()
	trackers := trackersOf(c.waiter)
	c.mu.Unlock()
	for _, t := range trackers {
		t.Follows(c)
	}
}

func trackersOf(w Waiter) (ts []Tracker) {
	ws := []Waiter{w}
	if list, ok := w.(*several); ok {
		ws = list.ws
	}
	for _, w := range ws {
		if t, ok := w.(Tracker); ok {
			ts = append(ts, t)
		}
	}
	return ts
}

// follower settles a cell as another.
type follower struct{ c *Cell }

func (f follower) Settled(of *Cell) { f.Relay(of, nil) }

func (f follower) Relay(of *Cell, cs *Cascade) { f.c.settleAs(cs, following, of) }

// settleAs settles c, if its state is not beyond from, as the settled cell of. It reports whether that did it.
func (c *Cell) settleAs(cs *Cascade, from state, of *Cell) bool {
	of.mu.Lock()
	s, v, model := of.state, of.value, of.model
	of.observe()
	of.mu.Unlock()
	return c.settle(cs, from, s, v, model)
}
