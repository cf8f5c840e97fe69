package passable_test

import (
	"errors"
	"math"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/hawser-go/hawser/passable"
)

// TestAssign states what each model value becomes in a Go type.
func TestAssign(t *testing.T) {
	r := newRef("r")
	five := 5
	for i, c := range []struct {
		dst   any // pointer to a value with something in it
		model any
		want  any
	}{
		{new(bool), true, true},
		{ptr(9), int64(5), 5},
		{ptr(uint8(9)), int64(255), uint8(255)},
		{ptr(uint64(9)), new(big.Int).SetUint64(math.MaxUint64), uint64(math.MaxUint64)},
		{ptr(9), 5.0, 5},
		{ptr(int64(9)), math.Exp2(62), int64(1 << 62)},
		{ptr(9.0), int64(5), 5.0},
		{ptr(9.0), int64(math.MinInt64), -math.Exp2(63)},
		{ptr(9.0), new(big.Int).Lsh(big.NewInt(1), 100), math.Exp2(100)},
		{ptr(float32(9)), 0.5, float32(0.5)},
		{ptr(float32(9)), math.Inf(-1), float32(math.Inf(-1))},
		{ptr("x"), "y", "y"},
		{ptr(colour("x")), "y", colour("y")},
		{ptr(passable.Symbol("x")), passable.Symbol("y"), passable.Symbol("y")},
		{ptr([]byte("x")), []byte{}, []byte{}},
		{ptr([]byte("x")), nil, []byte(nil)},
		{ptr(passable.View("x")), []byte("y"), passable.View("y")},
		{ptr([1]byte{9}), []byte{5}, [1]byte{5}},
		{ptr([]int{9, 9}), []any{int64(5)}, []int{5}},
		{ptr([]int{9}), nil, []int(nil)},
		{ptr([]int{9}), passable.Undefined{}, []int(nil)},
		{ptr([1]int{9}), []any{int64(5)}, [1]int{5}},
		{ptr(map[colour]int{"x": 9}), passable.Struct{{Key: "y", Value: int64(5)}}, map[colour]int{"y": 5}},
		{ptr(map[string]int{"x": 9}), nil, map[string]int(nil)},
		{
			&member{Nick: "old", Score: &five, hidden: 3, Notes: []string{"old"}},
			passable.Struct{{Key: "conn", Value: r}, {Key: "nick", Value: "new"}, {Key: "unknown", Value: true}},
			member{Nick: "new", Conn: roomRef{r}},
		},
		{ptr(&five), int64(6), ptr(6)},
		{ptr(&five), nil, (*int)(nil)},
		{ptr(&five), passable.Undefined{}, (*int)(nil)},
		{ptr(ptr(&five)), int64(7), ptr(ptr(7))},
		{ptr(struct{}{}), nil, struct{}{}},
		{ptr(struct{}{}), passable.Undefined{}, struct{}{}},
		{ptr(struct{}{}), passable.Struct{{Key: "a", Value: nil}}, struct{}{}},
		{ptr[any](9), int64(5), int64(5)},
		{ptr[any](9), nil, nil},
		{ptr[any](9), passable.Undefined{}, passable.Undefined{}},
		{ptr[error](errNotRef), passable.Error{Code: "c"}, passable.Error{Code: "c"}},
		{ptr[error](errNotRef), nil, nil},
		{ptr(time.Now()), int64(1e9 + 5), time.Unix(1, 5).UTC()},
		{ptr(time.Hour), int64(5), 5 * time.Nanosecond},
		{ptr(*big.NewInt(9)), int64(5), *big.NewInt(5)},
		{ptr(big.NewInt(9)), nil, (*big.Int)(nil)},
		{new(passable.Undefined), passable.Undefined{}, passable.Undefined{}},
		{new(passable.Tagged), passable.Tagged{Tag: "t", Value: int64(1)}, passable.Tagged{Tag: "t", Value: int64(1)}},
		{new(passable.Struct), passable.Struct{{Key: "a", Value: nil}}, passable.Struct{{Key: "a", Value: nil}}},
		{new(passable.Error), passable.Error{Code: "c"}, passable.Error{Code: "c"}},
		{ptr(newRef("old")), r, r},
		{ptr(newRef("old")), nil, ref{}},
		{new(roomRef), r, roomRef{r}},
		{new(nestedRef), r, nestedRef{roomRef{r}}},
		{ptr(roomRef{r}), nil, roomRef{}},
		{ptr(&roomRef{r}), nil, (*roomRef)(nil)},
		{new(*roomRef), r, &roomRef{r}},
		{new(promise[int]), r, promise[int]{r}},
		{ptr(promise[int]{r}), nil, promise[int]{}},
		{new(passable.Reference), r, r},
		{new(passable.Reference), nil, nil},
		{new(token), token{3}, token{3}},
		{new(passable.Opaque), token{3}, token{3}},
	} {
		if err := passable.Assign(c.dst, c.model); err != nil {
			t.Errorf("%d: %T from %#v: %v", i, c.dst, c.model, err)
			continue
		}
		got := reflect.ValueOf(c.dst).Elem().Interface()
		if b, ok := got.(big.Int); ok {
			w := c.want.(big.Int)
			if b.Cmp(&w) != 0 {
				t.Errorf("%d: got %v, want %v", i, &b, &w)
			}
			continue
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%d: %T from %#v: got %#v, want %#v", i, c.dst, c.model, got, c.want)
		}
	}
}

func ptr[T any](v T) *T { return &v }

// TestNothingIsShared changes what went in and looks at what came out, for Copy
// and for Assign. A View is the exception.
func TestNothingIsShared(t *testing.T) {
	fresh := func() []any {
		return []any{
			[]byte{1},
			[]any{[]byte{2}},
			passable.Struct{{Key: "k", Value: []byte{3}}},
			passable.Tagged{Tag: "t", Value: []byte{4}},
			new(big.Int).Lsh(big.NewInt(1), 90),
		}
	}
	spoil := func(m []any) {
		m[0].([]byte)[0] = 9
		m[1].([]any)[0].([]byte)[0] = 9
		m[1].([]any)[0] = 9
		m[2].(passable.Struct)[0].Value.([]byte)[0] = 9
		m[2].(passable.Struct)[0].Key = "z"
		m[3].(passable.Tagged).Value.([]byte)[0] = 9
		m[4].(*big.Int).SetInt64(9)
	}
	in := fresh()
	out, err := passable.Copy(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	spoil(in)
	if !passable.Equal(out, fresh()) {
		t.Errorf("Copy shares: %v", out)
	}
	in = fresh()
	var dst struct {
		A any
		B []byte
		C passable.Struct
		D *big.Int
		E passable.View
	}
	err = passable.Assign(&dst, passable.Struct{{"a", in}, {"b", in[0]}, {"c", in[2]}, {"d", in[4]}, {"e", in[0]}})
	if err != nil {
		t.Fatal(err)
	}
	spoil(in)
	want := fresh()
	if !passable.Equal(dst.A, want) || !passable.Equal(dst.B, want[0]) || !passable.Equal(dst.C, want[2]) || dst.D.Cmp(want[4].(*big.Int)) != 0 {
		t.Errorf("Assign shares: %v", dst)
	}
	if dst.E[0] != 9 {
		t.Error("a View is a copy")
	}
}

func TestTo(t *testing.T) {
	if v, err := passable.To[string]("x"); v != "x" || err != nil {
		t.Error(v, err)
	}
	if v, err := passable.To[[]colour]([]any{"x"}); err != nil || v[0] != "x" {
		t.Error(v, err)
	}
	if _, err := passable.To[int]("x"); err == nil {
		t.Error("a String is taken for an int")
	}
	if v, err := passable.To[any]([]any{int64(1)}); err != nil || !passable.Equal(v, []any{int64(1)}) {
		t.Error(v, err)
	}
}

func TestTimesAreExact(t *testing.T) {
	for _, at := range []time.Time{
		{},
		time.Unix(0, 0), time.Unix(0, -1), time.Unix(-1, 999999999), time.Unix(1<<40, 123456789),
		time.Date(-9999, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Unix(0, math.MaxInt64), time.Unix(0, math.MinInt64), time.Unix(9223372036, 854775808), time.Unix(-9223372037, 145224191),
	} {
		v, err := passable.Copy(at, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, ok := v.(*big.Int); ok && b.IsInt64() {
			t.Errorf("%v is a *big.Int that fits an int64", at)
		}
		back, err := passable.To[time.Time](v)
		if err != nil || !back.Equal(at) || back.Location() != time.UTC || back.IsZero() != at.IsZero() {
			t.Errorf("%v becomes %v, then %v, %v", at, v, back, err)
		}
	}
}

// TestTimesDoNotWrap: a time.Time beyond its reach is before what it should be after, so such a one is refused.
func TestTimesDoNotWrap(t *testing.T) {
	const nanos = 1_000_000_000
	first, last := int64(-9223372028741760000), int64(9223371974719179007)
	for _, c := range []struct {
		second int64
		nsec   int64
		fits   bool
	}{
		{first, 0, true},
		{first, -1, false},
		{math.MinInt64, 0, false},
		{last, nanos - 1, true},
		{last, nanos, false},
		{math.MaxInt64, 0, false},
	} {
		n := new(big.Int).Mul(big.NewInt(c.second), big.NewInt(nanos))
		at, err := passable.To[time.Time](n.Add(n, big.NewInt(c.nsec)))
		if !c.fits {
			if !errors.Is(err, passable.ErrRange) {
				t.Errorf("second %d and %d ns: %v, %v, want ErrRange", c.second, c.nsec, at, err)
			}
			continue
		}
		if now := time.Unix(0, 0); err != nil || at.After(now) != (c.second > 0) || at.Year() > 0 != (c.second > 0) {
			t.Errorf("second %d and %d ns: %v, %v", c.second, c.nsec, at, err)
		}
	}
}

func TestLowerCamel(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "Nick": "nick", "nick": "nick", "ID": "id", "UserID": "userID", "URLPath": "urlPath", "HTTPServer": "httpServer",
		"A": "a", "AB": "ab", "ABc": "aBc", "X2Y": "x2Y", "Über": "über", "SEND2": "send2",
	} {
		if got := passable.LowerCamel(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
