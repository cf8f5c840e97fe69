package promise

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/hawser-go/hawser/passable"
)

// A Waiter is told that a cell has settled. It is comparable.
type Waiter interface {
	// Settled is called once, by the goroutine that settled the cell and outside any lock of the cell. It must neither
	// block nor run foreign code: it hands over.
	Settled(c *Cell)
}

// A Tracker is a Waiter that is also told when the cell begins to follow another, which may settle long after.
type Tracker interface {
	Waiter
	// Follows may be called more than once, and also when the cell has settled. The same is asked of it as of Settled.
	Follows(c *Cell)
}

// A Reporter hears of promises that broke unobserved. A vat is one.
type Reporter interface{ Unobserved(err error) }

// An Adopter carries on what a promise made without a vat has become: the reference it was passed as.
type Adopter interface {
	// Adopt is told how the cell settles, before anybody else is. What it sets off in turn goes into cs.
	Adopt(cs *Cascade, v any, err error)
	// Follow is told that the cell will settle as other does, before it has.
	Follow(other *Cell)
}

// A Cell is the untyped inside of a promise; package vat builds the promises of calls on it. Programs use [Promise] and
// [Resolver]. The zero Cell is pending. A Cell must not be copied. All methods may be called from any goroutine.
type Cell struct {
	mu       sync.Mutex
	state    state
	model    bool   // value is a model value shared by all who look: hand out copies
	adopted  bool   // host is an Adopter
	heeded   bool   // somebody who waited has lost interest: a break is nothing to report
	deserted bool   // the cell it follows knows it weakly
	waiter   Waiter // who is to be told; several of them are a *several
	value    any    // what it was fulfilled with, or the error it broke with

	next   atomic.Pointer[Cell] // the cell this one follows, for finding rings
	host   any                  // what the cell is the inside of, or was passed as
	report Reporter
	watch  *watch // set while broken and unobserved
}

type state uint8

const (
	pending   state = iota
	following       // will settle as another cell does, and in no other way
	settling        // the adopter is being told
	fulfilled
	broken
)

// several is more than one waiter.
type several struct{ ws []Waiter }

func (*several) Settled(*Cell) {}

// watch outlives the cell it belongs to, so that its cleanup can tell whether somebody looked.
type watch struct {
	seen   atomic.Bool
	err    error
	report Reporter
}

// Init prepares a cell that is part of something larger, before anybody shares it: host is what [Cell.Host] returns,
// report hears of an unobserved break; either may be nil.
func (c *Cell) Init(host any, report Reporter) { c.host, c.report = host, report }

// Host returns what the cell is the inside of, or what it has been passed as; nil for a promise made by [New] that
// never was passed.
func (c *Cell) Host() any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.host
}

// Attach makes a the host of a cell that has none, and returns the host it has now. waits says that a was attached and
// will be told when the cell settles; if it is false although a is the host, the cell has settled already.
func (c *Cell) Attach(a Adopter) (host any, waits bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.host != nil {
		return c.host, false
	}
	c.host = a
	c.adopted = c.state < settling
	return a, c.adopted
}

// PassableReference makes a cell a reference: promises are passed as promises.
func (c *Cell) PassableReference() passable.Reference {
	if c == nil {
		return nil
	}
	return c
}

// Fulfill settles the cell with v and reports whether this call did so. model says that v is a model value of package
// passable, which the cell then shares among all who look: each gets a copy.
func (c *Cell) Fulfill(v any, model bool) bool { return c.settle(nil, pending, fulfilled, v, model) }

// Break settles the cell with err and reports whether this call did so.
func (c *Cell) Break(err error) bool {
	if err == nil {
		err = errNoReason
	}
	return c.Settle(nil, nil, err)
}

// Settle settles the cell with err or, if that is nil, with v, a model value; what that sets off goes into cs, unless
// it is nil. It reports whether this call settled the cell.
func (c *Cell) Settle(cs *Cascade, v any, err error) bool {
	if err != nil {
		return c.settle(cs, pending, broken, err, false)
	}
	return c.settle(cs, pending, fulfilled, v, true)
}

// settle settles a cell whose state is not beyond from; v is the error if s is broken.
func (c *Cell) settle(cs *Cascade, from, s state, v any, model bool) bool {
	c.mu.Lock()
	if c.state > from {
		c.mu.Unlock()
		return false
	}
	if !c.adopted {
		c.conclude(cs, s, v, model)
		return true
	}
	c.state = settling
	c.mu.Unlock()
	if s == broken {
		c.host.(Adopter).Adopt(cs, nil, v.(error))
	} else {
		c.host.(Adopter).Adopt(cs, v, nil)
	}
	if cs == nil {
		c.mu.Lock()
		c.conclude(nil, s, v, model)
	} else {
		cs.Later(func(cs *Cascade) {
			c.mu.Lock()
			c.conclude(cs, s, v, model)
		})
	}
	return true
}

// conclude makes the outcome known. It is called with mu held and returns with mu released.
func (c *Cell) conclude(cs *Cascade, s state, v any, model bool) {
	c.state, c.value, c.model = s, v, model
	w := c.waiter
	c.waiter = nil
	if s == broken && w == nil && c.report != nil && !c.adopted && !c.heeded {
		c.watch = &watch{err: v.(error), report: c.report}
		runtime.AddCleanup(c, func(w *watch) {
			if !w.seen.Load() {
				w.report.Unobserved(w.err)
			}
		}, c.watch)
	}
	c.mu.Unlock()
	c.next.Store(nil)
	c.tell(cs, w)
}

// Subscribe has w told when the cell settles, at once if it has already.
func (c *Cell) Subscribe(w Waiter) {
	c.mu.Lock()
	if c.state <= settling {
		switch first := c.waiter.(type) {
		case nil:
			c.waiter = w
		case *several:
			first.add(w)
		default:
			c.waiter = &several{[]Waiter{first, w}}
		}
		deserted := c.deserted
		c.deserted = false
		c.mu.Unlock()
		if other := c.next.Load(); deserted && other != nil {
			other.Subscribe(follower{c}) // somebody waits again
		}
		return
	}
	c.observe()
	c.mu.Unlock()
	w.Settled(c)
}

// Unsubscribe forgets w. It reports false if w has been told already, or is being told, or never subscribed.
func (c *Cell) Unsubscribe(w Waiter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	list, ok := c.waiter.(*several)
	if !ok {
		if c.waiter == w && w != nil {
			c.waiter = nil
			return true
		}
		return false
	}
	for i, x := range list.ws {
		if x == w {
			n := len(list.ws) - 1
			list.ws[i], list.ws[n] = list.ws[n], nil
			list.ws = list.ws[:n]
			if n == 0 {
				c.waiter = nil
			}
			return true
		}
	}
	return false
}

// Outcome returns the value or the error the cell settled with; ok is false while it is pending. A model value is
// shared among all who look: it must not be changed.
func (c *Cell) Outcome() (v any, err error, ok bool) { //nolint:revive // ok last, as in a map lookup
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state <= settling {
		return nil, nil, false
	}
	c.observe()
	if c.state == broken {
		return nil, c.value.(error), true
	}
	return c.value, nil, true
}

// Look counts as looking at the outcome, should it be a break that would be reported else.
func (c *Cell) Look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heeded = true
	c.observe()
}

// Settled reports whether the cell has settled. Asking does not count as looking at the outcome.
func (c *Cell) Settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state > settling
}

// observe is called with mu held.
func (c *Cell) observe() {
	if c.watch != nil {
		c.watch.seen.Store(true)
		c.watch = nil
	}
}
