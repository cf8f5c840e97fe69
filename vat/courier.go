package vat

import "sync"

// courier hands over, in order, what waited for the disk. It has one goroutine, so that whoever writes never waits for what
// that sets off.
type courier struct {
	mu      sync.Mutex
	changed sync.Cond
	todo    []func()
	over    bool
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
		for len(c.todo) == 0 && !c.over {
			c.changed.Wait()
		}
		todo := c.todo
		c.todo = nil
		c.mu.Unlock()
		if len(todo) == 0 {
			return
		}
		for _, f := range todo {
			f()
		}
	}
}

func (c *courier) hand(f func()) {
	c.mu.Lock()
	c.todo = append(c.todo, f)
	c.mu.Unlock()
	c.changed.Signal()
}

// stop has what is there handed over, and waits for that.
func (c *courier) stop() {
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.changed.Signal()
	<-c.done
}
