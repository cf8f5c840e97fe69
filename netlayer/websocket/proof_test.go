package websocket_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/websocket"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/syrup"
)

// fixed is a key that every run has.
var fixed = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func public(key ed25519.PrivateKey) [32]byte { return [32]byte(key.Public().(ed25519.PublicKey)) }

// TestForms fixes what is sent, byte by byte, in the form that @endo/ocapn 1.1.1 sends and takes.
func TestForms(t *testing.T) {
	nonce := []byte("0123456789abcdef0123456789ABCDEF")
	hello := websocket.Hello(nonce)
	if want := "<14'init:peer-auth32:" + string(nonce) + ">"; string(hello) != want {
		t.Errorf("the hello is %q, want %q", hello, want)
	}
	sig := ed25519.Sign(fixed, hello)
	want := "<17'desc:sig-envelope" + string(hello) + "[7'sig-val[5'eddsa[1'r32:" + string(sig[:32]) + "][1's32:" + string(sig[32:]) + "]]]>"
	if got := websocket.Envelope(hello, sig); string(got) != want {
		t.Errorf("the envelope is %q, want %q", got, want)
	}
	if got := hex.EncodeToString(sig); got != "dee4b3ec69135924bcdc26ea0beba3dfc8426e7bbd7f756b84905e938dd1a646910cf202dfc0ca260434c90ff8ab29e3d6634f54038c12fb3099dee2cc6d9704" {
		t.Errorf("the signature is %s", got)
	}
	if got := websocket.Designator(fixed.Public().(ed25519.PublicKey)); got != "5jfgyy7ctrjavpxvkb5rglwf7gkuo5vox27hxescd3vgsfcg2iwa" {
		t.Errorf("the designator is %s", got)
	}
	if err := websocket.VerifyEnvelope([]byte(want), hello, public(fixed)); err != nil {
		t.Error(err)
	}
	// They are Syrup, as its decoder sees it.
	for _, b := range [][]byte{hello, []byte(want)} {
		d := syrup.NewDecoder(&syrup.Config{Record: anyRecord})
		if err := d.Reset(b); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Value(); err != nil || d.End() != nil {
			t.Errorf("%q: %v, %v", b, err, d.End())
		}
	}
}

// anyRecord has the decoder take every record with whatever fields it has.
func anyRecord(d *syrup.Decoder, label passable.Symbol) (any, error) {
	for {
		more, err := d.More()
		if err != nil || !more {
			return label, err
		}
		if _, err := d.Value(); err != nil {
			return nil, err
		}
	}
}

// TestNothingElseIsSigned: what the key signs for strangers is a hello of one length; what it signs besides is of other
// lengths and cannot be mistaken for one, nor for the challenge of old.
func TestNothingElseIsSigned(t *testing.T) {
	nonce := make([]byte, 32)
	good := websocket.Hello(nonce)
	for _, b := range [][]byte{
		nil,
		{},
		nonce, make([]byte, 64), good[:len(good)-1], append(bytes.Clone(good), '>'), append([]byte{' '}, good...),
		websocket.Hello(nonce[:31]), websocket.Hello(make([]byte, 33)), websocket.Hello(nil),
		bytes.Replace(good, []byte("peer"), []byte("Peer"), 1), bytes.Replace(good, []byte("14'"), []byte("14\""), 1),
		bytes.Replace(good, []byte("32:"), []byte("32\""), 1), bytes.Replace(good, []byte("32:"), []byte("032:"), 1),
		[]byte("<10'my-location32:" + string(nonce) + ">"), []byte("[14'init:peer-auth32:" + string(nonce) + "]"),
	} {
		if _, err := websocket.ParseHello(b); err == nil {
			t.Errorf("%q is taken for a hello", b)
		}
	}
	if got, err := websocket.ParseHello(good); err != nil || !bytes.Equal(got, nonce) {
		t.Errorf("a hello: %q, %v", got, err)
	}
	signed, _ := websocket.Refusals(nonce, fixed)
	for _, b := range signed {
		if len(b) == 64 || len(b) == len(good) || bytes.HasPrefix(b, good[:15]) {
			t.Errorf("%q could be taken for something else", b)
		}
	}
	if len(good) == 64 {
		t.Error("a hello has the length of the challenge of old")
	}
}

func TestVerifyEnvelopeRefuses(t *testing.T) {
	hello := websocket.Hello(make([]byte, 32))
	good := websocket.Envelope(hello, ed25519.Sign(fixed, hello))
	for i := range good {
		for _, flip := range []byte{1, 0x80} {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			if websocket.VerifyEnvelope(bad, hello, public(fixed)) == nil {
				t.Fatalf("byte %d may be changed", i)
			}
		}
	}
	for _, bad := range [][]byte{nil, good[:len(good)-1], append(bytes.Clone(good), '>'), make([]byte, len(good))} {
		if websocket.VerifyEnvelope(bad, hello, public(fixed)) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	other := websocket.Hello(bytes.Repeat([]byte{1}, 32))
	if websocket.VerifyEnvelope(good, other, public(fixed)) == nil {
		t.Error("the answer to another question is taken")
	}
	if websocket.VerifyEnvelope(good, hello, public(newKey(t))) == nil {
		t.Error("the answer of another is taken")
	}
}

func TestVerdictsAreSigned(t *testing.T) {
	nonce, key := bytes.Repeat([]byte{3}, 32), public(fixed)
	_, reasons := websocket.Refusals(nonce, fixed)
	for code, want := range map[int]error{4403: netlayer.ErrRefused, 4409: netlayer.ErrCrossed} {
		reason := reasons[code]
		if len(reason) > 123 {
			t.Errorf("the reason for %d has %d bytes", code, len(reason))
		}
		if err := websocket.VerdictOf(code, reason, nonce, key); !errors.Is(err, want) {
			t.Errorf("code %d: %v, want %v", code, err, want)
		}
		for name, err := range map[string]error{
			"another code":     websocket.VerdictOf(4403+4409-code, reason, nonce, key),
			"no verdict":       websocket.VerdictOf(1008, reason, nonce, key),
			"no reason":        websocket.VerdictOf(code, "", nonce, key),
			"no base64":        websocket.VerdictOf(code, reason+"!", nonce, key),
			"another question": websocket.VerdictOf(code, reason, make([]byte, 32), key),
			"another peer":     websocket.VerdictOf(code, reason, nonce, public(newKey(t))),
		} {
			if err != nil {
				t.Errorf("code %d, %s: %v", code, name, err)
			}
		}
	}
}

func TestDesignators(t *testing.T) {
	good := websocket.Designator(fixed.Public().(ed25519.PublicKey))
	if key, err := websocket.DesignatorKey(good); err != nil || key != public(fixed) {
		t.Errorf("%s: %v", good, err)
	}
	identity := make([]byte, 32) // a point of small order, for which anybody can sign
	identity[0] = 1
	for _, bad := range []string{
		"", good[:51], good + "a", good + "=", strings.ToUpper(good), good[:51] + "1", good[:51] + "b", good[:20] + "\n" + good[20:],
		websocket.Designator(identity), websocket.Designator(make([]byte, 31)),
	} {
		if bad == good {
			continue
		}
		if _, err := websocket.DesignatorKey(bad); err == nil {
			t.Errorf("%q is taken for a designator", bad)
		}
	}
}

func FuzzHandshake(f *testing.F) {
	hello := websocket.Hello(bytes.Repeat([]byte{9}, 32))
	f.Add(hello)
	f.Add(websocket.Envelope(hello, ed25519.Sign(fixed, hello)))
	f.Add([]byte("<17'desc:sig-envelope<14'init:peer-auth32:"))
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		if nonce, err := websocket.ParseHello(b); err == nil && !bytes.Equal(b, websocket.Hello(nonce)) {
			t.Fatalf("%q is taken for the hello %q", b, websocket.Hello(nonce))
		}
		if err := websocket.VerifyEnvelope(b, hello, public(fixed)); err == nil && !bytes.Equal(b, websocket.Envelope(hello, ed25519.Sign(fixed, hello))) {
			t.Fatalf("%q is taken for a proof", b)
		}
		if err := websocket.VerdictOf(4403, string(b), make([]byte, 32), public(fixed)); err != nil {
			t.Fatalf("%q is taken for a refusal", b)
		}
		if key, err := websocket.DesignatorKey(string(b)); err == nil && websocket.Designator(key[:]) != string(b) {
			t.Fatalf("%q is not the one spelling of its key", b)
		}
	})
}
