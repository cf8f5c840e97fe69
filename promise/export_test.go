package promise

// Waiters returns how many wait for c.
func (c *Cell) Waiters() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch w := c.waiter.(type) {
	case nil:
		return 0
	case *several:
		return len(w.ws)
	}
	return 1
}
