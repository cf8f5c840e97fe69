package passable

import (
	"bytes"
	"math"
	"math/big"
	"reflect"
)

// Equal reports whether two model values are equal under OCapN's pass-invariant
// equality: same kind and same content; 0 and -0 differ, NaN equals NaN,
// references are equal when they are the same one (==). Errors, for which the
// draft gives no rule, are equal when code and message are. Values nested deeper
// than MaxDepth are equal to nothing.
func Equal(a, b any) bool { return equal(a, b, 0) }

func equal(a, b any, depth int) bool {
	if depth > MaxDepth {
		return false
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case Undefined, bool, string, Symbol, Error:
		return a == b
	case int64:
		if b, ok := b.(int64); ok {
			return a == b
		}
		b, ok := b.(*big.Int)
		return ok && b.IsInt64() && b.Int64() == a
	case *big.Int:
		switch b := b.(type) {
		case *big.Int:
			return a.Cmp(b) == 0
		case int64:
			return a.IsInt64() && a.Int64() == b
		}
	case float64:
		b, ok := b.(float64)
		return ok && (math.Float64bits(a) == math.Float64bits(b) || a != a && b != b)
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i], depth+1) {
				return false
			}
		}
		return true
	case Struct:
		b, ok := b.(Struct)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if a[i].Key != b[i].Key || !equal(a[i].Value, b[i].Value, depth+1) {
				return false
			}
		}
		return true
	case Tagged:
		b, ok := b.(Tagged)
		return ok && a.Tag == b.Tag && equal(a.Value, b.Value, depth+1)
	case Reference:
		return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && any(a) == b
	case Opaque:
		b, ok := b.(Opaque)
		return ok && a.PassableEqual(b)
	}
	return false
}
