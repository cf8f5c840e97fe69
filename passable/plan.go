package passable

import (
	"math/big"
	"reflect"
	"sync"
	"time"
)

// A plan says how values of one Go type cross, in both directions. Plans are
// facts about types and are worked out once; there are as many as the program
// has types.
type plan struct {
	op  op
	typ reflect.Type

	refuse  error   // opRefuse: why
	elem    *plan   // pointers, slices, arrays, maps, stubs
	key     *plan   // opPairs
	fields  []field // opStruct, sorted by wire name
	bare    bool    // opReference: values of typ are references themselves
	setter  bool    // opReference: *typ is a ReferenceSetter
	pointer bool    // opReference, opError, opOpaque: typ is a pointer, nil is null
}

type field struct {
	key       string
	index     []int
	omitEmpty bool
	plan      *plan
}

type op uint8

const (
	opRefuse op = iota
	opBool
	opInt
	opUint
	opFloat
	opString
	opSymbol
	opBytes
	opByteArray
	opView
	opSlice
	opArray
	opMap
	opPairs
	opStruct
	opPointer
	opInterface
	opBigInt
	opTime
	opUndefined
	opTagged
	opModelStruct
	opError
	opReference
	opStub
	opOpaque
)

var (
	plans    sync.Map // reflect.Type -> *plan
	planning sync.Mutex
)

var (
	typeReference       = reflect.TypeFor[Reference]()
	typeReferenceSetter = reflect.TypeFor[ReferenceSetter]()
	typeOpaque          = reflect.TypeFor[Opaque]()
	typeGoError         = reflect.TypeFor[error]()
)

var exactTypes = map[reflect.Type]op{
	reflect.TypeFor[Symbol]():    opSymbol,
	reflect.TypeFor[View]():      opView,
	reflect.TypeFor[big.Int]():   opBigInt,
	reflect.TypeFor[time.Time](): opTime,
	reflect.TypeFor[Undefined](): opUndefined,
	reflect.TypeFor[Tagged]():    opTagged,
	reflect.TypeFor[Struct]():    opModelStruct,
	reflect.TypeFor[Error]():     opError,
}

func planFor(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	planning.Lock()
	defer planning.Unlock()
	b := planner{}
	p := b.plan(t)
	for t, p := range b { // published only when all of them are complete
		plans.LoadOrStore(t, p)
	}
	return p
}

// A planner holds the plans being made, so that recursive types end.
type planner map[reflect.Type]*plan

func (b planner) plan(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	if p, ok := b[t]; ok {
		return p
	}
	p := &plan{typ: t}
	b[t] = p
	b.fill(p, t)
	return p
}

func (b planner) fill(p *plan, t reflect.Type) {
	if op, ok := exactTypes[t]; ok {
		p.op = op
		return
	}
	kind := t.Kind()
	if kind != reflect.Interface && b.fillMarked(p, t) {
		return
	}
	switch kind {
	case reflect.Bool:
		p.op = opBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.op = opInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p.op = opUint
	case reflect.Float32, reflect.Float64:
		p.op = opFloat
	case reflect.String:
		p.op = opString
	case reflect.Interface:
		p.op = opInterface
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			p.op = opBytes
			return
		}
		p.op, p.elem = opSlice, b.plan(t.Elem())
	case reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			p.op = opByteArray
			return
		}
		p.op, p.elem = opArray, b.plan(t.Elem())
	case reflect.Map:
		switch {
		case t.Key().Kind() == reflect.String:
			p.op = opMap
		case b.keyed(t.Key()):
			p.op, p.key = opPairs, b.plan(t.Key())
		default:
			p.refuse = cannotPass(t, "keys are strings or references: use a map with such keys, or a list of pairs")
			return
		}
		p.elem = b.plan(t.Elem())
	case reflect.Pointer:
		p.op, p.elem = opPointer, b.plan(t.Elem())
	case reflect.Struct:
		b.fillStruct(p, t)
	case reflect.Complex64, reflect.Complex128:
		p.refuse = cannotPass(t, "send the two parts as numbers")
	case reflect.Uintptr, reflect.UnsafePointer:
		p.refuse = cannotPass(t, "an address means nothing elsewhere")
	default: // chan, func
		p.refuse = cannotPass(t, "send data or a reference")
	}
}

// fillMarked handles types that say by their methods what they are.
func (b planner) fillMarked(p *plan, t reflect.Type) bool {
	p.pointer = t.Kind() == reflect.Pointer
	isSetter := !p.pointer && reflect.PointerTo(t).Implements(typeReferenceSetter)
	switch {
	case t.Implements(typeReference) || isSetter:
		if p.pointer && (t.Elem().Implements(typeReference) || reflect.PointerTo(t.Elem()).Implements(typeReferenceSetter)) {
			return false // a pointer to a reference, not one that is the reference
		}
		p.op, p.bare, p.setter = opReference, t.Implements(typeReference), isSetter
		b.fillStub(p, t)
	case t.Implements(typeOpaque):
		if p.pointer && t.Elem().Implements(typeOpaque) {
			return false
		}
		p.op = opOpaque
	case t.Implements(typeGoError):
		if p.pointer && t.Elem().Implements(typeGoError) {
			return false
		}
		p.op = opError
	default:
		return false
	}
	return true
}

// fillStub tells stubs (struct{ R }) from bare references, and refuses a
// reference that other fields hang on.
func (b planner) fillStub(p *plan, t reflect.Type) {
	if t.Kind() != reflect.Struct {
		return
	}
	i := embeddedReference(t)
	if i < 0 {
		return
	}
	if t.NumField() > 1 {
		p.op, p.refuse = opRefuse, mixedReference(t, i)
		return
	}
	p.op, p.elem = opStub, b.plan(t.Field(i).Type)
}

// embeddedReference returns the index of an embedded field that is a reference,
// or -1.
func embeddedReference(t reflect.Type) int {
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && (f.Type.Implements(typeReference) || reflect.PointerTo(f.Type).Implements(typeReferenceSetter)) {
			return i
		}
	}
	return -1
}

// Check reports why values of type t can never pass, as a *PathError naming the
// place, or nil. What only a value shows (an interface, a number out of range)
// is not its business. A facet is checked with it before anybody can call it.
func Check(t reflect.Type) error {
	return checkPlan(planFor(t), map[*plan]bool{})
}

func checkPlan(p *plan, seen map[*plan]bool) error {
	if seen[p] {
		return nil
	}
	seen[p] = true
	if p.op == opRefuse {
		return fail(p.refuse)
	}
	if p.elem != nil {
		if err := checkPlan(p.elem, seen); err != nil {
			if p.op == opSlice || p.op == opArray || p.op == opMap || p.op == opPairs {
				return under("[]", err)
			}
			return err
		}
	}
	for _, f := range p.fields {
		if err := checkPlan(f.plan, seen); err != nil {
			return underKey(f.key, err)
		}
	}
	return nil
}
