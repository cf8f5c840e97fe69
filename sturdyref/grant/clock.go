package grant

import (
	"sync"
	"time"
)

// Clock is a clock that never goes back, so that setting the machine's clock back does not revive what has expired. It
// is safe for concurrent use.
type Clock struct {
	now  func() time.Time
	mu   sync.Mutex
	last time.Time
}

// NewClock returns a Clock that shows what now shows, but never less than floor or than it has shown before. floor is
// what [Clock.Floor] returned when it was last stored, or the zero time. A clock that was once far ahead stays there:
// then everything has expired, until somebody decides to begin again without the stored floor.
func NewClock(now func() time.Time, floor time.Time) *Clock {
	return &Clock{now: now, last: floor.Round(0)}
}

// Now returns the time.
func (c *Clock) Now() time.Time {
	t := c.now().Round(0) // without its monotonic reading, which a stored time does not have
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.last) {
		c.last = t
	}
	return c.last
}

// Floor returns the latest time shown so far, to be stored.
func (c *Clock) Floor() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}
