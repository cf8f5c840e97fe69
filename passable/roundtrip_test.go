package passable_test

import (
	"math"
	"math/big"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/passable"
)

type colour string

type member struct {
	Nick   string
	Conn   roomRef
	Score  *int
	Notes  []string `ocapn:"notes,omitempty"`
	hidden int
	Skip   chan int `ocapn:"-"`
}

type base struct{ ID uint64 }

type room struct {
	base
	Title   string `ocapn:"the-title"`
	Members []member
	ByName  map[colour]int8
	Key     [4]byte
	At      time.Time
	TTL     time.Duration
	Big     *big.Int
	Rate    float32
	Colour  colour
	Any     any
	Tag     passable.Tagged
	Err     error
}

func TestGoValuesRoundTrip(t *testing.T) {
	score := 7
	r := newRef("a")
	in := room{
		base: base{math.MaxUint64}, Title: "x",
		Members: []member{{Nick: "ada", Conn: roomRef{r}, Score: &score}, {Notes: []string{"n"}}},
		ByName:  map[colour]int8{"red": -128, "blue": 127},
		Key:     [4]byte{1, 2, 3, 4},
		At:      time.Date(2026, 8, 1, 12, 0, 0, 123456789, time.UTC),
		TTL:     time.Minute, Big: new(big.Int).Lsh(big.NewInt(1), 100), Rate: 0.5, Colour: "green",
		Any: []any{int64(1), "two", passable.Symbol("three"), passable.Undefined{}},
		Tag: passable.Tagged{Tag: "t", Value: nil}, Err: passable.Error{Code: "c", Message: "m"},
	}
	model, err := passable.Copy(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := passable.To[room](model)
	if err != nil {
		t.Fatal(err)
	}
	in.Members[0].Notes = nil
	if !reflect.DeepEqual(in, out) {
		t.Fatalf("got  %+v\nwant %+v", out, in)
	}
	s := model.(passable.Struct)
	keys := []string{}
	for k := range s.All() {
		keys = append(keys, k)
	}
	want := []string{"any", "at", "big", "byName", "colour", "err", "id", "key", "members", "rate", "tag", "the-title", "ttl"}
	if !reflect.DeepEqual(keys, want) {
		t.Fatalf("keys %q, want %q", keys, want)
	}
	if id, _ := s.Get("id"); !passable.Equal(id, new(big.Int).SetUint64(math.MaxUint64)) {
		t.Fatalf("id is %v (%T)", id, id)
	}
}

// TestCopyGivesModelValues states what each Go value becomes.
func TestCopyGivesModelValues(t *testing.T) {
	r := newRef("r")
	one := 1
	huge := new(big.Int).Lsh(big.NewInt(1), 63)
	for name, c := range map[string]struct{ in, want any }{
		"nil":              {nil, nil},
		"undefined":        {passable.Undefined{}, passable.Undefined{}},
		"bool":             {true, true},
		"int":              {5, int64(5)},
		"int8":             {int8(-5), int64(-5)},
		"uint64":           {uint64(1 << 63), huge},
		"small big":        {big.NewInt(9), int64(9)},
		"big value":        {*big.NewInt(9), int64(9)},
		"nil big":          {(*big.Int)(nil), nil},
		"big":              {huge, huge},
		"float32":          {float32(0.1), float64(float32(0.1))},
		"named string":     {colour("c"), "c"},
		"symbol":           {passable.Symbol("s"), passable.Symbol("s")},
		"bytes":            {[]byte{1}, []byte{1}},
		"nil bytes":        {[]byte(nil), []byte{}},
		"view":             {passable.View{1}, []byte{1}},
		"array":            {[2]byte{1, 2}, []byte{1, 2}},
		"nil slice":        {[]int(nil), []any{}},
		"int array":        {[2]int{1, 2}, []any{int64(1), int64(2)}},
		"map":              {map[string]int{"b": 1, "a": 2}, passable.Struct{{"a", int64(2)}, {"b", int64(1)}}},
		"nil map":          {map[string]int(nil), passable.Struct{}},
		"empty struct":     {struct{}{}, passable.Struct{}},
		"unsorted struct":  {passable.Struct{{"b", 1}, {"a", 2}}, passable.Struct{{"a", int64(2)}, {"b", int64(1)}}},
		"pointer":          {&one, int64(1)},
		"nil pointer":      {(*int)(nil), nil},
		"tagged":           {passable.Tagged{"t", 1}, passable.Tagged{"t", int64(1)}},
		"duration":         {time.Second, int64(1e9)},
		"time":             {time.Unix(1, 5), int64(1e9 + 5)},
		"coded error":      {codedError{"a.b", "text"}, passable.Error{"a.b", "text"}},
		"error":            {errNotRef, passable.Error{Message: "an error without a code"}},
		"nil error":        {(*codedError)(nil), nil},
		"reference":        {r, r},
		"null reference":   {ref{}, nil},
		"stub":             {roomRef{r}, r},
		"nested stub":      {nestedRef{roomRef{r}}, r},
		"null stub":        {roomRef{}, nil},
		"pointer to stub":  {&roomRef{r}, r},
		"promise":          {promise[int]{r}, r},
		"nil pointer stub": {(*roomRef)(nil), nil},
		"nil pointer ref":  {(*pointerRef)(nil), nil},
		"opaque":           {token{3}, token{3}},
	} {
		got, err := passable.Copy(c.in, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if reflect.TypeOf(got) != reflect.TypeOf(c.want) || !passable.Equal(got, c.want) {
			t.Errorf("%s: got %#v, want %#v", name, got, c.want)
		}
	}
}

// TestPlansAreMadeOnce meets a family of recursive types in many goroutines at
// the same time; the race detector watches.
func TestPlansAreMadeOnce(t *testing.T) {
	type leaf struct{ Up *leaf }
	type branch struct {
		Leaves []leaf
		Inner  *branch
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			v, err := passable.Copy(branch{Leaves: []leaf{{}, {&leaf{}}}, Inner: &branch{}}, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if b, err := passable.To[branch](v); err != nil || len(b.Leaves) != 2 || b.Leaves[1].Up == nil || b.Inner == nil {
				t.Errorf("%+v, %v", b, err)
			}
		})
	}
	wg.Wait()
}
