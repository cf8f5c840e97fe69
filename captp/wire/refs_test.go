package wire_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
	"testing/iotest"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/syrup"
)

func desc(kind msg.DescKind, pos msg.Pos) msg.Desc { return msg.Desc{Kind: kind, Pos: pos} }

// TestReferences: references in arguments are mapped in order of appearance, both
// ways; fields of the operation are not; null is nil.
func TestReferences(t *testing.T) {
	table := map[passable.Reference]msg.Desc{
		far("a"): desc(msg.ImportObject, 1), far("b"): desc(msg.ImportPromise, 2), far("c"): desc(msg.Export, 3), far("d"): desc(msg.Answer, 4),
	}
	s, err := passable.NewStruct(passable.Field{Key: "aa", Value: far("c")}, passable.Field{Key: "b", Value: far("b")})
	if err != nil {
		t.Fatal(err)
	}
	op := &msg.Deliver{
		To: desc(msg.Answer, 9), Selector: "x", Args: []any{far("a"), s, passable.Tagged{Tag: "t", Value: far("d")}, desc(msg.Export, 7)},
		Answer: 1, HasAnswer: true, Resolve: resolver, HasResolve: true,
	}
	var sent []passable.Reference
	frame, err := wire.NewEncoder(wire.Hawser).Append(nil, op, func(r passable.Reference) (msg.Desc, error) {
		sent = append(sent, r)
		return table[r], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []passable.Reference{far("a"), far("b"), far("c"), far("d")}; !reflect.DeepEqual(sent, want) {
		t.Errorf("references were mapped in order %v, want %v: \"b\" is encoded before \"aa\"", sent, want)
	}
	var came []msg.Desc
	got, err := wire.NewDecoder(wire.Hawser, wire.Limits{}).Decode(frame, func(d msg.Desc) (passable.Reference, error) {
		came = append(came, d)
		for r, known := range table {
			if known == d {
				return r, nil
			}
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := *op
	want.Args = append(append([]any{}, op.Args[:3]...), nil)
	if !sameOp(got, &want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	order := []msg.Desc{desc(msg.ImportObject, 1), desc(msg.ImportPromise, 2), desc(msg.Export, 3), desc(msg.Answer, 4), desc(msg.Export, 7)}
	if !reflect.DeepEqual(came, order) {
		t.Errorf("descriptors came in order %v, want %v", came, order)
	}

	unknown := errors.New("position 1 is not exported")
	_, err = wire.NewDecoder(wire.Hawser, wire.Limits{}).Decode(frame, func(msg.Desc) (passable.Reference, error) { return nil, unknown })
	if !errors.Is(err, unknown) || err.Error() != "wire: op:deliver: args: position 1 is not exported" {
		t.Errorf("the session's error comes back as %v", err)
	}
}

// TestEnvelopeHook: a certificate is replaced by what stands for it.
func TestEnvelopeHook(t *testing.T) {
	d := wire.NewDecoder(wire.Hawser, wire.Limits{})
	d.Envelope = func(env *msg.SigEnvelope) (any, error) {
		if !give.PassableEqual(env) {
			t.Errorf("got %+v", env)
		}
		return far("gift"), nil
	}
	op, err := d.Decode([]byte("<15'op:deliver-only<11'desc:export0+>["+envText+"]>"), nil)
	if err != nil || op.(*msg.Deliver).Args[0] != any(far("gift")) {
		t.Errorf("%+v, %v", op, err)
	}
}

// TestOwnership: nothing that comes out of the decoder is changed by what the
// caller does with the frame, nor arguments by the next operation.
func TestOwnership(t *testing.T) {
	d := wire.NewDecoder(wire.Hawser, wire.Limits{})
	for _, g := range golden {
		frame := []byte(g.text)
		op, err := d.Decode(frame, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range frame {
			frame[i] = 0xff
		}
		if !sameOp(op, g.op) {
			t.Errorf("%s aliases its frame: %+v", g.name, op)
		}
	}
	first, err := d.Decode([]byte("<10'op:deliver<11'desc:export0+>[3:abc[1+]]ff>"), nil)
	if err != nil {
		t.Fatal(err)
	}
	args := first.(*msg.Deliver).Args
	second, err := d.Decode([]byte("<10'op:deliver<11'desc:export0+>[3:xyz[2+]]ff>"), nil)
	if err != nil || first != second {
		t.Errorf("a delivery is made anew each time: %v", err)
	}
	if !passable.Equal(args, []any{[]byte("abc"), []any{int64(1)}}) {
		t.Errorf("arguments changed: %v", args)
	}
}

// TestStream: operations without frames, a byte at a time.
func TestStream(t *testing.T) {
	var all []byte
	for _, g := range golden {
		all = append(all, g.text...)
	}
	for name, r := range map[string]io.Reader{"whole": bytes.NewReader(all), "byte a time": iotest.OneByteReader(bytes.NewReader(all))} {
		d := wire.NewDecoder(wire.Suite202602, wire.Limits{})
		d.ResetReader(r)
		for _, g := range golden {
			op, err := d.Next(nil)
			if err != nil || !sameOp(op, g.op) {
				t.Fatalf("%s, %s: %+v, %v", name, g.name, op, err)
			}
		}
		if op, err := d.Next(nil); err != io.EOF {
			t.Errorf("%s, at the end: %v, %v", name, op, err)
		}
	}
	d := wire.NewDecoder(wire.Hawser, wire.Limits{Bytes: 30})
	d.ResetReader(bytes.NewReader([]byte("<8'op:abort3\"bye><8'op:abort60\"" + string(make([]byte, 60)) + ">")))
	if _, err := d.Next(nil); err != nil {
		t.Error(err)
	}
	if _, err := d.Next(nil); !errors.Is(err, syrup.ErrTooLarge) {
		t.Errorf("an operation over the limit: %v", err)
	}
	d.ResetReader(bytes.NewReader([]byte("<8'op:abo")))
	if _, err := d.Next(nil); !errors.Is(err, syrup.ErrTruncated) {
		t.Errorf("an operation cut off: %v", err)
	}
}

func TestLimits(t *testing.T) {
	frame := []byte("<15'op:deliver-only<11'desc:export0+>[[[[]]]1+2+3+]>")
	for name, l := range map[string]wire.Limits{
		"bytes": {Bytes: len(frame) - 1}, "depth": {Depth: 2}, "values": {Values: 5}, "elements": {Elements: 3},
	} {
		if _, err := wire.NewDecoder(wire.Hawser, l).Decode(frame, nil); err == nil {
			t.Errorf("%s: no limit", name)
		}
	}
	if _, err := wire.NewDecoder(wire.Hawser, wire.Limits{Bytes: len(frame), Depth: 3, Values: 6, Elements: 4}).Decode(frame, nil); err != nil {
		t.Error(err)
	}
}
