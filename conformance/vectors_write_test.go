package conformance_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/syrup"
)

// What the vectors were made from. Syrup is written out by hand here and compared
// with what the encoders write before anything goes to a file.

type anyStruct = passable.Struct

var syrupVectors = []struct {
	name, about, text string
	value             any
}{
	{"true", "the Boolean true", "t", true},
	{"false", "the Boolean false", "f", false},
	{"null", "Null, a record without fields", "<4'null>", nil},
	{"undefined", "Undefined, a record without fields", "<4'void>", passable.Undefined{}},
	{"integer-zero", "zero is positive", "0+", int64(0)},
	{"integer-positive", "digits, then the sign", "42+", int64(42)},
	{"integer-negative", "digits, then the sign", "1-", int64(-1)},
	{"integer-64-bits", "the smallest integer of 64 bits", "9223372036854775808-", int64(math.MinInt64)},
	{"integer-big", "2 to the 100th: integers have no limit of their own", "1267650600228229401496703205376+", new(big.Int).Lsh(big.NewInt(1), 100)},
	{"float-one", "a float stays a float though it is whole", "D\x3f\xf0\x00\x00\x00\x00\x00\x00", 1.0},
	{"float-negative-zero", "-0 is not 0", "D\x80\x00\x00\x00\x00\x00\x00\x00", math.Copysign(0, -1)},
	{"float-infinity", "minus infinity", "D\xff\xf0\x00\x00\x00\x00\x00\x00", math.Inf(-1)},
	{"float-nan", "the one NaN", "D\x7f\xf8\x00\x00\x00\x00\x00\x00", math.Float64frombits(0x7ff8000000000000)},
	{"float-smallest", "the smallest float above 0", "D\x00\x00\x00\x00\x00\x00\x00\x01", math.SmallestNonzeroFloat64},
	{"string", "length in bytes, a quote, the bytes", "5\"twine", "twine"},
	{"string-empty", "no bytes", "0\"", ""},
	{"string-utf-8", "the length counts bytes, not letters", "6\"na\xc3\xafve", "na\u00efve"},
	{"string-beyond-bmp", "one code point of four bytes", "4\"\xf0\x9f\xa6\x80", "\U0001F980"},
	{"symbol", "as a string, with an apostrophe", "12'fleur-de-lis", passable.Symbol("fleur-de-lis")},
	{"bytes", "as a string, with a colon", "3:\x00\xff\"", []byte{0, 255, '"'}},
	{"bytes-empty", "no bytes", "0:", []byte{}},
	{"list", "a list in a list", "[1+[3\"two]]", []any{int64(1), []any{"two"}}},
	{"list-empty", "nothing", "[]", []any{}},
	{"struct-empty", "nothing", "{}", anyStruct{}},
	{"struct-order", "keys in the order of their encodings: the length in digits comes first, so bb is behind c", "{1\"a1+1\"c2+2\"bb3+}", anyStruct{{Key: "a", Value: int64(1)}, {Key: "bb", Value: int64(3)}, {Key: "c", Value: int64(2)}}},
	{"struct-order-ten", "a key of ten bytes is before one of two, because 10 is before 2 as text", "{10\"aaaaaaaaaat2\"bbf}", anyStruct{{Key: "aaaaaaaaaa", Value: true}, {Key: "bb", Value: false}}},
	{"tagged", "a record of the tag, a symbol on the wire, and the value", "<11'desc:tagged7'decimal4\"3.14>", passable.Tagged{Tag: "decimal", Value: "3.14"}},
	{"error", "an error as Hawser writes it: the draft has no shape for it yet", "<10'desc:error{4\"code3\"a.b7\"message4\"oops}>", passable.Error{Code: "a.b", Message: "oops"}},
}

var badSyrup = []struct{ name, about, text, kind string }{
	{"truncated-string", "the length announces more than there is", "5\"twin", "truncated"},
	{"truncated-list", "no closing bracket", "[1+", "truncated"},
	{"truncated-float", "seven bytes of eight", "D\x00\x00\x00\x00\x00\x00\x00", "truncated"},
	{"truncated-length", "a large length and nothing behind it: do not allocate it", "9999999:", "truncated"},
	{"empty", "no value at all", "", "truncated"},
	{"trailing", "something follows the value", "tt", "trailing"},
	{"syntax-letter", "no value begins with x", "x", "syntax"},
	{"syntax-length-sign", "a length has no sign", "-5\"twine", "syntax"},
	{"syntax-bracket", "a bracket of another kind", "[1+}", "unexpected"},
	{"leading-zero", "an integer with a leading zero", "042+", "not-canonical"},
	{"leading-zero-length", "a length with a leading zero", "05\"twine", "not-canonical"},
	{"negative-zero-integer", "zero is positive", "0-", "not-canonical"},
	{"space", "no space between tokens", "[1+ 2+]", "syntax"},
	{"nan-payload", "another NaN than the one", "D\x7f\xf8\x00\x00\x00\x00\x00\x01", "not-canonical"},
	{"key-order", "keys in the wrong order", "{1\"b1+1\"a2+}", "not-canonical"},
	{"duplicate-key", "a key twice", "{1\"a1+1\"a2+}", "duplicate-key"},
	{"key-no-string", "a key that is no string", "{1'a1+}", "unexpected"},
	{"utf-8", "a string that is not UTF-8", "2\"\xff\xfe", "utf-8"},
	{"utf-8-surrogate", "a surrogate, which no string may hold", "3\"\xed\xa0\x80", "utf-8"},
	{"utf-8-symbol", "a symbol that is not UTF-8", "1'\xff", "utf-8"},
	{"unknown-record", "a record that is no value", "<6'coffee>", "unknown"},
}

// The parties of all vectors.
var (
	gifterSeed, receiverSeed    = seed(1), seed(2) // of their sessions with the exporter
	exporterSeed, exporterSeed2 = seed(3), seed(4) // of its sessions with gifter and receiver
	gifterAside, receiverAside  = seed(5), seed(6) // of the session between gifter and receiver
	vectorPeer                  = sturdyref.Peer{Transport: "tcp-testing-only", Designator: "exporter", Hints: map[string]string{"host": "127.0.0.1", "port": "22045"}}
	barePeer                    = sturdyref.Peer{Transport: "onion", Designator: "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrstuvwx"}
	vectorGift                  = bytes.Repeat([]byte{0xa7}, 32)
)

func seed(n byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32)) }

func public(key ed25519.PrivateKey) [32]byte { return [32]byte(key.Public().(ed25519.PublicKey)) }

func dialectsOf(names ...string) (all []wire.Dialect) {
	for _, name := range names {
		d, _ := wire.Named(name)
		all = append(all, d)
	}
	return all
}

var (
	resolveMe = msg.Desc{Kind: msg.ImportObject, Pos: 5}
	root      = msg.Desc{Kind: msg.Export}
)

// messageVectors are operations with their text in the dialects named.
var messageVectors = []struct {
	name, about string
	dialects    string
	op          msg.Op
	text        string
}{
	{
		"deliver-fetch", "fetch of the bootstrap object, answer and resolver wanted", "all",
		&msg.Deliver{To: root, Selector: "fetch", Args: []any{[]byte("secret")}, Answer: 3, HasAnswer: true, Resolve: resolveMe, HasResolve: true},
		"<10'op:deliver<11'desc:export0+>[5'fetch6:secret]3+<18'desc:import-object5+>>",
	},
	{
		"deliver-nothing-wanted", "neither answer nor resolver", "hawser ocapn-1.0 suite-branch",
		&msg.Deliver{To: msg.Desc{Kind: msg.Export, Pos: 7}, Args: []any{"Hello"}}, "<10'op:deliver<11'desc:export7+>[5\"Hello]ff>",
	},
	{
		"deliver-only", "neither answer nor resolver, in the dialect that has an operation for it", "suite-2026-02",
		&msg.Deliver{To: msg.Desc{Kind: msg.Export, Pos: 7}, Args: []any{"Hello"}}, "<15'op:deliver-only<11'desc:export7+>[5\"Hello]>",
	},
	{
		"deliver-pipelined", "to the promise of an answer", "all",
		&msg.Deliver{To: msg.Desc{Kind: msg.Answer, Pos: 3}, Selector: "drive", Answer: 4, HasAnswer: true}, "<10'op:deliver<11'desc:answer3+>[5'drive]4+f>",
	},
	{
		"deliver-references", "every descriptor as an argument", "all",
		&msg.Deliver{
			To: root, Args: []any{msg.Desc{Kind: msg.ImportObject, Pos: 1}, msg.Desc{Kind: msg.ImportPromise, Pos: 2}, msg.Desc{Kind: msg.Export, Pos: 3}, []any{msg.Desc{Kind: msg.Answer, Pos: 4}}},
			Resolve: msg.Desc{Kind: msg.ImportPromise, Pos: 9}, HasResolve: true,
		},
		"<10'op:deliver<11'desc:export0+>[<18'desc:import-object1+><19'desc:import-promise2+><11'desc:export3+>[<11'desc:answer4+>]]f<19'desc:import-promise9+>>",
	},
	{
		"deliver-sturdyref", "a sturdyref and a locator as arguments", "all",
		&msg.Deliver{To: root, Args: []any{msg.SturdyRef{Ref: sturdyref.Ref{Peer: vectorPeer, Swiss: sturdyref.SwissNumOf([]byte("my-object"))}}, msg.Locator{Peer: barePeer}}, Answer: 1, HasAnswer: true},
		"<10'op:deliver<11'desc:export0+>[<15'ocapn-sturdyref<10'ocapn-peer16'tcp-testing-only8\"exporter{4\"host9\"127.0.0.14\"port5\"22045}>9:my-object>" +
			"<10'ocapn-peer5'onion56\"abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrstuvwxf>]1+f>",
	},
	{"listen", "two fields, as the draft has it", "hawser", &msg.Listen{To: msg.Desc{Kind: msg.Answer, Pos: 1}, Resolve: resolveMe}, "<9'op:listen<11'desc:answer1+><18'desc:import-object5+>>"},
	{"listen-wants-partial", "three fields, as peers have it", "ocapn-1.0 suite-2026-02 suite-branch", &msg.Listen{To: msg.Desc{Kind: msg.Export, Pos: 1}, Resolve: resolveMe}, "<9'op:listen<11'desc:export1+><18'desc:import-object5+>f>"},
	{"get", "a field of a struct", "hawser ocapn-1.0", &msg.Get{To: root, Field: "nick", Answer: 2}, "<6'op:get<11'desc:export0+>4\"nick2+>"},
	{"index", "an element of a list", "hawser ocapn-1.0", &msg.Index{To: root, Index: 1, Answer: 2}, "<8'op:index<11'desc:export0+>1+2+>"},
	{"untag", "the inside of a tagged value", "hawser ocapn-1.0", &msg.Untag{To: root, Tag: "decimal", Answer: 2}, "<8'op:untag<11'desc:export0+>7\"decimal2+>"},
	{"gc-exports", "one receipt of 1, three of 2", "hawser ocapn-1.0", &msg.GCExports{Positions: []uint64{1, 2}, Deltas: []uint64{1, 3}}, "<13'op:gc-exports[1+2+][1+3+]>"},
	{"gc-export", "the same under its old name", "suite-2026-02 suite-branch", &msg.GCExports{Positions: []uint64{1, 2}, Deltas: []uint64{1, 3}}, "<12'op:gc-export[1+2+][1+3+]>"},
	{"gc-answers", "two answers", "hawser ocapn-1.0", &msg.GCAnswers{Positions: []uint64{1, 2}}, "<13'op:gc-answers[1+2+]>"},
	{"gc-answer", "the same under its old name", "suite-2026-02 suite-branch", &msg.GCAnswers{Positions: []uint64{1, 2}}, "<12'op:gc-answer[1+2+]>"},
	{"abort", "the end", "all", &msg.Abort{Reason: "bye"}, "<8'op:abort3\"bye>"},
}

var badMessages = []struct{ name, about, text string }{
	{"unknown-operation", "an operation nobody knows", "<9'op:coffee5\"black>"},
	{"no-record", "a value that is no operation", "[1+]"},
	{"deliver-too-short", "fields are missing", "<10'op:deliver<11'desc:export0+>[]>"},
	{"deliver-too-long", "a field too many", "<10'op:deliver<11'desc:export0+>[]fff>"},
	{"deliver-to-import", "messages go to what the receiver has exported, or to an answer", "<10'op:deliver<18'desc:import-object1+>[]ff>"},
	{"deliver-resolve-export", "a resolver is the sender's", "<10'op:deliver<11'desc:export0+>[]f<11'desc:export1+>>"},
	{"deliver-args-struct", "arguments are a list", "<10'op:deliver<11'desc:export0+>{}ff>"},
	{"deliver-negative-answer", "positions are not negative", "<10'op:deliver<11'desc:export0+>[]1-f>"},
	{"deliver-negative-position", "positions are not negative", "<10'op:deliver<11'desc:export1->[]ff>"},
	{"gc-lengths-differ", "as many deltas as positions", "<13'op:gc-exports[1+2+][1+]>"},
	{"gc-negative-delta", "a delta is not negative", "<13'op:gc-exports[1+][1-]>"},
	{"bare-handoff-give", "a certificate is always inside desc:sig-envelope", "<10'op:deliver<11'desc:export0+>[<17'desc:handoff-give>]ff>"},
	{"trailing", "something follows the operation", "<8'op:abort3\"bye>t"},
	{"truncated", "the operation ends too early", "<8'op:abort3\"b"},
}

func write(t *testing.T, name string, v any) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestWriteVectors makes the files anew, with -update.
func TestWriteVectors(t *testing.T) {
	if !*update {
		t.Skip("writes the vectors with -update only")
	}
	for _, folder := range []string{"syrup", "messages", "ids", "signatures", "handoffs"} {
		if err := os.RemoveAll(filepath.Join("testdata", folder)); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range syrupVectors {
		if got, err := syrup.Encode(v.value); err != nil || string(got) != v.text {
			t.Errorf("%s: %q, %v, want %q", v.name, got, err, v.text)
		}
		write(t, "syrup/"+v.name+".json", obj{"about": v.about, "hex": hex.EncodeToString([]byte(v.text)), "value": toJSON(v.value)})
	}
	for _, v := range badSyrup {
		write(t, "syrup/bad-"+v.name+".json", obj{"about": v.about, "hex": hex.EncodeToString([]byte(v.text)), "error": v.kind})
	}
	for _, v := range messageVectors {
		names := strings.Fields(v.dialects)
		if v.dialects == "all" {
			names = []string{"hawser", "ocapn-1.0", "suite-2026-02", "suite-branch"}
		}
		for _, d := range dialectsOf(names...) {
			if got, err := wire.NewEncoder(d).Append(nil, v.op, nil); err != nil || string(got) != v.text {
				t.Errorf("%s, %s: %q, %v, want %q", v.name, d.Name, got, err, v.text)
			}
		}
		write(t, "messages/"+v.name+".json", obj{"about": v.about, "dialects": names, "hex": hex.EncodeToString([]byte(v.text)), "operation": toJSON(v.op)})
	}
	for _, v := range badMessages {
		write(t, "messages/bad-"+v.name+".json", obj{"about": v.about, "hex": hex.EncodeToString([]byte(v.text)), "error": "message"})
	}
	writeIDs(t)
	writeHellos(t)
	writeHandoffs(t)
}

// keyText is the encoding of a key, by hand.
func keyText(key [32]byte, plain bool) []byte {
	if plain {
		return append([]byte("32:"), key[:]...)
	}
	return slices.Concat([]byte("[10'public-key[3'ecc[5'curve7'Ed25519][5'flags5'eddsa][1'q32:"), key[:], []byte("]]]"))
}

func twice(b []byte) [32]byte {
	once := sha256.Sum256(b)
	return sha256.Sum256(once[:])
}

func writeIDs(t *testing.T) {
	for _, plain := range []bool{false, true} {
		suffix, d := "", wire.Hawser
		if plain {
			suffix, d.PlainKeys = "-plain", true
		}
		a, b := public(gifterSeed), public(exporterSeed)
		idA, idB := twice(keyText(a, plain)), twice(keyText(b, plain))
		if idA != d.PublicID(a) {
			t.Errorf("public id: %x, want %x", d.PublicID(a), idA)
		}
		about := "SHA-256 twice over the key as it is encoded, a gcrypt list of symbols"
		if plain {
			about = "SHA-256 twice over the key as it is encoded, a byte array (decided for the draft, not yet in it)"
		}
		write(t, "ids/public-id"+suffix+".json", obj{
			"about": about, "plain-keys": plain, "seed": hex.EncodeToString(gifterSeed.Seed()), "key": hex.EncodeToString(a[:]),
			"encoded": hex.EncodeToString(keyText(a, plain)), "id": hex.EncodeToString(idA[:]),
		})
		low, high := idA, idB
		if bytes.Compare(low[:], high[:]) > 0 {
			low, high = high, low
		}
		id := twice(slices.Concat([]byte("prot0"), low[:], high[:]))
		if id != wire.SessionID(idA, idB) || id != wire.SessionID(idB, idA) {
			t.Errorf("session id: %x, want %x", wire.SessionID(idA, idB), id)
		}
		write(t, "ids/session-id"+suffix+".json", obj{
			"about": "SHA-256 twice over prot0 and both public ids, the lower one first", "plain-keys": plain,
			"keys":       []any{hex.EncodeToString(a[:]), hex.EncodeToString(b[:])},
			"public-ids": []any{hex.EncodeToString(idA[:]), hex.EncodeToString(idB[:])}, "id": hex.EncodeToString(id[:]),
		})
	}
}

func writeHellos(t *testing.T) {
	hello := func(change func(*msg.StartSession)) []byte {
		op := &msg.StartSession{Version: "1.0", Location: vectorPeer}
		if err := wire.Hawser.SignHello(op, exporterSeed); err != nil {
			t.Fatal(err)
		}
		change(op)
		frame, err := wire.NewEncoder(wire.Hawser).Append(nil, op, nil)
		if err != nil {
			t.Fatal(err)
		}
		return frame
	}
	good := hello(func(*msg.StartSession) {})
	var op *msg.StartSession
	if o, err := wire.NewDecoder(wire.Hawser, wire.Limits{}).Decode(good, nil); err != nil {
		t.Fatal(err)
	} else {
		op = o.(*msg.StartSession)
	}
	write(t, "signatures/hello.json", obj{
		"about": "op:start-session; signed is the location inside a record my-location, as implementations do it",
		"seed":  hex.EncodeToString(exporterSeed.Seed()), "hex": hex.EncodeToString(good), "operation": toJSON(op),
		"signed": hex.EncodeToString(slices.Concat([]byte("<11'my-location"), op.LocationBytes, []byte(">"))),
	})
	bare := hello(func(o *msg.StartSession) { o.Signature = [64]byte(ed25519.Sign(exporterSeed, o.LocationBytes)) })
	write(t, "signatures/hello-bare.json", obj{
		"about": "op:start-session; signed is the location alone, as the text of the draft has it",
		"seed":  hex.EncodeToString(exporterSeed.Seed()), "hex": hex.EncodeToString(bare), "signed": hex.EncodeToString(op.LocationBytes),
	})
	for name, bad := range map[string]struct {
		about  string
		change func(*msg.StartSession)
	}{
		"other-bytes": {"the signature is over something else", func(o *msg.StartSession) { o.Signature = [64]byte(ed25519.Sign(exporterSeed, []byte("hello"))) }},
		"other-key":   {"the signature is made with another key", func(o *msg.StartSession) { o.PublicKey = public(gifterSeed) }},
		"other-location": {"the location is another than the one signed", func(o *msg.StartSession) {
			o.LocationBytes = bytes.Replace(o.LocationBytes, []byte("exporter"), []byte("impostor"), 1)
		}},
		"bit": {"one bit is wrong", func(o *msg.StartSession) { o.Signature[0] ^= 1 }},
		"weak-key": {"a key of small order, under which one signature fits everything", func(o *msg.StartSession) {
			o.PublicKey = [32]byte{1}
			o.Signature = [64]byte{1}
		}},
	} {
		write(t, "signatures/bad-hello-"+name+".json", obj{"about": bad.about, "hex": hex.EncodeToString(hello(bad.change)), "error": "signature"})
	}
}

func writeHandoffs(t *testing.T) {
	d := wire.Hawser
	gifterID, receiverID := d.PublicID(public(gifterSeed)), d.PublicID(public(receiverSeed))
	ge := wire.SessionID(gifterID, d.PublicID(public(exporterSeed)))
	re := wire.SessionID(receiverID, d.PublicID(public(exporterSeed2)))
	sign := func(what any, key ed25519.PrivateKey) *msg.SigEnvelope {
		env, err := d.Sign(what, key)
		if err != nil {
			t.Fatal(err)
		}
		return env
	}
	type handoff struct {
		give    msg.HandoffGive
		giver   ed25519.PrivateKey
		receive msg.HandoffReceive
		taker   ed25519.PrivateKey
		spoil   func(*msg.SigEnvelope)
		used    []any
	}
	for _, v := range []struct {
		name, about, kind string
		change            func(*handoff)
	}{
		{"valid", "everything is as it should be", "", func(*handoff) {}},
		{"valid-later-count", "any count that was not used will do", "", func(h *handoff) { h.receive.Count, h.used = 7, []any{"0", "9"} }},
		{"receive-signature", "the receiver's signature is spoiled", "receive-signature", func(h *handoff) {
			h.spoil = func(env *msg.SigEnvelope) { env.Signature[63] ^= 1 }
		}},
		{"receive-session-key", "signed with the receiver's key of its session with the exporter, not with the gifter", "receive-signature", func(h *handoff) { h.taker = receiverSeed }},
		{"receive-empty", "a signature of zeros", "receive-signature", func(h *handoff) {
			h.spoil = func(env *msg.SigEnvelope) { env.Signature = [64]byte{} }
		}},
		{"give-signature", "the give is signed by somebody else", "give-signature", func(h *handoff) { h.giver = receiverAside }},
		{"give-key-of-other-session", "the give is signed with the gifter's key of its session with the receiver", "give-signature", func(h *handoff) { h.giver = gifterAside }},
		{"other-receiver", "the give is for another receiver", "receive-signature", func(h *handoff) { h.give.ReceiverKey = public(gifterAside) }},
		{"receiving-session", "it was made for another session", "receiving-session", func(h *handoff) { h.receive.Session = ge }},
		{"receiving-side", "it was made by another side", "receiving-side", func(h *handoff) { h.receive.Side = gifterID }},
		{"unknown-session", "the gifter's session does not exist, or has ended", "unknown-session", func(h *handoff) { h.give.Session = twice([]byte("no session")) }},
		{"gifter-side", "the gifter is not the other side of the session it names", "gifter-side", func(h *handoff) { h.give.GifterSide = receiverID }},
		{"count-used", "the count was used in the session", "count-used", func(h *handoff) { h.receive.Count, h.used = 3, []any{"0", "3"} }},
	} {
		h := handoff{
			give:  msg.HandoffGive{ReceiverKey: public(receiverAside), Exporter: vectorPeer, Session: ge, GifterSide: gifterID, GiftID: vectorGift},
			giver: gifterSeed, receive: msg.HandoffReceive{Session: re, Side: receiverID}, taker: receiverAside, used: []any{},
		}
		v.change(&h)
		h.receive.Give = sign(&h.give, h.giver)
		env := sign(&h.receive, h.taker)
		if h.spoil != nil {
			h.spoil(env)
		}
		frame, err := wire.NewEncoder(d).Append(nil, &msg.Deliver{To: root, Selector: "withdraw-gift", Args: []any{env}, Answer: 1, HasAnswer: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		side := func(id, key, peer [32]byte) obj {
			return obj{"session": hex.EncodeToString(id[:]), "peer-key": hex.EncodeToString(key[:]), "peer-id": hex.EncodeToString(peer[:])}
		}
		out := obj{
			"about": v.about,
			"exporter": obj{
				"sessions":    []any{side(ge, public(gifterSeed), gifterID), side(re, public(receiverSeed), receiverID)},
				"arrives-in":  hex.EncodeToString(re[:]),
				"used-counts": h.used,
			},
			"hex": hex.EncodeToString(frame), "certificate": toJSON(env),
		}
		name := "handoffs/" + v.name + ".json"
		if v.kind != "" {
			name, out["error"] = "handoffs/bad-"+v.name+".json", v.kind
		}
		write(t, name, out)
	}
}
