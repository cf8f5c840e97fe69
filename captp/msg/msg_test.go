package msg_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
)

func TestDesc(t *testing.T) {
	for want, d := range map[string]msg.Desc{
		"<desc:import-object 1>":  {Kind: msg.ImportObject, Pos: 1},
		"<desc:import-promise 2>": {Kind: msg.ImportPromise, Pos: 2},
		"<desc:export 3>":         {Kind: msg.Export, Pos: 3},
		"<desc:answer 4>":         {Kind: msg.Answer, Pos: 4},
	} {
		if d.String() != want || d.PassableReference() != passable.Reference(d) {
			t.Errorf("%v, want %s", d, want)
		}
	}
	if v, err := passable.Copy([]any{msg.Desc{}, msg.Desc{Kind: msg.Export}}, nil); err != nil || !passable.Equal(v, []any{nil, msg.Desc{Kind: msg.Export}}) {
		t.Errorf("%v, %v", v, err)
	}
}

// TestProtocolValuesPass: they cross whole, and are told apart.
func TestProtocolValuesPass(t *testing.T) {
	ref := func(swiss, hint string) msg.SturdyRef {
		p := sturdyref.Peer{Transport: "t", Designator: "d", Hints: map[string]string{"h": hint}}
		return msg.SturdyRef{Ref: sturdyref.Ref{Peer: p, Swiss: sturdyref.SwissNumOf([]byte(swiss))}}
	}
	a := []any{
		ref("one", ""),
		msg.Locator{Peer: ref("", "").Peer},
		&msg.SigEnvelope{Encoded: []byte("x")}, &msg.SigEnvelope{Encoded: []byte("x"), Signature: [64]byte{1}},
		ref("two", ""),
		msg.Locator{Peer: sturdyref.Peer{Transport: "t", Designator: "e"}},
	}
	got, err := passable.Copy(a, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range got.([]any) {
		for j, y := range a {
			if passable.Equal(x, y) != (i == j) {
				t.Errorf("%d and %d: %v", i, j, passable.Equal(x, y))
			}
		}
	}
	if !passable.Equal(ref("one", "here"), ref("one", "there")) {
		t.Error("hints decide who somebody is")
	}
	var into struct{ Of msg.SturdyRef }
	if err := passable.Assign(&into, passable.Struct{{Key: "of", Value: ref("one", "")}}); err != nil || !passable.Equal(into.Of, ref("one", "")) {
		t.Errorf("%v, %v", into, err)
	}
}

// TestSecretsDoNotPrint: neither swiss numbers nor secret hints, whatever the verb.
func TestSecretsDoNotPrint(t *testing.T) {
	const secret = "hunter2hunter2hunter2"
	p := sturdyref.Peer{Transport: "t", Designator: "d", Hints: map[string]string{"door": secret}}
	r := msg.SturdyRef{Ref: sturdyref.Ref{Peer: p, Swiss: sturdyref.SwissNumOf([]byte(secret))}}
	for _, v := range []any{
		r, &r,
		msg.Locator{Peer: p},
		[]any{r},
		&msg.StartSession{Location: p, LocationBytes: []byte(secret)},
		&msg.Deliver{Selector: "fetch", Args: []any{[]byte(secret), secret, r}, HasAnswer: true, HasResolve: true},
		&msg.SigEnvelope{Signed: &msg.HandoffGive{Exporter: p}, Encoded: []byte(secret)},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			out := fmt.Sprintf(verb, v)
			if strings.Contains(out, secret) || strings.Contains(out, fmt.Sprintf("%x", secret)) || strings.Contains(out, fmt.Sprint([]byte(secret))) {
				t.Errorf("%s of %T: %s", verb, v, out)
			}
		}
	}
	if b, err := json.Marshal(r); err != nil || strings.Contains(string(b), secret) {
		t.Errorf("as JSON: %s, %v", b, err)
	}
}
