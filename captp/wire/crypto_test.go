package wire_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/syrup"
)

func privateKey(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, 32))
}

func public(k ed25519.PrivateKey) [32]byte { return [32]byte(k.Public().(ed25519.PublicKey)) }

// TestHello: a signed op:start-session verifies at the other end, whatever the
// order of keys there; one that was changed does not.
func TestHello(t *testing.T) {
	k := privateKey(1)
	for _, from := range []wire.Dialect{wire.Hawser, wire.OCapN10, {PlainKeys: true}, {KeyOrder: syrup.ByUTF16}} {
		hello := &msg.StartSession{Version: from.Version(), Location: sturdyref.Peer{
			Transport: "x", Designator: "y", Hints: map[string]string{"z": "1", "aa": "2"},
		}}
		if err := from.SignHello(hello, k); err != nil {
			t.Fatal(err)
		}
		frame, err := wire.NewEncoder(from).Append(nil, hello, nil)
		if err != nil {
			t.Fatal(err)
		}
		op, err := wire.NewDecoder(wire.OCapN10, wire.Limits{}).Decode(frame, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := op.(*msg.StartSession)
		if err := wire.VerifyHello(got); err != nil || got.PublicKey != public(k) || !from.Accepts(got.Version) {
			t.Errorf("%+v: %v", from, err)
		}
		again, err := wire.NewEncoder(from).Append(nil, got, nil)
		if err != nil || !bytes.Equal(frame, again) {
			t.Errorf("encoded again it is %q, %v, was %q", again, err, frame)
		}

		bare := *got
		bare.Signature = [64]byte(ed25519.Sign(k, bare.LocationBytes))
		if err := wire.VerifyHello(&bare); err != nil {
			t.Errorf("a signature over the bare location: %v", err)
		}
		for name, spoil := range map[string]func(*msg.StartSession){
			"key":       func(s *msg.StartSession) { s.PublicKey = public(privateKey(2)) },
			"location":  func(s *msg.StartSession) { s.LocationBytes = bytes.ToUpper(s.LocationBytes) },
			"nothing":   func(s *msg.StartSession) { s.LocationBytes = nil },
			"signature": func(s *msg.StartSession) { s.Signature[0] ^= 1 },
			// With the neutral element as key, and as R, and S zero, every message is signed.
			"small order": func(s *msg.StartSession) { s.PublicKey, s.Signature = [32]byte{1}, [64]byte{1} },
		} {
			bad := *got
			spoil(&bad)
			if err := wire.VerifyHello(&bad); !errors.Is(err, wire.ErrSignature) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestSuiteSignature is over <my-location <ocapn-peer …>> as the suite encodes it.
func TestSuiteSignature(t *testing.T) {
	k := privateKey(1)
	hello := &msg.StartSession{Version: "1.0", Location: peer}
	if err := wire.Suite202602.SignHello(hello, k); err != nil {
		t.Fatal(err)
	}
	if !ed25519.Verify(k.Public().(ed25519.PublicKey), []byte("<11'my-location"+peerText+">"), hello.Signature[:]) {
		t.Error("the suite would refuse the signature")
	}
}

// TestHandoff: the two certificates of a handoff, made, sent, forwarded and
// checked.
func TestHandoff(t *testing.T) {
	gifter, receiver := privateKey(1), privateKey(2)
	d := wire.Hawser
	signedGive, err := d.Sign(&msg.HandoffGive{
		ReceiverKey: public(receiver), Exporter: peer, Session: [32]byte{1}, GifterSide: d.PublicID(public(gifter)), GiftID: bytes.Repeat([]byte{7}, 32),
	}, gifter)
	if err != nil {
		t.Fatal(err)
	}
	came := roundTrip(t, signedGive)
	g := came.Signed.(*msg.HandoffGive)
	if err := wire.Verify(came, public(gifter)); err != nil || g.ReceiverKey != public(receiver) || g.Exporter.ID() != peer.ID() {
		t.Errorf("%+v, %v", g, err)
	}
	signedReceive, err := d.Sign(&msg.HandoffReceive{Session: [32]byte{2}, Side: [32]byte{3}, Count: 4, Give: came}, receiver)
	if err != nil {
		t.Fatal(err)
	}
	at := roundTrip(t, signedReceive)
	r := at.Signed.(*msg.HandoffReceive)
	inner := r.Give.Signed.(*msg.HandoffGive)
	if wire.Verify(at, inner.ReceiverKey) != nil || wire.Verify(r.Give, public(gifter)) != nil || r.Count != 4 {
		t.Errorf("%+v", r)
	}
	if !bytes.Equal(r.Give.Encoded, signedGive.Encoded) || !r.Give.PassableEqual(signedGive) || at.PassableEqual(signedGive) {
		t.Error("the gifter's certificate changed on its way")
	}
	if err := wire.Verify(at, public(gifter)); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("a wrong key: %v", err)
	}
	if err := wire.Verify(nil, public(gifter)); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("no envelope: %v", err)
	}

	for name, signed := range map[string]any{
		"nothing": nil, "a text": "x", "a receive without a give": &msg.HandoffReceive{},
		"a receive of a receive": &msg.HandoffReceive{Give: signedReceive}, "a gift-id of a kind nobody has": &msg.HandoffGive{GiftID: true},
	} {
		if env, err := d.Sign(signed, gifter); err == nil {
			t.Errorf("%s: %+v", name, env)
		}
	}
}

func roundTrip(t *testing.T, env *msg.SigEnvelope) *msg.SigEnvelope {
	t.Helper()
	frame, err := wire.NewEncoder(wire.Hawser).Append(nil, &msg.Deliver{To: object0, Args: []any{env}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	op, err := wire.NewDecoder(wire.Hawser, wire.Limits{}).Decode(frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	return op.(*msg.Deliver).Args[0].(*msg.SigEnvelope)
}

func TestDialects(t *testing.T) {
	for _, want := range []wire.Dialect{wire.Hawser, wire.OCapN10, wire.Suite202602, wire.SuiteBranch} {
		d, ok := wire.Named(want.Name)
		if !ok || d.Name != want.Name || d.Version() != "1.0" || !d.Accepts("1.0") || d.Accepts("invalid-version-number") {
			t.Errorf("%s: %+v", want.Name, d)
		}
	}
	if _, ok := wire.Named("esperanto"); ok {
		t.Error("an unknown dialect is known")
	}
	if d := (wire.Dialect{Versions: []string{"goblins-0.16", "1.0"}}); d.Version() != "goblins-0.16" || !d.Accepts("1.0") {
		t.Error("Versions do not count")
	}
}
