package noisehs_test

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/internal/noisehs"
)

// oneWay is the sender or the recipient of Noise_N, Noise_K, Noise_X or Noise_Xpsk1, with 25519, ChaChaPoly and SHA256, written from the
// specification alone.
type oneWay struct{ xkpsk3 }

func newOneWay(name string, s, e *ecdh.PrivateKey, recipient, prologue []byte) *oneWay {
	x := &oneWay{xkpsk3{s: s, e: e, rs: recipient}}
	if name += "_25519_ChaChaPoly_SHA256"; len(name) > 32 {
		x.h = sum([]byte(name))
	} else {
		x.h = append([]byte(name), make([]byte, 32-len(name))...)
	}
	x.ck = x.h
	x.mixHash(prologue)
	if strings.HasPrefix(name, "Noise_K_") {
		x.mixHash(s.PublicKey().Bytes())
	}
	x.mixHash(recipient)
	return x
}

// n makes the message of Noise_N.
func (x *oneWay) n(payload []byte) []byte {
	e := x.e.PublicKey().Bytes()
	x.mixHash(e)
	x.mixKey(dh(x.e, x.rs)) // es
	return append(e, x.encrypt(payload)...)
}

// kMessage makes the message of Noise_K.
func (x *oneWay) kMessage(payload []byte) []byte {
	e := x.e.PublicKey().Bytes()
	x.mixHash(e)
	x.mixKey(dh(x.e, x.rs)) // es
	x.mixKey(dh(x.s, x.rs)) // ss
	return append(e, x.encrypt(payload)...)
}

// x makes the message of Noise_X, or with a psk of Noise_Xpsk1.
func (x *oneWay) x(psk, payload []byte) []byte {
	e := x.e.PublicKey().Bytes()
	x.mixHash(e)
	if psk != nil {
		x.mixKey(e)
	}
	x.mixKey(dh(x.e, x.rs)) // es
	s := x.encrypt(x.s.PublicKey().Bytes())
	x.mixKey(dh(x.s, x.rs)) // ss
	if psk != nil {
		x.mixKeyAndHash(psk)
	}
	return append(append(e, s...), x.encrypt(payload)...)
}

// The vectors of the Noise community with a prologue and payloads, as github.com/flynn/noise ships them, through both
// implementations.
func TestPublishedVectorsOfOneWay(t *testing.T) {
	s, r := key(unhex(t, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")), key(unhex(t, "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"))
	e := unhex(t, "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f")
	psk := [32]byte(unhex(t, "2176657279736563726574766572797365637265747665727973656372657421"))
	prologue, payload, second := []byte("notsecret"), []byte("test_msg_0"), []byte("yellowsubmarine")
	for name, want := range map[string][2]string{
		"Noise_N":     {"358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254a703e3bfcc38dbdb465bc83726dbcf8aa4764c684931d2985245", ""},
		"Noise_K":     {"358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254b8cae311a5f3367e21709e6be52d6fd8abf20e2708f50165f7ba", ""},
		"Noise_X":     {"358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd1662548cccfba3094925ef50f41bb45d6e69936ad15fcba0c3479a46afb577d3459497a2b1b0c7f3c1107df1feeb7d2e340fd886d56a823c51b82cc9bbef609fcb249aa5dc6bfae8b03f645e11", "2e04749040fde470ab93dda9ca2d7dc69896d0c564d0898755a09830735187"},
		"Noise_Xpsk1": {"358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd16625433e53e3ef1c689e4802f9453dd73c9402aa8072a810f934f7a466d2ede7d8ca79f78c9011a748444af8a1d2ac4beffd3425ca4e756799dee05a737edccc12925ee623b4305c3410a3753", "131094feaa8cbacb6c348050711162cf8d44b13e8de882c98410e7d3981d51"},
	} {
		check := func(who string, i int, got []byte, err error) {
			t.Helper()
			if err != nil || hex.EncodeToString(got) != want[i] {
				t.Errorf("%s, %s: message %d is %x, %v, want %s", name, who, i, got, err, want[i])
			}
		}
		o := newOneWay(name, s, key(e), r.PublicKey().Bytes(), prologue)
		c := noisehs.Config{Static: static(s), Prologue: prologue, Random: bytes.NewReader(e)}
		var m []byte
		var rest *noisehs.Transport
		var err error
		switch name {
		case "Noise_N":
			m, err = noisehs.SealN(c.Random, prologue, public(r), payload)
			check("noisehs", 0, m, err)
			check("independent", 0, o.n(payload), nil)
			continue
		case "Noise_K":
			m, err = noisehs.SealK(c, public(r), payload)
			check("noisehs", 0, m, err)
			check("independent", 0, o.kMessage(payload), nil)
			continue
		case "Noise_X":
			m, rest, err = noisehs.SealX(c, public(r), payload)
			check("independent", 0, o.x(nil, payload), nil)
		case "Noise_Xpsk1":
			m, rest, err = noisehs.SealXpsk1(c, &psk, public(r), payload)
			check("independent", 0, o.x(psk[:], payload), nil)
		}
		check("noisehs", 0, m, err)
		m, err = rest.Seal(second)
		check("noisehs", 1, m, err)
		k, _ := o.split()
		check("independent", 1, seal(k, 0, nil, second), nil)
	}
}

// Against the second implementation, with any keys and payloads.
func TestOneWayAgainstIndependent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytesOf := func(name string) []byte { return rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, name) }
		s, r, e := key(bytesOf("s")), key(bytesOf("r")), key(bytesOf("e"))
		prologue, payload := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "prologue"), rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload")
		psk := [32]byte(bytesOf("psk"))
		psk[0] |= 1
		recipient := r.PublicKey().Bytes()
		c := noisehs.Config{Static: static(r), Prologue: prologue}
		same := func(got []byte, sender [32]byte, err error) {
			t.Helper()
			if err != nil || !bytes.Equal(got, payload) || sender != public(s) {
				t.Fatalf("got %x from %x, %v", got, sender, err)
			}
		}
		got, err := noisehs.OpenN(c, newOneWay("Noise_N", nil, e, recipient, prologue).n(payload))
		same(got, public(s), err)
		got, err = noisehs.OpenK(c, public(s), newOneWay("Noise_K", s, e, recipient, prologue).kMessage(payload))
		same(got, public(s), err)
		x := newOneWay("Noise_X", s, e, recipient, prologue)
		got, sender, rest, err := noisehs.OpenX(c, x.x(nil, payload))
		same(got, sender, err)
		k, _ := x.split()
		for i := range uint64(3) {
			got, err = rest.Open(seal(k, i, nil, payload))
			same(got, sender, err)
		}
		x = newOneWay("Noise_Xpsk1", s, e, recipient, prologue)
		got, sender, _, err = noisehs.OpenXpsk1(c, &psk, x.x(psk[:], payload))
		same(got, sender, err)
	})
}

func TestOneWayTampered(t *testing.T) {
	s, r, psk := fresh(), fresh(), [32]byte{1}
	from, to := noisehs.Config{Static: static(s), Prologue: []byte("p")}, noisehs.Config{Static: static(r), Prologue: []byte("p")}
	n, err := noisehs.SealN(nil, []byte("p"), public(r), []byte("id"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := noisehs.SealK(from, public(r), []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	x, _, err := noisehs.SealX(from, public(r), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := noisehs.SealXpsk1(from, &psk, public(r), []byte("p"))
	if err != nil {
		t.Fatal(err)
	}
	openN := func(m []byte) error { _, err := noisehs.OpenN(to, m); return err }
	openK := func(m []byte) error { _, err := noisehs.OpenK(to, public(s), m); return err }
	openX := func(m []byte) error { _, _, _, err := noisehs.OpenX(to, m); return err }
	openP := func(m []byte) error { _, _, _, err := noisehs.OpenXpsk1(to, &psk, m); return err }
	for _, c := range []struct {
		message  []byte
		overhead int
		open     func([]byte) error
	}{{n, noisehs.NOverhead, openN}, {k, noisehs.KOverhead, openK}, {x, noisehs.XOverhead, openX}, {p, noisehs.XOverhead, openP}} {
		if err := c.open(c.message); err != nil {
			t.Fatal(err)
		}
		for i := range c.message {
			bad := bytes.Clone(c.message)
			bad[i] ^= 1
			if err := c.open(bad); !errors.Is(err, noisehs.ErrHandshake) {
				t.Errorf("byte %d changed: got error %v, want ErrHandshake", i, err)
			}
			if err := c.open(c.message[:i]); !errors.Is(err, noisehs.ErrHandshake) {
				t.Errorf("cut to %d bytes: got error %v, want ErrHandshake", i, err)
			}
		}
		if err := c.open(append(bytes.Clone(c.message), make([]byte, noisehs.MaxMessage)...)); !errors.Is(err, noisehs.ErrHandshake) {
			t.Errorf("too long: got error %v", err)
		}
	}
	// A message of one pattern, with or without the secret, is none of another, and one for somebody else is for nobody here.
	other := [32]byte{2}
	if _, _, _, err := noisehs.OpenXpsk1(to, &other, p); !errors.Is(err, noisehs.ErrHandshake) {
		t.Errorf("another secret: %v", err)
	}
	if err := openX(p); !errors.Is(err, noisehs.ErrHandshake) {
		t.Errorf("without the secret: %v", err)
	}
	if err := openP(x); !errors.Is(err, noisehs.ErrHandshake) {
		t.Errorf("a message without a secret where one is wanted: %v", err)
	}
	if _, _, _, err := noisehs.OpenX(noisehs.Config{Static: static(fresh()), Prologue: []byte("p")}, x); !errors.Is(err, noisehs.ErrHandshake) {
		t.Errorf("for another: %v", err)
	}
	if _, err := noisehs.OpenK(to, public(fresh()), k); !errors.Is(err, noisehs.ErrHandshake) {
		t.Errorf("from another: %v", err)
	}
	if _, err := noisehs.OpenK(to, [32]byte{}, k); !errors.Is(err, noisehs.ErrHandshake) {
		t.Errorf("from a key of low order: %v", err)
	}
	if err := openN(k); !errors.Is(err, noisehs.ErrHandshake) {
		t.Errorf("a message from somebody as one from nobody: %v", err)
	}
	if err := openK(n); !errors.Is(err, noisehs.ErrHandshake) {
		t.Errorf("a message from nobody as one from somebody: %v", err)
	}
	for name, err := range map[string]error{
		"no secret": func() error { _, _, err := noisehs.SealXpsk1(from, nil, public(r), nil); return err }(),
		"zeros":     func() error { _, _, _, err := noisehs.OpenXpsk1(to, new([32]byte), p); return err }(),
		"no key":    func() error { _, _, err := noisehs.SealX(noisehs.Config{}, public(r), nil); return err }(),
		"no key, K": func() error { _, err := noisehs.SealK(noisehs.Config{}, public(r), nil); return err }(),
		"nobody, K": func() error { _, err := noisehs.OpenK(noisehs.Config{}, public(s), k); return err }(),
		"nobody":    func() error { _, err := noisehs.OpenN(noisehs.Config{}, n); return err }(),
		"too much": func() error {
			_, err := noisehs.SealN(nil, nil, public(r), make([]byte, noisehs.MaxMessage))
			return err
		}(),
	} {
		if !errors.Is(err, noisehs.ErrMisuse) {
			t.Errorf("%s: got error %v, want ErrMisuse", name, err)
		}
	}
	if _, err := noisehs.SealK(from, [32]byte{}, nil); err == nil {
		t.Error("sealed to a key of low order")
	}
	if _, _, err := noisehs.SealX(from, [32]byte{}, nil); err == nil {
		t.Error("sealed to a key of low order")
	}
}
