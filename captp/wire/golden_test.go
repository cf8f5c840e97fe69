package wire_test

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
)

// The texts below were produced by the Syrup library and the types of the public
// Python suite (ocapn-test-suite at 6c146dc), not by this package.
const (
	keyText    = "[10'public-key[3'ecc[5'curve7'Ed25519][5'flags5'eddsa][1'q32:0123456789abcdefghijklmnopqrstuv]]]"
	sigText    = "[7'sig-val[5'eddsa[1'r32:rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr][1's32:ssssssssssssssssssssssssssssssss]]]"
	peerText   = `<10'ocapn-peer16'tcp-testing-only3"abc{4"host9"127.0.0.14"port5"22045}>`
	giveText   = "<17'desc:handoff-give" + keyText + peerText + "32:" + s32 + "32:" + g32 + "7:my-gift>"
	envText    = "<17'desc:sig-envelope" + giveText + sigText + ">"
	recvText   = "<20'desc:handoff-receive32:" + s32 + "32:" + g32 + "0+" + envText + ">"
	sturdyText = "<15'ocapn-sturdyref" + peerText + "32:" + swiss + ">"

	s32   = "SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS"
	g32   = "GGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGG"
	swiss = "JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ"
)

var (
	key       = [32]byte([]byte("0123456789abcdefghijklmnopqrstuv"))
	signature = [64]byte([]byte(strings.Repeat("r", 32) + strings.Repeat("s", 32)))
	peer      = sturdyref.Peer{
		Transport: "tcp-testing-only", Designator: "abc", Hints: map[string]string{"host": "127.0.0.1", "port": "22045"},
	}
	give = &msg.SigEnvelope{
		Signed: &msg.HandoffGive{
			ReceiverKey: key, Exporter: peer, Session: [32]byte([]byte(s32)), GifterSide: [32]byte([]byte(g32)), GiftID: []byte("my-gift"),
		},
		Encoded: []byte(giveText), Signature: signature,
	}
	receive = &msg.SigEnvelope{
		Signed:  &msg.HandoffReceive{Session: [32]byte([]byte(s32)), Side: [32]byte([]byte(g32)), Give: give},
		Encoded: []byte(recvText), Signature: signature,
	}
	object0  = msg.Desc{Kind: msg.Export}
	resolver = msg.Desc{Kind: msg.ImportObject, Pos: 5}
)

// golden are operations with their encoding in one dialect.
var golden = []struct {
	name    string
	dialect wire.Dialect
	op      msg.Op
	text    string
}{
	{
		"start-session", wire.Hawser,
		&msg.StartSession{Version: "1.0", PublicKey: key, Location: peer, LocationBytes: []byte(peerText), Signature: signature},
		`<16'op:start-session3"1.0` + keyText + peerText + sigText + ">",
	},
	{
		"deliver", wire.Hawser,
		&msg.Deliver{
			To: object0, Selector: "fetch", Args: []any{[]byte(swiss)}, Answer: 3, HasAnswer: true, Resolve: resolver, HasResolve: true,
		},
		"<10'op:deliver<11'desc:export0+>[5'fetch32:" + swiss + "]3+<18'desc:import-object5+>>",
	},
	{
		"deliver to an answer, nothing wanted", wire.SuiteBranch,
		&msg.Deliver{
			To: msg.Desc{Kind: msg.Answer, Pos: 3}, Selector: "drive",
			Args: []any{msg.Desc{Kind: msg.ImportPromise, Pos: 7}, []any{int64(1), int64(-5), "x", true}},
		},
		`<10'op:deliver<11'desc:answer3+>[5'drive<19'desc:import-promise7+>[1+5-1"xt]]ff>`,
	},
	{
		"deliver-only", wire.Suite202602,
		&msg.Deliver{To: msg.Desc{Kind: msg.Export, Pos: 5}, Args: []any{"Hello"}},
		`<15'op:deliver-only<11'desc:export5+>[5"Hello]>`,
	},
	{
		"deliver without arguments", wire.Hawser,
		&msg.Deliver{To: object0, Answer: 1, HasAnswer: true},
		"<10'op:deliver<11'desc:export0+>[]1+f>",
	},
	{
		"an empty symbol is an argument", wire.Hawser,
		&msg.Deliver{To: object0, Args: []any{passable.Symbol(""), int64(1)}},
		"<10'op:deliver<11'desc:export0+>[0'1+]ff>",
	},
	{
		"error", wire.Hawser,
		&msg.Deliver{To: object0, Selector: "break", Args: []any{passable.Error{Code: "a.b", Message: "oops"}}},
		`<10'op:deliver<11'desc:export0+>[5'break<10'desc:error{4"code3"a.b7"message4"oops}>]ff>`,
	},
	{
		"error to Endo", wire.OCapN10,
		&msg.Deliver{To: object0, Selector: "break", Args: []any{passable.Error{Message: "oops"}}},
		`<10'op:deliver<11'desc:export0+>[5'break<10'desc:error4"oops>]ff>`,
	},
	{
		"withdraw-gift", wire.Hawser,
		&msg.Deliver{To: object0, Selector: "withdraw-gift", Args: []any{receive}, Answer: 1, HasAnswer: true, Resolve: resolver, HasResolve: true},
		"<10'op:deliver<11'desc:export0+>[13'withdraw-gift<17'desc:sig-envelope" + recvText + sigText + ">]1+<18'desc:import-object5+>>",
	},
	{
		"sturdyref", wire.Hawser,
		&msg.Deliver{To: object0, Args: []any{msg.SturdyRef{Ref: sturdyref.Ref{Peer: peer, Swiss: sturdyref.SwissNumOf([]byte(swiss))}}, msg.Locator{Peer: peer}}},
		"<10'op:deliver<11'desc:export0+>[" + sturdyText + peerText + "]ff>",
	},
	{
		"listen", wire.Hawser,
		&msg.Listen{To: msg.Desc{Kind: msg.Answer, Pos: 1}, Resolve: resolver},
		"<9'op:listen<11'desc:answer1+><18'desc:import-object5+>>",
	},
	{
		"listen of three fields", wire.Suite202602,
		&msg.Listen{To: msg.Desc{Kind: msg.Answer, Pos: 1}, Resolve: resolver},
		"<9'op:listen<11'desc:answer1+><18'desc:import-object5+>f>",
	},
	{"get", wire.Hawser, &msg.Get{To: object0, Field: "nick", Answer: 2}, `<6'op:get<11'desc:export0+>4"nick2+>`},
	{"index", wire.Hawser, &msg.Index{To: object0, Index: -1, Answer: 2}, "<8'op:index<11'desc:export0+>1-2+>"},
	{"untag", wire.Hawser, &msg.Untag{To: object0, Tag: "t", Answer: 2}, `<8'op:untag<11'desc:export0+>1"t2+>`},
	{"gc-exports", wire.Hawser, &msg.GCExports{Positions: []uint64{1, 2}, Deltas: []uint64{3, 4}}, "<13'op:gc-exports[1+2+][3+4+]>"},
	{"gc-export", wire.Suite202602, &msg.GCExports{Positions: []uint64{1, 2}, Deltas: []uint64{3, 4}}, "<12'op:gc-export[1+2+][3+4+]>"},
	{"gc-answers", wire.Hawser, &msg.GCAnswers{Positions: []uint64{1, 2}}, "<13'op:gc-answers[1+2+]>"},
	{"gc-answer", wire.Suite202602, &msg.GCAnswers{Positions: []uint64{1, 2}}, "<12'op:gc-answer[1+2+]>"},
	{"abort", wire.Hawser, &msg.Abort{Reason: "bye"}, `<8'op:abort3"bye>`},
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		text, err := wire.NewEncoder(g.dialect).Append([]byte("before"), g.op, nil)
		if err != nil || string(text) != "before"+g.text {
			t.Errorf("%s: %q, %v\nwant %q", g.name, text, err, g.text)
		}
		for _, from := range []wire.Dialect{wire.Hawser, wire.OCapN10, wire.Suite202602, wire.SuiteBranch} {
			op, err := wire.NewDecoder(from, wire.Limits{}).Decode([]byte(g.text), nil)
			if err != nil || !sameOp(op, g.op) {
				t.Errorf("%s, read by %s: %+v, %v\nwant %+v", g.name, from.Name, op, err, g.op)
			}
		}
	}
}

// TestKeyOrder: Endo compares the keys of structs as JavaScript strings (makeStructCodecForValues in its subtypes.js) and
// ends the session over another order; Syrup's specification ("Sorting Algorithm") has their encodings compared.
func TestKeyOrder(t *testing.T) {
	const endo, spec = "{2\"aa1+1\"b2+4\"\U000100003+3\"\uffee4+}", "{1\"b2+2\"aa1+3\"\uffee4+4\"\U000100003+}"
	s, err := passable.NewStruct(
		passable.Field{Key: "aa", Value: int64(1)}, passable.Field{Key: "b", Value: int64(2)},
		passable.Field{Key: "\U00010000", Value: int64(3)}, passable.Field{Key: "\uffee", Value: int64(4)},
	)
	if err != nil {
		t.Fatal(err)
	}
	op := &msg.Deliver{To: object0, Args: []any{s}}
	at := sturdyref.Peer{Transport: "t", Designator: "d", Hints: map[string]string{"aa": "x", "b": "y"}}
	for _, d := range []wire.Dialect{wire.Hawser, wire.OCapN10, wire.Suite202602, wire.SuiteBranch} {
		fields, hints := spec, `{1"b1"y2"aa1"x}`
		if d.Name == wire.OCapN10.Name {
			fields, hints = endo, `{2"aa1"x1"b1"y}`
		}
		text, err := wire.NewEncoder(d).Append(nil, op, nil)
		if err != nil || !strings.Contains(string(text), "["+fields+"]") {
			t.Errorf("%s writes %q, %v, want %q", d.Name, text, err, fields)
		}
		if got, err := d.AppendPeer(nil, at); err != nil || !strings.HasSuffix(string(got), hints+">") {
			t.Errorf("%s writes the locator %q, %v, want %q", d.Name, got, err, hints)
		}
		for _, from := range []wire.Dialect{d, wire.OCapN10, wire.Suite202602, wire.SuiteBranch} {
			if got, err := wire.NewDecoder(from, wire.Limits{}).Decode(text, nil); err != nil || !sameOp(got, op) {
				t.Errorf("%s, read by %s: %+v, %v", d.Name, from.Name, got, err)
			}
		}
	}
}

// sameOp compares operations, sturdyrefs by their own equality.
func sameOp(a, b msg.Op) bool {
	x, ok1 := a.(*msg.Deliver)
	y, ok2 := b.(*msg.Deliver)
	if !ok1 || !ok2 {
		return reflect.DeepEqual(a, b)
	}
	u, v := *x, *y
	u.Args, v.Args = nil, nil
	return reflect.DeepEqual(u, v) && passable.Equal(nonNil(x.Args), nonNil(y.Args))
}

func nonNil(args []any) []any { return append([]any{}, args...) }

// TestOtherShapes states what is understood beyond what is written, and what is
// remembered of it.
func TestOtherShapes(t *testing.T) {
	deliver := func(arg any) msg.Op { return &msg.Deliver{To: object0, Args: []any{arg}} }
	args := func(text string) string { return "<15'op:deliver-only<11'desc:export0+>[" + text + "]>" }
	plain := &msg.StartSession{Version: "1.0", PublicKey: key, Location: peer, LocationBytes: []byte(peerText), Signature: signature}
	for _, c := range []struct {
		text string
		op   msg.Op
		seen wire.Seen
	}{
		{"<12'op:gc-export1+2+>", &msg.GCExports{Positions: []uint64{1}, Deltas: []uint64{2}}, wire.SeenSingularGC | wire.SeenScalarGC},
		{"<13'op:gc-exports1+2+>", &msg.GCExports{Positions: []uint64{1}, Deltas: []uint64{2}}, wire.SeenScalarGC},
		{"<12'op:gc-answer1+>", &msg.GCAnswers{Positions: []uint64{1}}, wire.SeenSingularGC | wire.SeenScalarGC},
		{"<13'op:gc-answers1+>", &msg.GCAnswers{Positions: []uint64{1}}, wire.SeenScalarGC},
		{
			"<9'op:listen<11'desc:export0+><18'desc:import-object5+>t>",
			&msg.Listen{To: object0, Resolve: resolver, WantsPartial: true}, wire.SeenListenPartial,
		},
		{"<6'op:get<11'desc:export0+>4'nick2+>", &msg.Get{To: object0, Field: "nick", Answer: 2}, 0},
		{"<8'op:abort3'bye>", &msg.Abort{Reason: "bye"}, 0},
		{
			`<16'op:start-session3"1.032:` + string(key[:]) + peerText + "64:" + string(signature[:]) + ">", plain, wire.SeenPlainKeys,
		},
		{
			args("<10'ocapn-node5'onion3\"abc[[4'host1\"x][4\"port1\"y]]>"),
			deliver(msg.Locator{Peer: sturdyref.Peer{Transport: "onion", Designator: "abc", Hints: map[string]string{"host": "x", "port": "y"}}}),
			wire.SeenDeliverOnly | wire.SeenOldLocator | wire.SeenHintList | wire.SeenSymbolHints,
		},
		{
			args(`<13'ocapn-machine5'onion3"abcf>`),
			deliver(msg.Locator{Peer: sturdyref.Peer{Transport: "onion", Designator: "abc"}}), wire.SeenDeliverOnly | wire.SeenOldLocator,
		},
		{
			args("<15'ocapn-sturdyref" + peerText + `32"` + swiss + ">"),
			deliver(msg.SturdyRef{Ref: sturdyref.Ref{Peer: peer, Swiss: sturdyref.SwissNumOf([]byte(swiss))}}),
			wire.SeenDeliverOnly | wire.SeenStringSwiss,
		},
		{args(`<10'desc:error4"oops>`), deliver(passable.Error{Message: "oops"}), wire.SeenDeliverOnly | wire.SeenErrorMessage},
		{args(`<10'desc:error3"a.b4"oops>`), deliver(passable.Error{Code: "a.b", Message: "oops"}), wire.SeenDeliverOnly | wire.SeenErrorPair},
		{args(`<11'desc:tagged1"tt>`), deliver(passable.Tagged{Tag: "t", Value: true}), wire.SeenDeliverOnly | wire.SeenTagString},
	} {
		d := wire.NewDecoder(wire.Hawser, wire.Limits{})
		op, err := d.Decode([]byte(c.text), nil)
		if err != nil || !sameOp(op, c.op) || d.Seen() != c.seen {
			t.Errorf("%q: %+v, seen %b, %v\nwant %+v, seen %b", c.text, op, d.Seen(), err, c.op, c.seen)
		}
	}
}

// TestFollow: what has been seen of a peer changes the features it is about, and
// no others.
func TestFollow(t *testing.T) {
	d := wire.NewDecoder(wire.Hawser, wire.Limits{})
	for _, text := range []string{
		"<15'op:deliver-only<11'desc:export0+>[]>",
		"<9'op:listen<11'desc:export0+><18'desc:import-object5+>f>",
		`<10'op:deliver<11'desc:export0+>[5'break<10'desc:error4"oops>]ff>`,
	} {
		if _, err := d.Decode([]byte(text), nil); err != nil {
			t.Fatal(err)
		}
	}
	e := wire.NewEncoder(wire.Hawser)
	e.SetDialect(wire.Hawser.Follow(d.Seen()))
	for want, op := range map[string]msg.Op{
		"<15'op:deliver-only<11'desc:export0+>[]>":                  &msg.Deliver{To: object0},
		"<9'op:listen<11'desc:export0+><18'desc:import-object5+>f>": &msg.Listen{To: object0, Resolve: resolver},
		"<13'op:gc-answers[1+]>":                                    &msg.GCAnswers{Positions: []uint64{1}},
		`<15'op:deliver-only<11'desc:export0+>[<10'desc:error1"m>]>`: &msg.Deliver{
			To: object0, Args: []any{passable.Error{Code: "c", Message: "m"}},
		},
	} {
		if got, err := e.Append(nil, op, nil); err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}

func TestIDs(t *testing.T) {
	seq := [32]byte{}
	for i := range seq {
		seq[i] = byte(i)
	}
	ones := [32]byte(bytes.Repeat([]byte{1}, 32))
	a, b := wire.Hawser.PublicID(seq), wire.Hawser.PublicID(ones)
	for name, c := range map[string]struct {
		got  [32]byte
		want string
	}{
		"public id":         {a, "cda9a2a3f7bf51ad9a17fc1288a6a9b18a80855560c8fa614c757ba14c84d2dd"},
		"another":           {b, "67f432241bfd5c932cae2d93edbc42ca6adcca55fd56f6564afa80e8aa2b1f4e"},
		"session":           {wire.SessionID(a, b), "a162a7dad7fdd6d3d32c19c104b6fcbfdb26f1ed0eaf8189d3eae041085ef429"},
		"session, reversed": {wire.SessionID(b, a), "a162a7dad7fdd6d3d32c19c104b6fcbfdb26f1ed0eaf8189d3eae041085ef429"},
	} {
		if hex.EncodeToString(c.got[:]) != c.want {
			t.Errorf("%s: %x, want %s", name, c.got, c.want)
		}
	}
	if plain := (wire.Dialect{PlainKeys: true}).PublicID(seq); plain == a {
		t.Error("the public id does not depend on how keys are written")
	}
}
