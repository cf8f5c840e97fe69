package vat

import (
	"bytes"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/store"
)

// found is what a first reading of the store brings.
type found struct {
	vats, kinds map[string][]byte
	pending     []uint64
	pins        map[string]pinRecord
	zero, far   []uint64
	messages    []foundMessage
	bad         error
}

type foundMessage struct {
	number uint64
	record messageRecord
}

// recover reads what the depot was when it was last open.
func (d *Depot) recover() error {
	var f found
	if err := d.store.View(func(r store.Reader) error { return d.find(r, &f) }); err != nil {
		return err
	}
	kinds, err := d.openKinds(f.kinds)
	if err != nil {
		return err
	}
	x, err := d.build(&f, kinds)
	if err != nil {
		kinds.discard()
		return err
	}
	if err := d.store.Write(&x.batch); err != nil {
		return err
	}
	for _, w := range d.past.lost {
		w.Break(ErrLost)
	}
	d.past.lost = nil
	d.await()
	return nil
}

// build makes what was found in the store again, and the transaction that begins the depot's new life.
func (d *Depot) build(f *found, kinds *opening) (*tx, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, number := range f.vats {
		d.vat(name, keyNumber(number))
	}
	x := d.begin()
	if err := kinds.finish(x); err != nil {
		return nil, err
	}
	if err := x.revive(f); err != nil {
		return nil, err
	}
	x.batch.Delete(bucketDepot, keyClean)
	x.seal()
	return x, nil
}

// find reads the store from end to end, but for the state of objects.
func (d *Depot) find(r store.Reader, f *found) error {
	d.leased = max(keyNumber(r.Get(bucketDepot, keyNext)), 1)
	d.next, d.told, d.past.first = d.leased, d.leased, d.leased
	d.past.clean = r.Get(bucketDepot, keyClean) != nil
	if b := r.Get(bucketDepot, keyPoison); b != nil {
		if err := decodeRecord(b, &d.past.poison); err != nil {
			return err
		}
	}
	f.vats, f.kinds = all(r, bucketVats), all(r, bucketKinds)
	r.Scan(bucketSlots, nil, func(key, value []byte) bool {
		var s slotRecord
		if f.bad = decodeRecord(value, &s); f.bad != nil {
			return false
		}
		if s.Count == 0 {
			f.zero = append(f.zero, keyNumber(key))
		}
		if s.Sort == slotVow && !s.Settled && s.Resolver == 0 {
			f.pending = append(f.pending, keyNumber(key))
		}
		if s.Sort == slotFar && s.Count > 0 {
			f.far = append(f.far, keyNumber(key))
		}
		return true
	})
	f.pins = make(map[string]pinRecord)
	if f.bad == nil {
		r.Scan(bucketPins, nil, func(key, value []byte) bool {
			var p pinRecord
			f.bad = decodeRecord(value, &p)
			f.pins[string(key)] = p
			return f.bad == nil
		})
	}
	if f.bad == nil {
		r.Scan(bucketMessages, nil, func(key, value []byte) bool {
			m := foundMessage{number: keyNumber(key)}
			f.bad = decodeRecord(value, &m.record)
			f.messages = append(f.messages, m)
			return f.bad == nil
		})
	}
	return f.bad
}

func all(r store.Reader, bucket string) map[string][]byte {
	m := make(map[string][]byte)
	r.Scan(bucket, nil, func(key, value []byte) bool {
		m[string(key)] = bytes.Clone(value)
		return true
	})
	return m
}

// revive makes the stored messages again, breaks the promises that nothing will settle, and removes what nothing leads to.
func (x *tx) revive(f *found) error {
	d := x.d
	for i := range f.messages {
		if err := d.reviveMessage(&f.messages[i]); err != nil {
			return fmt.Errorf("message %d: %w", f.messages[i].number, err)
		}
	}
	for _, id := range f.far { // all of them, so that a session knows what must not be given back
		if _, err := d.refAt(id); err != nil {
			return err
		}
	}
	d.pins = f.pins
	for _, p := range f.pins {
		s, err := d.slotAt(p.Slot)
		if err != nil {
			return err
		}
		s.inside = s.inside || p.Awaited && s.rec.Sort == slotVow && !s.rec.Settled
	}
	for _, id := range f.pending {
		s, err := d.slotAt(id)
		if err != nil {
			return err
		}
		if !s.inside {
			x.broken(s, ErrLost).carry(x)
			if r, ok := s.alive(); ok {
				d.past.lost = append(d.past.lost, r.Target().(*Vow))
			}
		}
	}
	for _, id := range f.zero {
		s, err := d.slotAt(id)
		if err != nil {
			return err
		}
		x.zero = append(x.zero, s)
	}
	return nil
}

func (d *Depot) reviveMessage(f *foundMessage) error {
	r := &f.record
	to, err := d.refAt(r.To)
	if err != nil {
		return err
	}
	args, err := modelcbor.Decode(r.Args, d.refAt)
	if err != nil {
		return err
	}
	list, ok := args.([]any)
	if !ok {
		return fmt.Errorf("%w: the arguments are no list", errDamaged)
	}
	l := recovered{to: to.(Ref), m: Message{
		Op: Op(r.Op), Selector: passable.Symbol(r.Selector), Pos: r.Pos, Args: list, sent: true,
		From: reviveCaller(r.From),
	}}
	way, ways, err := d.passageOf(r.Ways)
	if err != nil {
		return err
	}
	l.m.way = way
	if r.Answer != 0 {
		s, err := d.slotAt(r.Answer)
		if err != nil {
			return err
		}
		w, ok := d.refOf(s).Target().(*Vow)
		if !ok {
			return fmt.Errorf("%w: the answer is no promise", errDamaged)
		}
		l.m.Answer, s.inside = w, true
	}
	kept := d.letter(&l.m, f.number)
	kept.to, kept.ways = l.to, ways
	if r.Await != 0 {
		if l.await, err = d.slotAt(r.Await); err != nil {
			return err
		}
		kept.await = d.refOf(l.await)
	}
	if r.Due != 0 {
		l.due = time.Unix(0, r.Due)
	}
	d.past.letters = append(d.past.letters, l)
	return nil
}
