package vat

import "sync"

// courier hands over, in order, what waited for the disk. It has one goroutine, so that whoever writes never waits for what
// that sets off.
type courier struct {
	mu      sync.Mutex
	changed sync.Cond
	todo    []func()
	owed    int // what is on its way to the disk, after which there may be something to hand over
	over    bool
	gone    bool
	done    chan struct{}
}

func (c *courier) start() {
	c.changed.L = &c.mu
	c.done = make(chan struct{})
	go c.run()
}

func (c *courier) run() {
	defer close(c.done)
	for {
		c.mu.Lock()
		for len(c.todo) == 0 && (!c.over || c.owed > 0) {
			c.changed.Wait()
		}
		todo := c.todo
		c.todo = nil
		c.gone = len(todo) == 0
		c.mu.Unlock()
		if len(todo) == 0 {
			return
		}
		for _, f := range todo {
			f()
		}
	}
}

// owe announces a call of pay, for which stop waits.
func (c *courier) owe() {
	c.mu.Lock()
	c.owed++
	c.mu.Unlock()
}

// pay is hand for what was announced; f is nil if there is nothing to hand over after all.
func (c *courier) pay(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owed--
	c.add(f)
}

func (c *courier) hand(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(f)
}

// add is called with mu held.
func (c *courier) add(f func()) {
	switch {
	case f == nil:
	case c.gone:
		go f() // a handler went on when Close had waited for it long enough, and somebody may wait for what it did
	default:
		c.todo = append(c.todo, f)
	}
	c.changed.Signal()
}

// stop has what is there, and what is owed, handed over, and waits for that.
func (c *courier) stop() {
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.changed.Signal()
	<-c.done
}
