package syrup_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/syrup"
)

var bigPositive, _ = new(big.Int).SetString("123456789012345678901234567890", 10)

// vectors are canonical encodings, from the draft's Notation.md and Syrup's
// specification where they have an example.
var vectors = []struct {
	text  string
	value any
}{
	{"t", true},
	{"f", false},
	{"42+", int64(42)},
	{"1-", int64(-1)},
	{"0+", int64(0)},
	{"72+", int64(72)},
	{"9223372036854775807+", int64(math.MaxInt64)},
	{"9223372036854775808-", int64(math.MinInt64)},
	{"9223372036854775808+", new(big.Int).Lsh(big.NewInt(1), 63)},
	{"999999999999999999+", int64(999999999999999999)},
	{"1000000000000000000-", int64(-1000000000000000000)},
	{"123456789012345678901234567890+", bigPositive},
	{"123456789012345678901234567890-", new(big.Int).Neg(bigPositive)},
	{"D\x7f\xf8\x00\x00\x00\x00\x00\x00", math.NaN()},
	{"D\x00\x00\x00\x00\x00\x00\x00\x00", 0.0},
	{"D\x80\x00\x00\x00\x00\x00\x00\x00", math.Copysign(0, -1)},
	{"D\x7f\xf0\x00\x00\x00\x00\x00\x00", math.Inf(1)},
	{"D\xff\xf0\x00\x00\x00\x00\x00\x00", math.Inf(-1)},
	{"D@ ffffff", 8.2},
	{`5"twine`, "twine"},
	{`0"`, ""},
	{"6\"björn", "björn"},
	{"3\"熊", "熊"},
	{"5'fetch", passable.Symbol("fetch")},
	{"6'hämta", passable.Symbol("hämta")},
	{"3:cat", []byte("cat")},
	{"0:", []byte{}},
	{"8:\xb0\xb5\xc0\xff\xee\xfa\xca\xde", []byte{0xb0, 0xb5, 0xc0, 0xff, 0xee, 0xfa, 0xca, 0xde}},
	{"[]", []any{}},
	{"[1+2+3+]", []any{int64(1), int64(2), int64(3)}},
	{"[[][[]]]", []any{[]any{}, []any{[]any{}}}},
	{"{}", passable.Struct{}},
	{`{1"a10+1"b2+}`, passable.Struct{{Key: "a", Value: int64(10)}, {Key: "b", Value: int64(2)}}},
	{
		`{1"z1+10"kkkkkkkkkk2+2"aa3+}`, // by encoding: the key of one byte, of ten, of two
		passable.Struct{{Key: "aa", Value: int64(3)}, {Key: "kkkkkkkkkk", Value: int64(2)}, {Key: "z", Value: int64(1)}},
	},
	{"<4'null>", nil},
	{"<4'void>", passable.Undefined{}},
	{`<11'desc:tagged7'decimal4"3.14>`, passable.Tagged{Tag: "decimal", Value: "3.14"}},
	{`<10'desc:error{4"code3"a.b7"message4"oops}>`, passable.Error{Code: "a.b", Message: "oops"}},
	{`<10'desc:error{7"message0"}>`, passable.Error{}},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		got, err := syrup.Decode([]byte(v.text), nil)
		if err != nil {
			t.Errorf("%q: %v", v.text, err)
			continue
		}
		if !passable.Equal(got, v.value) {
			t.Errorf("%q decodes to %#v, want %#v", v.text, got, v.value)
		}
		enc, err := syrup.Encode(v.value)
		if err != nil || string(enc) != v.text {
			t.Errorf("%#v encodes to %q, %v, want %q", v.value, enc, err, v.text)
		}
	}
}

// TestForeignShapes states what is understood beyond what is written.
func TestForeignShapes(t *testing.T) {
	for _, c := range []struct {
		text  string
		value any
		seen  syrup.Seen
	}{
		{`<10'desc:error4"oops>`, passable.Error{Message: "oops"}, syrup.SeenErrorMessage},
		{`<10'desc:error3"a.b4"oops>`, passable.Error{Code: "a.b", Message: "oops"}, syrup.SeenErrorPair},
		{`<16'exn:fail:mystery>`, passable.Error{Message: "an error that the peer does not describe"}, syrup.SeenErrorMystery},
		{
			`<10'desc:error{4"name9"TypeError5"cause[]7"message4"oops}>`,
			passable.Error{Code: "TypeError", Message: "oops"},
			syrup.SeenErrorStruct | syrup.SeenErrorExtra,
		},
		{`<11'desc:tagged1"t1+>`, passable.Tagged{Tag: "t", Value: int64(1)}, syrup.SeenTagString},
	} {
		d := syrup.NewDecoder(nil)
		if err := d.Reset([]byte(c.text)); err != nil {
			t.Fatal(err)
		}
		got, err := d.Value()
		if err != nil || !passable.Equal(got, c.value) || d.Seen() != c.seen {
			t.Errorf("%q: got %#v, seen %b, %v; want %#v, seen %b", c.text, got, d.Seen(), err, c.value, c.seen)
		}
	}
}

func TestErrorShapes(t *testing.T) {
	e := passable.Error{Code: "a.b", Message: "oops"}
	for shape, want := range map[syrup.ErrorShape]string{
		syrup.ErrorStruct:  `<10'desc:error{4"code3"a.b7"message4"oops}>`,
		syrup.ErrorMessage: `<10'desc:error4"oops>`,
		syrup.ErrorMystery: `<16'exn:fail:mystery>`,
	} {
		enc := syrup.Encoder{Errors: shape}
		got, err := enc.Append(nil, e)
		if err != nil || string(got) != want {
			t.Errorf("shape %d: %q, %v, want %q", shape, got, err, want)
		}
	}
}

// TestKeyOrders compares the orders where they differ: Endo's sorts surrogates
// before U+E000 to U+FFFF, Syrup's sorts the shorter encoding of the length first.
func TestKeyOrders(t *testing.T) {
	s, err := passable.NewStruct(
		passable.Field{Key: "bb", Value: true}, passable.Field{Key: "z", Value: true},
		passable.Field{Key: "\uffee", Value: true}, passable.Field{Key: "\U00010000", Value: true},
	)
	if err != nil {
		t.Fatal(err)
	}
	for order, want := range map[syrup.KeyOrder]string{
		syrup.ByEncoding: "{1\"zt2\"bbt3\"\uffeet4\"\U00010000t}",
		syrup.ByUTF16:    "{2\"bbt1\"zt4\"\U00010000t3\"\uffeet}",
	} {
		enc := syrup.Encoder{KeyOrder: order}
		got, err := enc.Append(nil, s)
		if err != nil || string(got) != want {
			t.Errorf("order %d: %q, %v, want %q", order, got, err, want)
		}
		back, err := syrup.Decode(got, &syrup.Config{KeyOrder: order})
		if err != nil || !passable.Equal(back, s) {
			t.Errorf("order %d: back %v, %v", order, back, err)
		}
		if _, err := syrup.Decode(got, &syrup.Config{KeyOrder: 1 - order}); err == nil {
			t.Errorf("order %d is taken for the other one", order)
		}
		if _, err := syrup.Decode(got, &syrup.Config{KeyOrder: 1 - order, Lenient: true}); err != nil {
			t.Errorf("order %d, lenient: %v", order, err)
		}
	}
}

func TestLenient(t *testing.T) {
	lenient := &syrup.Config{Lenient: true}
	for text, want := range map[string]any{
		" \t\r\n42+\n":                      int64(42),
		"007+":                              int64(7),
		"0-":                                int64(0),
		"00000000000000000000000001-":       int64(-1),
		`003"abc`:                           "abc",
		"[ 1+ 2+ ]":                         []any{int64(1), int64(2)},
		`{ 1"b 2+ 1"a 1+ }`:                 passable.Struct{{Key: "a", Value: int64(1)}, {Key: "b", Value: int64(2)}},
		"F\x3f\x80\x00\x00":                 1.0,
		"F\x7f\xff\xff\xff":                 math.NaN(),
		"D\x7f\xf8\x00\x00\x00\x00\x00\x01": math.NaN(),
		"< 4'null >":                        nil,
	} {
		got, err := syrup.Decode([]byte(text), lenient)
		if err != nil || !passable.Equal(got, want) {
			t.Errorf("%q: %#v, %v, want %#v", text, got, err, want)
		}
		if _, err := syrup.Decode([]byte(text), nil); err == nil {
			t.Errorf("%q: the strict decoder takes it", text)
		}
	}
	if _, err := syrup.Decode([]byte(`{1"a1+1"b1+1"a2+}`), lenient); err == nil {
		t.Error("a key twice, not side by side, is taken")
	}
}

func TestEncoderRefuses(t *testing.T) {
	deep := any("bottom")
	for range passable.MaxDepth + 1 {
		deep = []any{deep}
	}
	for name, v := range map[string]any{
		"an int":          5,
		"a Go map":        map[string]any{},
		"no UTF-8":        "\xff",
		"no UTF-8 symbol": passable.Symbol("\xff"),
		"no UTF-8 key":    passable.Struct{{Key: "\xff"}},
		"no UTF-8 tag":    passable.Tagged{Tag: "\xff"},
		"a key twice":     passable.Struct{{Key: "a"}, {Key: "a"}},
		"too deep":        deep,
		"a reference":     nullRef{},
	} {
		if b, err := syrup.Encode(v); err == nil {
			t.Errorf("%s: %q", name, b)
		} else if !strings.HasPrefix(err.Error(), "syrup: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type nullRef struct{}

func (nullRef) PassableReference() passable.Reference { return nil }
