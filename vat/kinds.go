package vat

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/store"
)

// opening is the kinds of a depot that is being opened.
type opening struct {
	d       *Depot
	stored  map[string]kindRecord
	fresh   []*storedKind // whose record is to be written
	created []*storedKind // of which the store knows nothing
	stale   []*upgrading  // whose objects must be read, and perhaps written anew
	counts  map[uint64]int64
	buckets uint64 // the last number in use
	numbers uint64
}

// upgrading is a kind whose objects are brought up to date.
type upgrading struct {
	k      *storedKind
	was    kindRecord
	bucket string // where they are from now on
	number uint64
}

// openKinds checks the kinds of the program against those of the store, and brings state up to date, in buckets that are
// nobody's until finish.
func (d *Depot) openKinds(found map[string][]byte) (o *opening, err error) {
	o = &opening{d: d, stored: make(map[string]kindRecord), counts: make(map[uint64]int64)}
	for name, b := range found {
		var r kindRecord
		if err := decodeRecord(b, &r); err != nil {
			return nil, err
		}
		o.stored[name] = r
		o.buckets, o.numbers = max(o.buckets, r.Bucket), max(o.numbers, r.Number)
	}
	named := make(map[string]bool)
	for _, kind := range d.cfg.Kinds {
		k := &storedKind{kind: kind.k}
		switch {
		case named[k.name]:
			return nil, fmt.Errorf("vat: two kinds are called %q", k.name)
		case d.kinds[k.typ] != nil:
			return nil, fmt.Errorf("vat: two kinds, %q and %q, are of %v", k.name, d.kinds[k.typ].name, k.typ)
		}
		named[k.name], d.kinds[k.typ] = true, k
		if err := o.add(k); err != nil {
			return nil, err
		}
	}
	if err := o.missing(named); err != nil {
		return nil, err
	}
	for _, u := range o.stale {
		if err := o.upgrade(u); err != nil {
			o.discard()
			return nil, err
		}
	}
	return o, nil
}

// add decides what is to be done about a kind.
func (o *opening) add(k *storedKind) error {
	r, ok := o.stored[k.name]
	if !ok {
		o.numbers++
		o.buckets++
		k.number, k.bucket = o.numbers, stateBucket(o.buckets)
		o.fresh, o.created = append(o.fresh, k), append(o.created, k)
		o.d.numbers[k.number] = k
		o.stored[k.name] = k.record(o.buckets)
		return nil
	}
	k.number, k.bucket = r.Number, stateBucket(r.Bucket)
	o.d.numbers[k.number] = k
	for _, f := range r.Facets {
		if k.facets[f] == nil {
			return fmt.Errorf("%w: objects of the kind %q may be seen as %q, which vat.KindOf no longer lists", ErrUnknownKind, k.name, f)
		}
	}
	now := k.record(r.Bucket)
	switch {
	case r.Version > now.Version:
		return fmt.Errorf("%w: %q is stored in version %d, this program knows %d: use the later version of the program",
			ErrUnknownKind, k.name, r.Version, now.Version)
	case r.Version < now.Version || r.Shape != now.Shape:
		o.buckets++
		o.stale = append(o.stale, &upgrading{k, r, stateBucket(o.buckets), o.buckets})
	case !slices.Equal(r.Facets, now.Facets):
		o.fresh = append(o.fresh, k)
		o.stored[k.name] = now
	}
	return nil
}

// record is what is stored of the kind.
func (k *storedKind) record(bucket uint64) kindRecord {
	return kindRecord{Number: k.number, Version: k.version(), Bucket: bucket, Shape: k.shape(), Facets: slices.Sorted(maps.Keys(k.facets))}
}

// shape tells whether the fields of a kind have changed.
func (k *kind) shape() string {
	var s strings.Builder
	shapeOf(&s, k.typ, make(map[reflect.Type]bool))
	return s.String()
}

func shapeOf(s *strings.Builder, t reflect.Type, seen map[reflect.Type]bool) {
	if t.Name() != "" && (t.PkgPath() == "" || seen[t]) || len(seen) > 1000 {
		s.WriteString(t.String())
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Struct:
		s.WriteString("struct{")
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("ocapn") != "-" {
				fmt.Fprintf(s, "%s %q ", f.Name, f.Tag.Get("ocapn"))
				shapeOf(s, f.Type, seen)
				s.WriteString(";")
			}
		}
		s.WriteString("}")
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		fmt.Fprintf(s, "%v ", t.Kind())
		if t.Kind() == reflect.Map {
			shapeOf(s, t.Key(), seen)
		}
		shapeOf(s, t.Elem(), seen)
	default:
		s.WriteString(t.Kind().String())
	}
}

// missing refuses a store with objects of a kind that the program does not have.
func (o *opening) missing(named map[string]bool) error {
	var unknown []string
	err := o.d.store.View(func(r store.Reader) error {
		for name, k := range o.stored {
			if named[name] {
				continue
			}
			r.Scan(stateBucket(k.Bucket), nil, func(_, _ []byte) bool {
				unknown = append(unknown, name)
				return false
			})
		}
		return nil
	})
	if err == nil && len(unknown) > 0 {
		slices.Sort(unknown)
		err = fmt.Errorf("%w: %q: list it among the Kinds; nothing was changed", ErrUnknownKind, unknown[0])
	}
	return err
}

// upgradeChunk is about how many bytes of state are brought up to date in one transaction.
const upgradeChunk = 4 << 20

// upgrade reads each object of a kind, brings its state up to date if its version is an earlier one, and writes it to the
// new bucket. It changes nothing else.
func (o *opening) upgrade(u *upgrading) error {
	steps := u.k.steps[min(u.was.Version, u.k.version())-1:]
	from := numberKey(0)
	var b store.Batch
	b.Drop(u.bucket) // what an upgrade that was cut short has left
	for from != nil {
		next := from
		from = nil
		size := 0
		var failure error
		err := o.d.store.View(func(r store.Reader) error {
			r.Scan(u.k.bucket, next, func(key, value []byte) bool {
				if size > upgradeChunk {
					from = slices.Clone(key)
					return false
				}
				size += len(value)
				record, err := o.upgraded(u, steps, value)
				if err != nil {
					failure = fmt.Errorf("%w: object %d of the kind %q, from version %d to %d: %w; nothing was changed",
						ErrUpgrade, keyNumber(key), u.k.name, u.was.Version, u.k.version(), err)
					return false
				}
				b.Put(u.bucket, slices.Clone(key), record)
				return true
			})
			return failure
		})
		if err == nil {
			err = o.d.store.Write(&b)
		}
		if err != nil {
			return err
		}
		b = store.Batch{}
	}
	return nil
}

// token stands for a slot while state is brought up to date.
type token uint64

// PassableReference implements passable.Reference.
func (t token) PassableReference() passable.Reference { return t }

var errForeignReference = errors.New("a reference was put into the state that was not there before")

// upgraded returns the record of an object's state after the steps, which the program's struct takes.
func (o *opening) upgraded(u *upgrading, steps []Upgrade, old []byte) ([]byte, error) {
	var r bodyRecord
	if err := decodeRecord(old, &r); err != nil {
		return nil, err
	}
	model, err := modelcbor.Decode(r.State, func(id uint64) (passable.Reference, error) { return token(id), nil })
	if err != nil {
		return nil, err
	}
	state, _ := model.(passable.Struct)
	for _, step := range steps {
		if state, err = runStep(step, state); err != nil {
			return nil, err
		}
	}
	had := make(map[uint64]bool, len(r.Names))
	for _, id := range r.Names {
		had[id] = true
		o.counts[id]--
	}
	names := make(map[uint64]bool)
	now, err := passable.Copy(state, func(r passable.Reference) (passable.Reference, error) {
		if t, ok := r.(token); ok && had[uint64(t)] {
			names[uint64(t)] = true
			return t, nil
		}
		return nil, errForeignReference
	})
	if err != nil {
		return nil, err
	}
	if err := u.k.fits(now); err != nil {
		return nil, err
	}
	encoded, err := modelcbor.Encode(now, func(r passable.Reference) (uint64, error) { return uint64(r.(token)), nil })
	if err != nil {
		return nil, err
	}
	for id := range names {
		o.counts[id]++
	}
	return encodeRecord(&bodyRecord{Names: slices.Sorted(maps.Keys(names)), State: encoded})
}

// runStep runs one step of an upgrade, which may panic.
func runStep(step Upgrade, old passable.Struct) (s passable.Struct, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the upgrade panicked: %v", p)
		}
	}()
	return step(old)
}

// fits reports why a struct of the kind cannot take state that has tokens for references.
func (k *kind) fits(model any) error {
	some := NewVow(nil).Ref()
	m, err := passable.Copy(model, func(passable.Reference) (passable.Reference, error) { return some, nil })
	if err != nil {
		return err
	}
	return passable.AssignValue(reflect.New(k.typ).Elem(), m)
}

// discard removes what an opening that has failed has written.
func (o *opening) discard() {
	var b store.Batch
	for _, u := range o.stale {
		b.Drop(u.bucket)
	}
	_ = o.d.store.Write(&b) // else the next opening does it
}

// finish has the objects be where the upgrades have put them, in the transaction given.
func (o *opening) finish(x *tx) error {
	for _, k := range o.created {
		x.batch.Drop(k.bucket) // where an upgrade that was cut short may have left something
	}
	for _, k := range o.fresh {
		if err := x.putKind(k.name, o.stored[k.name]); err != nil {
			return err
		}
	}
	for _, u := range o.stale {
		if err := x.putKind(u.k.name, u.k.record(u.number)); err != nil {
			return err
		}
		x.batch.Drop(u.k.bucket)
		u.k.bucket = u.bucket
	}
	for id, n := range o.counts {
		if n == 0 {
			continue
		}
		s, err := x.d.slotAt(id)
		if err != nil {
			return err
		}
		s.rec.Count += uint64(n) // modulo 2^64 if negative, which is what is meant
		x.change(s)
		if s.rec.Count == 0 {
			x.zero = append(x.zero, s)
		}
	}
	return nil
}

func (x *tx) putKind(name string, r kindRecord) error {
	b, err := encodeRecord(&r)
	if err == nil {
		x.batch.Put(bucketKinds, []byte(name), b)
	}
	return err
}
