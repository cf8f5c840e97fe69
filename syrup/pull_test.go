package syrup_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/syrup"
)

// TestPull reads one token with each method, from bytes and from a stream.
func TestPull(t *testing.T) {
	read := map[string]func(*syrup.Decoder) (any, error){
		"Bool":   func(d *syrup.Decoder) (any, error) { return d.Bool() },
		"Int":    func(d *syrup.Decoder) (any, error) { return d.Int() },
		"Uint":   func(d *syrup.Decoder) (any, error) { return d.Uint() },
		"Float":  func(d *syrup.Decoder) (any, error) { return d.Float() },
		"String": func(d *syrup.Decoder) (any, error) { return d.String() },
		"Key":    func(d *syrup.Decoder) (any, error) { return d.Key() },
		"Symbol": func(d *syrup.Decoder) (any, error) { return d.Symbol() },
		"Bytes":  func(d *syrup.Decoder) (any, error) { return d.Bytes() },
		"View":   func(d *syrup.Decoder) (any, error) { return d.View() },
		"Three": func(d *syrup.Decoder) (any, error) {
			var b [3]byte
			err := d.BytesInto(b[:])
			return string(b[:]), err
		},
		"List": func(d *syrup.Decoder) (any, error) {
			if err := d.OpenList(); err != nil {
				return nil, err
			}
			return d.Rest()
		},
		"Struct": func(d *syrup.Decoder) (any, error) {
			if err := d.OpenStruct(); err != nil {
				return nil, err
			}
			key, err := d.Key()
			if err != nil {
				return nil, err
			}
			v, err := d.Value()
			if err != nil {
				return nil, err
			}
			return fmt.Sprint(key, v), d.CloseStruct()
		},
		"Record": func(d *syrup.Decoder) (any, error) {
			label, err := d.OpenRecord()
			if err != nil {
				return nil, err
			}
			more, err := d.More()
			if more {
				_, err = d.Value()
			}
			if err != nil {
				return nil, err
			}
			return string(label), d.CloseRecord()
		},
		"False": func(d *syrup.Decoder) (any, error) {
			was, err := d.TryFalse()
			if err == nil && !was {
				_, err = d.Value()
			}
			return was, err
		},
	}
	for _, c := range []struct {
		method, text string
		want         any // an error kind, or the value
	}{
		{"Bool", "t", true},
		{"Bool", "f", false},
		{"Bool", "1+", syrup.ErrUnexpected},
		{"Bool", "", syrup.ErrTruncated},
		{"Int", "5-", int64(-5)},
		{"Int", "9223372036854775808-", int64(math.MinInt64)},
		{"Int", "9223372036854775808+", syrup.ErrTooLarge},
		{"Int", "5:hello", syrup.ErrUnexpected},
		{"Int", "[", syrup.ErrUnexpected},
		{"Int", "0-", syrup.ErrNotCanonical},
		{"Int", "12", syrup.ErrTruncated},
		{"Uint", "5+", uint64(5)},
		{"Uint", "18446744073709551615+", uint64(math.MaxUint64)},
		{"Uint", "18446744073709551616+", syrup.ErrTooLarge},
		{"Uint", "1-", syrup.ErrTooLarge},
		{"Uint", "0-", syrup.ErrNotCanonical},
		{"Uint", "1\"a", syrup.ErrUnexpected},
		{"Uint", "t", syrup.ErrUnexpected},
		{"Float", "D?\xf0\x00\x00\x00\x00\x00\x00", 1.0},
		{"Float", "F?\x80\x00\x00", syrup.ErrNotCanonical},
		{"Float", "D?\xf0", syrup.ErrTruncated},
		{"Float", "1+", syrup.ErrUnexpected},
		{"Float", "", syrup.ErrTruncated},
		{"String", `5"twine`, "twine"},
		{"String", "1\"\xff", syrup.ErrUTF8},
		{"String", "1'a", syrup.ErrUnexpected},
		{"Key", `5"twine`, "twine"},
		{"Key", "1\"\xff", syrup.ErrUTF8},
		{"Key", `60"` + strings.Repeat("k", 60), strings.Repeat("k", 60)},
		{"Key", "1:a", syrup.ErrUnexpected},
		{"Symbol", "5'fetch", passable.Symbol("fetch")},
		{"Symbol", "1'\xff", syrup.ErrUTF8},
		{"Symbol", `5"fetch`, syrup.ErrUnexpected},
		{"Bytes", "3:cat", []byte("cat")},
		{"Bytes", "0:", []byte{}},
		{"Bytes", "3'cat", syrup.ErrUnexpected},
		{"View", "3:cat", []byte("cat")},
		{"View", "3:ca", syrup.ErrTruncated},
		{"Three", "3:cat", "cat"},
		{"Three", "4:cats", syrup.ErrUnexpected},
		{"Three", "f", syrup.ErrUnexpected},
		{"List", "[1+t]", []any{int64(1), true}},
		{"List", "[]", []any{}},
		{"List", "{}", syrup.ErrUnexpected},
		{"List", "[1+}", syrup.ErrUnexpected},
		{"Struct", `{1"a1+}`, "a1"},
		{"Struct", `{1"a1+1"b2+}`, syrup.ErrUnexpected},
		{"Struct", "[]", syrup.ErrUnexpected},
		{"Record", "<1'at>", "a"},
		{"Record", "<1'a>", "a"},
		{"Record", "<1'att>", syrup.ErrUnexpected},
		{"Record", "t", syrup.ErrUnexpected},
		{"Record", "-", syrup.ErrSyntax},
		{"False", "f", true},
		{"False", "t", false},
		{"False", "", syrup.ErrTruncated},
	} {
		for _, stream := range []bool{false, true} {
			d := syrup.NewDecoder(nil)
			if stream {
				d.ResetReader(iotest.OneByteReader(strings.NewReader(c.text)))
			} else if err := d.Reset([]byte(c.text)); err != nil {
				t.Fatal(err)
			}
			got, err := read[c.method](d)
			if kind, ok := c.want.(error); ok {
				if !errors.Is(err, kind) {
					t.Errorf("%s of %q: %v, %v, want %v", c.method, c.text, got, err, kind)
				}
				continue
			}
			if err != nil || fmt.Sprintf("%T%v", got, got) != fmt.Sprintf("%T%v", c.want, c.want) || d.End() != nil {
				t.Errorf("%s of %q: %#v, %v, want %#v", c.method, c.text, got, err, c.want)
			}
		}
	}
}

// TestIs: what comes next is told without consuming it.
func TestIs(t *testing.T) {
	kinds := map[byte][]string{
		'+': {"1+", "1-"}, ':': {"1:a"}, '"': {`1"a`}, '\'': {"1'a"}, 't': {"t", "f"}, 'D': {"D\x00\x00\x00\x00\x00\x00\x00\x00"},
		syrup.OpenList: {"[]"}, syrup.OpenStruct: {"{}"}, syrup.OpenRecord: {"<4'null>"},
	}
	for is, texts := range kinds {
		for _, text := range texts {
			for asked := range kinds {
				d := syrup.NewDecoder(nil)
				d.ResetReader(iotest.OneByteReader(strings.NewReader(text)))
				got, err := d.Is(asked)
				if err != nil || got != (asked == is) {
					t.Errorf("%q is %c: %v, %v", text, asked, got, err)
				}
				if _, err := d.Value(); err != nil {
					t.Errorf("%q after Is: %v", text, err)
				}
			}
		}
	}
	d := syrup.NewDecoder(nil)
	for _, bad := range []string{"", "x", "5", "05+"} {
		if err := d.Reset([]byte(bad)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Is('+'); err == nil {
			t.Errorf("%q is something", bad)
		}
	}
}

// TestViewIsBorrowed and everything else is not.
func TestViewIsBorrowed(t *testing.T) {
	b := []byte("[3:cat3:cat3\"cat3'cat]")
	d := syrup.NewDecoder(nil)
	if err := d.Reset(b); err != nil {
		t.Fatal(err)
	}
	if err := d.OpenList(); err != nil {
		t.Fatal(err)
	}
	view, err := d.View()
	if err != nil {
		t.Fatal(err)
	}
	rest, err := d.Rest()
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] = 'x'
	}
	if string(view) != "xxx" || !passable.Equal(rest, []any{[]byte("cat"), "cat", passable.Symbol("cat")}) {
		t.Errorf("%q, %q", view, rest)
	}
	if cap(view) != 3 {
		t.Error("appending to a View would overwrite what follows")
	}
}

// TestNames: equal short names are one string, however many others there are.
func TestNames(t *testing.T) {
	d := syrup.NewDecoder(nil)
	for i := range 3000 {
		for _, name := range []string{fmt.Sprintf("n%d", i), "", "fetch", "deposit-gift", "user-joined", strings.Repeat("long", 20)} {
			text := syrup.AppendSymbol(nil, passable.Symbol(name))
			if err := d.Reset(text); err != nil {
				t.Fatal(err)
			}
			if v, err := d.Value(); err != nil || v != any(passable.Symbol(name)) {
				t.Fatalf("%q: %v, %v", name, v, err)
			}
			if err := d.Reset(text); err != nil {
				t.Fatal(err)
			}
			if s, err := d.Symbol(); err != nil || string(s) != name {
				t.Fatalf("%q: %q, %v", name, s, err)
			}
		}
	}
	text := []byte("[5'fetch12'deposit-gift]")
	if n := testing.AllocsPerRun(100, func() {
		_ = d.Reset(text)
		_ = d.OpenList()
		_, _ = d.Symbol()
		_, _ = d.Symbol()
		_ = d.CloseList()
	}); n != 0 {
		t.Errorf("known names allocate %v times", n)
	}
}
