package grant

import (
	"errors"
	"fmt"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
)

var errNotPlain = errors.New("expected plain data: booleans, 64-bit integers, floats, strings, bytes, symbols, and lists and structs of those")

func noReference(passable.Reference) (uint64, error) { return 0, errNotPlain }

// plain reports, as an error, whether a model value is anything that a caveat cannot compare with.
func plain(model any) error {
	switch m := model.(type) {
	case bool, int64, float64, string, []byte, passable.Symbol:
		return nil
	case []any:
		for _, x := range m {
			if err := plain(x); err != nil {
				return err
			}
		}
		return nil
	case passable.Struct:
		for _, f := range m {
			if err := plain(f.Value); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("a %T: %w", model, errNotPlain)
}

// isPlain reports whether b is the encoding of plain data.
func isPlain(b []byte) bool {
	model, err := modelcbor.Decode(b, func(uint64) (passable.Reference, error) { return nil, errNotPlain })
	return err == nil && plain(model) == nil
}

// argLength returns the length of the canonical encoding of the arguments as one list.
func argLength(args []any) (int, error) {
	b, err := modelcbor.Encode(args, func(passable.Reference) (uint64, error) { return 0, nil })
	return len(b), err
}

// equals reports whether a model value has the given canonical encoding, which is one of plain data.
func equals(model any, encoded string) bool {
	b, err := modelcbor.Encode(model, noReference)
	return err == nil && string(b) == encoded
}

// encodesPathBelow reports whether an encoded value is a path at or below prefix.
func encodesPathBelow(encoded, prefix string) bool {
	model, err := modelcbor.Decode([]byte(encoded), func(uint64) (passable.Reference, error) { return nil, errNotPlain })
	return err == nil && isPathBelow(model, prefix)
}
