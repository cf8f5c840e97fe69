package vat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/store"
)

// What a depot keeps in its store. Slots and messages are numbered by one counter.
const (
	bucketDepot    = "depot"    // the names below: what there is once
	bucketVats     = "vats"     // name: number
	bucketKinds    = "kinds"    // name: kindRecord
	bucketSlots    = "slots"    // slot: slotRecord
	bucketMessages = "messages" // number: messageRecord
	bucketRoots    = "roots"    // number of a vat and name: slot
	bucketPins     = "pins"     // a name that a session gives: pinRecord
	bucketState    = "state"    // and a number for each kind and upgrade; body: bodyRecord
)

var (
	keyNext   = []byte("next")   // no number from here on was given out
	keyClean  = []byte("clean")  // it was closed in order
	keyPoison = []byte("poison") // poisonRecord
)

// What a slot is for.
const (
	slotFacet     = 1 + iota // of a durable object
	slotVow                  // a promise
	slotLost                 // a reference that means nothing after a restart
	slotBody                 // a durable object, which only its facets name
	slotResolver             // what settles a promise
	slotCaretaker            // stands before what it names, until it is revoked: then it has an error
	slotRevoker              // what revokes a caretaker
	slotFar                  // something outside that lasts
)

// slotRecord is what is stored of a slot.
type slotRecord struct {
	_     struct{} `cbor:",toarray"`
	Sort  int
	Count uint64 // records that name it
	// Of a facet: the object and which facet of it; of a resolver: the promise. Of an object: its vat and the number of its
	// kind; of a caretaker: its vat.
	Body  uint64
	Facet string
	Vat   uint64
	Kind  uint64
	// Of a promise; of a caretaker, what it stands before and why it does not any more; of a revoker, the caretaker.
	Settled  bool
	Resolver uint64 // its resolver's slot, 0 if nothing holds that
	Names    []uint64
	Value    []byte // encoded, of one that was fulfilled
	Err      []errorRecord
	// Facets are the slots of an object's facets that are stored; they name it, not it them.
	Facets []uint64
	Key    []byte // of something outside
	// When a session settled a promise, a number like those of messages: what had waited on it comes behind what was stored under
	// lower ones.
	When uint64
}

// errorRecord is what a promise broke with.
type errorRecord struct {
	_       struct{} `cbor:",toarray"`
	Code    string
	Message string
	Remote  bool
	Closed  bool // it unwraps to net.ErrClosed
}

// bodyRecord is the state of a durable object.
type bodyRecord struct {
	_     struct{} `cbor:",toarray"`
	Names []uint64 // slots in the state, ascending
	State []byte
}

// kindRecord says how the objects of a kind are stored.
type kindRecord struct {
	_       struct{} `cbor:",toarray"`
	Number  uint64
	Version int
	Bucket  uint64 // bucketState and this is where
	Shape   string
	Facets  []string
}

// messageRecord is a message that has not been taken by a turn that is stored.
type messageRecord struct {
	_        struct{} `cbor:",toarray"`
	To       uint64
	Op       uint8
	Selector []byte // as it came, which need not be UTF-8
	Pos      int64
	Args     []byte
	Answer   uint64         // a promise; 0 if nobody durable waits
	Await    uint64         // a promise whose outcome is the last argument; 0 if none
	Ways     []uint64       // the caretakers it came through
	Due      int64          // not before, nanoseconds since 1970; 0 if at once
	From     []callerRecord // on whose behalf it came, none for this process
}

// callerRecord is a Caller.
type callerRecord struct {
	_                        struct{} `cbor:",toarray"`
	Transport, Designator    []byte
	Authenticated, Anonymous bool
}

// callerOf is a Caller as it is stored.
func callerOf(c *Caller) []callerRecord {
	if c == nil {
		return nil
	}
	return []callerRecord{{
		Transport: []byte(c.Transport), Designator: []byte(c.Designator), Authenticated: c.Authenticated, Anonymous: c.Anonymous,
	}}
}

// reviveCaller returns a stored Caller, nil for none.
func reviveCaller(from []callerRecord) *Caller {
	if len(from) == 0 {
		return nil
	}
	r := &from[0]
	return &Caller{string(r.Transport), string(r.Designator), r.Authenticated, r.Anonymous}
}

// pinRecord is a reference that a session keeps.
type pinRecord struct {
	_       struct{} `cbor:",toarray"`
	Slot    uint64
	Awaited bool // a promise that the session settles
}

// poisonRecord marks the message that runs alone after an unclean stop.
type poisonRecord struct {
	_       struct{} `cbor:",toarray"`
	Message uint64
	Tries   uint64
}

var recordCodec = func() *detcbor.Codec {
	c, err := detcbor.New(detcbor.Limits{Bytes: 2 * modelcbor.MaxBytes, Elements: passable.MaxValues})
	if err != nil {
		panic(err)
	}
	return c
}()

// errDamaged says that a record is not what this version writes.
var errDamaged = errors.New("vat: the store is damaged: restore it from a backup, or use a new directory")

// maxStored is how large a state, a message or a value may be, with what is stored beside it.
const maxStored = store.MaxValue - 1<<16

var errTooLarge = fmt.Errorf("it is larger than %d bytes", maxStored)

// checkName returns why a vat or a root cannot have a name.
func checkName(name string) error {
	if most := store.MaxKey - 8; name == "" || len(name) > most {
		return fmt.Errorf("vat: a durable vat, or a root in one, has a name of 1 to %d bytes, this is one of %d", most, len(name))
	}
	return nil
}

func encodeRecord(v any) ([]byte, error) { return recordCodec.Marshal(v) }

func decodeRecord(b []byte, v any) error {
	if err := recordCodec.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: a record of %s: %w", errDamaged, reflect.TypeOf(v).Elem().Name(), err)
	}
	return nil
}

func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func keyNumber(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func stateBucket(n uint64) string { return fmt.Sprintf("%s-%d", bucketState, n) }

func rootKey(vat uint64, name string) []byte { return append(numberKey(vat), name...) }
