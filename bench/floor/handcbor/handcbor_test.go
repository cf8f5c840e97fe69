package handcbor_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/hawser-go/hawser/bench/floor/handcbor"
)

func TestAgainstTheLibrary(t *testing.T) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{0, 23, 24, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64} {
		m := handcbor.Message{Op: "op:deliver", Pos: n, Key: bytes.Repeat([]byte{7}, int(n%300)), Numbers: []int64{n, -n, ^n}}
		want, err := mode.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		got := handcbor.Append(nil, &m)
		if !bytes.Equal(got, want) {
			t.Errorf("%d: got %x, want %x", n, got, want)
		}
		var back handcbor.Message
		if err := handcbor.Decode(got, &back); err != nil || back.Op != m.Op || back.Pos != m.Pos || !bytes.Equal(back.Key, m.Key) || !slices.Equal(back.Numbers, m.Numbers) {
			t.Errorf("%d: got %+v, %v", n, back, err)
		}
		for i := range got {
			if handcbor.Decode(got[:i], &back) == nil {
				t.Errorf("%d: the first %d bytes were accepted", n, i)
			}
		}
		if handcbor.Decode(append(got, 0), &back) == nil {
			t.Errorf("%d: a byte too many was accepted", n)
		}
	}
}

func TestLongHeadsAreRefused(t *testing.T) {
	m := handcbor.Message{Op: "op:deliver", Pos: 5}
	b := handcbor.Append(nil, &m)
	at := bytes.IndexByte(b, 5)
	long := slices.Concat(b[:at], []byte{0x18, 5}, b[at+1:])
	if handcbor.Decode(b, new(handcbor.Message)) != nil || handcbor.Decode(long, new(handcbor.Message)) == nil {
		t.Error("the long form was accepted, or the short one refused")
	}
}
