package vat

import (
	"container/list"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/store"
)

// A Depot is where durable vats keep their objects: one for each store. At the end of each turn of a durable vat one
// transaction holds the state of the objects that the turn has changed, the message it took and those it sent. Messages
// between durable vats of one depot go at once, in the order of the turns; whatever leaves it — messages to other vats and
// to peers, answers to those who wait, what OnCommit put off — waits until the turn is on the disk. After a crash at any
// instant each message between durable objects has taken effect once, in order.
type Depot struct {
	store   *store.Store
	cfg     DepotConfig
	kinds   map[reflect.Type]*storedKind
	numbers map[uint64]*storedKind
	courier courier
	closing atomic.Bool
	gone    graveyard

	sweeping sync.Mutex // held while the depot is swept
	sweeper  sync.WaitGroup
	clock    clock

	mu     sync.Mutex
	next   uint64 // the next number to be given out
	leased uint64 // the first that the store is not to know, by now, to be given out
	told   uint64 // the first that it does not know to be
	slots  map[uint64]*slot
	refs   map[WeakRef]*slot // of those that are not facets
	impls  map[any]*body     // the objects that are loaded, by the pointer to their struct
	loaded list.List         // the same as *body, the last used first
	bytes  int               // their state
	vats   map[string]*Vat
	names  map[uint64]*Vat
	pins   map[string]pinRecord
	// letters are the stored messages that are in memory, by number.
	letters map[uint64]*letter
	failed  error
	past    recovery
	named   map[uint64]bool // what was named since a sweep began; nil at other times
	made    int             // slots numbered since the last one
	live    int             // slots there were after it
}

// DepotConfig configures a depot. The zero value of each field but Kinds means the default.
type DepotConfig struct {
	// Kinds are the kinds of objects there may be.
	Kinds []Kind
	// Outside knows the references into sessions that are stored. Default: there are none.
	Outside Outside
	// Vat configures each of the vats; its Name is not used.
	Vat Config
	// MaxLoaded bounds the state of objects in memory, in bytes as they are stored (default 64 MiB): beyond it those that
	// have not been used for longest leave memory and come back when they get a message.
	MaxLoaded int
	// Amnesia has every object leave memory after each turn, so that tests notice what was kept in fields that are not
	// state. It costs much.
	Amnesia bool
}

// storedKind is a kind and how its objects are stored.
type storedKind struct {
	*kind
	number uint64
	bucket string
}

// ErrUnknownKind says that there are objects in a store of whose kind the program knows nothing, or too little. Nothing was
// changed.
var ErrUnknownKind = errors.New("vat: the store has objects of a kind that this program does not have")

// ErrUpgrade says that objects in a store could not be brought up to date. Nothing was changed.
var ErrUpgrade = errors.New("vat: the state of stored objects could not be brought up to date")

// ErrDurableTurn is what Await returns in a turn of a durable vat: a goroutine that waits cannot be stored. Use [WhenSettled].
var ErrDurableTurn = NewError("hawser.durable-turn",
	"vat: no Await in a durable vat, for a goroutine that waits cannot be stored: use vat.WhenSettled")

// OpenDepot opens the depot in a store, which stays open when the depot is closed and is used for nothing else meanwhile but
// by those who know of each other's buckets. Nothing runs before Start. It refuses, and changes nothing, if there are
// objects in the store whose kind is missing in cfg or whose state cannot be brought up to date.
func OpenDepot(s *store.Store, cfg DepotConfig) (*Depot, error) {
	d := &Depot{
		store: s, cfg: cfg, kinds: make(map[reflect.Type]*storedKind), numbers: make(map[uint64]*storedKind),
		slots: make(map[uint64]*slot), refs: make(map[WeakRef]*slot), impls: make(map[any]*body), vats: make(map[string]*Vat),
		names: make(map[uint64]*Vat), letters: make(map[uint64]*letter),
	}
	if d.cfg.MaxLoaded <= 0 {
		d.cfg.MaxLoaded = 64 << 20
	}
	if d.cfg.Vat.Logger == nil {
		d.cfg.Vat.Logger = hclog.NewNullLogger()
	}
	d.courier.start()
	if err := d.recover(); err != nil {
		d.courier.stop()
		return nil, err
	}
	return d, nil
}

// Vat returns the durable vat of that name, which is made now if there is none and is there for good: after a restart it
// has the objects it had. Objects are made in it as in any other, but for their kind, which must be among those of the
// depot. Once the depot has failed or is closed so is every vat of it.
func (d *Depot) Vat(name string) (*Vat, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if v := d.vats[name]; v != nil {
		return v, nil
	}
	if d.failed != nil {
		return nil, d.failed
	}
	x := d.begin()
	n := x.number()
	x.batch.Put(bucketVats, []byte(name), numberKey(n))
	if err := x.submit(nil); err != nil {
		return nil, err
	}
	return d.vat(name, n), nil
}

// vat makes the vat of that name. It is called with mu held.
func (d *Depot) vat(name string, n uint64) *Vat {
	cfg := d.cfg.Vat
	cfg.Name = name
	v := New(&cfg)
	v.depot, v.number = d, n
	d.vats[name], d.names[n] = v, v
	if d.closing.Load() {
		v.refuse()
	}
	return v
}

// Err returns why the depot has failed, nil if it has not.
func (d *Depot) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// Fail stops every vat of the depot for good, because of err: what is stored is not this process's any more. What was done and is on
// the disk stays there.
func (d *Depot) Fail(err error) { d.fail(err) }

// fail stops every vat of the depot: what is in memory is no longer what is stored.
func (d *Depot) fail(err error) {
	d.mu.Lock()
	if d.failed != nil || d.closing.Load() {
		d.mu.Unlock()
		return
	}
	d.failed = fmt.Errorf("vat: durable vats have stopped, nothing of them is lost that was said to be done: %w", err)
	vats := slices.Collect(maps.Values(d.vats))
	d.mu.Unlock()
	d.closing.Store(true)
	d.cfg.Vat.Logger.Error("durable vats have stopped: a turn could not be stored", "error", err)
	for _, v := range vats {
		v.refuse()
	}
}

// Close closes the vats, waits until all that they have done is stored and handed over, and leaves the store as one that
// was closed in order. Messages that wait stay in the store. It must not be called in a turn of one of the vats.
func (d *Depot) Close() error {
	wasClosing := d.closing.Swap(true)
	d.mu.Lock()
	vats := slices.Collect(maps.Values(d.vats))
	failed := d.failed
	d.mu.Unlock()
	var err error
	for _, v := range vats {
		err = errors.Join(err, v.Close())
	}
	d.abandon()
	d.clock.end()
	d.sweeper.Wait()
	if !wasClosing && failed == nil {
		var b store.Batch
		b.Put(bucketDepot, keyClean, []byte{})
		err = errors.Join(err, d.store.Write(&b))
	}
	d.courier.stop()
	return errors.Join(failed, err)
}

// spawn makes an object of impl in v, a vat of the depot.
func (d *Depot) spawn(v *Vat, f AnyFacet, impl any) Ref {
	t := reflect.TypeOf(impl)
	var k *storedKind
	if t.Kind() == reflect.Pointer && !reflect.ValueOf(impl).IsNil() {
		k = d.kinds[t.Elem()]
	}
	if k == nil {
		panic(fmt.Sprintf("vat: Spawn of a %T in the durable vat %q: only pointers to structs of registered kinds live there: "+
			"list its vat.KindOf among the Kinds, or spawn it in another vat", impl, v.name))
	}
	if k.facets[f.Name()] == nil {
		panic(fmt.Sprintf("vat: Spawn of a %T as %s in the durable vat %q: the kind %s does not have that facet: add it to vat.KindOf",
			impl, f.Name(), v.name, k.name))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.implOf(k.kind, impl)
	if b == nil {
		b = &body{kind: k, vat: v, impl: impl, facets: make(map[string]*slot)}
		b.slot = &slot{rec: slotRecord{Sort: slotBody, Vat: v.number, Kind: k.number}, body: b}
		d.impls[impl] = b
	} else if b.vat != v {
		panic(fmt.Sprintf("vat: Spawn of a %T in the vat %q: it is an object of the vat %q", impl, v.name, b.vat.name))
	}
	return d.refOf(b.facet(f.Name()))
}

// reserve returns a number that nothing has. The store learns of it with whatever it is stored in.
func (d *Depot) reserve() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begin().number()
}
