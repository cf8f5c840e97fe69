package promise_test

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/hawser-go/hawser/promise"
)

// guest waits until it has left.
type guest struct {
	left *atomic.Bool
	told *atomic.Int32
}

func (g guest) Settled(*promise.Cell) { g.told.Add(1) }
func (g guest) Gone() bool            { return g.left.Load() }

// newGuests returns guests of one party, who leave together.
func newGuests() guest { return guest{new(atomic.Bool), new(atomic.Int32)} }

// However many come and go, those who have gone are not kept; those who have not are told, once each.
func TestWaitersThatAreGone(t *testing.T) {
	c, faithful := new(promise.Cell), newGuests()
	for range 1000 {
		g := newGuests()
		for range 50 {
			c.Subscribe(g)
		}
		c.Subscribe(faithful)
		g.left.Store(true)
	}
	if n := c.Waiters(); n > 2500 {
		t.Errorf("%d wait, of whom 1000 have not gone", n)
	}
	c.Fulfill("x", true)
	if n := faithful.told.Load(); n != 1000 {
		t.Errorf("%d of 1000 were told", n)
	}
}

// A list that nobody leaves costs a few looks for each who comes.
func TestWaitersThatStay(t *testing.T) {
	c, asked := new(promise.Cell), 0
	for range 100_000 {
		c.Subscribe(loyal{&asked})
	}
	if asked > 600_000 {
		t.Errorf("asked %d times", asked)
	}
}

type loyal struct{ asked *int }

func (loyal) Settled(*promise.Cell) {}
func (l loyal) Gone() bool          { *l.asked++; return false }

// A cell that follows another, for which nobody waits any more, is not kept by the other. Who holds it sees it settle all
// the same, and so does who waits for it later.
func TestDesertedFollowers(t *testing.T) {
	c := new(promise.Cell)
	collected := new(atomic.Int32)
	var held, waited *promise.Cell
	late := newGuests()
	for i := range 2000 {
		f, g := new(promise.Cell), newGuests()
		f.Subscribe(g)
		f.Subscribe(g)
		f.Follow(c)
		g.left.Store(true)
		switch i {
		case 0:
			held = f
		case 1:
			waited = f
		default:
			runtime.AddCleanup(f, func(n *atomic.Int32) { n.Add(1) }, collected)
		}
	}
	for range 3 {
		runtime.GC()
	}
	for range 2000 { // the list is full again, and what was collected dropped
		c.Subscribe(late)
	}
	for range 3 {
		runtime.GC()
	}
	if n := c.Waiters(); n > 3500 {
		t.Errorf("%d wait, of 2000 followers that nobody waits for and 2000 others", n)
	}
	if n := collected.Load(); n < 1000 {
		t.Errorf("%d followers of 1998 were collected", n)
	}
	waited.Subscribe(late)
	waited = nil // what it follows keeps it again
	runtime.GC()
	c.Fulfill("x", true)
	if v, _, ok := held.Outcome(); !ok || v != "x" {
		t.Errorf("what is held has settled: %v with %v", ok, v)
	}
	if n := late.told.Load(); n != 2001 {
		t.Errorf("%d of 2001 were told", n)
	}
}
