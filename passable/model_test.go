package passable_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/hawser-go/hawser/passable"
)

func TestStruct(t *testing.T) {
	s, err := passable.NewStruct(passable.Field{Key: "b", Value: 1}, passable.Field{Key: "a", Value: 2})
	if err != nil || s[0].Key != "a" {
		t.Fatal(s, err)
	}
	if v, ok := s.Get("b"); v != 1 || !ok {
		t.Error(v, ok)
	}
	if v, ok := s.Get("c"); v != nil || ok {
		t.Error(v, ok)
	}
	with := s.With("aa", 3).With("b", 4)
	if len(s) != 2 || len(with) != 3 || with[1].Key != "aa" || with[2].Value != 4 {
		t.Error(s, with)
	}
	without := with.Without("a").Without("zz")
	if len(with) != 3 || len(without) != 2 || without[0].Key != "aa" {
		t.Error(with, without)
	}
	n := 0
	for range with.All() {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Error("All does not stop")
	}
	if _, err := passable.NewStruct(passable.Field{Key: "a"}, passable.Field{Key: "a"}); err == nil {
		t.Error("a key twice is taken")
	}
	if len(passable.Struct(nil).With("a", 1)) != 1 || len(passable.Struct(nil).Without("a")) != 0 {
		t.Error("a nil Struct is not an empty one")
	}
}

// TestEqual has, in each row, values that are equal to each other and to nothing
// in any other row.
func TestEqual(t *testing.T) {
	big1, big2 := new(big.Int).Lsh(big.NewInt(1), 100), new(big.Int).Lsh(big.NewInt(1), 100)
	r := newRef("r")
	rows := [][]any{
		{nil},
		{passable.Undefined{}},
		{true},
		{false},
		{int64(0)},
		{int64(1), big.NewInt(1)},
		{big1, big2},
		{0.0},
		{math.Copysign(0, -1)},
		{1.0},
		{math.NaN(), math.Float64frombits(0x7ff8000000000001)},
		{math.Inf(1)},
		{math.Inf(-1)},
		{""},
		{"a"},
		{passable.Symbol("a")},
		{[]byte("a"), []byte("a")},
		{[]byte{}},
		{[]any{}, []any(nil)},
		{[]any{int64(1)}, []any{big.NewInt(1)}},
		{[]any{int64(1), nil}},
		{passable.Struct{}, passable.Struct(nil)},
		{passable.Struct{{Key: "a", Value: nil}}},
		{passable.Struct{{Key: "b", Value: nil}}},
		{passable.Tagged{Tag: "a"}, passable.Tagged{Tag: "a"}},
		{passable.Tagged{Tag: "b"}},
		{passable.Tagged{Tag: "a", Value: int64(1)}},
		{passable.Error{Code: "a"}, passable.Error{Code: "a"}},
		{passable.Error{Message: "a"}},
		{r, ref{r.h}},
		{newRef("r")},
		{token{1}, token{1}},
		{token{2}},
	}
	for i, row := range rows {
		for j, other := range rows {
			for _, a := range row {
				for _, b := range other {
					if got := passable.Equal(a, b); got != (i == j) {
						t.Errorf("Equal(%#v, %#v) is %v", a, b, got)
					}
				}
			}
		}
	}
}

// TestEqualDoesNotPanic: references of types that do not compare, and data that
// is its own element.
func TestEqualDoesNotPanic(t *testing.T) {
	odd := incomparable{[]int{1}}
	if passable.Equal(odd, odd) || passable.Equal(odd, nil) || passable.Equal(newRef("a"), odd) {
		t.Error("what does not compare is equal")
	}
	cyclic := make([]any, 1)
	cyclic[0] = cyclic
	if passable.Equal(cyclic, cyclic) {
		t.Error("cyclic data is equal to something")
	}
}

type incomparable struct{ v any }

func (i incomparable) PassableReference() passable.Reference { return i }
