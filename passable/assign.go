package passable

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Assign stores a model value in the Go value that dst, a pointer that is not
// nil, points to. Everything in it is replaced: members that are missing leave
// zero values. dst shares no memory with the model but strings, references and
// Opaque values, and what a View borrows. After an error the content of *dst is
// unspecified; the error is a *PathError.
func Assign(dst any, model any) error {
	if done, err := assignSimple(dst, model); done {
		return err
	}
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fail(fmt.Errorf("the destination is %s: want a pointer that is not nil", typeName(dst)))
	}
	return AssignValue(v.Elem(), model)
}

// AssignValue is Assign for a settable reflect.Value.
func AssignValue(dst reflect.Value, model any) error {
	if !dst.CanSet() {
		return fail(errors.New("the destination cannot be set: want the element of a pointer"))
	}
	return assign(planFor(dst.Type()), dst, model, 0)
}

// To returns a model value as a T. It is Assign into a new variable.
func To[T any](model any) (T, error) {
	var out T
	if done, err := assignSimple(&out, model); done {
		return out, err
	}
	return toSlow[T](model)
}

// toSlow is apart so that the variable of To need not live on the heap.
func toSlow[T any](model any) (T, error) {
	var out T
	err := AssignValue(reflect.ValueOf(&out).Elem(), model)
	return out, err
}

// assignSimple does the common matching types without reflection.
func assignSimple(dst any, model any) (done bool, err error) {
	switch m := model.(type) {
	case bool:
		if p, ok := dst.(*bool); ok && p != nil {
			*p = m
			return true, nil
		}
	case int64:
		switch p := dst.(type) {
		case *int64:
			if p != nil {
				*p = m
				return true, nil
			}
		case *int:
			if p != nil && int64(int(m)) == m {
				*p = int(m)
				return true, nil
			}
		}
	case float64:
		if p, ok := dst.(*float64); ok && p != nil {
			*p = m
			return true, nil
		}
	case string:
		if p, ok := dst.(*string); ok && p != nil {
			*p = m
			return true, nil
		}
	case Symbol:
		if p, ok := dst.(*Symbol); ok && p != nil {
			*p = m
			return true, nil
		}
	case []byte:
		if p, ok := dst.(*[]byte); ok && p != nil {
			*p = slices.Clone(nonNil(m))
			return true, nil
		}
	}
	if p, ok := dst.(*any); ok && p != nil {
		*p, err = Copy(model, nil)
		return true, err
	}
	return false, nil
}

func assign(p *plan, dst reflect.Value, model any, depth int) error {
	switch p.op {
	case opRefuse:
		return fail(p.refuse)
	case opBool:
		b, ok := model.(bool)
		if !ok {
			return mismatch(model, "a Boolean", p.typ)
		}
		dst.SetBool(b)
	case opInt:
		n, large, err := toBig(model, p.typ)
		if err != nil {
			return err
		}
		if large != nil || dst.OverflowInt(n) {
			return misfit(model, p.typ)
		}
		dst.SetInt(n)
	case opUint:
		return assignUint(p, dst, model)
	case opFloat:
		f, err := toFloat(model, p.typ)
		if err != nil {
			return err
		}
		if p.typ.Kind() == reflect.Float32 && float64(float32(f)) != f && !math.IsNaN(f) {
			return misfit(model, p.typ)
		}
		dst.SetFloat(f)
	case opString:
		s, ok := model.(string)
		if !ok {
			return mismatch(model, "a String", p.typ)
		}
		dst.SetString(s)
	case opSymbol:
		s, ok := model.(Symbol)
		if !ok {
			return mismatch(model, "a Symbol", p.typ)
		}
		dst.SetString(string(s))
	case opBytes, opView, opByteArray:
		return assignBytes(p, dst, model)
	case opSlice, opArray:
		return assignList(p, dst, model, depth)
	case opMap:
		return assignMap(p, dst, model, depth)
	case opPairs:
		return assignPairs(p, dst, model, depth)
	case opStruct:
		return assignStruct(p, dst, model, depth)
	case opPointer:
		return assignPointer(p, dst, model, depth)
	case opInterface:
		return assignInterface(p, dst, model)
	case opReference, opStub:
		return assignReference(p, dst, model)
	default:
		return assignExact(p, dst, model)
	}
	return nil
}

// absent reports whether a model value stands for a Go nil.
func absent(model any) bool { return model == nil || model == any(Undefined{}) }

func assignUint(p *plan, dst reflect.Value, model any) error {
	n, large, err := toBig(model, p.typ)
	if err != nil {
		return err
	}
	u := uint64(n)
	if large != nil {
		if !large.IsUint64() {
			return misfit(model, p.typ)
		}
		u = large.Uint64()
	} else if n < 0 {
		return misfit(model, p.typ)
	}
	if dst.OverflowUint(u) {
		return misfit(model, p.typ)
	}
	dst.SetUint(u)
	return nil
}

func assignBytes(p *plan, dst reflect.Value, model any) error {
	b, ok := model.([]byte)
	switch {
	case !ok && absent(model) && p.op != opByteArray:
		dst.SetZero()
	case !ok:
		return mismatch(model, "a ByteArray", p.typ)
	case p.op == opView:
		dst.SetBytes(b)
	case p.op == opByteArray:
		if len(b) != p.typ.Len() {
			return outOfRange(fmt.Sprintf("a ByteArray of %d bytes", len(b)), p.typ)
		}
		copy(dst.Bytes(), b)
	default:
		dst.SetBytes(slices.Clone(nonNil(b)))
	}
	return nil
}

func assignList(p *plan, dst reflect.Value, model any, depth int) error {
	list, ok := model.([]any)
	if !ok {
		if absent(model) && p.op == opSlice {
			dst.SetZero()
			return nil
		}
		return mismatch(model, "a List", p.typ)
	}
	if err := open(depth); err != nil {
		return err
	}
	if p.op == opSlice {
		dst.Set(reflect.MakeSlice(p.typ, len(list), len(list)))
	} else if len(list) != p.typ.Len() {
		return outOfRange(fmt.Sprintf("a List of %d values", len(list)), p.typ)
	}
	for i, m := range list {
		if err := assign(p.elem, dst.Index(i), m, depth+1); err != nil {
			return underIndex(i, err)
		}
	}
	return nil
}

func assignMap(p *plan, dst reflect.Value, model any, depth int) error {
	s, ok := model.(Struct)
	if !ok {
		if absent(model) {
			dst.SetZero()
			return nil
		}
		return mismatch(model, "a Struct", p.typ)
	}
	if err := open(depth); err != nil {
		return err
	}
	out := reflect.MakeMapWithSize(p.typ, len(s))
	for _, f := range s {
		key := reflect.New(p.typ.Key()).Elem()
		key.SetString(f.Key)
		value := reflect.New(p.elem.typ).Elem()
		if err := assign(p.elem, value, f.Value, depth+1); err != nil {
			return underKey(f.Key, err)
		}
		out.SetMapIndex(key, value)
	}
	dst.Set(out)
	return nil
}

// assignStruct walks two lists sorted by key side by side.
func assignStruct(p *plan, dst reflect.Value, model any, depth int) error {
	dst.SetZero()
	s, ok := model.(Struct)
	if !ok {
		if absent(model) && len(p.fields) == 0 {
			return nil
		}
		return mismatch(model, "a Struct", p.typ)
	}
	if err := open(depth); err != nil {
		return err
	}
	i := 0
	for _, m := range s {
		for i < len(p.fields) && strings.Compare(p.fields[i].key, m.Key) < 0 {
			i++
		}
		if i == len(p.fields) {
			break
		}
		if f := &p.fields[i]; f.key == m.Key {
			if err := assign(f.plan, dst.FieldByIndex(f.index), m.Value, depth+1); err != nil {
				return underKey(f.key, err)
			}
		}
	}
	return nil
}

func assignPointer(p *plan, dst reflect.Value, model any, depth int) error {
	if absent(model) {
		dst.SetZero()
		return nil
	}
	if p.elem.op == opPointer {
		if err := open(depth); err != nil {
			return err
		}
		depth++
	}
	v := reflect.New(p.elem.typ)
	if err := assign(p.elem, v.Elem(), model, depth); err != nil {
		return err
	}
	dst.Set(v)
	return nil
}

func assignInterface(p *plan, dst reflect.Value, model any) error {
	v, err := Copy(model, nil)
	if err != nil {
		return err
	}
	if v == nil || (absent(v) && p.typ.NumMethod() > 0) {
		dst.SetZero()
		return nil
	}
	rv := reflect.ValueOf(v)
	if !rv.Type().AssignableTo(p.typ) {
		return mismatch(model, "a value that implements the interface", p.typ)
	}
	dst.Set(rv)
	return nil
}

func assignReference(p *plan, dst reflect.Value, model any) error {
	r, ok := model.(Reference)
	if !ok && model != nil {
		return mismatch(model, "a reference", p.typ)
	}
	switch {
	case p.setter:
		if err := dst.Addr().Interface().(ReferenceSetter).SetPassableReference(r); err != nil {
			return fail(err)
		}
	case r == nil:
		dst.SetZero()
	case p.op == opStub:
		// The only field lies at the address of the struct; reached this way it can
		// be set even if its type is not exported.
		return assignReference(p.elem, reflect.NewAt(p.elem.typ, dst.Addr().UnsafePointer()).Elem(), model)
	case reflect.TypeOf(r).AssignableTo(p.typ):
		dst.Set(reflect.ValueOf(r))
	default:
		public := fmt.Sprintf("the reference %v: want another kind", ErrMismatch)
		return fail(&typed{ErrMismatch, public, fmt.Sprintf("a reference of type %T %v: want %s", r, ErrMismatch, p.typ)})
	}
	return nil
}

// assignExact handles the types that arrive as their own Go value.
func assignExact(p *plan, dst reflect.Value, model any) error {
	switch p.op {
	case opBigInt:
		n, large, err := toBig(model, p.typ)
		if err != nil {
			return err
		}
		if b := dst.Addr().Interface().(*big.Int); large != nil {
			b.Set(large)
		} else {
			b.SetInt64(n)
		}
		return nil
	case opTime:
		t, err := toTime(model, p.typ)
		if err != nil {
			return err
		}
		*dst.Addr().Interface().(*time.Time) = t
		return nil
	default:
	}
	if model == nil && p.pointer {
		dst.SetZero()
		return nil
	}
	v, err := Copy(model, nil)
	if err != nil {
		return err
	}
	if v == nil || !reflect.TypeOf(v).AssignableTo(p.typ) {
		return mismatch(model, wanted[p.op], p.typ)
	}
	dst.Set(reflect.ValueOf(v))
	return nil
}

var wanted = map[op]string{
	opUndefined:   "Undefined",
	opTagged:      "a Tagged",
	opModelStruct: "a Struct",
	opError:       "an Error, to be stored in a passable.Error or an error",
	opOpaque:      "a value of that very type",
}
