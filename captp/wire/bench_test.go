package wire_test

import (
	"testing"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/passable"
)

// small is the delivery of the calls that the performance notes measure: a
// 32-byte string and an integer, an answer and a resolver wanted.
var small = &msg.Deliver{
	To: desc(msg.Export, 17), Selector: "echo", Args: []any{"abcdefghijklmnopqrstuvwxyz012345", int64(123456)},
	Answer: 42, HasAnswer: true, Resolve: desc(msg.ImportObject, 43), HasResolve: true,
}

func BenchmarkDeliver(b *testing.B) {
	enc, dec := wire.NewEncoder(wire.Hawser), wire.NewDecoder(wire.Hawser, wire.Limits{})
	frame, err := enc.Append(nil, small, nil)
	if err != nil {
		b.Fatal(err)
	}
	withRef := *small
	withRef.Args = []any{far("a"), far("b")}
	toDesc := func(passable.Reference) (msg.Desc, error) { return desc(msg.ImportObject, 5), nil }
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(frame)))
		var buf []byte
		for b.Loop() {
			buf, _ = enc.Append(buf[:0], small, nil)
		}
	})
	b.Run("encode-references", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf, _ = enc.Append(buf[:0], &withRef, toDesc)
		}
	})
	b.Run("decode", func(b *testing.B) { // one slice, a string and its header, an integer: the arguments
		b.ReportAllocs()
		b.SetBytes(int64(len(frame)))
		for b.Loop() {
			if _, err := dec.Decode(frame, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	refs, err := enc.Append(nil, &withRef, toDesc)
	if err != nil {
		b.Fatal(err)
	}
	var r passable.Reference = far("a")
	fromDesc := func(msg.Desc) (passable.Reference, error) { return r, nil }
	b.Run("decode-references", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := dec.Decode(refs, fromDesc); err != nil {
				b.Fatal(err)
			}
		}
	})
	bare := *small
	bare.Args = nil
	nothing, err := enc.Append(nil, &bare, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("decode-no-arguments", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := dec.Decode(nothing, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkGCExports(b *testing.B) {
	enc, dec := wire.NewEncoder(wire.Hawser), wire.NewDecoder(wire.Hawser, wire.Limits{})
	op := &msg.GCExports{Positions: []uint64{1, 20, 300, 4000}, Deltas: []uint64{1, 1, 2, 1}}
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf, _ = enc.Append(buf[:0], op, nil)
		if _, err := dec.Decode(buf, nil); err != nil {
			b.Fatal(err)
		}
	}
}
