package vat

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/store"
)

// tx is a transaction of a depot, under whose mutex it is made and submitted. It is made in two steps: first everything is
// encoded, which may fail and leaves nothing behind but numbers that nobody uses; then it is carried out, which cannot.
type tx struct {
	d       *Depot
	batch   store.Batch
	changed []*slot
	zero    []*slot   // named by nothing any more, perhaps
	heed    []*slot   // promises whose keeper is to be subscribed when the mutex is free
	ready   []ready   // messages to be handed over when the mutex is free
	after   func()    // what the courier does when the transaction is on the disk; may be nil
	wants   []Lasting // what it names and does not last
}

// ready is a message that its target may have at once.
type ready struct {
	to *object
	m  Message
}

func (d *Depot) begin() *tx { return &tx{d: d} }

// lease is how many numbers the store is told at a time to be given out.
const lease = 1 << 12

// number gives a number out. The store is told by the next transaction that is submitted, which need not be this one: nothing
// is stored under a number before.
func (x *tx) number() uint64 {
	d := x.d
	if d.next == d.leased {
		d.leased += lease
	}
	d.next++
	return d.next - 1
}

// put stores a record that always can be encoded: strings, bytes and numbers.
func (x *tx) put(bucket string, n uint64, record any) { x.write(bucket, numberKey(n), record) }

// write is put under any key.
func (x *tx) write(bucket string, key []byte, record any) {
	b, err := encodeRecord(record)
	if err != nil {
		panic(err)
	}
	x.batch.Put(bucket, key, b)
}

// pen writes values, and notes the slots it names.
type pen struct {
	x     *tx
	names map[*slot]struct{}
	exact bool // promises that have settled are what they are, not what they lead to
}

// encode encodes a model value. Promises that lead to one object may be keys of one map, and are stored as themselves then.
func (p *pen) encode(model any) ([]byte, error) {
	b, err := modelcbor.Encode(model, p.slot)
	if errors.Is(err, modelcbor.ErrSameKey) {
		p.names, p.exact = nil, true
		b, err = modelcbor.Encode(model, p.slot)
		p.exact = false
	}
	return b, err
}

func (p *pen) slot(r passable.Reference) (uint64, error) {
	var s *slot
	var err error
	if settler, ok := r.(promise.Settler); ok {
		s, err = p.x.resolverOf(settler)
	} else {
		ref := r.(Ref)
		if !p.exact {
			ref = lastRef(ref)
		}
		p.x.wantRef(ref)
		s = p.x.d.slotFor(ref)
		if err = p.x.look(s); err == nil {
			err = p.x.lookAt(s, ref)
		}
	}
	if err != nil {
		return 0, err
	}
	if p.names == nil {
		p.names = make(map[*slot]struct{})
	}
	p.names[s] = struct{}{}
	return p.x.numbered(s), nil
}

// message writes the arguments of a message.
func (p *pen) message(m *Message) ([]byte, error) {
	list := m.Args
	if list == nil {
		list = []any{}
	}
	args, err := p.encode(list)
	if err == nil && len(args)+len(m.Selector) > maxStored {
		err = errTooLarge
	}
	if err != nil {
		return nil, ErrInternal.due(fmt.Errorf("a message cannot be stored: %w", err))
	}
	return args, nil
}

// sorted returns the slots named, each once, by number.
func (p *pen) sorted() []*slot {
	names := make([]*slot, 0, len(p.names))
	for s := range p.names {
		names = append(names, s)
	}
	slices.SortFunc(names, func(a, b *slot) int { return cmp.Compare(a.id, b.id) })
	return names
}

// ids returns the numbers of the slots named, each once, ascending.
func (p *pen) ids() []uint64 {
	names := p.sorted()
	ids := make([]uint64, len(names))
	for i, s := range names {
		ids[i] = s.id
	}
	return ids
}

// change notes that the slot's record is to be written.
func (x *tx) change(s *slot) {
	if !s.changed {
		s.changed = true
		x.changed = append(x.changed, s)
	}
}

// name counts one record more that names the slot, and unname one less.
func (x *tx) name(s *slot) {
	s.rec.Count++
	x.keep(s)
	x.change(s)
	if s.hold.IsNull() && s.held() {
		s.hold, _ = s.alive()
	}
}

// held reports whether the slot's reference must stay in memory as long as a record names it.
func (s *slot) held() bool {
	return s.rec.Sort == slotLost || s.rec.Sort == slotFar || s.rec.Sort == slotVow && !s.rec.Settled
}

func (x *tx) unname(s *slot) {
	s.rec.Count--
	x.change(s)
	if s.rec.Count == 0 {
		s.hold = Ref{}
		x.zero = append(x.zero, s)
	}
}

// keep has the slot in the store, where a record or a message is about to name it.
func (x *tx) keep(s *slot) {
	if named := x.d.named; named != nil {
		named[x.numbered(s)] = true
	}
	if s.stored {
		return
	}
	s.stored = true
	x.numbered(s)
	x.change(s)
	switch s.rec.Sort {
	case slotFacet:
		of := s.body.slot
		x.name(of)
		s.rec.Body = of.id
		of.rec.Facets = append(of.rec.Facets, s.id)
	case slotBody:
		if b := s.body; b.saved != nil {
			x.putState(b, b.saved, nil, b.names)
		}
	case slotResolver:
		if of, err := x.d.slotAt(s.rec.Body); err == nil {
			of.rec.Resolver = s.id
			x.name(of)
		}
	case slotCaretaker, slotRevoker:
		x.nameAll(s.rec.Names)
	case slotVow:
		x.nameAll(s.rec.Names)
		if !s.kept && !s.rec.Settled {
			s.kept = true
			x.heed = append(x.heed, s)
		}
	}
}

func (x *tx) nameAll(ids []uint64) {
	for _, id := range ids {
		if s, err := x.d.slotAt(id); err == nil {
			x.name(s)
		}
	}
}

func (x *tx) unnameAll(ids []uint64) {
	for _, id := range ids {
		if s, err := x.d.slotAt(id); err == nil {
			x.unname(s)
		}
	}
}

// putState writes an object's state and counts what it names.
func (x *tx) putState(b *body, record []byte, before, after []uint64) {
	x.batch.Put(b.kind.bucket, numberKey(b.slot.id), record)
	if slices.Equal(before, after) {
		return
	}
	x.nameAll(after)
	x.unnameAll(before)
}

// remove takes a slot that nothing names out of the store.
func (x *tx) remove(s *slot) {
	s.stored = false
	x.change(s)
	switch s.rec.Sort {
	case slotFacet:
		of := s.body.slot
		x.unname(of)
		of.rec.Facets = slices.DeleteFunc(of.rec.Facets, func(id uint64) bool { return id == s.id })
	case slotBody:
		x.unnameAll(x.d.namesOf(s.body))
		x.batch.Delete(s.body.kind.bucket, numberKey(s.id))
	case slotResolver:
		if of, err := x.d.slotAt(s.rec.Body); err == nil {
			of.rec.Resolver = 0
			x.unname(of)
		}
	case slotVow, slotCaretaker, slotRevoker:
		x.unnameAll(s.rec.Names)
	}
}

// namesOf returns the slots that an object's state names, loaded or not.
func (d *Depot) namesOf(b *body) []uint64 {
	if b.impl != nil {
		return b.names
	}
	var r bodyRecord
	if record, err := d.store.Get(b.kind.bucket, numberKey(b.slot.id)); err == nil && record != nil {
		_ = decodeRecord(record, &r) // what is damaged names nothing
	}
	return r.Names
}

// seal completes the batch with the records of the slots that have changed.
func (x *tx) seal() {
	d := x.d
	if d.told != d.leased {
		x.batch.Put(bucketDepot, keyNext, numberKey(d.leased))
	}
	x.tend()
	for len(x.zero) > 0 {
		s := x.zero[len(x.zero)-1]
		x.zero = x.zero[:len(x.zero)-1]
		if s.stored && s.rec.Count == 0 && !s.used() {
			x.remove(s)
		}
	}
	for _, s := range x.changed {
		s.changed = false
		if !s.stored {
			x.batch.Delete(bucketSlots, numberKey(s.id))
			d.forget(s)
			continue
		}
		x.put(bucketSlots, s.id, &s.rec)
		d.forget(s)
	}
}

// submit gives the batch to the store. done, if not nil, is handed over when it has been written.
func (x *tx) submit(done func(error)) error {
	x.seal()
	for _, l := range x.wants {
		l.Want() // later than it should, but a turn: see Depot.commit
	}
	d, after := x.d, x.after
	d.courier.owe()
	err := d.store.Submit(&x.batch, func(err error) {
		if err == nil && done == nil && after == nil {
			d.courier.pay(nil)
			return
		}
		d.courier.pay(func() {
			if err != nil {
				d.fail(err)
			}
			if done != nil {
				done(err)
			}
			if err == nil && after != nil {
				after()
			}
		})
	})
	if err != nil {
		d.courier.pay(nil)
		return err
	}
	d.told = d.leased
	return nil
}

// unlessOver has a transaction of fn written, if fn says that there is something to write, unless the depot has failed or is
// being closed.
func (d *Depot) unlessOver(fn func(x *tx) bool) {
	d.mu.Lock()
	if d.closing.Load() || d.failed != nil {
		d.mu.Unlock()
		return
	}
	x := d.begin()
	if fn(x) {
		x.post(new(parting))
	}
	d.mu.Unlock()
	x.close()
}

// close does what waited for the mutex to be free.
func (x *tx) close() {
	for _, s := range x.heed {
		if r, ok := s.alive(); ok {
			x.d.keepUp(s, r)
		}
	}
	for i := range x.ready {
		r := &x.ready[i]
		if !x.d.putBehind(r.to, &r.m) {
			r.to.vat.deliver(r.to, &r.m)
		}
	}
}
