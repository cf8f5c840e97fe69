package vat

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/store"
)

// DepotContents says how much of what is in a depot.
type DepotContents struct {
	Vats       int
	Roots      int            // names under which vats find objects again
	Kinds      []KindContents // by name
	Facets     int            // of the objects
	Pending    int            // promises that have not settled
	Settled    int            // promises that have
	Resolvers  int            // resolvers of promises
	Caretakers int            // that stand before references, or did
	Lost       int            // references that mean nothing any more, or will not after a restart
	Far        int            // references into sessions
	Pins       int            // references that sessions keep
	Messages   int            // that wait for their turn, for a promise or for their time
	Unnamed    int            // slots that no record names: the next start removes those that no message names either
	Leftover   int            // states in buckets that an upgrade cut short has left: the next upgrade removes them
	Clean      bool           // it was closed in order
}

// KindContents says how many objects of a kind there are.
type KindContents struct {
	Name    string
	Version int // of their state
	Objects int
	Bytes   int // of their state
}

// Objects returns how many durable objects there are, of all kinds.
func (c *DepotContents) Objects() (n int) {
	for i := range c.Kinds {
		n += c.Kinds[i].Objects
	}
	return n
}

// CheckDepot reads all that a depot has in its store and returns how much that is, and what is wrong with it: nil if
// nothing, or else an error that joins at most ten findings of one line each and, if there are more, how many. It knows
// nothing of the program's kinds, so it reads what state refers to, not whether structs can take it. It holds at any
// moment, also after a crash and before the next start:
//
//   - each record is one that this version writes, and its number one that was given out;
//   - what a record names is there and of a sort that may be named there;
//   - each slot counts the records that name it: states, promises that have settled, roots, facets and resolvers;
//   - each object has its state, in the bucket of its kind, and lists the slots that are in it.
//
// State in a bucket whose number is higher than that of every kind is nobody's yet: an upgrade writes there until it is
// whole, and one that was cut short leaves it. State in any other bucket that no kind has is a fault.
func CheckDepot(r store.Reader) (DepotContents, error) {
	c := checker{r: r, slots: make(map[uint64]*checkedSlot), vats: make(map[uint64]string), kinds: make(map[uint64]*checkedKind)}
	c.once()
	c.vatsAndKinds()
	c.eachSlot()
	c.states()
	c.roots()
	c.pins()
	c.messages()
	c.edges()
	c.counts()
	for _, k := range slices.SortedFunc(maps.Values(c.kinds), func(a, b *checkedKind) int { return strings.Compare(a.Name, b.Name) }) {
		c.contents.Kinds = append(c.contents.Kinds, k.KindContents)
	}
	return c.contents, c.result()
}

const (
	maxFindings = 10  // faults that are told one by one
	maxFinding  = 400 // bytes of one
)

// checker is a check in progress.
type checker struct {
	r        store.Reader
	contents DepotContents
	next     uint64
	slots    map[uint64]*checkedSlot
	vats     map[uint64]string
	kinds    map[uint64]*checkedKind // by number
	findings []error
	more     int
	unread   bool // a record that may name slots could not be read
}

type checkedSlot struct {
	sort         sorts
	state        bool     // of an object: it has one
	kind         uint64   // of an object
	facets       []uint64 // of an object
	pair         uint64   // of a promise its resolver, of that the promise; of a facet the object
	count, named uint64
}

type checkedKind struct {
	KindContents
	bucket uint64
	facets []string
}

// sorts is a set of sorts of slots.
type sorts uint16

const (
	unreadable sorts = 1 // one whose record could not be read
	references       = 1<<slotFacet | 1<<slotVow | 1<<slotLost | 1<<slotCaretaker | 1<<slotRevoker | 1<<slotFar
)

// place is a record, for people.
type place struct {
	what   string
	number uint64
	name   string
}

func (p place) String() string {
	switch {
	case p.name != "":
		return p.what + " " + strconv.Quote(p.name)
	case p.number != 0:
		return fmt.Sprint(p.what, " ", p.number)
	}
	return p.what
}

func (c *checker) find(at place, format string, args ...any) {
	if len(c.findings) == maxFindings {
		c.more++
		return
	}
	line := fmt.Sprintf("vat: %v: "+format, append([]any{at}, args...)...)
	c.findings = append(c.findings, errors.New(clip(strings.ReplaceAll(line, "\n", " "), maxFinding)))
}

func (c *checker) result() error {
	if c.more > 0 {
		c.findings = append(c.findings, fmt.Errorf("vat: %d more faults", c.more))
	}
	return errors.Join(c.findings...)
}

// decode reads a record and reports whether it could.
func (c *checker) decode(at place, value []byte, record any) bool {
	err := recordCodec.Unmarshal(value, record)
	if err != nil {
		c.find(at, "it cannot be read: %v", err)
	}
	return err == nil
}

// number reads a number that was given out, 0 if it is none.
func (c *checker) number(at place, b []byte) uint64 {
	n := keyNumber(b)
	switch {
	case n == 0:
		c.find(at, "%x is no number", clip(string(b), maxName))
	case n >= c.next:
		c.find(at, "its number was never given out: all are below %d", c.next)
	}
	return n
}

// each calls fn with the records of a bucket whose keys are numbers.
func (c *checker) each(bucket, what string, fn func(at place, value []byte)) {
	c.r.Scan(bucket, nil, func(key, value []byte) bool {
		at := place{what: what, number: keyNumber(key)}
		if c.number(at, key) != 0 {
			fn(at, value)
		}
		return true
	})
}

// once checks what there is once.
func (c *checker) once() {
	if b := c.r.Get(bucketDepot, keyNext); b != nil && keyNumber(b) == 0 {
		c.find(place{what: "the numbers that were given out"}, "%x is no number", clip(string(b), maxName))
	}
	c.next = max(keyNumber(c.r.Get(bucketDepot, keyNext)), 1)
	c.r.Scan(bucketDepot, nil, func(key, value []byte) bool {
		switch string(key) {
		case string(keyNext):
		case string(keyClean):
			c.contents.Clean = true
		case string(keyPoison):
			var p poisonRecord
			at := place{what: "the mark of the message that runs alone"}
			if c.decode(at, value, &p) && (p.Message == 0 || p.Message >= c.next || p.Tries > maxTries) {
				c.find(at, "it says message %d, %d tries", p.Message, p.Tries)
			}
		default:
			c.find(place{what: "depot"}, "it has %q, of which this version knows nothing", clip(string(key), maxName))
		}
		return true
	})
}

func (c *checker) vatsAndKinds() {
	c.r.Scan(bucketVats, nil, func(key, value []byte) bool {
		c.contents.Vats++
		at := place{what: "vat", name: string(key)}
		n := c.number(at, value)
		if other, ok := c.vats[n]; ok {
			c.find(at, "it has the number of the vat %q", other)
		}
		if n != 0 {
			c.vats[n] = string(key)
		}
		return true
	})
	buckets := make(map[uint64]string)
	last, unknown := uint64(0), false // unknown: one that could not be read has a bucket, too
	c.r.Scan(bucketKinds, nil, func(key, value []byte) bool {
		var r kindRecord
		at := place{what: "kind", name: string(key)}
		if !c.decode(at, value, &r) {
			c.unread = true
			unknown = true
			return true
		}
		if r.Number == 0 || r.Version < 1 || r.Bucket == 0 || !slices.IsSorted(r.Facets) {
			c.find(at, "it is number %d, version %d, bucket %d, facets %q", r.Number, r.Version, r.Bucket, r.Facets)
		}
		if other := c.kinds[r.Number]; other != nil {
			c.find(at, "it has the number of the kind %q", other.Name)
			return true
		}
		if other, ok := buckets[r.Bucket]; ok {
			c.find(at, "its state is in the bucket of the kind %q", other)
			return true
		}
		buckets[r.Bucket] = string(key)
		last = max(last, r.Bucket)
		c.kinds[r.Number] = &checkedKind{KindContents{Name: string(key), Version: r.Version}, r.Bucket, r.Facets}
		return true
	})
	for _, name := range c.r.Buckets() {
		n, _ := strconv.ParseUint(strings.TrimPrefix(name, bucketState+"-"), 10, 64)
		if _, known := buckets[n]; known || name != stateBucket(n) {
			continue
		}
		left := 0
		c.r.Scan(name, nil, func(_, _ []byte) bool { left++; return true })
		if n > last || unknown {
			c.contents.Leftover += left
		} else if left > 0 {
			c.find(place{what: "bucket", name: name}, "it has the state of %d objects and is that of no kind", left)
		}
	}
}

// names checks that a record may name a slot, and returns it; nil if it may not.
func (c *checker) names(at place, id uint64, fit sorts) *checkedSlot {
	s := c.slots[id]
	switch {
	case s == nil:
		c.find(at, "it names slot %d, which is not there", id)
	case s.sort&(fit|unreadable) == 0:
		c.find(at, "it names slot %d, which is of the wrong sort", id)
		s = nil
	}
	return s
}

// count is names for a record that slots count.
func (c *checker) count(at place, id uint64, fit sorts) *checkedSlot {
	s := c.names(at, id, fit)
	if s != nil {
		s.named++
	}
	return s
}

// value reads an encoded value and returns the slots in it, each once, ascending; ok is false if it cannot be read.
func (c *checker) value(at place, b []byte) (v any, names []uint64, ok bool) {
	v, err := modelcbor.Decode(b, func(id uint64) (passable.Reference, error) {
		names = append(names, id)
		return token(id), nil
	})
	if err != nil {
		c.find(at, "its content cannot be read: %v", err)
		return nil, nil, false
	}
	slices.Sort(names)
	return v, slices.Compact(names), true
}

// listed checks the slots that a record says are in an encoded value, and counts it for each.
func (c *checker) listed(at place, list []uint64, value []byte, fit sorts) {
	if _, names, ok := c.value(at, value); ok && !slices.Equal(names, list) {
		c.find(at, "it lists the slots %d, and %d are in it", list, names)
	}
	for _, id := range list {
		c.count(at, id, fit)
	}
}

func (c *checker) states() {
	for _, number := range slices.Sorted(maps.Keys(c.kinds)) {
		k := c.kinds[number]
		c.each(stateBucket(k.bucket), "the state of object", func(at place, value []byte) {
			k.Objects++
			k.Bytes += len(value)
			s := c.slots[at.number]
			switch {
			case s == nil:
				c.find(at, "of the kind %q: there is no such object", k.Name)
			case s.sort == unreadable:
			case s.sort != 1<<slotBody:
				c.find(at, "of the kind %q: slot %d is no object", k.Name, at.number)
			case s.kind != number:
				c.find(at, "it is stored as one of the kind %q, which is number %d, and is of number %d", k.Name, number, s.kind)
			default:
				s.state = true
			}
			var r bodyRecord
			if !c.decode(at, value, &r) {
				c.unread = true
				return
			}
			c.listed(at, r.Names, r.State, references|1<<slotResolver)
		})
	}
}

func (c *checker) roots() {
	c.r.Scan(bucketRoots, nil, func(key, value []byte) bool {
		c.contents.Roots++
		if len(key) < 8 {
			c.find(place{what: "root", name: string(key)}, "it does not say of which vat")
			c.unread = true
			return true
		}
		v, name := keyNumber(key[:8]), string(key[8:])
		at := place{what: "root", name: name}
		if _, ok := c.vats[v]; !ok {
			c.find(at, "it is one of the vat number %d, which is not there", v)
		}
		if keyNumber(value) == 0 {
			c.find(at, "%x is no number", clip(string(value), maxName))
			c.unread = true
			return true
		}
		c.count(at, keyNumber(value), references)
		return true
	})
}

func (c *checker) pins() {
	c.r.Scan(bucketPins, nil, func(key, value []byte) bool {
		c.contents.Pins++
		var p pinRecord
		at := place{what: "pin", name: string(key)}
		if !c.decode(at, value, &p) {
			c.unread = true
			return true
		}
		c.count(at, p.Slot, references)
		return true
	})
}

func (c *checker) messages() {
	c.each(bucketMessages, "message", func(at place, value []byte) {
		c.contents.Messages++
		if c.slots[at.number] != nil {
			c.find(at, "there is a slot of that number")
		}
		var r messageRecord
		if !c.decode(at, value, &r) {
			return
		}
		to := sorts(references)
		if r.Await != 0 || r.Due != 0 {
			to = 1 << slotFacet
		}
		c.names(at, r.To, to)
		if r.Answer != 0 {
			c.names(at, r.Answer, 1<<slotVow)
		}
		if r.Await != 0 {
			c.names(at, r.Await, references)
		}
		if Op(r.Op) > Untag || r.Due < 0 || r.Await != 0 && r.Due != 0 {
			c.find(at, "operation %d, awaiting %d, due %d", r.Op, r.Await, r.Due)
		}
		for _, id := range r.Ways {
			c.names(at, id, 1<<slotCaretaker)
		}
		v, names, ok := c.value(at, r.Args)
		if _, list := v.([]any); ok && !list {
			c.find(at, "its arguments are no list")
		}
		for _, id := range names {
			c.names(at, id, references)
		}
	})
}
