package vat

import (
	"fmt"
	"sync"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
)

// slot is what stands for a reference in what is stored. It is in memory while somebody uses the reference, and in the store
// while a stored record names it or a stored message might. What is in it belongs to the depot's mutex.
type slot struct {
	depot   *Depot
	id      uint64 // 0 until it is first written somewhere
	rec     slotRecord
	stored  bool // there is a record
	changed bool // which the present transaction writes
	weak    WeakRef
	hold    Ref // keeps what a stored record names: a promise that is pending, or something that cannot be made again

	body *body // of a facet, or of the object itself

	// Of a promise.
	inside   bool  // pending: a stored message will settle it
	kept     bool  // the keeper has been subscribed
	resolver *slot // if it is in memory
	watchers []watcher
}

// graveyard collects the slots of references that the collector has found unused.
type graveyard struct {
	mu    sync.Mutex
	slots []*slot
}

// gravestone tells the graveyard that a reference is gone.
type gravestone struct {
	g *graveyard
	s *slot
}

func (g gravestone) raise() {
	g.g.mu.Lock()
	g.g.slots = append(g.g.slots, g.s)
	g.g.mu.Unlock()
}

func (g *graveyard) take() (slots []*slot) {
	g.mu.Lock()
	defer g.mu.Unlock()
	slots, g.slots = g.slots, nil
	return slots
}

// alive returns the slot's reference while it is in use.
func (s *slot) alive() (Ref, bool) {
	if s.weak == (WeakRef{}) {
		return Ref{}, false
	}
	return s.weak.Ref()
}

// used reports whether something in memory leads to the slot: a reference, a message that waits or, to an object, a facet.
func (s *slot) used() bool {
	if _, ok := s.alive(); ok || len(s.watchers) > 0 {
		return true
	}
	if s.rec.Sort == slotBody {
		for _, f := range s.body.facets {
			if _, ok := f.alive(); ok {
				return true
			}
		}
	}
	return false
}

// slotOf returns the slot of a reference, a new one perhaps. A promise that has settled to a reference is that, and one that follows another is
// the other.
func (d *Depot) slotOf(r Ref) *slot {
	return d.slotFor(lastRef(r))
}

// slotFor is slotOf for a reference that is taken as it is, also if it is a promise that has settled to another.
func (d *Depot) slotFor(r Ref) *slot {
	if o, ok := r.Target().(*object); ok {
		if s := o.slotIn(d); s != nil {
			return s
		}
	}
	w := r.Weak()
	s := d.refs[w]
	if s == nil {
		s = &slot{weak: w, rec: slotRecord{Sort: slotLost}}
		switch t := r.Target().(type) {
		case *Vow:
			s.rec.Sort = slotVow
		case Lasting:
			if key := t.LastingKey(); len(key) > 0 {
				s.rec.Sort, s.rec.Key = slotFar, key
			}
		case *front:
			if len(t.l.key) > 0 {
				s.rec.Sort, s.rec.Key = slotFar, t.l.key
			}
		}
		d.refs[w] = s
		OnCollect(r, gravestone.raise, gravestone{&d.gone, s})
	}
	return s
}

// slotOfVow returns the slot of a promise, nil if it has none.
func (d *Depot) slotOfVow(w *Vow) *slot {
	if w == nil {
		return nil
	}
	return d.refs[w.Ref().Weak()]
}

// owed returns the slot of a promise that something stored waits for, nil if nothing does.
func (d *Depot) owed(w *Vow) *slot {
	if s := d.slotOfVow(w); s != nil && s.stored && !s.rec.Settled {
		return s
	}
	return nil
}

// resolverOf returns the slot of a promise's resolver, a new one perhaps.
func (x *tx) resolverOf(r promise.Settler) (*slot, error) {
	of := x.d.slotFor(refOfCell(r.Cell())) // not what that has settled to
	if err := x.look(of); err != nil {
		return nil, err
	}
	switch {
	case of.resolver != nil:
		return of.resolver, nil
	case of.rec.Resolver != 0:
		return x.d.slotAt(of.rec.Resolver)
	}
	of.resolver = &slot{rec: slotRecord{Sort: slotResolver, Body: x.numbered(of)}}
	return of.resolver, nil
}

// numbered gives the slot a number, so that it can be written somewhere.
func (x *tx) numbered(s *slot) uint64 {
	if s.id == 0 {
		s.id = x.number()
		x.d.slots[s.id] = s
		x.d.made++
	}
	return s.id
}

// slotAt returns the slot of that number.
func (d *Depot) slotAt(id uint64) (*slot, error) {
	if s := d.slots[id]; s != nil {
		return s, nil
	}
	b, err := d.store.Get(bucketSlots, numberKey(id))
	if err != nil {
		return nil, err
	}
	s := &slot{depot: d, id: id, stored: true}
	if b == nil {
		return nil, fmt.Errorf("%w: slot %d is named and not there", errDamaged, id)
	}
	if err := decodeRecord(b, &s.rec); err != nil {
		return nil, err
	}
	switch s.rec.Sort {
	case slotFacet:
		of, err := d.slotAt(s.rec.Body)
		if err != nil {
			return nil, err
		}
		if of.body == nil {
			return nil, fmt.Errorf("%w: slot %d is no object", errDamaged, s.rec.Body)
		}
		s.body = of.body
		s.body.facets[s.rec.Facet] = s
	case slotBody:
		v, k := d.names[s.rec.Vat], d.numbers[s.rec.Kind]
		if v == nil || k == nil {
			return nil, fmt.Errorf("%w: object %d has no vat or no kind", errDamaged, id)
		}
		s.body = &body{slot: s, kind: k, vat: v, facets: make(map[string]*slot)}
	case slotResolver:
		of, err := d.slotAt(s.rec.Body)
		if err != nil {
			return nil, err
		}
		of.resolver = s
	case slotVow, slotLost, slotFar, slotCaretaker, slotRevoker:
	default:
		return nil, fmt.Errorf("%w: slot %d is of sort %d", errDamaged, id, s.rec.Sort)
	}
	d.slots[id] = s
	return s, nil
}

// refAt is slotAt and refOf, for decoding.
func (d *Depot) refAt(id uint64) (passable.Reference, error) {
	s, err := d.slotAt(id)
	if err != nil {
		return nil, err
	}
	if s.rec.Sort == slotResolver {
		r, err := d.refAt(s.rec.Body)
		if err != nil {
			return nil, err
		}
		return promise.SettlerOf(cellFor(r.(Ref))), nil
	}
	r := d.refOf(s)
	if r.IsNull() {
		return nil, fmt.Errorf("%w: slot %d cannot be read", errDamaged, id)
	}
	return r, nil
}

// refOf returns the reference of a slot, made now if nobody uses it. It is null if the slot is damaged.
func (d *Depot) refOf(s *slot) Ref {
	if r, ok := s.alive(); ok {
		return r
	}
	delete(d.refs, s.weak)
	switch s.rec.Sort {
	case slotFacet:
		k := &durable{slot: s}
		return d.adopt(s, k.init(s.body.vat, k))
	case slotVow:
		return d.vowOf(s)
	case slotFar:
		return d.adopt(s, d.farOf(s))
	case slotCaretaker:
		return d.caretakerOf(s)
	case slotRevoker:
		return d.revokerOf(s)
	case slotLost:
		return d.adopt(s, Broken(ErrLost))
	}
	return Ref{}
}

// adopt makes r the reference of a slot. What may lead back to the slot by way of others is adopted before those are read.
func (d *Depot) adopt(s *slot, r Ref) Ref {
	s.weak = r.Weak()
	if s.rec.Sort == slotVow || s.rec.Sort == slotLost || s.rec.Sort == slotFar {
		d.refs[s.weak] = s
	}
	OnCollect(r, gravestone.raise, gravestone{&d.gone, s})
	return r
}

// farOf returns the reference to something outside, or, if that is there no more, one that is lost.
func (d *Depot) farOf(s *slot) (r Ref) {
	if d.cfg.Outside != nil {
		r = d.cfg.Outside.Revive(s.rec.Key)
	}
	if r.IsNull() {
		return Broken(ErrLost)
	}
	if s.rec.Count > 0 {
		s.hold = r
	}
	return r
}

// vowOf makes the promise of a slot again.
func (d *Depot) vowOf(s *slot) Ref {
	w := NewVow(nil)
	r := d.adopt(s, w.Ref())
	if !s.rec.Settled {
		if s.rec.Count > 0 {
			s.hold = r
		}
		s.kept = true
		w.cell.Subscribe(keeper{d, s}) // it follows none yet
		return r
	}
	v, err, bad := d.outcome(s)
	switch {
	case bad != nil:
		d.cfg.Vat.Logger.Error("a stored promise cannot be read", "error", bad)
		w.Break(ErrInternal.due(bad))
	case err != nil:
		w.Break(err)
	default:
		w.Resolve(v)
	}
	return r
}

// outcome returns what a promise has settled with.
func (d *Depot) outcome(s *slot) (v any, broken error, bad error) {
	if len(s.rec.Err) > 0 {
		return nil, revive(s.rec.Err[0]), nil
	}
	v, bad = modelcbor.Decode(s.rec.Value, d.refAt)
	return v, nil, bad
}

// tend forgets the slots that nobody uses any more, and removes those that nothing names.
func (x *tx) tend() {
	for _, s := range x.d.gone.take() {
		if _, ok := s.alive(); ok || s.id != 0 && x.d.slots[s.id] != s {
			continue // the reference was made again, perhaps with a slot of its own
		}
		delete(x.d.refs, s.weak)
		s.weak = WeakRef{}
		if s.stored && s.rec.Count == 0 && !s.used() {
			x.remove(s)
		} else if s.rec.Sort == slotFacet {
			x.zero = append(x.zero, s.body.slot) // which may have been stored longer than this facet of it
		}
		x.d.forget(s)
	}
}

// forget lets go of a slot that is in the store as it is here, or that nothing can lead to.
func (d *Depot) forget(s *slot) {
	if _, ok := s.alive(); ok || s.changed || len(s.watchers) > 0 || s.id != 0 && d.slots[s.id] != s {
		return
	}
	switch {
	case s.rec.Sort == slotBody:
		if b := s.body; len(b.facets) == 0 && !s.stored {
			d.unload(b)
		}
		if len(s.body.facets) > 0 || s.body.impl != nil {
			return
		}
	case s.rec.Sort == slotResolver:
		if of := d.slots[s.rec.Body]; of != nil && of.resolver == s {
			of.resolver = nil
		}
	case s.body != nil:
		delete(s.body.facets, s.rec.Facet)
		defer d.forget(s.body.slot)
	}
	if d.refs[s.weak] == s {
		delete(d.refs, s.weak) // else only its gravestone would, which does not know it any more
	}
	if s.id != 0 {
		delete(d.slots, s.id)
	}
}
