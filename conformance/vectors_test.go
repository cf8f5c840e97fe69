package conformance_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/syrup"
)

// The tests below read the vectors as any other implementation would: from the
// files, and with nothing of what made them.

// vectors calls f with each file of a folder, and fails if there are fewer than
// there should be.
func vectors(t *testing.T, folder string, least int, f func(t *testing.T, v obj)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.json"))
	if err != nil || len(files) < least {
		t.Fatalf("%d files in testdata/%s, want at least %d: %v", len(files), folder, least, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var v obj
			if err := json.Unmarshal(b, &v); err != nil {
				t.Fatal(err)
			}
			if v["about"] == "" {
				t.Error("it does not say what it is about")
			}
			if _, bad := v["error"]; bad != strings.HasPrefix(filepath.Base(file), "bad-") {
				t.Error("files of what is refused, and no others, are called bad-")
			}
			f(t, v)
		})
	}
}

func bytesAt(t *testing.T, v obj, key string) []byte {
	t.Helper()
	s, ok := v[key].(string)
	b, err := hex.DecodeString(s)
	if !ok || err != nil {
		t.Fatalf("no hex at %q: %v", key, err)
	}
	return b
}

// same compares what was read with what JSON says, both as JSON.
func same(t *testing.T, got, want any) {
	t.Helper()
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var again any
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, want) {
		t.Errorf("read as %s, want %v", b, want)
	}
}

var syrupKinds = map[string]error{
	"truncated": syrup.ErrTruncated, "trailing": syrup.ErrTrailing, "syntax": syrup.ErrSyntax, "not-canonical": syrup.ErrNotCanonical,
	"duplicate-key": syrup.ErrDuplicateKey, "utf-8": syrup.ErrUTF8, "unexpected": syrup.ErrUnexpected, "unknown": syrup.ErrUnknown,
}

func TestSyrupVectors(t *testing.T) {
	vectors(t, "syrup", 45, func(t *testing.T, v obj) {
		text := bytesAt(t, v, "hex")
		got, err := syrup.Decode(text, nil)
		if kind, bad := v["error"].(string); bad {
			if want := syrupKinds[kind]; want == nil || !errors.Is(err, want) {
				t.Errorf("%v, want an error of kind %s", err, kind)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		same(t, toJSON(got), v["value"])
		value := fromJSON(v["value"])
		if !passable.Equal(got, value) {
			t.Errorf("%v, want %v", got, value)
		}
		if again, err := syrup.Encode(value); err != nil || !bytes.Equal(again, text) {
			t.Errorf("written as %q, %v, want %q", again, err, text)
		}
	})
}

func TestMessageVectors(t *testing.T) {
	vectors(t, "messages", 29, func(t *testing.T, v obj) {
		text := bytesAt(t, v, "hex")
		if _, bad := v["error"]; bad {
			for _, d := range dialectsOf("hawser", "ocapn-1.0", "suite-2026-02", "suite-branch") {
				if op, err := wire.NewDecoder(d, wire.Limits{}).Decode(text, nil); err == nil {
					t.Errorf("%s reads it as %+v", d.Name, op)
				}
			}
			return
		}
		// Every dialect reads what any other writes; those that are named write it so.
		written, _ := v["dialects"].([]any)
		for _, d := range dialectsOf("hawser", "ocapn-1.0", "suite-2026-02", "suite-branch") {
			op, err := wire.NewDecoder(d, wire.Limits{}).Decode(text, nil)
			if err != nil {
				t.Errorf("%s: %v", d.Name, err)
				continue
			}
			same(t, toJSON(op), v["operation"])
			if !slices.Contains(written, any(d.Name)) {
				continue
			}
			if again, err := wire.NewEncoder(d).Append(nil, op, nil); err != nil || !bytes.Equal(again, text) {
				t.Errorf("%s writes %q, %v, want %q", d.Name, again, err, text)
			}
		}
	})
}

func TestIDVectors(t *testing.T) {
	vectors(t, "ids", 4, func(t *testing.T, v obj) {
		d := wire.Hawser
		d.PlainKeys = v["plain-keys"].(bool)
		want := [32]byte(bytesAt(t, v, "id"))
		keys, isSession := v["keys"].([]any)
		if !isSession {
			key := ed25519.NewKeyFromSeed(bytesAt(t, v, "seed")).Public().(ed25519.PublicKey)
			if !bytes.Equal(key, bytesAt(t, v, "key")) {
				t.Error("the key is not that of the seed")
			}
			if twice(bytesAt(t, v, "encoded")) != want || d.PublicID([32]byte(key)) != want {
				t.Errorf("%x, want %x", d.PublicID([32]byte(key)), want)
			}
			return
		}
		var ids [][32]byte
		for i, id := range v["public-ids"].([]any) {
			ids = append(ids, [32]byte(unhex(id.(string))))
			if d.PublicID([32]byte(unhex(keys[i].(string)))) != ids[i] {
				t.Errorf("public id %d is not that of its key", i)
			}
		}
		if wire.SessionID(ids[0], ids[1]) != want || wire.SessionID(ids[1], ids[0]) != want {
			t.Errorf("%x, want %x", wire.SessionID(ids[0], ids[1]), want)
		}
	})
}

func TestSignatureVectors(t *testing.T) {
	vectors(t, "signatures", 7, func(t *testing.T, v obj) {
		op, err := wire.NewDecoder(wire.Hawser, wire.Limits{}).Decode(bytesAt(t, v, "hex"), nil)
		if err != nil {
			t.Fatal(err)
		}
		hello := op.(*msg.StartSession)
		err = wire.VerifyHello(hello)
		if _, bad := v["error"]; bad {
			if !errors.Is(err, wire.ErrSignature) {
				t.Errorf("%v, want an error about the signature", err)
			}
			return
		}
		if err != nil {
			t.Error(err)
		}
		if want, ok := v["operation"]; ok {
			same(t, toJSON(hello), want)
		}
		key := ed25519.NewKeyFromSeed(bytesAt(t, v, "seed"))
		if signature := ed25519.Sign(key, bytesAt(t, v, "signed")); !bytes.Equal(signature, hello.Signature[:]) {
			t.Errorf("the signature of what was signed is %x, want %x", signature, hello.Signature)
		}
	})
}

// judge says what is wrong with a certificate that an exporter is shown, by the
// draft's "Checking the validity of the desc:handoff-receive" and nothing else.
func judge(t *testing.T, exporter obj, env *msg.SigEnvelope) string {
	type side struct{ key, id [32]byte }
	sessions := map[string]side{}
	for _, s := range exporter["sessions"].([]any) {
		o := s.(obj)
		sessions[o["session"].(string)] = side{[32]byte(bytesAt(t, o, "peer-key")), [32]byte(bytesAt(t, o, "peer-id"))}
	}
	verify := func(env *msg.SigEnvelope, key [32]byte) bool {
		return ed25519.Verify(key[:], env.Encoded, env.Signature[:])
	}
	receive := env.Signed.(*msg.HandoffReceive)
	give := receive.Give.Signed.(*msg.HandoffGive)
	here := sessions[exporter["arrives-in"].(string)]
	gifter, known := sessions[hex.EncodeToString(give.Session[:])]
	switch {
	case hex.EncodeToString(receive.Session[:]) != exporter["arrives-in"]:
		return "receiving-session"
	case receive.Side != here.id:
		return "receiving-side"
	case !verify(env, give.ReceiverKey):
		return "receive-signature"
	case !known:
		return "unknown-session"
	case give.GifterSide != gifter.id:
		return "gifter-side"
	case !verify(receive.Give, gifter.key):
		return "give-signature"
	case slices.Contains(exporter["used-counts"].([]any), any(position(receive.Count))):
		return "count-used"
	}
	return ""
}

func TestHandoffVectors(t *testing.T) {
	vectors(t, "handoffs", 13, func(t *testing.T, v obj) {
		op, err := wire.NewDecoder(wire.Hawser, wire.Limits{}).Decode(bytesAt(t, v, "hex"), nil)
		if err != nil {
			t.Fatal(err)
		}
		d := op.(*msg.Deliver)
		env := d.Args[0].(*msg.SigEnvelope)
		same(t, toJSON(env), v["certificate"])
		want, _ := v["error"].(string)
		if got := judge(t, v["exporter"].(obj), env); got != want {
			t.Errorf("judged as %q, want %q", got, want)
		}
	})
}
