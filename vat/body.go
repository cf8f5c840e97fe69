package vat

import (
	"bytes"
	"container/list"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
)

// body is a durable object: a struct of some kind, behind one facet or several. Its slot is named by those of its facets.
type body struct {
	slot   *slot
	kind   *storedKind
	vat    *Vat
	facets map[string]*slot // that are in memory

	// While it is loaded.
	impl  any
	views map[string]dispatcher
	saved []byte        // the record of its state at the end of the last turn; nil before the first
	names []uint64      // the slots in it
	place *list.Element // in Depot.loaded
	pins  atomic.Int32  // who may hold a pointer to it
	turn  *turn         // that has touched it last
}

// facet returns the slot of a facet, a new one perhaps.
func (b *body) facet(name string) *slot {
	for _, id := range b.slot.rec.Facets {
		if b.facets[name] == nil {
			_, _ = b.vat.depot.slotAt(id) // which puts it there
		}
	}
	s := b.facets[name]
	if s == nil {
		s = &slot{depot: b.vat.depot, rec: slotRecord{Sort: slotFacet, Facet: name}, body: b}
		b.facets[name] = s
	}
	return s
}

// durable is a facet of a durable object, as references lead to it. The object itself may be in the store only.
type durable struct {
	object
	slot *slot
}

func (k *durable) invoke(t *turn, m *Message) (any, error) {
	b, err := t.touch(k)
	if err != nil {
		m.Taken()
		return nil, err
	}
	return b.view(k.slot.rec.Facet).invoke(t, m)
}

func (k *durable) describe() string { return k.slot.rec.Facet }

func (k *durable) near(t *turn) (any, error) {
	b, err := t.touch(k)
	if err != nil {
		return nil, err
	}
	return b.impl, nil
}

// view returns what gets the messages to a facet.
func (b *body) view(facet string) dispatcher {
	v := b.views[facet]
	if v == nil {
		if b.views == nil {
			b.views = make(map[string]dispatcher)
		}
		v = b.kind.facets[facet].see(b.impl)
		b.views[facet] = v
	}
	return v
}

// touch loads the object behind k, if need be, and has the turn look at its end whether it has changed.
func (t *turn) touch(k *durable) (*body, error) {
	b := k.slot.body
	if slices.Contains(t.f.touched, b) {
		return b, nil
	}
	d := t.vat.depot
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(b); err != nil {
		t.vat.fault("loading an object", err, "object", k.describe())
		return nil, ErrInternal.due(err)
	}
	b.turn = t
	t.f.touched = append(t.f.touched, b)
	if !b.slot.stored {
		t.f.holds = d.hold(append(t.f.holds, Ref{&k.node}), b)
	}
	return b, nil
}

// hold adds references to what the state of an object that is not stored led to at the end of the last turn: if this one fails
// that is put back, and it may be nowhere but in memory.
func (d *Depot) hold(refs []Ref, b *body) []Ref {
	for _, id := range b.names {
		s := d.slots[id]
		if s != nil && s.rec.Sort == slotResolver {
			s = d.slots[s.rec.Body]
		}
		if s == nil {
			continue
		}
		if r, ok := s.alive(); ok {
			refs = append(refs, r)
		}
	}
	return refs
}

// spawned has the turn store the object it has made.
func (t *turn) spawned(r Ref) {
	if _, err := t.touch(r.n.target.(*object).disp.(*durable)); err != nil {
		panic(err) // it is in memory
	}
}

// load has the object in memory.
func (d *Depot) load(b *body) error {
	if b.impl != nil {
		if b.place != nil {
			d.loaded.MoveToFront(b.place)
		}
		return nil
	}
	record, err := d.store.Get(b.kind.bucket, numberKey(b.slot.id))
	if err != nil {
		return err
	}
	if record == nil {
		return fmt.Errorf("%w: object %d has no state", errDamaged, b.slot.id)
	}
	impl, names, err := d.read(b.kind.kind, nil, record)
	if err != nil {
		return err
	}
	b.impl, b.saved, b.names = impl, record, names
	d.impls[impl] = b
	d.admit(b)
	return nil
}

// implOf returns the object whose struct impl points to, nil if there is none. Structs without fields have no addresses of
// their own.
func (d *Depot) implOf(k *kind, impl any) *body {
	if k.typ.Size() == 0 {
		return nil
	}
	return d.impls[impl]
}

// read puts stored state into impl, one of the kind's own making if that is nil, and returns it and the slots it names. A
// program's constructor may panic.
func (d *Depot) read(k *kind, impl any, record []byte) (_ any, names []uint64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("making a %v panicked: %v", k.typ, p)
		}
	}()
	if impl == nil {
		if impl = k.make(); d.implOf(k, impl) != nil {
			return nil, nil, fmt.Errorf("the function that makes a %v has returned one that is an object already: it is to make a new one each time", k.typ)
		}
	}
	var r bodyRecord
	if err := decodeRecord(record, &r); err != nil {
		return nil, nil, err
	}
	model, err := modelcbor.Decode(r.State, d.refAt)
	if err != nil {
		return nil, nil, err
	}
	return impl, r.Names, k.put(impl, model)
}

// admit counts a loaded object.
func (d *Depot) admit(b *body) {
	b.place = d.loaded.PushFront(b)
	d.bytes += len(b.saved) + bodySize
}

// bodySize is about what a loaded object takes beside its state.
const bodySize = 512

// resized notes that the state of a loaded object is now record.
func (d *Depot) resized(b *body, record []byte) {
	if b.place == nil {
		b.saved = record
		d.admit(b)
		return
	}
	d.bytes += len(record) - len(b.saved)
	b.saved = record
}

// unload lets go of the object in memory. It comes back from the store.
func (d *Depot) unload(b *body) {
	if b.impl == nil {
		return
	}
	if b.place != nil {
		d.loaded.Remove(b.place)
		d.bytes -= len(b.saved) + bodySize
	}
	delete(d.impls, b.impl)
	b.impl, b.views, b.saved, b.names, b.place, b.turn = nil, nil, nil, nil, nil, nil
}

// idle reports whether the object may leave memory: it is in the store, and no turn or function uses it.
func (b *body) idle() bool {
	return b.slot.stored && b.pins.Load() == 0 && (b.turn == nil || b.turn.state.Load() == ended)
}

// shrink unloads those objects that have not been used for longest, while there are too many. What is not in the store
// stays, and so does what running turns use.
func (d *Depot) shrink() {
	for e := d.loaded.Back(); e != nil && (d.bytes > d.cfg.MaxLoaded || d.cfg.Amnesia); {
		b := e.Value.(*body)
		e = e.Prev()
		if b.idle() {
			d.unload(b)
			d.forget(b.slot)
		}
	}
}

// encode returns the record of the state that model is.
func (x *tx) encode(model any) (w written, err error) {
	p := pen{x: x}
	r := bodyRecord{}
	if r.State, err = p.encode(model); err != nil {
		return w, err
	}
	r.Names = p.ids()
	w.names = r.Names
	if w.record, err = encodeRecord(&r); err == nil && len(w.record) > maxStored {
		err = errTooLarge
	}
	return w, err
}

// restore puts back the state that objects had before a turn that has failed.
func (d *Depot) restore(touched []*body) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range touched {
		if b.saved == nil {
			continue // made in the turn
		}
		if _, _, err := d.read(b.kind.kind, b.impl, b.saved); err != nil {
			b.vat.fault("restoring an object after a failed turn", err, "object", b.kind.name)
		}
	}
}

// unchanged reports whether the object's state is what it was.
func (b *body) unchanged(record []byte) bool { return bytes.Equal(record, b.saved) }

// storableState copies the state of an object.
func storableState(b *body) (m any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = ErrInternal.due(fmt.Errorf("copying the state of a %v panicked: %v", b.kind.typ, p))
		}
	}()
	m, err = passable.Copy(b.impl, storable)
	if err != nil {
		return nil, ErrInternal.due(fmt.Errorf("the state of a %v cannot be stored: %w", b.kind.typ, err))
	}
	return m, nil
}

// storable is asRef for state, which may hold resolvers.
func storable(r passable.Reference) (passable.Reference, error) {
	if s, ok := r.(promise.Settler); ok {
		return s, nil
	}
	return asRef(r)
}
