package captp

import (
	"math/big"

	"github.com/hawser-go/hawser/passable"
)

// weigh estimates the memory of a model value, so that a peer is bounded by what its messages take here: a list of a
// million booleans is a million bytes on the wire and sixteen in memory.
func weigh(v any) int {
	const word = 16 // an interface, a string's header
	switch v := v.(type) {
	case string:
		return 2*word + len(v)
	case passable.Symbol:
		return 2*word + len(v)
	case []byte:
		return 3*word + len(v)
	case *big.Int:
		return 3*word + v.BitLen()/8
	case []any:
		return weighAll(v)
	case passable.Struct:
		n := 2 * word
		for i := range v {
			n += word + len(v[i].Key) + weigh(v[i].Value)
		}
		return n
	case passable.Tagged:
		return 3*word + len(v.Tag) + weigh(v.Value)
	case passable.Error:
		return 3*word + len(v.Code) + len(v.Message)
	}
	return word
}

func weighAll(list []any) int {
	n := 32
	for i := range list {
		n += weigh(list[i])
	}
	return n
}
