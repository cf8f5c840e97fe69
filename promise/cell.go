package promise

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/hawser-go/hawser/passable"
)

// ErrCycle breaks a promise that was resolved to itself, directly or through others.
var ErrCycle = errors.New("promise: resolved to itself: it would never settle, resolve it to a value")

// A Waiter is told that a cell has settled.
type Waiter interface {
	// Settled is called once, by the goroutine that settled the cell and outside any lock of the cell. It must neither
	// block nor run foreign code: it hands over.
	Settled(c *Cell)
}

// A Reporter hears of promises that broke unobserved. A vat is one.
type Reporter interface{ Unobserved(err error) }

// A Cell is the untyped inside of a promise; package vat builds the promises of calls on it. Programs use [Promise] and
// [Resolver]. The zero Cell is pending. A Cell must not be copied. All methods may be called from any goroutine.
type Cell struct {
	mu    sync.Mutex
	state state
	model bool // value is a model value shared by all who look: hand out copies
	// first is the common lone waiter; more are the others.
	first Waiter
	more  []Waiter
	value any
	err   error

	next   atomic.Pointer[Cell] // the cell this one follows, for finding rings
	host   any                  // what the cell is embedded in, if anything: see SetHost
	report Reporter
	watch  *watch // set while broken and unobserved
}

type state uint8

const (
	pending state = iota
	fulfilled
	broken
)

// watch outlives the cell it belongs to, so that its cleanup can tell whether somebody looked.
type watch struct {
	seen   atomic.Bool
	err    error
	report Reporter
}

// Init prepares a cell that is part of something larger, before anybody shares it: host is what [Cell.Host] returns,
// report hears of an unobserved break; either may be nil.
func (c *Cell) Init(host any, report Reporter) { c.host, c.report = host, report }

// Host returns what the cell is the outcome of, or nil for a promise made by [New].
func (c *Cell) Host() any { return c.host }

// PassableReference makes a cell a reference: promises are passed as promises.
func (c *Cell) PassableReference() passable.Reference {
	if c == nil {
		return nil
	}
	return c
}

// Fulfill settles the cell with v and reports whether this call did so. model says that v is a model value of package
// passable, which the cell then shares among all who look: each gets a copy.
func (c *Cell) Fulfill(v any, model bool) bool { return c.settle(fulfilled, v, model, nil) }

// Break settles the cell with err, which must not be nil, and reports whether this call did so.
func (c *Cell) Break(err error) bool {
	if err == nil {
		err = errors.New("promise: broken without a reason")
	}
	return c.settle(broken, nil, false, err)
}

func (c *Cell) settle(s state, v any, model bool, err error) bool {
	c.mu.Lock()
	if c.state != pending {
		c.mu.Unlock()
		return false
	}
	c.state, c.value, c.model, c.err = s, v, model, err
	first, more := c.first, c.more
	c.first, c.more = nil, nil
	if s == broken && first == nil && c.report != nil {
		c.watch = &watch{err: err, report: c.report}
		runtime.AddCleanup(c, func(w *watch) {
			if !w.seen.Load() {
				w.report.Unobserved(w.err)
			}
		}, c.watch)
	}
	c.mu.Unlock()
	if first != nil {
		first.Settled(c)
	}
	for _, w := range more {
		w.Settled(c)
	}
	return true
}

// Subscribe has w told when the cell settles, at once if it has already.
func (c *Cell) Subscribe(w Waiter) {
	c.mu.Lock()
	if c.state == pending {
		if c.first == nil {
			c.first = w
		} else {
			c.more = append(c.more, w)
		}
		c.mu.Unlock()
		return
	}
	c.observe()
	c.mu.Unlock()
	w.Settled(c)
}

// Unsubscribe forgets w. It reports false if w has been told already, or is being told.
func (c *Cell) Unsubscribe(w Waiter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == w {
		c.first = nil
		if n := len(c.more); n > 0 {
			c.first, c.more[n-1], c.more = c.more[n-1], nil, c.more[:n-1]
		}
		return true
	}
	for i, x := range c.more {
		if x == w {
			n := len(c.more)
			c.more[i], c.more[n-1] = c.more[n-1], nil
			c.more = c.more[:n-1]
			return true
		}
	}
	return false
}

// Outcome returns the value or the error the cell settled with; ok is false while it is pending. A model value is
// shared: see [Cell.Model].
func (c *Cell) Outcome() (v any, err error, ok bool) { //nolint:revive // ok last, as in a map lookup
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == pending {
		return nil, nil, false
	}
	c.observe()
	return c.value, c.err, true
}

// Settled reports whether the cell has settled. Asking does not count as looking at the outcome.
func (c *Cell) Settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state != pending
}

// Model reports whether the value is a model value, shared among all who look.
func (c *Cell) Model() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.model
}

// observe is called with mu held.
func (c *Cell) observe() {
	if c.watch != nil {
		c.watch.seen.Store(true)
		c.watch = nil
	}
}

// Follow settles c as other settles. A ring breaks every cell that closes it with [ErrCycle], which Follow also
// reports by returning false.
func (c *Cell) Follow(other *Cell) bool {
	if !c.Link(other) {
		c.Break(ErrCycle)
		return false
	}
	other.Subscribe(follower{c})
	return true
}

// Link records that c will settle as other does and reports whether that closes no ring. Whoever calls it sees to the
// rest; [Cell.Follow] does both. When two goroutines close a ring from its two ends at least one is told.
func (c *Cell) Link(other *Cell) bool {
	c.next.Store(other)
	for x := other; x != nil; x = x.next.Load() {
		if x == c {
			return false
		}
		if x.Settled() {
			break
		}
	}
	return true
}

type follower struct{ c *Cell }

func (f follower) Settled(of *Cell) {
	of.mu.Lock()
	v, model, err, s := of.value, of.model, of.err, of.state
	of.observe()
	of.mu.Unlock()
	f.c.settle(s, v, model, err)
	f.c.next.Store(nil)
}
