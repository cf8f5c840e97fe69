package detcbor_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/detcbor"
)

type sample struct {
	N    uint64            `cbor:"1,keyasint"`
	Key  [4]byte           `cbor:"2,keyasint"`
	Opt  []byte            `cbor:"3,keyasint,omitempty"`
	List []int64           `cbor:"4,keyasint"`
	More map[string]string `cbor:"5,keyasint"`
}

type marked uint64

func TestRoundTrip(t *testing.T) {
	in := sample{N: 70000, Key: [4]byte{1, 2, 3, 4}, Opt: []byte("x"), List: []int64{-1, 300}, More: map[string]string{"b": "2", "a": "1"}}
	b, err := detcbor.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	want := "a5011a00011170024401020304034178048220" + "19012c" + "05a2616161316162" + "6132"
	if hex.EncodeToString(b) != want {
		t.Fatalf("encoded %x, want %s", b, want)
	}
	var out sample
	if err := detcbor.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(in, out) {
		t.Fatalf("decoded %+v, want %+v", out, in)
	}
}

// Each of these is accepted by a lenient decoder and means the same as, or hides in, a good encoding.
func TestRefuses(t *testing.T) {
	good := "a40101024401020304048005a0"
	if err := detcbor.Unmarshal(unhex(t, good), new(sample)); err != nil {
		t.Fatalf("the good one is refused: %v", err)
	}
	for name, bad := range map[string]string{
		"long integer":             "a4011801024401020304048005a0",
		"long length":              "a401010258" + "0401020304048005a0",
		"long map head":            "b8040101024401020304048005a0",
		"unsorted keys":            "a40244010203040101048005a0",
		"duplicate key":            "a501010101024401020304048005a0",
		"unknown key":              "a50101024401020304048005a01863" + "00",
		"missing key":              "a3010102440102030405a0",
		"indefinite map":           "bf0101024401020304048005a0ff",
		"indefinite array":         "a401010244010203040" + "49fff05a0",
		"indefinite bytes":         "a40101025f4401020304ff048005a0",
		"trailing byte":            good + "00",
		"truncated":                good[:len(good)-2],
		"empty":                    "",
		"tag":                      "a401c10102440102030404" + "8005a0",
		"short array field":        "a401010243010203048005a0",
		"long array field":         "a4010102450102030405048005a0",
		"null for an empty array":  "a4010102440102030404f605a0",
		"null for an empty map":    "a40101024401020304048005f6",
		"omitted field spelled":    "a5010102440102030403400480" + "05a0",
		"float for an integer":     "a401f93c00024401020304048005a0",
		"text for bytes":           "a401010264616263640480" + "05a0",
		"invalid UTF-8":            "a40101024401020304048005a161ff6161",
		"duplicate key in the map": "a40101024401020304048005a2616161316161" + "6132",
	} {
		err := detcbor.Unmarshal(unhex(t, bad), new(sample))
		if !errors.Is(err, detcbor.ErrInvalid) {
			t.Errorf("%s: got error %v, want one that matches ErrInvalid", name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	c, err := detcbor.New(detcbor.Limits{Bytes: 40, Depth: 4, Elements: 16})
	if err != nil {
		t.Fatal(err)
	}
	var v any
	for name, in := range map[string]string{
		"bytes":                              "582740" + strings.Repeat("00", 38),
		"depth":                              strings.Repeat("81", 6) + "80",
		"elements":                           "91" + strings.Repeat("00", 17),
		"pairs":                              "b1" + strings.Repeat("0000", 17),
		"announced bytes never allocated":    "5b7fffffffffffffff",
		"announced elements never allocated": "9b7fffffffffffffff",
	} {
		if err := c.Unmarshal(unhex(t, in), &v); !errors.Is(err, detcbor.ErrInvalid) {
			t.Errorf("%s: got error %v, want one that matches ErrInvalid", name, err)
		}
	}
	for _, l := range []detcbor.Limits{{Bytes: -1}, {Depth: 1}, {Elements: 1}} {
		if _, err := detcbor.New(l); err == nil {
			t.Errorf("New(%+v) succeeded, want an error", l)
		}
	}
}

func TestTagsWhenAsked(t *testing.T) {
	c, err := detcbor.New(detcbor.Limits{Tags: map[uint64]reflect.Type{4711: reflect.TypeFor[marked]()}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Marshal(marked(7))
	if err != nil {
		t.Fatal(err)
	}
	var r marked
	if err := c.Unmarshal(b, &r); err != nil || r != 7 {
		t.Fatalf("decoded %d, %v, want 7", r, err)
	}
	var v any
	if err := c.Unmarshal(slices.Concat([]byte{0x83, 0x42, 0xc2, 0xc2, 0x19, 0xc2, 0xc2}, b), &v); err != nil {
		t.Fatalf("a known tag among others: %v", err)
	}
	for _, unknown := range []string{"d9126600", "820000c1" + "00", "c249010000000000000000"} {
		if err := c.Unmarshal(unhex(t, unknown), &v); !errors.Is(err, detcbor.ErrInvalid) {
			t.Errorf("%s: got error %v, want one that matches ErrInvalid", unknown, err)
		}
	}
	if err := detcbor.Unmarshal(b, &r); !errors.Is(err, detcbor.ErrInvalid) {
		t.Fatalf("a codec without tags: got error %v, want one that matches ErrInvalid", err)
	}
}

func FuzzUnmarshal(f *testing.F) {
	tagged, err := detcbor.New(detcbor.Limits{Tags: map[uint64]reflect.Type{4711: reflect.TypeFor[marked]()}})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"a40101024401020304048005a0", "80", "a0", "f6", "fb3ff0000000000000", "1bffffffffffffffff", "c249010000000000000000"} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		if detcbor.Unmarshal(b, &v) == nil {
			again, err := detcbor.Marshal(v)
			if err != nil || !bytes.Equal(again, b) {
				t.Fatalf("accepted %x, which encodes as %x, %v", b, again, err)
			}
		}
		tagged.Unmarshal(b, &v)
		var s sample
		if detcbor.Unmarshal(b, &s) == nil {
			again, err := detcbor.Marshal(s)
			if err != nil || !bytes.Equal(again, b) {
				t.Fatalf("accepted %x, which encodes as %x, %v", b, again, err)
			}
		}
	})
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return b
}
