package vat

import (
	"sync"
	"time"
)

// clock holds the timers of a vat or a depot.
type clock struct {
	mu     sync.Mutex
	last   uint64
	timers map[uint64]*time.Timer
	over   bool
}

// reserve returns a number for a timer.
func (c *clock) reserve() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	return c.last
}

// set has f called, once, when the time is over, unless the clock is stopped before.
func (c *clock) set(n uint64, wait time.Duration, f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	if c.timers == nil {
		c.timers = make(map[uint64]*time.Timer)
	}
	c.timers[n] = time.AfterFunc(wait, func() {
		if c.stop(n) {
			f()
		}
	})
}

// stop takes a timer back and reports whether that was in time.
func (c *clock) stop(n uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.timers[n]
	delete(c.timers, n)
	if t != nil {
		t.Stop()
	}
	return t != nil
}

// end takes all timers back, and those to come.
func (c *clock) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	for _, t := range c.timers {
		t.Stop()
	}
	c.timers = nil
}
