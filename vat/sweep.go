package vat

import (
	"errors"
	"runtime"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/store"
)

// Counts find what nothing names any more; objects that lead to each other in a ring, and to which nothing else leads, are
// found by sweeping. What was written at one moment is looked through from the roots and the messages. What that does not
// reach, nobody in this process holds, and nothing has named since, nobody ever can.

// graph is what leads where in a store, by slot.
type graph struct {
	edges map[uint64][]uint64
	seen  map[uint64]bool
	kinds map[uint64]string // where the state of a body of that kind is
	bad   error
}

// sweepAfter is how many slots are made, beside as many as there were, before the depot is swept again.
const sweepAfter = 10_000

// Sweep removes the objects that only lead to each other from the store, and reports how many slots that freed. The depot
// does so by itself now and then; vats go on meanwhile. What a program holds in memory stays.
func (d *Depot) Sweep() (freed int, err error) {
	d.sweeping.Lock()
	defer d.sweeping.Unlock()
	if d.closing.Load() {
		return 0, ErrVatClosed
	}
	d.mu.Lock()
	d.named, d.made = make(map[uint64]bool), 0
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.named = nil
		d.mu.Unlock()
	}()
	if err := d.store.Write(new(store.Batch)); err != nil { // so that what was done before is seen
		return 0, err
	}
	g := &graph{edges: make(map[uint64][]uint64), seen: make(map[uint64]bool), kinds: make(map[uint64]string)}
	for n, k := range d.numbers {
		g.kinds[n] = k.bucket
	}
	if err := d.store.View(func(r store.Reader) error { return g.read(r, &d.closing) }); err != nil {
		return 0, err
	}
	if len(g.seen) < len(g.edges) {
		d.unloadUnseen(g)
		runtime.GC() // which forgets the references that only they held
		if d.dropUnseen(g) {
			runtime.GC()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	freed, err = d.removeUnseen(g)
	d.live = len(g.edges) - freed
	return freed, err
}

// stopped is something that may be asked whether to stop.
type stopped interface{ Load() bool }

var errStopped = errors.New("vat: stopped")

// read reads the whole graph, and marks what the roots and the messages reach.
func (g *graph) read(r store.Reader, stop stopped) error {
	token := func(ids *[]uint64) func(uint64) (passable.Reference, error) {
		return func(id uint64) (passable.Reference, error) {
			*ids = append(*ids, id)
			return nil, nil
		}
	}
	r.Scan(bucketSlots, nil, func(key, value []byte) bool {
		var s slotRecord
		if g.bad = decodeRecord(value, &s); g.bad != nil || stop.Load() {
			return false
		}
		id := keyNumber(key)
		switch s.Sort {
		case slotFacet, slotResolver:
			g.edges[id] = []uint64{s.Body}
		case slotBody:
			var b bodyRecord
			g.bad = decodeRecord(r.Get(g.kinds[s.Kind], key), &b)
			g.edges[id] = b.Names
		default:
			g.edges[id] = s.Names
		}
		return g.bad == nil
	})
	var roots []uint64
	r.Scan(bucketRoots, nil, func(_, value []byte) bool {
		roots = append(roots, keyNumber(value))
		return true
	})
	r.Scan(bucketPins, nil, func(_, value []byte) bool {
		var p pinRecord
		g.bad = errors.Join(g.bad, decodeRecord(value, &p))
		roots = append(roots, p.Slot)
		return g.bad == nil
	})
	r.Scan(bucketMessages, nil, func(_, value []byte) bool {
		var m messageRecord
		if g.bad = errors.Join(g.bad, decodeRecord(value, &m)); g.bad == nil {
			roots = append(append(roots, m.To, m.Answer, m.Await), m.Ways...)
			_, g.bad = modelcbor.Decode(m.Args, token(&roots))
		}
		return g.bad == nil
	})
	if stop.Load() {
		return errStopped
	}
	g.mark(roots)
	return g.bad
}

// mark notes what the slots given lead to.
func (g *graph) mark(todo []uint64) {
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if id == 0 || g.seen[id] {
			continue
		}
		if next, ok := g.edges[id]; ok {
			g.seen[id] = true
			todo = append(todo, next...)
		}
	}
}

// unloadUnseen has the objects leave memory that nothing seems to lead to: references in them hold each other.
func (d *Depot) unloadUnseen(g *graph) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for e := d.loaded.Back(); e != nil; {
		b := e.Value.(*body)
		e = e.Prev()
		if _, ok := g.edges[b.slot.id]; ok && !g.seen[b.slot.id] && b.idle() {
			d.unload(b)
			d.forget(b.slot)
		}
	}
}

// dropUnseen lets go of promises that are pending, and the like, if neither the store nor this process leads to them: what
// they are held for is garbage, too. It reports whether there are any.
func (d *Depot) dropUnseen(g *graph) (dropped bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	// A promise that follows one of them is in memory because of it; whatever else a settled promise leads to counts itself.
	g.mark(d.usedUnseen(g, func(s *slot) bool { return !s.held() && s.rec.Sort != slotVow }))
	for id := range g.edges {
		if s := d.slots[id]; s != nil && !g.seen[id] && !s.hold.IsNull() {
			s.hold, dropped = Ref{}, true
		}
	}
	return dropped
}

// usedUnseen returns what was named since the sweep began, and of those slots that count what has not been reached and is in
// use in this process.
func (d *Depot) usedUnseen(g *graph, counts func(*slot) bool) (used []uint64) {
	for id := range d.named {
		used = append(used, id)
	}
	for id := range g.edges {
		s := d.slots[id]
		if s == nil || g.seen[id] || !counts(s) {
			continue
		}
		if s.used() || s.rec.Sort == slotBody && s.body.impl != nil {
			used = append(used, id)
		}
	}
	return used
}

// removeUnseen removes what nothing leads to. It is called with mu held.
func (d *Depot) removeUnseen(g *graph) (freed int, err error) {
	g.mark(d.usedUnseen(g, func(*slot) bool { return true }))
	for id := range g.edges {
		if s := d.slots[id]; s != nil && g.seen[id] && s.rec.Count > 0 && s.hold.IsNull() && s.held() {
			s.hold, _ = s.alive() // it was let go of too early
		}
	}
	x := d.begin()
	var garbage []*slot
	for id := range g.edges {
		if g.seen[id] {
			continue
		}
		s, err := d.slotAt(id)
		if err != nil {
			continue // it has gone meanwhile
		}
		garbage = append(garbage, s)
	}
	for _, s := range garbage {
		s.stored = false // first all of them: none is removed for being named no more
	}
	for _, s := range garbage {
		x.remove(s)
		freed++
	}
	if freed == 0 {
		return 0, nil
	}
	return freed, x.submit(nil)
}

// sweepSometimes sweeps when enough has been made since the last time. It is called with mu held.
func (d *Depot) sweepSometimes() {
	if d.made < sweepAfter+d.live || d.named != nil || d.closing.Load() {
		return
	}
	d.made = 0
	d.sweeper.Go(func() {
		if _, err := d.Sweep(); err != nil && !d.closing.Load() {
			d.cfg.Vat.Logger.Warn("sweeping durable objects failed", "error", err)
		}
	})
}
