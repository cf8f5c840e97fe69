package passable_test

import (
	"errors"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/hawser-go/hawser/passable"
	"pgregory.net/rapid"
)

// anyModel draws model values, references and Opaque values among them.
func anyModel(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kinds := 12
		if depth > 0 {
			kinds = 15
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return passable.Undefined{}
		case 2:
			return rapid.Bool().Draw(t, "bool")
		case 3:
			return rapid.Int64().Draw(t, "int")
		case 4:
			b := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 8, 30).Draw(t, "big"))
			b.SetBit(b, 64, 1)
			if rapid.Bool().Draw(t, "negative") {
				b.Neg(b)
			}
			return b
		case 5:
			return rapid.Float64().Draw(t, "float")
		case 6:
			return rapid.StringN(0, 4, -1).Draw(t, "string")
		case 7:
			return passable.Symbol(rapid.StringN(0, 4, -1).Draw(t, "symbol"))
		case 8:
			return rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "bytes")
		case 9:
			return passable.Error{Code: rapid.String().Draw(t, "code"), Message: rapid.String().Draw(t, "message")}
		case 10:
			return someRefs[rapid.IntRange(0, len(someRefs)-1).Draw(t, "ref")]
		case 11:
			return token{rapid.IntRange(0, 3).Draw(t, "token")}
		case 12:
			return rapid.SliceOfN(anyModel(depth-1), 0, 4).Draw(t, "list")
		case 13:
			var fields []passable.Field
			names := rapid.SampledFrom([]string{"nick", "conn", "score", "notes", "id", "members", "key", "at", "x", "any"})
			for _, key := range rapid.SliceOfNDistinct(names, 0, 8, rapid.ID[string]).Draw(t, "keys") {
				fields = append(fields, passable.Field{Key: key, Value: anyModel(depth-1).Draw(t, "member")})
			}
			s, err := passable.NewStruct(fields...)
			if err != nil {
				t.Fatal(err)
			}
			return s
		default:
			return passable.Tagged{Tag: rapid.String().Draw(t, "tag"), Value: anyModel(depth-1).Draw(t, "tagged")}
		}
	})
}

var someRefs = []passable.Reference{newRef("a"), newRef("b"), &pointerRef{"c"}}

// TestModelCopiesToItself: a model value is its own copy, and `any` holds it.
func TestModelCopiesToItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyModel(4).Draw(t, "value")
		got, err := passable.Copy(v, nil)
		if err != nil || !passable.Equal(v, got) || reflect.TypeOf(v) != reflect.TypeOf(got) {
			t.Fatalf("Copy(%#v) is %#v, %v", v, got, err)
		}
		back, err := passable.To[any](v)
		if err != nil || !passable.Equal(v, back) {
			t.Fatalf("To[any](%#v) is %#v, %v", v, back, err)
		}
	})
}

// targets are Go types of every kind; what they take must come out of them as it
// went in, or as a value that goes in and out unchanged.
var targets = []reflect.Type{
	reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[uint64](), reflect.TypeFor[float64](),
	reflect.TypeFor[float32](), reflect.TypeFor[string](), reflect.TypeFor[colour](), reflect.TypeFor[passable.Symbol](),
	reflect.TypeFor[[]byte](), reflect.TypeFor[passable.View](), reflect.TypeFor[[2]byte](), reflect.TypeFor[[]any](),
	reflect.TypeFor[[]int](), reflect.TypeFor[[2]any](), reflect.TypeFor[map[string]any](), reflect.TypeFor[map[colour]*int](),
	reflect.TypeFor[any](), reflect.TypeFor[error](), reflect.TypeFor[*big.Int](), reflect.TypeFor[big.Int](),
	reflect.TypeFor[passable.Struct](), reflect.TypeFor[passable.Tagged](), reflect.TypeFor[passable.Error](),
	reflect.TypeFor[*passable.Error](), reflect.TypeFor[passable.Undefined](), reflect.TypeFor[struct{}](), reflect.TypeFor[member](),
	reflect.TypeFor[*room](), reflect.TypeFor[[]member](), reflect.TypeFor[ref](), reflect.TypeFor[roomRef](),
	reflect.TypeFor[nestedRef](), reflect.TypeFor[promise[int]](), reflect.TypeFor[*pointerRef](), reflect.TypeFor[passable.Reference](),
	reflect.TypeFor[token](), reflect.TypeFor[*list](), reflect.TypeFor[time.Time](), reflect.TypeFor[time.Duration](),
}

func checkAssign(t *rapid.T) {
	v := anyModel(4).Draw(t, "value")
	typ := rapid.SampledFrom(targets).Draw(t, "type")
	dst := reflect.New(typ)
	if err := passable.AssignValue(dst.Elem(), v); err != nil {
		var pe *passable.PathError
		if !errors.As(err, &pe) {
			t.Fatalf("%v from %#v: %v is no PathError", typ, v, err)
		}
		return
	}
	once, err := passable.Copy(dst.Elem().Interface(), nil)
	if err != nil {
		t.Fatalf("%v from %#v: what was taken does not pass: %v", typ, v, err)
	}
	again := reflect.New(typ)
	if err := passable.AssignValue(again.Elem(), once); err != nil {
		t.Fatalf("%v from %#v: taken once and not twice: %v", typ, v, err)
	}
	twice, err := passable.Copy(again.Elem().Interface(), nil)
	if err != nil || !passable.Equal(once, twice) {
		t.Fatalf("%v: %#v became %#v, then %#v, %v", typ, v, once, twice, err)
	}
}

func TestAssignIsStable(t *testing.T) { rapid.Check(t, checkAssign) }

// FuzzAssign looks for values that a Go type cannot take without a panic.
func FuzzAssign(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkAssign)) }
