// Package modelcbor writes values of the OCapN data model (package passable) as deterministic CBOR, for what is stored: a
// reference is the number of a slot, which whoever stores it gives out and knows again.
package modelcbor

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/passable"
)

// MaxBytes is the longest encoding that Decode takes.
const MaxBytes = 16 << 20

// ErrCannotStore says that a value has no place in what is stored.
var ErrCannotStore = errors.New("cannot be stored")

// What CBOR has no word for, each under a tag of its own. The numbers are private to what is stored.
type (
	slot    uint64
	symbol  string
	absence struct {
		_ struct{} `cbor:",toarray"`
	}
	tagged struct {
		_     struct{} `cbor:",toarray"`
		Tag   string
		Value any
	}
	failure struct {
		_       struct{} `cbor:",toarray"`
		Code    string
		Message string
	}
	number struct { // outside int64
		_        struct{} `cbor:",toarray"`
		Negative bool
		Abs      []byte
	}
)

// codec has room for every value of the model, with two levels more for each tag.
var codec = func() *detcbor.Codec {
	c, err := detcbor.New(detcbor.Limits{
		Bytes: MaxBytes, Depth: 3*passable.MaxDepth + 8, Elements: passable.MaxValues,
		Tags: map[uint64]reflect.Type{
			0x6861: reflect.TypeFor[slot](),
			0x6862: reflect.TypeFor[symbol](),
			0x6863: reflect.TypeFor[absence](),
			0x6864: reflect.TypeFor[tagged](),
			0x6865: reflect.TypeFor[failure](),
			0x6866: reflect.TypeFor[number](),
		},
	})
	if err != nil {
		panic(err)
	}
	return c
}()

// ErrSameKey says that a map, pairs tagged passable.MapTag, has one reference as a key twice.
var ErrSameKey = errors.New("a map has one key twice")

// Encode returns the one encoding of a model value. slotOf names each reference in it; pairs of a map whose keys are
// references (passable.MapTag) are in the order of their keys' slots. What cannot be stored is an error that matches
// ErrCannotStore or ErrSameKey, or slotOf's own.
func Encode(model any, slotOf func(passable.Reference) (uint64, error)) ([]byte, error) {
	tree, err := encoder(slotOf).value(model)
	if err != nil {
		return nil, err
	}
	b, err := codec.Marshal(tree)
	if err == nil && len(b) > MaxBytes {
		err = fmt.Errorf("a value of %d bytes %w: at most %d can", len(b), ErrCannotStore, MaxBytes)
	}
	return b, err
}

type encoder func(passable.Reference) (uint64, error)

func (e encoder) value(model any) (any, error) {
	switch m := model.(type) {
	case nil, bool, int64, float64, string, []byte:
		return m, nil
	case passable.Symbol:
		return symbol(m), nil
	case passable.Undefined:
		return absence{}, nil
	case *big.Int:
		return number{Negative: m.Sign() < 0, Abs: m.Bytes()}, nil
	case passable.Error:
		return failure{Code: m.Code, Message: m.Message}, nil
	case passable.Reference:
		n, err := e(m)
		return slot(n), err
	case []any:
		return e.list(m)
	case passable.Struct:
		fields := make(map[string]any, len(m))
		for _, f := range m {
			v, err := e.value(f.Value)
			if err != nil {
				return nil, err
			}
			fields[f.Key] = v
		}
		return fields, nil
	case passable.Tagged:
		v, err := e.value(m.Value)
		if err == nil && m.Tag == passable.MapTag {
			err = sortPairs(v)
		}
		return tagged{Tag: m.Tag, Value: v}, err
	}
	return nil, fmt.Errorf("a %T %w", model, ErrCannotStore)
}

func (e encoder) list(m []any) ([]any, error) {
	list := make([]any, len(m))
	for i, x := range m {
		v, err := e.value(x)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

// sortPairs puts the pairs of a map in order if all of its keys are references.
func sortPairs(v any) error {
	pairs, _ := v.([]any)
	for _, p := range pairs {
		if _, ok := keyOf(p); !ok {
			return nil
		}
	}
	slices.SortFunc(pairs, func(a, b any) int {
		x, _ := keyOf(a)
		y, _ := keyOf(b)
		return cmp.Compare(x, y)
	})
	for i := range max(len(pairs)-1, 0) {
		x, _ := keyOf(pairs[i])
		y, _ := keyOf(pairs[i+1])
		if x == y {
			return ErrSameKey
		}
	}
	return nil
}

func keyOf(pair any) (slot, bool) {
	p, ok := pair.([]any)
	if !ok || len(p) != 2 {
		return 0, false
	}
	k, ok := p[0].(slot)
	return k, ok
}

// Decode returns the model value of an encoding; ref returns the reference in a slot. What Encode would not have written
// is an error that matches detcbor.ErrInvalid.
func Decode(b []byte, ref func(slot uint64) (passable.Reference, error)) (any, error) {
	var tree any
	if err := codec.Unmarshal(b, &tree); err != nil {
		return nil, err
	}
	return decoder(ref).value(tree)
}

type decoder func(uint64) (passable.Reference, error)

func (d decoder) value(tree any) (any, error) {
	switch t := tree.(type) {
	case nil, bool, int64, float64, string, []byte:
		return t, nil
	case uint64:
		if t > math.MaxInt64 {
			return nil, fmt.Errorf("%w: an integer beyond 63 bits that is not written as one", detcbor.ErrInvalid)
		}
		return int64(t), nil
	case symbol:
		return passable.Symbol(t), nil
	case absence:
		return passable.Undefined{}, nil
	case number:
		if len(t.Abs) > 0 && t.Abs[0] == 0 {
			return nil, fmt.Errorf("%w: an integer with zeros in front", detcbor.ErrInvalid)
		}
		n := new(big.Int).SetBytes(t.Abs)
		if t.Negative {
			n.Neg(n)
		}
		return n, nil
	case failure:
		return passable.Error{Code: t.Code, Message: t.Message}, nil
	case slot:
		r, err := d(uint64(t))
		if err != nil || r == nil {
			return nil, err
		}
		return r, nil
	case []any:
		for i, x := range t {
			v, err := d.value(x)
			if err != nil {
				return nil, err
			}
			t[i] = v
		}
		return t, nil
	case map[any]any:
		return d.fields(t)
	case tagged:
		v, err := d.value(t.Value)
		return passable.Tagged{Tag: t.Tag, Value: v}, err
	}
	return nil, fmt.Errorf("%w: a %T", detcbor.ErrInvalid, tree)
}

func (d decoder) fields(t map[any]any) (any, error) {
	s := make(passable.Struct, 0, len(t))
	for k, x := range t {
		key, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("%w: a %T as a key", detcbor.ErrInvalid, k)
		}
		v, err := d.value(x)
		if err != nil {
			return nil, err
		}
		s = append(s, passable.Field{Key: key, Value: v})
	}
	slices.SortFunc(s, func(a, b passable.Field) int { return strings.Compare(a.Key, b.Key) })
	return s, nil
}
