package passable_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/passable"
)

// A map whose keys are references crosses as pairs and comes back, whole.
func TestMapsByReference(t *testing.T) {
	type members struct {
		Ages  map[roomRef]int
		Names map[ref][]string
		None  map[ref]int
	}
	a, b, c := newRef("a"), newRef("b"), newRef("c")
	in := members{
		Ages:  map[roomRef]int{{a}: 3, {b}: 4, {}: 5},
		Names: map[ref][]string{c: {"x", "y"}},
	}
	m, err := passable.Copy(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	names, _ := m.(passable.Struct).Get("names")
	if want := (passable.Tagged{Tag: passable.MapTag, Value: []any{[]any{c, []any{"x", "y"}}}}); !passable.Equal(names, want) {
		t.Errorf("%#v, want %#v", names, want)
	}
	out, err := passable.To[members](m)
	if err != nil {
		t.Fatal(err)
	}
	in.None = map[ref]int{}
	if !reflect.DeepEqual(out, in) {
		t.Errorf("%v came back as %v", in, out)
	}
}

func TestPairsRefused(t *testing.T) {
	a := newRef("a")
	pairs := func(ps ...any) any { return passable.Tagged{Tag: passable.MapTag, Value: ps} }
	for want, m := range map[string]any{
		"one key twice":   pairs([]any{a, int64(1)}, []any{a, int64(2)}),
		"want a pair":     pairs([]any{a}),
		"pairs tagged":    passable.Tagged{Tag: "other", Value: []any{}},
		"a reference":     pairs([]any{"a", int64(1)}),
		"want an Integer": pairs([]any{a, "one"}),
		"tagged map":      passable.Struct{},
	} {
		var dst map[ref]int
		if err := passable.Assign(&dst, m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	deep := any(map[ref]any{a: 1})
	for range passable.MaxDepth {
		deep = map[ref]any{a: deep}
	}
	if _, err := passable.Copy(deep, nil); !errors.Is(err, passable.ErrTooDeep) {
		t.Error(err)
	}
	// A cyclic one ends, too.
	ring := map[ref]any{}
	ring[a] = ring
	if _, err := passable.Copy(ring, nil); !errors.Is(err, passable.ErrTooDeep) {
		t.Error(err)
	}
	if err := passable.Check(reflect.TypeFor[map[ref]chan int]()); !errors.Is(err, passable.ErrCannotPass) {
		t.Error(err)
	}
}

type partly struct {
	Seen  int
	cache map[string]int
}

type openly struct {
	Seen  int
	cache map[string]int `ocapn:"-"`
}

func TestCheckWhole(t *testing.T) {
	_, _ = partly{}.cache, openly{}.cache
	for _, typ := range []reflect.Type{
		reflect.TypeFor[openly](), reflect.TypeFor[struct{}](), reflect.TypeFor[map[ref]struct{ A int }](),
	} {
		if err := passable.CheckWhole(typ); err != nil {
			t.Errorf("%v: %v", typ, err)
		}
	}
	type embeds struct {
		partly
		N int
	}
	_ = embeds{}.N
	for _, typ := range []reflect.Type{
		reflect.TypeFor[partly](), reflect.TypeFor[struct{ A []*partly }](), reflect.TypeFor[map[ref]partly](), reflect.TypeFor[embeds](),
	} {
		if err := passable.CheckWhole(typ); err == nil || !strings.Contains(err.Error(), "field cache is not exported and would be lost") {
			t.Errorf("%v: %v", typ, err)
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[struct{ A []openly }](), reflect.TypeFor[map[ref]openly]()} {
		if err := passable.CheckWhole(typ); err == nil || !strings.Contains(err.Error(), "field cache is left out and would be lost") {
			t.Errorf("%v: %v", typ, err)
		}
	}
	if err := passable.CheckWhole(reflect.TypeFor[chan int]()); !errors.Is(err, passable.ErrCannotPass) {
		t.Error(err)
	}
}
