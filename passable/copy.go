package passable

import (
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Copy returns v, any Go value, as a fresh model value that shares nothing with
// it but strings, references and Opaque values. ref, if not nil, maps every
// reference met, in order of appearance (members of a Struct in order of their
// keys); a reference that is null becomes nil without being shown to it. What
// cannot pass is a *PathError.
func Copy(v any, ref func(Reference) (Reference, error)) (any, error) {
	c := copier{ref: ref, left: MaxValues}
	return c.value(v, 0)
}

// CopyArgs is Copy of each of args, within one common limit. Its errors name the
// argument, as in `args[2]`. The result is nil for no arguments.
func CopyArgs(args []any, ref func(Reference) (Reference, error)) ([]any, error) {
	if len(args) == 0 {
		return nil, nil
	}
	c := copier{ref: ref, left: MaxValues}
	out := make([]any, len(args))
	for i, a := range args {
		v, err := c.value(a, 0)
		if err != nil {
			return nil, under("args", underIndex(i, err))
		}
		out[i] = v
	}
	return out, nil
}

// A copier is one run of Copy. depth, in its methods, is the number of
// containers around a value.
type copier struct {
	ref  func(Reference) (Reference, error)
	left int // values that may still follow
}

func (c *copier) count() error {
	if c.left--; c.left < 0 {
		return fail(ErrTooMany)
	}
	return nil
}

func open(depth int) error {
	if depth >= MaxDepth {
		return fail(ErrTooDeep)
	}
	return nil
}

// value copies what an interface holds; the common types need no reflection.
func (c *copier) value(v any, depth int) (any, error) {
	if err := c.count(); err != nil {
		return nil, err
	}
	switch x := v.(type) {
	case nil, bool, int64, float64, Undefined:
		return v, nil
	case string:
		return v, validText(x)
	case Symbol:
		return v, validText(string(x))
	case int:
		return int64(x), nil
	case []byte:
		return slices.Clone(nonNil(x)), nil
	case *big.Int:
		if x == nil {
			return nil, nil
		}
		return integer(x)
	case []any:
		return c.list(x, depth)
	case Struct:
		return c.modelStruct(x, depth)
	case Tagged:
		return c.tagged(x, depth)
	case Error:
		return modelError(x)
	}
	rv := reflect.ValueOf(v)
	return c.reflected(planFor(rv.Type()), rv, depth)
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func validText(s string) error {
	if !utf8.ValidString(s) {
		return fail(ErrNotUTF8)
	}
	return nil
}

func modelError(e Error) (any, error) {
	if err := validText(e.Code); err != nil {
		return nil, err
	}
	return e, validText(e.Message)
}

func (c *copier) list(in []any, depth int) (any, error) {
	if err := open(depth); err != nil {
		return nil, err
	}
	if len(in) > c.left {
		return nil, fail(ErrTooMany)
	}
	out := make([]any, len(in))
	for i, x := range in {
		v, err := c.value(x, depth+1)
		if err != nil {
			return nil, underIndex(i, err)
		}
		out[i] = v
	}
	return out, nil
}

func (c *copier) modelStruct(in Struct, depth int) (any, error) {
	if err := open(depth); err != nil {
		return nil, err
	}
	out, err := sortedStruct(append(make([]Field, 0, len(in)), in...))
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Value, err = c.value(out[i].Value, depth+1); err != nil {
			return nil, underKey(out[i].Key, err)
		}
	}
	return out, nil
}

func (c *copier) tagged(in Tagged, depth int) (any, error) {
	if err := open(depth); err != nil {
		return nil, err
	}
	if err := validText(in.Tag); err != nil {
		return nil, err
	}
	v, err := c.value(in.Value, depth+1)
	if err != nil {
		return nil, under("value", err)
	}
	return Tagged{in.Tag, v}, nil
}

func (c *copier) reference(r Reference) (any, error) {
	if r = r.PassableReference(); r == nil {
		return nil, nil
	}
	if c.ref == nil {
		return r, nil
	}
	mapped, err := c.ref(r)
	if err != nil {
		return nil, fail(err)
	}
	if mapped == nil {
		return nil, nil
	}
	return mapped, nil
}

// part copies a part of a Go value, counting it.
func (c *copier) part(p *plan, v reflect.Value, depth int) (any, error) {
	if p.op != opInterface && p.op != opPointer { // these count what they hold
		if err := c.count(); err != nil {
			return nil, err
		}
	}
	return c.reflected(p, v, depth)
}

func (c *copier) reflected(p *plan, v reflect.Value, depth int) (any, error) {
	switch p.op {
	case opRefuse:
		return nil, fail(p.refuse)
	case opBool:
		return v.Bool(), nil
	case opInt:
		return v.Int(), nil
	case opUint:
		return unsigned(v.Uint()), nil
	case opFloat:
		return v.Float(), nil
	case opString:
		s := v.String()
		return s, validText(s)
	case opSymbol:
		s := v.String()
		return Symbol(s), validText(s)
	case opBytes, opView:
		return slices.Clone(nonNil(v.Bytes())), nil
	case opByteArray:
		if !v.CanAddr() {
			a := reflect.New(p.typ).Elem()
			a.Set(v)
			return a.Bytes(), nil
		}
		return slices.Clone(nonNil(v.Bytes())), nil
	case opSlice, opArray:
		return c.reflectedList(p, v, depth)
	case opMap:
		return c.reflectedMap(p, v, depth)
	case opPairs:
		return c.reflectedPairs(p, v, depth)
	case opStruct:
		return c.reflectedStruct(p, v, depth)
	case opPointer:
		if v.IsNil() {
			return nil, c.count()
		}
		if k := p.elem.op; k == opPointer || k == opInterface { // may be a cycle without a container
			if err := open(depth); err != nil {
				return nil, err
			}
			depth++
		}
		return c.part(p.elem, v.Elem(), depth)
	case opInterface:
		if v.IsNil() {
			return nil, c.count()
		}
		return c.value(v.Elem().Interface(), depth)
	case opUndefined:
		return Undefined{}, nil
	case opReference, opStub:
		return c.reflectedReference(p, v)
	default:
		return c.exact(p, v, depth)
	}
}

// exact handles the types that cross by their own Go value.
func (c *copier) exact(p *plan, v reflect.Value, depth int) (any, error) {
	if p.pointer && v.IsNil() {
		return nil, nil
	}
	if !v.CanInterface() {
		return nil, fail(cannotPass(p.typ, "it sits in a field that is not exported"))
	}
	switch x := v.Interface().(type) {
	case big.Int:
		return integer(&x)
	case Tagged:
		return c.tagged(x, depth)
	case Struct:
		return c.modelStruct(x, depth)
	case Error:
		return modelError(x)
	case Opaque:
		return x, nil
	case error:
		return errorValue(x), nil
	default:
		return timeOf(v), nil
	}
}

func (c *copier) reflectedReference(p *plan, v reflect.Value) (any, error) {
	// A null pointer inside must not be asked: its method may not expect that.
	for q, w := p, v; ; q, w = q.elem, w.Field(0) {
		if w.Kind() == reflect.Pointer && w.IsNil() {
			return nil, nil
		}
		if q.op != opStub {
			break
		}
	}
	r, ok := v.Interface().(Reference)
	if !ok {
		return nil, fail(cannotPass(p.typ, "its method PassableReference has a pointer receiver: pass a pointer"))
	}
	return c.reference(r)
}

func (c *copier) reflectedList(p *plan, v reflect.Value, depth int) (any, error) {
	if err := open(depth); err != nil {
		return nil, err
	}
	if v.Len() > c.left {
		return nil, fail(ErrTooMany)
	}
	out := make([]any, v.Len())
	for i := range out {
		x, err := c.part(p.elem, v.Index(i), depth+1)
		if err != nil {
			return nil, underIndex(i, err)
		}
		out[i] = x
	}
	return out, nil
}

func (c *copier) reflectedMap(p *plan, v reflect.Value, depth int) (any, error) {
	if err := open(depth); err != nil {
		return nil, err
	}
	if v.Len() > c.left {
		return nil, fail(ErrTooMany)
	}
	type entry struct {
		key   string
		value reflect.Value
	}
	entries := make([]entry, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		entries = append(entries, entry{it.Key().String(), it.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	out := make(Struct, 0, len(entries))
	for _, e := range entries {
		if !utf8.ValidString(e.key) {
			return nil, fail(fmt.Errorf("%w: the key of a member", ErrNotUTF8))
		}
		x, err := c.part(p.elem, e.value, depth+1)
		if err != nil {
			return nil, underKey(e.key, err)
		}
		out = append(out, Field{e.key, x})
	}
	return out, nil
}

func (c *copier) reflectedStruct(p *plan, v reflect.Value, depth int) (any, error) {
	if err := open(depth); err != nil {
		return nil, err
	}
	out := make(Struct, 0, len(p.fields))
	for i := range p.fields {
		f := &p.fields[i]
		fv := v.FieldByIndex(f.index)
		if f.omitEmpty && isEmpty(fv) {
			continue
		}
		x, err := c.part(f.plan, fv, depth+1)
		if err != nil {
			return nil, underKey(f.key, err)
		}
		out = append(out, Field{f.key, x})
	}
	return out, nil
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Array, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}
