package modelcbor_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
)

type ref uint64

func (r ref) PassableReference() passable.Reference { return r }

func slotOf(r passable.Reference) (uint64, error) { return uint64(r.(ref)), nil }
func refAt(n uint64) (passable.Reference, error)  { return ref(n), nil }

func model() *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil), rapid.Just[any](passable.Undefined{}),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.Float64(), func(f float64) any { return f }),
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.String(), func(s string) any { return passable.Symbol(s) }),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) any { return b }),
		rapid.Map(rapid.Uint64(), func(n uint64) any { return ref(n) }),
		rapid.Map(rapid.Int64(), func(n int64) any {
			return new(big.Int).Mul(big.NewInt(n|1), new(big.Int).Lsh(big.NewInt(1), 64))
		}),
		rapid.Custom(func(t *rapid.T) any {
			return passable.Error{Code: rapid.String().Draw(t, "code"), Message: rapid.String().Draw(t, "message")}
		}),
	)
	return rapid.Custom(func(t *rapid.T) any { return grow(t, leaf, 3) })
}

func grow(t *rapid.T, leaf *rapid.Generator[any], depth int) any {
	n := rapid.IntRange(0, 4).Draw(t, "n")
	switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
	case depth == 0 || kind == 0:
		return leaf.Draw(t, "leaf")
	case kind == 1:
		list := make([]any, n)
		for i := range list {
			list[i] = grow(t, leaf, depth-1)
		}
		return list
	case kind == 2:
		s := passable.Struct{}
		for range n {
			s = s.With(rapid.String().Draw(t, "key"), grow(t, leaf, depth-1))
		}
		return s
	}
	return passable.Tagged{Tag: rapid.String().Draw(t, "tag"), Value: grow(t, leaf, depth-1)}
}

// What is written comes back, and is written in the same bytes again.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := model().Draw(t, "model")
		b, err := modelcbor.Encode(m, slotOf)
		if err != nil {
			t.Fatal(err)
		}
		got, err := modelcbor.Decode(b, refAt)
		if err != nil {
			t.Fatalf("%x: %v", b, err)
		}
		if !passable.Equal(got, m) {
			t.Fatalf("%#v came back as %#v", m, got)
		}
		again, err := modelcbor.Encode(got, slotOf)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x, %x: %v", b, again, err)
		}
	})
}

func TestEdges(t *testing.T) {
	deep := any(int64(1))
	for range passable.MaxDepth / 2 {
		deep = passable.Tagged{Tag: "in", Value: []any{deep}}
	}
	for _, m := range []any{
		int64(math.MaxInt64), int64(math.MinInt64), math.Copysign(0, -1), math.Inf(-1), math.NaN(), "",
		[]byte{},
		[]any{},
		passable.Struct{},
		deep, new(big.Int).Lsh(big.NewInt(-1), 63*9), ref(math.MaxUint64),
	} {
		b, err := modelcbor.Encode(m, slotOf)
		if err != nil {
			t.Fatalf("%v: %v", m, err)
		}
		if got, err := modelcbor.Decode(b, refAt); err != nil || !passable.Equal(got, m) {
			t.Errorf("%v came back as %v, %v", m, got, err)
		}
	}
}

// A map by references has one encoding, in whatever order it was walked.
func TestMapsByReference(t *testing.T) {
	pair := func(n int) any { return []any{ref(n), int64(n)} }
	a, err := modelcbor.Encode(passable.Tagged{Tag: passable.MapTag, Value: []any{pair(3), pair(1), pair(2)}}, slotOf)
	if err != nil {
		t.Fatal(err)
	}
	b, err := modelcbor.Encode(passable.Tagged{Tag: passable.MapTag, Value: []any{pair(2), pair(3), pair(1)}}, slotOf)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("%x and %x: %v", a, b, err)
	}
}

type opaque struct{}

func (opaque) PassableEqual(passable.Opaque) bool { return true }

func TestRefused(t *testing.T) {
	for _, m := range []any{opaque{}, make(chan int), int32(1), []any{opaque{}}, passable.Struct{{Key: "k", Value: opaque{}}}, passable.Tagged{Value: opaque{}}} {
		if _, err := modelcbor.Encode(m, slotOf); !errors.Is(err, modelcbor.ErrCannotStore) {
			t.Errorf("%T: %v", m, err)
		}
	}
	gone := errors.New("gone")
	if _, err := modelcbor.Encode([]any{ref(1)}, func(passable.Reference) (uint64, error) { return 0, gone }); !errors.Is(err, gone) {
		t.Error(err)
	}
	if _, err := modelcbor.Encode(make([]byte, modelcbor.MaxBytes), slotOf); !errors.Is(err, modelcbor.ErrCannotStore) {
		t.Error(err)
	}
	b, _ := modelcbor.Encode([]any{ref(1)}, slotOf)
	if _, err := modelcbor.Decode(b, func(uint64) (passable.Reference, error) { return nil, gone }); !errors.Is(err, gone) {
		t.Error(err)
	}
}

// Whatever bytes there are: an error, or a value that is written in the same bytes.
func FuzzDecode(f *testing.F) {
	for _, m := range []any{
		nil, int64(-1), 1.5, "text", passable.Symbol("s"),
		[]byte{1},
		passable.Undefined{},
		passable.Error{Code: "c"},
		[]any{ref(7), passable.Tagged{Tag: "t", Value: passable.Struct{{Key: "k", Value: new(big.Int).Lsh(big.NewInt(1), 80)}}}},
	} {
		b, err := modelcbor.Encode(m, slotOf)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := modelcbor.Decode(b, refAt)
		if err != nil {
			if !errors.Is(err, detcbor.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		again, err := modelcbor.Encode(m, slotOf)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x is %v, which is %x: %v", b, m, again, err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	s := passable.Struct{}
	for i := range 20 {
		s = s.With(fmt.Sprint("field", i), []any{int64(i), "text", ref(i)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := modelcbor.Encode(s, slotOf); err != nil {
			b.Fatal(err)
		}
	}
}

// A map with one reference as a key twice could not be read back.
func TestSameKey(t *testing.T) {
	for _, keys := range [][]ref{{}, {1}, {2, 1}, {3, 3}, {1, 2, 1}} {
		pairs := []any{}
		seen := make(map[ref]bool)
		twice := false
		for _, k := range keys {
			pairs = append(pairs, []any{k, "x"})
			twice, seen[k] = twice || seen[k], true
		}
		_, err := modelcbor.Encode(passable.Tagged{Tag: passable.MapTag, Value: pairs}, func(r passable.Reference) (uint64, error) {
			return uint64(r.(ref)), nil
		})
		if errors.Is(err, modelcbor.ErrSameKey) != twice || err != nil && !twice {
			t.Errorf("%v: %v", keys, err)
		}
	}
}
