package syrup_test

import (
	"bytes"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/syrup"
)

// The record that all codecs were measured with: ["op:deliver", 123456, 32
// bytes, [1, 200, 70000, -5]]. fxamacker/cbor is the yardstick beside it, as
// struct and as []any.
var (
	key32       = bytes.Repeat([]byte{7}, 32)
	numbers     = []int64{1, 200, 70000, -5}
	record  any = []any{
		"op:deliver", int64(123456), key32, []any{int64(1), int64(200), int64(70000), int64(-5)},
	}
	recordText, _ = syrup.Encode(record)
)

type cborRecord struct {
	_       struct{} `cbor:",toarray"`
	Op      string
	Pos     int64
	Key     []byte
	Numbers []int64
}

func appendRecord(dst []byte) []byte {
	dst = syrup.AppendString(append(dst, syrup.OpenList), "op:deliver")
	dst = syrup.AppendInt(dst, 123456)
	dst = append(syrup.AppendBytes(dst, key32), syrup.OpenList)
	for _, n := range numbers {
		dst = syrup.AppendInt(dst, n)
	}
	return append(dst, syrup.CloseList, syrup.CloseList)
}

func BenchmarkEncode(b *testing.B) {
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf = appendRecord(buf[:0])
		}
		if !bytes.Equal(buf, recordText) {
			b.Fatalf("%q", buf)
		}
	})
	b.Run("values", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		enc := &syrup.Encoder{}
		for b.Loop() {
			buf, _ = enc.Append(buf[:0], record)
		}
		if !bytes.Equal(buf, recordText) {
			b.Fatalf("%q", buf)
		}
	})
	b.Run("cbor-by-hand", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf = handAppend(buf[:0])
		}
		if want, _ := cbor.Marshal(record); !bytes.Equal(buf, want) {
			b.Fatalf("%x, want %x", buf, want)
		}
	})
	b.Run("cbor-struct", func(b *testing.B) {
		b.ReportAllocs()
		mode, _ := cbor.CoreDetEncOptions().UserBufferEncMode()
		r := cborRecord{Op: "op:deliver", Pos: 123456, Key: key32, Numbers: numbers}
		var buf bytes.Buffer
		for b.Loop() {
			buf.Reset()
			_ = mode.MarshalToBuffer(&r, &buf)
		}
	})
	b.Run("cbor-values", func(b *testing.B) {
		b.ReportAllocs()
		mode, _ := cbor.CoreDetEncOptions().UserBufferEncMode()
		var buf bytes.Buffer
		for b.Loop() {
			buf.Reset()
			_ = mode.MarshalToBuffer(record, &buf)
		}
	})
}

func pullRecord(d *syrup.Decoder, out *cborRecord) error {
	if err := d.OpenList(); err != nil {
		return err
	}
	var err error
	if out.Op, err = d.Key(); err != nil {
		return err
	}
	if out.Pos, err = d.Int(); err != nil {
		return err
	}
	if out.Key, err = d.View(); err != nil {
		return err
	}
	if err := d.OpenList(); err != nil {
		return err
	}
	out.Numbers = out.Numbers[:0]
	for {
		more, err := d.More()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		n, err := d.Int()
		if err != nil {
			return err
		}
		out.Numbers = append(out.Numbers, n)
	}
	if err := d.CloseList(); err != nil {
		return err
	}
	return d.CloseList()
}

func BenchmarkDecode(b *testing.B) {
	b.Run("pull", func(b *testing.B) {
		b.ReportAllocs()
		d := syrup.NewDecoder(nil)
		var out cborRecord
		for b.Loop() {
			_ = d.Reset(recordText)
			if err := pullRecord(d, &out); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("values", func(b *testing.B) {
		b.ReportAllocs()
		d := syrup.NewDecoder(nil)
		for b.Loop() {
			_ = d.Reset(recordText)
			if v, err := d.Value(); err != nil || len(v.([]any)) != 4 {
				b.Fatal(err)
			}
		}
	})
	text, _ := cbor.Marshal(record)
	b.Run("cbor-by-hand", func(b *testing.B) {
		b.ReportAllocs()
		names := map[string]string{"op:deliver": "op:deliver"}
		var out cborRecord
		for b.Loop() {
			if !handDecode(text, names, &out) {
				b.Fatal("not decoded")
			}
		}
	})
	b.Run("cbor-struct", func(b *testing.B) {
		b.ReportAllocs()
		var out cborRecord
		for b.Loop() {
			if err := cbor.Unmarshal(text, &out); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cbor-values", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var out []any
			if err := cbor.Unmarshal(text, &out); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSymbols(b *testing.B) {
	text, _ := syrup.Encode([]any{passable.Symbol("fetch"), passable.Symbol("deposit-gift"), passable.Symbol("user-joined")})
	d := syrup.NewDecoder(nil)
	b.ReportAllocs()
	for b.Loop() {
		_ = d.Reset(text)
		if _, err := d.Value(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMostDigits(b *testing.B) {
	text := append(bytes.Repeat([]byte("9"), passable.MaxDigits), '+')
	d := syrup.NewDecoder(nil)
	for b.Loop() {
		_ = d.Reset(text)
		if _, err := d.Value(); err != nil {
			b.Fatal(err)
		}
	}
}
