package wire_test

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/syrup"
	"pgregory.net/rapid"
)

func anyDesc(kinds ...msg.DescKind) *rapid.Generator[msg.Desc] {
	return rapid.Custom(func(t *rapid.T) msg.Desc {
		return desc(rapid.SampledFrom(kinds).Draw(t, "kind"), rapid.Uint64().Draw(t, "pos"))
	})
}

// anyArg draws the values whose writing is this package's; the others are drawn
// in the tests of package syrup.
func anyArg(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kinds := 7
		if depth > 0 {
			kinds = 9
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return anyDesc(msg.Export, msg.Answer, msg.ImportObject, msg.ImportPromise).Draw(t, "desc")
		case 1:
			return msg.Locator{Peer: anyPeer().Draw(t, "peer")}
		case 2:
			swiss := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "swiss")
			return msg.SturdyRef{Ref: sturdyref.Ref{Peer: anyPeer().Draw(t, "peer"), Swiss: sturdyref.SwissNumOf(swiss)}}
		case 3:
			return rapid.SampledFrom([]*msg.SigEnvelope{give, receive}).Draw(t, "envelope")
		case 4:
			return passable.Symbol(rapid.String().Draw(t, "symbol"))
		case 5:
			return rapid.String().Draw(t, "string")
		case 6:
			return rapid.Int64().Draw(t, "int")
		case 7:
			return passable.Tagged{Tag: rapid.String().Draw(t, "tag"), Value: anyArg(depth-1).Draw(t, "tagged")}
		default:
			return rapid.SliceOfN(anyArg(depth-1), 0, 4).Draw(t, "list")
		}
	})
}

func anyPeer() *rapid.Generator[sturdyref.Peer] {
	return rapid.Custom(func(t *rapid.T) sturdyref.Peer {
		p := sturdyref.Peer{Transport: rapid.StringMatching(`[a-z-]{1,9}`).Draw(t, "transport"), Designator: rapid.String().Draw(t, "designator")}
		if hints := rapid.MapOfN(rapid.String(), rapid.String(), 0, 5).Draw(t, "hints"); len(hints) > 0 {
			p.Hints = hints
		}
		return p
	})
}

func anyOp() *rapid.Generator[msg.Op] {
	target := anyDesc(msg.Export, msg.Answer)
	resolve := anyDesc(msg.ImportObject, msg.ImportPromise)
	positions := rapid.SliceOfN(rapid.Uint64(), 0, 5)
	return rapid.Custom(func(t *rapid.T) msg.Op {
		pos := rapid.Uint64()
		switch rapid.IntRange(0, 8).Draw(t, "op") {
		case 0, 1, 2:
			op := &msg.Deliver{To: target.Draw(t, "to"), Selector: passable.Symbol(rapid.String().Draw(t, "selector"))}
			op.Args = rapid.SliceOfN(anyArg(3), 0, 4).Draw(t, "args")
			if len(op.Args) > 0 && op.Selector == "" {
				if first, ok := op.Args[0].(passable.Symbol); ok { // belongs into Selector
					op.Selector, op.Args = first, op.Args[1:]
				}
			}
			if op.HasAnswer = rapid.Bool().Draw(t, "answer"); op.HasAnswer {
				op.Answer = pos.Draw(t, "answer-pos")
			}
			if op.HasResolve = rapid.Bool().Draw(t, "resolve"); op.HasResolve {
				op.Resolve = resolve.Draw(t, "resolver")
			}
			return op
		case 3:
			return &msg.Listen{To: target.Draw(t, "to"), Resolve: resolve.Draw(t, "resolver")}
		case 4:
			return &msg.Get{To: target.Draw(t, "to"), Field: rapid.String().Draw(t, "field"), Answer: pos.Draw(t, "pos")}
		case 5:
			return &msg.Index{To: target.Draw(t, "to"), Index: rapid.Int64().Draw(t, "index"), Answer: pos.Draw(t, "pos")}
		case 6:
			return &msg.Untag{To: target.Draw(t, "to"), Tag: rapid.String().Draw(t, "tag"), Answer: pos.Draw(t, "pos")}
		case 7:
			p := positions.Draw(t, "positions")
			return &msg.GCExports{Positions: p, Deltas: rapid.SliceOfN(rapid.Uint64(), len(p), len(p)).Draw(t, "deltas")}
		default:
			return &msg.GCAnswers{Positions: positions.Draw(t, "positions")}
		}
	})
}

// TestOpsRoundTrip: every operation comes back from every dialect as it was, if
// the dialect has a shape for it.
func TestOpsRoundTrip(t *testing.T) {
	dialects := []wire.Dialect{wire.Hawser, wire.OCapN10, wire.Suite202602, wire.SuiteBranch, {KeyOrder: syrup.ByUTF16, PlainKeys: true}}
	rapid.Check(t, func(t *rapid.T) {
		op := anyOp().Draw(t, "op")
		for _, d := range dialects {
			frame, err := wire.NewEncoder(d).Append(nil, op, nil)
			if errors.Is(err, wire.ErrNoShape) && d.NoSelection {
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", d.Name, err)
			}
			dec := wire.NewDecoder(d, wire.Limits{})
			got, err := dec.Decode(frame, nil)
			if err != nil || !equalOps(got, op) {
				t.Fatalf("%s: %q\nis  %+v, %v\nwas %+v", d.Name, frame, got, err, op)
			}
		}
	})
}

// equalOps compares operations; nil slices are empty ones.
func equalOps(a, b msg.Op) bool {
	switch x := a.(type) {
	case *msg.GCExports:
		y, ok := b.(*msg.GCExports)
		return ok && sameNumbers(x.Positions, y.Positions) && sameNumbers(x.Deltas, y.Deltas)
	case *msg.GCAnswers:
		y, ok := b.(*msg.GCAnswers)
		return ok && sameNumbers(x.Positions, y.Positions)
	}
	return sameOp(a, b)
}

func sameNumbers(a, b []uint64) bool {
	return len(a) == len(b) && (len(a) == 0 || reflect.DeepEqual(a, b))
}

// FuzzDecode: no panic, no allocation beyond a budget; what is taken can be
// written, and means the same when it is read again, or read from a stream.
func FuzzDecode(f *testing.F) {
	for _, g := range golden {
		f.Add([]byte(g.text))
	}
	f.Add([]byte("<12'op:gc-export1+2+>"))
	f.Add([]byte("<15'op:deliver-only<11'desc:export0+>[" + strings.Repeat(`<10'desc:error{1"a`, 200) + "t" + strings.Repeat("}>", 200) + "]>"))
	f.Add([]byte("<16'op:start-session3\"1.032:" + string(key[:]) + peerText + "64:" + string(signature[:]) + ">"))
	f.Add([]byte("<15'op:deliver-only<11'desc:export0+>[<10'ocapn-node5'onion3\"abc[[4'host1\"x]]>]>"))
	strict, lenient := wire.NewDecoder(wire.Hawser, wire.Limits{}), wire.NewDecoder(wire.OCapN10, wire.Limits{})
	stream := wire.NewDecoder(wire.Hawser, wire.Limits{})
	f.Fuzz(func(t *testing.T, frame []byte) {
		refs := 0
		count := func(msg.Desc) (passable.Reference, error) {
			refs++
			return far("x"), nil
		}
		if used := allocated(func() { _, _ = strict.Decode(frame, count) }); used > budget(len(frame)) {
			t.Errorf("%d bytes of input allocate %d", len(frame), used)
		}
		if refs > len(frame)/15 {
			t.Errorf("%d references in %d bytes", refs, len(frame))
		}
		op, err := strict.Decode(frame, nil)
		stream.ResetReader(iotest.OneByteReader(bytes.NewReader(frame)))
		streamed, streamErr := stream.Next(nil)
		switch {
		case err == nil && (streamErr != nil || !equalOps(op, streamed)):
			t.Fatalf("%q: from a frame %+v, from a stream %+v, %v", frame, op, streamed, streamErr)
		case streamErr == nil && err != nil && !errors.Is(err, syrup.ErrTrailing):
			t.Fatalf("%q: from a frame %v, from a stream fine", frame, err)
		}
		for _, d := range []*wire.Decoder{strict, lenient} {
			op, err := d.Decode(frame, nil)
			checkSignatures(t, op)
			if err != nil {
				var e *wire.Error
				if !errors.As(err, &e) {
					t.Fatalf("%T: %v", err, err)
				}
				continue
			}
			again, err := wire.NewEncoder(wire.Hawser).Append(nil, op, nil)
			if err != nil {
				t.Fatalf("%q is %+v, which cannot be written: %v", frame, op, err)
			}
			want := clone(op)
			back, err := d.Decode(again, nil)
			if err != nil || !equalOps(back, want) {
				t.Fatalf("%q is %+v, written %q, read %+v, %v", frame, want, again, back, err)
			}
			if third, err := wire.NewEncoder(wire.Hawser).Append(nil, back, nil); err != nil || !bytes.Equal(third, again) {
				t.Fatalf("%q is written %q, then %q, %v", frame, again, third, err)
			}
		}
	})
}

// checkSignatures verifies what is signed in an operation of anybody's.
func checkSignatures(t *testing.T, op msg.Op) {
	t.Helper()
	var err error
	switch op := op.(type) {
	case *msg.StartSession:
		err = wire.VerifyHello(op)
	case *msg.Deliver:
		for _, a := range op.Args {
			if env, ok := a.(*msg.SigEnvelope); ok {
				err = errors.Join(err, wire.Verify(env, key))
			}
		}
	}
	if err != nil && !errors.Is(err, wire.ErrSignature) {
		t.Fatalf("%v", err)
	}
}

// clone keeps an operation from the decoder, which will fill it in anew.
func clone(op msg.Op) msg.Op {
	v := reflect.New(reflect.TypeOf(op).Elem())
	v.Elem().Set(reflect.ValueOf(op).Elem())
	switch c := v.Interface().(type) {
	case *msg.GCExports:
		c.Positions, c.Deltas = append([]uint64(nil), c.Positions...), append([]uint64(nil), c.Deltas...)
	case *msg.GCAnswers:
		c.Positions = append([]uint64(nil), c.Positions...)
	}
	return v.Interface().(msg.Op)
}

func budget(input int) uint64 { return 96*uint64(input) + 64<<10 }

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
