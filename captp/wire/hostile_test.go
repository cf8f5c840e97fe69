package wire_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/syrup"
)

// TestMalformed: each operation with something wrong in each of its parts. The
// message says where, what came and what was expected.
func TestMalformed(t *testing.T) {
	const to, imp = "<11'desc:export0+>", "<18'desc:import-object5+>"
	deliver := func(arg string) string { return "<10'op:deliver" + to + "[" + arg + "]ff>" }
	start := func(key, peer, sig string) string { return `<16'op:start-session3"1.0` + key + peer + sig + ">" }
	for _, c := range []struct {
		text string
		kind error
		says string
	}{
		{"", syrup.ErrTruncated, "wire: syrup: offset 0: the input ends"},
		{"[]", syrup.ErrUnexpected, "got a List, want a record"},
		{"5:hello", syrup.ErrUnexpected, "got a ByteArray, want a record"},
		{"<3\"foo>", syrup.ErrUnexpected, "got a String, want a Symbol"},
		{"<8'op:flush" + to + ">", wire.ErrUnknownOp, `wire: "op:flush": unknown operation`},
		{"<12'op:bootstrap0+>", wire.ErrUnknownOp, `"op:bootstrap"`},
		{"<200'" + strings.Repeat("x", 200) + ">", wire.ErrUnknownOp, "xxx\\u2026"},
		{"<10'op:deliver>", syrup.ErrUnexpected, "wire: op:deliver: to-desc: syrup: offset 14: another kind of value was expected: got the end of a record, want a record"},
		{"<10'op:deliver0+[]ff>", syrup.ErrUnexpected, "to-desc: syrup: offset 14: another kind of value was expected: got an Integer, want a record"},
		{"<10'op:deliver" + imp + "[]ff>", syrup.ErrUnexpected, "got <desc:import-object 5>, want desc:export or desc:answer"},
		{"<10'op:deliver<9'desc:what0+>[]ff>", syrup.ErrUnexpected, `got the record "desc:what", want desc:export or desc:answer`},
		{"<10'op:deliver<11'desc:export1->[]ff>", syrup.ErrTooLarge, "from 0 to 2^64-1"},
		{"<10'op:deliver<11'desc:export18446744073709551616+>[]ff>", syrup.ErrTooLarge, "from 0 to 2^64-1"},
		{"<10'op:deliver<11'desc:export0+1+>[]ff>", syrup.ErrUnexpected, "got an Integer, want the end of a record"},
		{"<10'op:deliver" + to + "tff>", syrup.ErrUnexpected, "args: syrup: offset 32: another kind of value was expected: got a Boolean, want a List"},
		{"<10'op:deliver" + to + "[]tf>", syrup.ErrUnexpected, "answer-pos: syrup: offset 34: another kind of value was expected: got a Boolean, want an Integer that is not negative"},
		{"<10'op:deliver" + to + "[]1-f>", syrup.ErrTooLarge, "answer-pos"},
		{"<10'op:deliver" + to + "[]1+t>", syrup.ErrUnexpected, "resolve-me-desc"},
		{"<10'op:deliver" + to + "[]1+" + to + ">", syrup.ErrUnexpected, "got <desc:export 0>, want desc:import-object or desc:import-promise"},
		{"<10'op:deliver" + to + "[]1+>", syrup.ErrUnexpected, "resolve-me-desc"},
		{"<10'op:deliver" + to + "[]fff>", syrup.ErrUnexpected, "wire: op:deliver: syrup: offset 36: another kind of value was expected: got a Boolean, want the end of a record"},
		{"<10'op:deliver" + to + "[]ff>f", syrup.ErrTrailing, "1 of them"},
		{"<10'op:deliver" + to + "[1+", syrup.ErrTruncated, "op:deliver: args"},
		{"<15'op:deliver-only" + to + "[]f>", syrup.ErrUnexpected, "op:deliver-only"},
		{deliver("<11'user-recordt>"), syrup.ErrUnknown, `unknown record: "user-record"`},
		{deliver("<11'desc:export>"), syrup.ErrUnexpected, "want an Integer"},
		{deliver("<11'desc:export1+t>"), syrup.ErrUnexpected, "want the end of a record"},
		{deliver(giveText), syrup.ErrUnexpected, `got the record "desc:handoff-give", want it inside a desc:sig-envelope`},
		{deliver(recvText), syrup.ErrUnexpected, `"desc:handoff-receive"`},
		{deliver("<17'desc:sig-envelopet" + sigText + ">"), syrup.ErrUnexpected, "want a record"},
		{deliver("<17'desc:sig-envelope" + to + sigText + ">"), syrup.ErrUnexpected, `a signed "desc:export", want desc:handoff-give`},
		{deliver("<17'desc:sig-envelope" + giveText + "t>"), syrup.ErrUnexpected, "want a List"},
		{deliver("<17'desc:sig-envelope" + strings.Replace(giveText, "7:my-gift", "[]", 1) + sigText + ">"), syrup.ErrUnexpected, "gift-id"},
		{deliver("<17'desc:sig-envelope" + strings.Replace(giveText, "32:"+s32, "5:short", 1) + sigText + ">"), syrup.ErrUnexpected, "5 bytes, want 32"},
		{
			// a receive around a receive, and so on for ever, is not a shape
			deliver("<17'desc:sig-envelope" + strings.Replace(recvText, envText, "<17'desc:sig-envelope"+recvText+sigText+">", 1) + sigText + ">"),
			syrup.ErrUnexpected, `a signed "desc:handoff-receive", want desc:handoff-give`,
		},
		{deliver(strings.Replace(sturdyText, "32:"+swiss, "0:", 1)), syrup.ErrUnexpected, "the swiss number is empty"},
		{deliver(strings.Replace(sturdyText, "32:"+swiss, "5+", 1)), syrup.ErrUnexpected, "want a ByteArray"},
		{deliver("<15'ocapn-sturdyref" + to + "1:x>"), syrup.ErrUnexpected, `got the record "desc:export", want ocapn-peer`},
		{deliver(`<10'ocapn-peer3'a.b1"xf>`), syrup.ErrUnexpected, "without a dot"},
		{deliver(`<10'ocapn-peer0'1"xf>`), syrup.ErrUnexpected, "without a dot"},
		{deliver(`<10'ocapn-peer1'a1:xf>`), syrup.ErrUnexpected, "want a String"},
		{deliver(`<10'ocapn-peer1'a1"xt>`), syrup.ErrUnexpected, "hints as a struct"},
		{deliver(`<10'ocapn-peer1'a1"x{1"k1+}>`), syrup.ErrUnexpected, "a hint is a name and a text"},
		{deliver(`<10'ocapn-peer1'a1"x[[1"k]]>`), syrup.ErrUnexpected, "list of pairs"},
		{deliver(`<10'ocapn-peer1'a1"x[1+]>`), syrup.ErrUnexpected, "list of pairs"},
		{deliver(`<10'ocapn-peer1'a1"x[[1"k1"v][1"k1"w]]>`), syrup.ErrUnexpected, "a name twice"},
		{deliver(`<10'ocapn-peer1'a1"x[` + hints(65) + "]>"), syrup.ErrUnexpected, "more than 64"},
		{deliver(strings.Repeat(`<10'ocapn-peer1'a1"x`, 200)), syrup.ErrDepth, "more than 128 levels"}, // each the hints of the one before
		{"<9'op:listen" + imp + imp + ">", syrup.ErrUnexpected, "op:listen: to-desc"},
		{"<9'op:listen" + to + to + ">", syrup.ErrUnexpected, "op:listen: listen-desc"},
		{"<9'op:listen" + to + imp + "1+>", syrup.ErrUnexpected, "op:listen: wants-partial"},
		{"<9'op:listen" + to + imp + "ff>", syrup.ErrUnexpected, "op:listen: syrup"},
		{"<6'op:get" + to + "1+1+>", syrup.ErrUnexpected, "op:get: field-name"},
		{"<6'op:get" + to + `1"af>`, syrup.ErrUnexpected, "op:get: new-answer-pos"},
		{"<6'op:get" + imp + `1"a1+>`, syrup.ErrUnexpected, "op:get: receiver-desc"},
		{"<8'op:index" + to + `1"a1+>`, syrup.ErrUnexpected, "op:index: index"},
		{"<8'op:index" + to + "9223372036854775808+1+>", syrup.ErrTooLarge, "op:index: index"},
		{"<8'op:untag" + to + "t1+>", syrup.ErrUnexpected, "op:untag: tag"},
		{"<13'op:gc-exports[1+][]>", syrup.ErrUnexpected, "1 positions and 0 deltas"},
		{"<13'op:gc-exports[1-][1+]>", syrup.ErrTooLarge, "op:gc-exports: export-pos-list"},
		{"<13'op:gc-exports[1+][t]>", syrup.ErrUnexpected, "op:gc-exports: wire-delta-list"},
		{"<13'op:gc-answerst>", syrup.ErrUnexpected, "op:gc-answers: answer-pos-list"},
		{"<13'op:gc-answers[1+>", syrup.ErrUnexpected, "want the end of a List"},
		{"<8'op:abort1+>", syrup.ErrUnexpected, "op:abort: reason"},
		{"<8'op:abort1\"\xff>", syrup.ErrUTF8, "op:abort: reason"},
		{"<16'op:start-session1+>", syrup.ErrUnexpected, "op:start-session: captp-version"},
		{start("t", peerText, sigText), syrup.ErrUnexpected, "session-pubkey"},
		{start("31:"+strings.Repeat("k", 31), peerText, sigText), syrup.ErrUnexpected, "31 bytes, want 32"},
		{start(strings.Replace(keyText, "public-key", "private-ke", 1), peerText, sigText), syrup.ErrUnexpected, `got the symbol "private-ke", want "public-key"`},
		{start(strings.Replace(keyText, "Ed25519", "Ed12345", 1), peerText, sigText), syrup.ErrUnexpected, `got curve "Ed12345", want "Ed25519"`},
		{start(strings.Replace(keyText, "]]]", "]]1+]", 1), peerText, sigText), syrup.ErrUnexpected, "want the end of a List"},
		{start(keyText, "t", sigText), syrup.ErrUnexpected, "acceptable-location"},
		{start(keyText, to, sigText), syrup.ErrUnexpected, "acceptable-location"},
		{start(keyText, peerText, keyText), syrup.ErrUnexpected, `acceptable-location-sig: syrup: offset`},
		{start(keyText, peerText, sigText+"t"), syrup.ErrUnexpected, "want the end of a record"},
	} {
		d := wire.NewDecoder(wire.Hawser, wire.Limits{})
		op, err := d.Decode([]byte(c.text), nil)
		var e *wire.Error
		if op != nil || !errors.As(err, &e) || !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.80q: %v, %v\nwant %v, saying %q", c.text, op, err, c.kind, c.says)
			continue
		}
		if msg := err.Error(); !strings.HasPrefix(msg, "wire: ") || strings.Contains(msg, "\n") || !utf8.ValidString(msg) || len(msg) > 300 {
			t.Errorf("%.80q: message %q", c.text, msg)
		}
		// The decoder is as good as new afterwards.
		if _, err := d.Decode([]byte("<8'op:abort3\"bye>"), nil); err != nil {
			t.Errorf("after %.80q: %v", c.text, err)
		}
	}
}

// hints returns so many, as a list of pairs.
func hints(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `[2"%02d1"v]`, i)
	}
	return b.String()
}

// TestHints: as many as may be.
func TestHints(t *testing.T) {
	text := "<10'op:deliver<11'desc:export0+>[<10'ocapn-peer1'a1\"x[" + hints(64) + "]>]ff>"
	op, err := wire.NewDecoder(wire.Hawser, wire.Limits{}).Decode([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := op.(*msg.Deliver).Args[0].(msg.Locator); !ok || len(l.Hints) != 64 {
		t.Errorf("%v", l)
	}
}

// TestLargeGCIsNotKept: the lists of gc operations are used again, but not large ones.
func TestLargeGCIsNotKept(t *testing.T) {
	d := wire.NewDecoder(wire.Hawser, wire.Limits{})
	decode := func(n int) {
		t.Helper()
		list := "[" + strings.Repeat("1+", n) + "]"
		if _, err := d.Decode([]byte("<13'op:gc-exports"+list+list+">"), nil); err != nil {
			t.Fatal(err)
		}
	}
	decode(1)
	before := heap()
	decode(200_000)
	decode(1)
	if after := heap(); after > before+256<<10 {
		t.Errorf("the heap grew from %d to %d", before, after)
	}
	runtime.KeepAlive(d)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestEncoderRefuses: what has no shape leaves nothing in the buffer.
func TestEncoderRefuses(t *testing.T) {
	lost := errors.New("a reference of another session")
	for name, c := range map[string]struct {
		dialect wire.Dialect
		op      msg.Op
		kind    error
		says    string
	}{
		"no operation":       {wire.Hawser, nil, nil, "no operation"},
		"deliver to import":  {wire.Hawser, &msg.Deliver{To: resolver}, nil, "to-desc: got <desc:import-object 5>"},
		"deliver to nothing": {wire.Hawser, &msg.Deliver{}, nil, "got <desc:none 0>"},
		"bad resolver":       {wire.Hawser, &msg.Deliver{To: object0, Resolve: object0, HasResolve: true}, nil, "resolve-me-desc"},
		"listen to import":   {wire.Hawser, &msg.Listen{To: resolver, Resolve: resolver}, nil, "op:listen: to-desc"},
		"bad listener":       {wire.Hawser, &msg.Listen{To: object0, Resolve: object0}, nil, "op:listen: listen-desc"},
		"get of import":      {wire.Hawser, &msg.Get{To: resolver}, nil, "op:get: receiver-desc"},
		"no op:get":          {wire.SuiteBranch, &msg.Get{To: object0}, wire.ErrNoShape, "op:get: the dialect has no shape for it: suite-branch"},
		"no op:index":        {wire.Suite202602, &msg.Index{To: object0}, wire.ErrNoShape, "op:index"},
		"no op:untag":        {wire.Suite202602, &msg.Untag{To: object0}, wire.ErrNoShape, "op:untag"},
		"selector":           {wire.Hawser, &msg.Deliver{To: object0, Selector: "\xff"}, syrup.ErrUTF8, "op:deliver: args[0]"},
		"field":              {wire.Hawser, &msg.Get{To: object0, Field: "\xff"}, syrup.ErrUTF8, "op:get"},
		"untagged":           {wire.Hawser, &msg.Untag{To: object0, Tag: "\xff"}, syrup.ErrUTF8, "op:untag"},
		"deltas":             {wire.Hawser, &msg.GCExports{Positions: []uint64{1}}, nil, "1 positions and 0 deltas"},
		"an int":             {wire.Hawser, &msg.Deliver{To: object0, Args: []any{nil, 5}}, nil, "op:deliver: args[1]: syrup: int is not a model value"},
		"nobody's reference": {wire.Hawser, &msg.Deliver{To: object0, Args: []any{[]any{far("x")}}}, lost, "a reference of another session"},
		"a strange value":    {wire.Hawser, &msg.Deliver{To: object0, Args: []any{strange{}}}, nil, "no place on the wire"},
		"an empty envelope":  {wire.Hawser, &msg.Deliver{To: object0, Args: []any{&msg.SigEnvelope{}}}, nil, "Dialect.Sign"},
		"no UTF-8 in a peer": {wire.Hawser, &msg.StartSession{Location: sturdyref.Peer{Designator: "\xff"}}, nil, "UTF-8"},
	} {
		got, err := wire.NewEncoder(c.dialect).Append([]byte("before"), c.op, func(passable.Reference) (msg.Desc, error) { return msg.Desc{}, lost })
		if err == nil || string(got) != "before" || (c.kind != nil && !errors.Is(err, c.kind)) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.says)
		}
	}
	_, err := wire.NewEncoder(wire.Hawser).Append(nil, &msg.Deliver{To: object0, Args: []any{far("x")}},
		func(passable.Reference) (msg.Desc, error) { return msg.Desc{}, lost })
	if err != lost {
		t.Errorf("the session's own error comes back as %v", err)
	}
}

type far string

func (f far) PassableReference() passable.Reference { return f }

type strange struct{}

func (strange) PassableEqual(passable.Opaque) bool { return false }
