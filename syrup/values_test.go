package syrup_test

import (
	"math/big"

	"github.com/hawser-go/hawser/passable"
	"pgregory.net/rapid"
)

// anyValue draws model values without references.
func anyValue() *rapid.Generator[any] { return valueOfDepth(4) }

func valueOfDepth(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kinds := 10
		if depth > 0 {
			kinds = 13
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
			return bigInt(t)
		case 5:
			return rapid.Float64().Draw(t, "float")
		case 6:
			return rapid.String().Draw(t, "string")
		case 7:
			return passable.Symbol(rapid.String().Draw(t, "symbol"))
		case 8:
			return rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		case 9:
			return passable.Error{Code: rapid.String().Draw(t, "code"), Message: rapid.String().Draw(t, "message")}
		case 10:
			return rapid.SliceOfN(valueOfDepth(depth-1), 0, 6).Draw(t, "list")
		case 11:
			var fields []passable.Field
			for _, key := range rapid.SliceOfNDistinct(rapid.String(), 0, 20, rapid.ID[string]).Draw(t, "keys") {
				fields = append(fields, passable.Field{Key: key, Value: valueOfDepth(depth-1).Draw(t, "member")})
			}
			s, err := passable.NewStruct(fields...)
			if err != nil {
				t.Fatal(err)
			}
			return s
		default:
			return passable.Tagged{Tag: rapid.String().Draw(t, "tag"), Value: valueOfDepth(depth-1).Draw(t, "tagged")}
		}
	})
}

func bigInt(t *rapid.T) any {
	b := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 8, 200).Draw(t, "big"))
	if rapid.Bool().Draw(t, "negative") {
		b.Neg(b)
	}
	v, err := passable.Copy(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
