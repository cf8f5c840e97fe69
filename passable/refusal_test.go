package passable_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/hawser-go/hawser/passable"
)

type embedsRef struct {
	ref
	Nick string
}

type embedsStub struct {
	Nick string
	roomRef
}

type embedsTwo struct {
	ref
	roomRef
}

type holder struct {
	Members []map[string]connHolder
}

type connHolder struct{ Conn chan int }

type twice struct {
	A int `ocapn:"x"`
	B int `ocapn:"x"`
}

type twiceEmbedded struct {
	base
	ID int
}

type hiddenOnly struct{ _, _ int }

type taggedHidden struct {
	A int
	_ int `ocapn:"b"`
}

type badOption struct {
	A int `ocapn:"a,omitzero"`
}

type embedsPointer struct{ *base }

type embedsMutex struct {
	sync.Mutex
	N int
}

type list struct{ Next *list }

type pointerCycle *pointerCycle

// TestWhatCannotPass: each refusal names the path and, in its text, the way out.
func TestWhatCannotPass(t *testing.T) {
	cyclicSlice := make([]any, 1)
	cyclicSlice[0] = cyclicSlice
	cyclicMap := map[string]any{}
	cyclicMap["me"] = cyclicMap
	cyclicList := &list{}
	cyclicList.Next = cyclicList
	var cyclicInterface any
	cyclicInterface = &cyclicInterface
	var cyclicPointer pointerCycle
	cyclicPointer = &cyclicPointer
	bush := any([]any{})
	for range 100 { // 2^100 values in a hundred lists
		bush = []any{bush, bush}
	}
	n := 0

	for name, c := range map[string]struct {
		in   any
		kind error
		path string
		text string
	}{
		"chan":                    {make(chan int), passable.ErrCannotPass, "", "chan int cannot pass: send data or a reference"},
		"func":                    {func() {}, passable.ErrCannotPass, "", "func() cannot pass: send data or a reference"},
		"complex":                 {1i, passable.ErrCannotPass, "", "complex128"},
		"uintptr":                 {uintptr(1), passable.ErrCannotPass, "", "uintptr"},
		"unsafe pointer":          {unsafe.Pointer(&n), passable.ErrCannotPass, "", "unsafe.Pointer"},
		"int keys":                {map[int]int{1: 1}, passable.ErrCannotPass, "", "keys are strings or references"},
		"deep":                    {holder{[]map[string]connHolder{{"ada": {}}}}, passable.ErrCannotPass, "members[0].ada.conn", "chan int"},
		"odd key":                 {map[string]any{"a b": []any{1, make(chan int)}}, passable.ErrCannotPass, `["a b"][1]`, "chan int"},
		"in a Struct":             {passable.Struct{{Key: "k", Value: 1i}}, passable.ErrCannotPass, "k", "complex128"},
		"in a Tagged":             {passable.Tagged{Tag: "t", Value: []any{1i}}, passable.ErrCannotPass, "value[0]", "complex128"},
		"embedded ref":            {embedsRef{}, passable.ErrCannotPass, "", "has other fields (Nick)"},
		"embedded stub":           {embedsStub{}, passable.ErrCannotPass, "", "has other fields (Nick)"},
		"two embedded refs":       {embedsTwo{}, passable.ErrCannotPass, "", "has other fields (roomRef)"},
		"two fields of one name":  {twice{}, passable.ErrCannotPass, "", `two fields are called "x" on the wire`},
		"embedded field shadowed": {twiceEmbedded{}, passable.ErrCannotPass, "", `two fields are called "id" on the wire`},
		"nothing exported":        {hiddenOnly{}, passable.ErrCannotPass, "", "no exported fields"},
		"mutex":                   {embedsMutex{}, passable.ErrCannotPass, "", "no exported fields"},
		"tag on hidden":           {taggedHidden{}, passable.ErrCannotPass, "", "field _ has a tag and is not exported"},
		"unknown option":          {badOption{}, passable.ErrCannotPass, "", `unknown tag option "omitzero"`},
		"embedded pointer":        {embedsPointer{}, passable.ErrCannotPass, "", "embeds the pointer"},
		"string":                  {"\xff", passable.ErrNotUTF8, "", "not valid UTF-8"},
		"named string":            {[]colour{"\xff"}, passable.ErrNotUTF8, "[0]", "not valid UTF-8"},
		"symbol":                  {passable.Symbol("\xff"), passable.ErrNotUTF8, "", "not valid UTF-8"},
		"key":                     {map[string]int{"\xff": 1}, passable.ErrNotUTF8, "", "key"},
		"Struct key":              {passable.Struct{{Key: "\xff"}}, passable.ErrNotUTF8, "", "key"},
		"tag":                     {passable.Tagged{Tag: "\xff"}, passable.ErrNotUTF8, "", "not valid UTF-8"},
		"error text":              {passable.Error{Message: "\xff"}, passable.ErrNotUTF8, "", "not valid UTF-8"},
		"key twice":               {passable.Struct{{Key: "a"}, {Key: "b"}, {Key: "a"}}, nil, "", `key "a" occurs twice`},
		"large integer":           {new(big.Int).Lsh(big.NewInt(1), 20000), passable.ErrRange, "", "4096 decimal digits"},
		"cyclic slice":            {cyclicSlice, passable.ErrTooDeep, strings.Repeat("[0]", passable.MaxDepth), "cyclic"},
		"cyclic map":              {cyclicMap, passable.ErrTooDeep, "me" + strings.Repeat(".me", passable.MaxDepth-1), "cyclic"},
		"cyclic struct":           {cyclicList, passable.ErrTooDeep, "next" + strings.Repeat(".next", passable.MaxDepth-1), "cyclic"},
		"cyclic interface":        {cyclicInterface, passable.ErrTooDeep, "", "cyclic"},
		"cyclic pointer":          {cyclicPointer, passable.ErrTooDeep, "", "cyclic"},
		"bush":                    {bush, passable.ErrTooMany, "?", "more than"},
		"long list":               {make([]int, passable.MaxValues+1), passable.ErrTooMany, "", "send it in parts"},
	} {
		v, err := passable.Copy(c.in, nil)
		var pe *passable.PathError
		switch {
		case !errors.As(err, &pe):
			t.Errorf("%s: got %#v, %v", name, v, err)
		case c.kind != nil && !errors.Is(err, c.kind):
			t.Errorf("%s: kind of %v is not %v", name, err, c.kind)
		case c.path != "?" && pe.Path != c.path:
			t.Errorf("%s: path %q, want %q", name, pe.Path, c.path)
		case !strings.Contains(err.Error(), c.text) || !strings.HasPrefix(err.Error(), "passable: ") || len(err.Error()) > 400:
			t.Errorf("%s: message %q, want %q in it", name, err, c.text)
		}
	}
}

func TestArgsPath(t *testing.T) {
	_, err := passable.CopyArgs([]any{1, "x", holder{[]map[string]connHolder{{"ada": {}}}}}, nil)
	want := "passable: args[2].members[0].ada.conn: chan int cannot pass: send data or a reference"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	var n uint8
	err = passable.At("args[1]", passable.Assign(&n, int64(300)))
	if want := "passable: args[1]: 300 does not fit in uint8"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if passable.At("args[1]", nil) != nil {
		t.Error("At makes an error of none")
	}
	if err := passable.At("x", errNotRef); !errors.Is(err, errNotRef) {
		t.Errorf("At loses %v", err)
	}
}

// TestMismatch: each model value against a Go type that does not hold it.
func TestMismatch(t *testing.T) {
	big1 := new(big.Int).Lsh(big.NewInt(1), 100)
	other := &pointerRef{"p"}
	for i, c := range []struct {
		dst   any
		model any
		kind  error
		text  string
	}{
		{new(bool), int64(1), passable.ErrMismatch, "got an Integer, which does not match: want a Boolean (Go type bool)"},
		{new(int), "1", passable.ErrMismatch, "got a String"},
		{new(int), nil, passable.ErrMismatch, "got Null"},
		{new(int), passable.Undefined{}, passable.ErrMismatch, "got Undefined"},
		{new(int), 1.5, passable.ErrRange, "1.5 does not fit in int"},
		{new(int), math.NaN(), passable.ErrRange, "NaN"},
		{new(int), math.Inf(1), passable.ErrRange, "+Inf"},
		{new(int), math.Copysign(0, -1), passable.ErrRange, "-0"},
		{new(int8), int64(128), passable.ErrRange, "128 does not fit in int8"},
		{new(int8), int64(-129), passable.ErrRange, "-129"},
		{new(int64), big1, passable.ErrRange, "int64"},
		{new(int64), new(big.Int).Lsh(big.NewInt(1), 5000), passable.ErrRange, "an integer of 5001 bits does not fit in int64"},
		{new(uint), int64(-1), passable.ErrRange, "-1 does not fit in uint"},
		{new(uint8), int64(256), passable.ErrRange, "256 does not fit in uint8"},
		{new(uint64), big1, passable.ErrRange, "uint64"},
		{new(uint64), new(big.Int).Neg(big1), passable.ErrRange, "uint64"},
		{new(float64), int64(1<<53 + 1), passable.ErrRange, "float64"},
		{new(float64), int64(math.MaxInt64), passable.ErrRange, "float64"},
		{new(float64), new(big.Int).Add(big1, big.NewInt(1)), passable.ErrRange, "float64"},
		{new(float64), "1", passable.ErrMismatch, "want a Float64"},
		{new(float32), 0.1, passable.ErrRange, "float32"},
		{new(float32), 1e300, passable.ErrRange, "float32"},
		{new(string), passable.Symbol("s"), passable.ErrMismatch, "got a Symbol, which does not match: want a String"},
		{new(colour), []byte("s"), passable.ErrMismatch, "got a ByteArray"},
		{new(passable.Symbol), "s", passable.ErrMismatch, "want a Symbol"},
		{new([]byte), "s", passable.ErrMismatch, "want a ByteArray"},
		{new([2]byte), []byte("abc"), passable.ErrRange, "3 bytes does not fit in [2]uint8"},
		{new([2]byte), nil, passable.ErrMismatch, "want a ByteArray"},
		{new([]int), passable.Struct{}, passable.ErrMismatch, "got a Struct, which does not match: want a List"},
		{new([2]int), []any{int64(1)}, passable.ErrRange, "1 values"},
		{new([]int), []any{int64(1), "x"}, passable.ErrMismatch, "passable: [1]: got a String"},
		{new(map[string]int), []any{}, passable.ErrMismatch, "want a Struct"},
		{new(map[string]int), passable.Struct{{Key: "a", Value: "x"}}, passable.ErrMismatch, "passable: a: got a String"},
		{new(member), "x", passable.ErrMismatch, "want a Struct"},
		{new(member), nil, passable.ErrMismatch, "want a Struct"},
		{new(member), passable.Struct{{Key: "score", Value: "x"}}, passable.ErrMismatch, "passable: score: got a String"},
		{new(time.Time), "2026", passable.ErrMismatch, "want an Integer"},
		{new(time.Time), new(big.Int).Lsh(big.NewInt(1), 200), passable.ErrRange, "time.Time"},
		{new(passable.Undefined), nil, passable.ErrMismatch, "want Undefined"},
		{new(passable.Tagged), int64(1), passable.ErrMismatch, "want a Tagged"},
		{new(passable.Struct), []any{}, passable.ErrMismatch, "want a Struct"},
		{new(passable.Error), "x", passable.ErrMismatch, "want an Error"},
		{new(error), "x", passable.ErrMismatch, "implements the interface"},
		{new(codedError), passable.Error{}, passable.ErrMismatch, "passable.Error or an error"},
		{new(fmt.Stringer), "x", passable.ErrMismatch, "implements the interface"},
		{new(ref), "x", passable.ErrMismatch, "want a reference"},
		{new(ref), passable.Undefined{}, passable.ErrMismatch, "want a reference"},
		{new(ref), other, passable.ErrMismatch, "*passable_test.pointerRef does not match: want passable_test.ref"},
		{new(roomRef), other, passable.ErrMismatch, "want passable_test.ref"},
		{new(promise[int]), other, errNotRef, "not a reference of this runtime"},
		{new(*pointerRef), newRef("r"), passable.ErrMismatch, "want *passable_test.pointerRef"},
		{new(token), nil, passable.ErrMismatch, "want a value of that very type"},
		{new(token), "x", passable.ErrMismatch, "got a String"},
		{new(chan int), nil, passable.ErrCannotPass, "chan int cannot pass"},
		{new(int), 5, passable.ErrMismatch, "got int"},
		{nil, nil, nil, "want a pointer that is not nil"},
		{5, nil, nil, "want a pointer that is not nil"},
		{(*int)(nil), int64(5), nil, "want a pointer that is not nil"},
		{new(any), make(chan int), passable.ErrCannotPass, "chan int"},
	} {
		err := passable.Assign(c.dst, c.model)
		var pe *passable.PathError
		if !errors.As(err, &pe) || (c.kind != nil && !errors.Is(err, c.kind)) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%d: %T from %#v: got %v, want %q", i, c.dst, c.model, err, c.text)
		}
	}
	if err := passable.AssignValue(reflect.ValueOf(5), int64(5)); err == nil {
		t.Error("a value that cannot be set is set")
	}
}

// TestSecretsDoNotPrint: messages about strings do not repeat them.
func TestSecretsDoNotPrint(t *testing.T) {
	const secret = "hunter2"
	for _, dst := range []any{new(int), new([]byte), new(ref), new(member), new(time.Time)} {
		for _, model := range []any{secret, passable.Symbol(secret), []any{secret}, passable.Error{Message: secret}} {
			if err := passable.Assign(dst, model); err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%T: %v", dst, err)
			}
		}
	}
	wrapped := fmt.Errorf("dial 10.0.0.1 with %s: %w", secret, codedError{"a.b", "no route"})
	v, err := passable.Copy(wrapped, nil)
	if want := (passable.Error{Code: "a.b", Message: "no route"}); err != nil || v != want {
		t.Errorf("got %#v, %v, want %#v", v, err, want)
	}
}

func TestCheck(t *testing.T) {
	if err := passable.Check(reflect.TypeOf(embedsTwo{}.roomRef)); err != nil {
		t.Errorf("a stub by itself: %v", err)
	}
	for _, c := range []struct {
		t    reflect.Type
		want string
	}{
		{reflect.TypeFor[room](), ""},
		{reflect.TypeFor[*list](), ""},
		{reflect.TypeFor[holder](), "passable: members[][].conn: chan int cannot pass: send data or a reference"},
		{reflect.TypeFor[[]func()](), "passable: []: func() cannot pass: send data or a reference"},
		{reflect.TypeFor[struct{ A *embedsRef }](), "passable: a: passable_test.embedsRef cannot pass: it embeds the reference " +
			"passable_test.ref and has other fields (Nick): give the reference a field name of its own"},
	} {
		got := ""
		if err := passable.Check(c.t); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%v: %s, want %s", c.t, got, c.want)
		}
	}
}

func TestReferencesAreMapped(t *testing.T) {
	a, b := newRef("a"), newRef("b")
	var seen []passable.Reference
	in := []any{a, map[string]any{"z": b, "y": roomRef{a}}, roomRef{}, promise[int]{b}, nil}
	got, err := passable.Copy(in, func(r passable.Reference) (passable.Reference, error) {
		seen = append(seen, r)
		if r == passable.Reference(b) {
			return nil, nil
		}
		return newRefLike(r), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []passable.Reference{a, a, b, b}; !reflect.DeepEqual(seen, want) {
		t.Errorf("references in order %v, want %v", seen, want)
	}
	want := []any{mapped{a}, passable.Struct{{Key: "y", Value: mapped{a}}, {Key: "z", Value: nil}}, nil, nil, nil}
	if !passable.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	refused := errors.New("of another session")
	_, err = passable.Copy([]any{a}, func(passable.Reference) (passable.Reference, error) { return nil, refused })
	if !errors.Is(err, refused) || err.Error() != "passable: [0]: of another session" {
		t.Errorf("got %v", err)
	}
}

type mapped struct{ r passable.Reference }

func (m mapped) PassableReference() passable.Reference { return m }

func newRefLike(r passable.Reference) passable.Reference { return mapped{r} }
