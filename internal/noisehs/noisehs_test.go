package noisehs_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
	"testing"

	"github.com/flynn/noise"
	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/internal/noisehs"
)

func key(b []byte) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		panic(err)
	}
	return k
}

func fresh() *ecdh.PrivateKey {
	b := make([]byte, 32)
	rand.Read(b)
	return key(b)
}

func public(k *ecdh.PrivateKey) [32]byte { return [32]byte(k.PublicKey().Bytes()) }

func static(k *ecdh.PrivateKey) noisehs.Static {
	return noisehs.Static{Public: public(k), ECDH: func(peer [32]byte) (out [32]byte, err error) {
		p, err := ecdh.X25519().NewPublicKey(peer[:])
		if err != nil {
			return out, err
		}
		b, err := k.ECDH(p)
		if err != nil {
			return out, err
		}
		return [32]byte(b), nil
	}}
}

type pair struct {
	t        testing.TB
	ds, as   *ecdh.PrivateKey
	prologue []byte
	psk      [32]byte
	d        *noisehs.XKDialler
	a        *noisehs.XKAcceptor
}

func newPair(t testing.TB) *pair {
	t.Helper()
	p := &pair{t: t, ds: fresh(), as: fresh(), prologue: []byte("prologue"), psk: [32]byte{1, 2, 3}}
	var err error
	if p.d, err = noisehs.NewXKDialler(noisehs.Config{Static: static(p.ds), Prologue: p.prologue}, public(p.as)); err != nil {
		t.Fatal(err)
	}
	if p.a, err = noisehs.NewXKAcceptor(noisehs.Config{Static: static(p.as), Prologue: p.prologue}); err != nil {
		t.Fatal(err)
	}
	return p
}

// two brings the handshake past its second message.
func (p *pair) two() {
	p.t.Helper()
	m1, err := p.d.Message1([]byte("one"))
	if err != nil {
		p.t.Fatal(err)
	}
	if pl, err := p.a.ReadMessage1(m1); err != nil || string(pl) != "one" {
		p.t.Fatalf("message 1 holds %q, %v", pl, err)
	}
	m2, err := p.a.Message2([]byte("two"))
	if err != nil {
		p.t.Fatal(err)
	}
	if pl, err := p.d.ReadMessage2(m2); err != nil || string(pl) != "two" {
		p.t.Fatalf("message 2 holds %q, %v", pl, err)
	}
}

func TestXK(t *testing.T) {
	p := newPair(t)
	p.two()
	h := p.d.Hash()
	if h != p.a.Hash() || h == ([32]byte{}) {
		t.Fatal("the two sides have different hashes")
	}
	// The acceptor's ephemeral key serves both sides for a capability key.
	cap := fresh()
	e := p.d.AcceptorEphemeral()
	theirs, err := p.a.EphemeralECDH(public(cap))
	if err != nil || !bytes.Equal(theirs[:], dh(cap, e[:])) {
		t.Fatalf("the ephemeral keys do not agree: %v", err)
	}
	m3, dt, err := p.d.Message3(&p.psk, []byte("three"))
	if err != nil {
		t.Fatal(err)
	}
	pl, dialler, at, err := p.a.ReadMessage3(&p.psk, m3)
	if err != nil || string(pl) != "three" || dialler != public(p.ds) {
		t.Fatalf("message 3 holds %q from %x, %v", pl, dialler, err)
	}
	for i := range 3 {
		for _, way := range [][2]*noisehs.Transport{{at, dt}, {dt, at}} {
			m, err := way[0].Seal([]byte{byte(i)})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := way[1].Open(m); err != nil || !bytes.Equal(got, []byte{byte(i)}) {
				t.Fatalf("transport message %d holds %x, %v", i, got, err)
			}
		}
	}
	if _, _, err := p.d.Message3(&p.psk, nil); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("a fourth message: got error %v, want ErrMisuse", err)
	}
}

// The vector of the Noise community for this protocol with a prologue and payloads, as github.com/flynn/noise ships it,
// through both implementations.
func TestPublishedVector(t *testing.T) {
	const (
		dStatic, aStatic = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
		dEphem, aEphem   = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f", "4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60"
		prologue, psk    = "6e6f74736563726574", "2176657279736563726574766572797365637265747665727973656372657421"
	)
	payloads := [5]string{"746573745f6d73675f30", "746573745f6d73675f31", "746573745f6d73675f32", "79656c6c6f777375626d6172696e65", "7375626d6172696e6579656c6c6f77"}
	messages := [5]string{
		"358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254313d1c2a3e4aaebf8a13761a0eaa2344e96fa3cf99b0f43756f7",
		"64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d484663c387e2bc40b834219ff7fd28443b5731f8122fee058af7270bd",
		"7e44891d25df444c83119a57b2d12d38ba30c73ae1b3894959bde4a3beddeabd5d5617889062645c78eeb9ba04f1a58828c4e2910f865045f03473dcfec07ba5a485641d0cb0c8986388",
		"784797cf5ced552a14a2bce97597b2b65d3508f7aeca0bf669b54ffd1b6d71", "e5d7034b907fdced33489bb43015d216dad917aea17d4c410e24e5e6c0f24f",
	}
	check := func(who string, i int, got []byte, err error) {
		t.Helper()
		if err != nil || hex.EncodeToString(got) != messages[i] {
			t.Errorf("%s: message %d is %x, %v, want %s", who, i+1, got, err, messages[i])
		}
	}
	ds, as := key(unhex(t, dStatic)), key(unhex(t, aStatic))

	d, err := noisehs.NewXKDialler(noisehs.Config{Static: static(ds), Prologue: unhex(t, prologue), Random: bytes.NewReader(unhex(t, dEphem))}, public(as))
	if err != nil {
		t.Fatal(err)
	}
	a, err := noisehs.NewXKAcceptor(noisehs.Config{Static: static(as), Prologue: unhex(t, prologue), Random: bytes.NewReader(unhex(t, aEphem))})
	if err != nil {
		t.Fatal(err)
	}
	m1, err := d.Message1(unhex(t, payloads[0]))
	check("noisehs", 0, m1, err)
	if _, err := a.ReadMessage1(m1); err != nil {
		t.Fatal(err)
	}
	m2, err := a.Message2(unhex(t, payloads[1]))
	check("noisehs", 1, m2, err)
	if _, err := d.ReadMessage2(m2); err != nil {
		t.Fatal(err)
	}
	m3, dt, err := d.Message3((*[32]byte)(unhex(t, psk)), unhex(t, payloads[2]))
	check("noisehs", 2, m3, err)
	_, _, at, err := a.ReadMessage3((*[32]byte)(unhex(t, psk)), m3)
	if err != nil {
		t.Fatal(err)
	}
	m4, err := dt.Seal(unhex(t, payloads[3]))
	check("noisehs", 3, m4, err)
	m5, err := at.Seal(unhex(t, payloads[4]))
	check("noisehs", 4, m5, err)

	responder := as.PublicKey().Bytes()
	i := newXKpsk3(true, ds, key(unhex(t, dEphem)), responder, unhex(t, prologue))
	r := newXKpsk3(false, as, key(unhex(t, aEphem)), responder, unhex(t, prologue))
	o1 := i.message1(unhex(t, payloads[0]))
	check("independent", 0, o1, nil)
	if _, err := r.read1(o1); err != nil {
		t.Fatal(err)
	}
	o2 := r.message2(unhex(t, payloads[1]))
	check("independent", 1, o2, nil)
	if _, err := i.read2(o2); err != nil {
		t.Fatal(err)
	}
	check("independent", 2, i.message3(unhex(t, psk), unhex(t, payloads[2])), nil)
	fromI, fromR := i.split()
	check("independent", 3, seal(fromI, 0, nil, unhex(t, payloads[3])), nil)
	check("independent", 4, seal(fromR, 0, nil, unhex(t, payloads[4])), nil)
}

// Against the second implementation, in both roles, with any keys and payloads.
func TestAgainstIndependent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytesOf := func(n int, name string) []byte { return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, name) }
		payload := func(name string) []byte { return rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, name) }
		ds, as, prologue := key(bytesOf(32, "ds")), key(bytesOf(32, "as")), payload("prologue")
		psk := bytesOf(32, "psk")
		psk[0] |= 1
		p1, p2, p3 := payload("p1"), payload("p2"), payload("p3")
		same := func(got, want []byte, err error) {
			t.Helper()
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("got %x, %v, want %x", got, err, want)
			}
		}
		d, err := noisehs.NewXKDialler(noisehs.Config{Static: static(ds), Prologue: prologue}, public(as))
		if err != nil {
			t.Fatal(err)
		}
		r := newXKpsk3(false, as, fresh(), as.PublicKey().Bytes(), prologue)
		m, err := d.Message1(p1)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.read1(m)
		same(got, p1, err)
		got, err = d.ReadMessage2(r.message2(p2))
		same(got, p2, err)
		h := d.Hash()
		same(h[:], r.h, nil)
		m, dt, err := d.Message3((*[32]byte)(psk), p3)
		if err != nil {
			t.Fatal(err)
		}
		got, err = r.read3(psk, m)
		same(got, p3, err)
		same(r.rs, ds.PublicKey().Bytes(), nil)
		_, fromR := r.split()
		got, err = dt.Open(seal(fromR, 0, nil, p1))
		same(got, p1, err)

		a, err := noisehs.NewXKAcceptor(noisehs.Config{Static: static(as), Prologue: prologue})
		if err != nil {
			t.Fatal(err)
		}
		i := newXKpsk3(true, ds, fresh(), as.PublicKey().Bytes(), prologue)
		got, err = a.ReadMessage1(i.message1(p1))
		same(got, p1, err)
		m, err = a.Message2(p2)
		if err != nil {
			t.Fatal(err)
		}
		got, err = i.read2(m)
		same(got, p2, err)
		got, dialler, at, err := a.ReadMessage3((*[32]byte)(psk), i.message3(psk, p3))
		same(got, p3, err)
		same(dialler[:], ds.PublicKey().Bytes(), nil)
		m, err = at.Seal(p2)
		_, fromR = i.split()
		same(m, seal(fromR, 0, nil, p2), err)
	})
}

// T1: nothing links two dials with one secret; the name of the secret travels encrypted.
func TestMessagesShareNothing(t *testing.T) {
	as := fresh()
	ds := static(fresh())
	first := func() []byte {
		d, err := noisehs.NewXKDialler(noisehs.Config{Static: ds}, public(as))
		if err != nil {
			t.Fatal(err)
		}
		m, err := d.Message1(bytes.Repeat([]byte{0x42}, 64))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	a, b := first(), first()
	for i := 0; i+4 <= len(a); i++ {
		if bytes.Contains(b, a[i:i+4]) || bytes.Contains(a, bytes.Repeat([]byte{0x42}, 4)) {
			t.Fatalf("two first messages share the bytes %x", a[i:i+4])
		}
	}
}

// T2: an attacker without the secret leaves the key empty and hopes that the acceptor never set one.
func TestEmptyPSKBypass(t *testing.T) {
	attack := func(readAndAnswer func(m1 []byte) []byte, as *ecdh.PrivateKey) []byte {
		i := newXKpsk3(true, fresh(), fresh(), as.PublicKey().Bytes(), nil)
		m2 := readAndAnswer(i.message1(nil))
		if _, err := i.read2(m2); err != nil {
			t.Fatal(err)
		}
		return i.message3(nil, []byte("owned"))
	}
	as := fresh()
	// The library as it is: it accepts. If it ever stops to, this test can go.
	raw, err := noise.NewHandshakeState(noise.Config{
		CipherSuite: noise.NewCipherSuite(noise.DH25519, noise.CipherChaChaPoly, noise.HashSHA256), Pattern: noise.HandshakeXK,
		StaticKeypair: noise.DHKey{Private: as.Bytes(), Public: as.PublicKey().Bytes()}, PresharedKeyPlacement: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	m3 := attack(func(m1 []byte) []byte {
		if _, _, _, err := raw.ReadMessage(nil, m1); err != nil {
			t.Fatal(err)
		}
		m2, _, _, err := raw.WriteMessage(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return m2
	}, as)
	if pl, _, _, err := raw.ReadMessage(nil, m3); err != nil || string(pl) != "owned" {
		t.Fatalf("the attack does not work on the bare library (%v): the test shows nothing", err)
	}
	for name, psk := range map[string][32]byte{"a decoy": {9, 9}, "none": {}} {
		a, err := noisehs.NewXKAcceptor(noisehs.Config{Static: static(as)})
		if err != nil {
			t.Fatal(err)
		}
		m3 := attack(func(m1 []byte) []byte {
			if _, err := a.ReadMessage1(m1); err != nil {
				t.Fatal(err)
			}
			m2, err := a.Message2(nil)
			if err != nil {
				t.Fatal(err)
			}
			return m2
		}, as)
		if pl, _, _, err := a.ReadMessage3(&psk, m3); err == nil || pl != nil {
			t.Errorf("with %s as pre-shared key the attacker got in: %q", name, pl)
		}
	}
}

// T31: after any error a handshake is over, even if the right bytes come next.
func TestNoRetry(t *testing.T) {
	for name, bad := range map[string]func(m []byte) []byte{
		"tampered":  func(m []byte) []byte { m = bytes.Clone(m); m[len(m)-1] ^= 1; return m },
		"short":     func(m []byte) []byte { return m[:20] },
		"empty":     func([]byte) []byte { return nil },
		"too long":  func(m []byte) []byte { return append(bytes.Clone(m), make([]byte, 65536)...) },
		"low order": func(m []byte) []byte { m = bytes.Clone(m); clear(m[:32]); return m },
	} {
		p := newPair(t)
		m1, err := p.d.Message1(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.a.ReadMessage1(bad(m1)); !errors.Is(err, noisehs.ErrHandshake) {
			t.Errorf("%s message 1: got error %v, want ErrHandshake", name, err)
		}
		if _, err := p.a.ReadMessage1(m1); !errors.Is(err, noisehs.ErrMisuse) {
			t.Errorf("message 1 after a %s one: got error %v, want ErrMisuse", name, err)
		}
		if _, err := p.a.Message2(nil); !errors.Is(err, noisehs.ErrMisuse) {
			t.Errorf("message 2 after a %s message 1: got error %v, want ErrMisuse", name, err)
		}

		p = newPair(t)
		m1, _ = p.d.Message1(nil)
		if _, err := p.a.ReadMessage1(m1); err != nil {
			t.Fatal(err)
		}
		m2, err := p.a.Message2(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.d.ReadMessage2(bad(m2)); !errors.Is(err, noisehs.ErrHandshake) {
			t.Errorf("%s message 2: got error %v, want ErrHandshake", name, err)
		}
		if _, err := p.d.ReadMessage2(m2); !errors.Is(err, noisehs.ErrMisuse) {
			t.Errorf("message 2 after a %s one: got error %v, want ErrMisuse", name, err)
		}

		p = newPair(t)
		p.two()
		m3, _, err := p.d.Message3(&p.psk, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := p.a.ReadMessage3(&p.psk, bad(m3)); !errors.Is(err, noisehs.ErrHandshake) {
			t.Errorf("%s message 3: got error %v, want ErrHandshake", name, err)
		}
		if _, _, _, err := p.a.ReadMessage3(&p.psk, m3); !errors.Is(err, noisehs.ErrMisuse) {
			t.Errorf("message 3 after a %s one: got error %v, want ErrMisuse", name, err)
		}
	}
	// The wrong secret first, then the right one.
	p := newPair(t)
	p.two()
	m3, _, err := p.d.Message3(&p.psk, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := p.a.ReadMessage3(&[32]byte{5}, m3); !errors.Is(err, noisehs.ErrHandshake) {
		t.Errorf("wrong secret: got error %v, want ErrHandshake", err)
	}
	if _, _, _, err := p.a.ReadMessage3(&p.psk, m3); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("a second secret: got error %v, want ErrMisuse", err)
	}
}

func TestMisuse(t *testing.T) {
	p := newPair(t)
	if _, _, err := p.d.Message3(&p.psk, nil); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("message 3 first: got error %v, want ErrMisuse", err)
	}
	if _, err := p.d.Message1(nil); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("message 1 after a step out of turn: got error %v, want ErrMisuse", err)
	}
	if _, err := p.a.EphemeralECDH([32]byte{9}); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("ephemeral key before there is one: got error %v, want ErrMisuse", err)
	}
	p = newPair(t)
	p.two()
	if _, err := p.a.EphemeralECDH([32]byte{}); err == nil {
		t.Error("a Diffie-Hellman with a point of low order succeeded")
	}
	if _, _, err := p.d.Message3(&[32]byte{}, nil); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("a pre-shared key of zeros: got error %v, want ErrMisuse", err)
	}
	p = newPair(t)
	p.two()
	if _, _, err := p.d.Message3(nil, nil); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("no pre-shared key: got error %v, want ErrMisuse", err)
	}
	if _, _, _, err := p.a.ReadMessage3(nil, make([]byte, noisehs.XKOverhead3)); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("no pre-shared key to read with: got error %v, want ErrMisuse", err)
	}
	p = newPair(t)
	p.two()
	if _, _, err := p.d.Message3(&p.psk, make([]byte, 65535-64+1)); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("a payload too long: got error %v, want ErrMisuse", err)
	}
	p = newPair(t)
	p.two()
	m3, dt, err := p.d.Message3(&p.psk, make([]byte, 65535-noisehs.XKOverhead3))
	if err != nil || len(m3) != 65535 {
		t.Fatalf("the longest message 3 has %d bytes, %v", len(m3), err)
	}
	_, _, at, err := p.a.ReadMessage3(&p.psk, m3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := at.Seal(make([]byte, noisehs.MaxPlaintext+1)); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("a transport payload too long: got error %v, want ErrMisuse", err)
	}
	good, err := at.Seal(make([]byte, noisehs.MaxPlaintext))
	if err != nil || len(good) != 65535 {
		t.Fatalf("the longest transport message has %d bytes, %v", len(good), err)
	}
	if _, err := dt.Open(good[:len(good)-1]); !errors.Is(err, noisehs.ErrHandshake) {
		t.Errorf("a cut transport message: got error %v, want ErrHandshake", err)
	}
	if _, err := dt.Open(good); !errors.Is(err, noisehs.ErrHandshake) {
		t.Errorf("a good transport message after a bad one: got error %v, want ErrHandshake", err)
	}
	if _, err := noisehs.NewXKAcceptor(noisehs.Config{}); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("no static key: got error %v, want ErrMisuse", err)
	}
}

// A prologue of its own, another static key: nothing is delivered.
func TestPrologueAndKeyMatter(t *testing.T) {
	as := fresh()
	for name, d := range map[string]func() (*noisehs.XKDialler, error){
		"prologue": func() (*noisehs.XKDialler, error) {
			return noisehs.NewXKDialler(noisehs.Config{Static: static(fresh()), Prologue: []byte("x")}, public(as))
		},
		"key": func() (*noisehs.XKDialler, error) {
			return noisehs.NewXKDialler(noisehs.Config{Static: static(fresh())}, public(fresh()))
		},
	} {
		dialler, err := d()
		if err != nil {
			t.Fatal(err)
		}
		m1, err := dialler.Message1([]byte("intent"))
		if err != nil {
			t.Fatal(err)
		}
		a, err := noisehs.NewXKAcceptor(noisehs.Config{Static: static(as)})
		if err != nil {
			t.Fatal(err)
		}
		if pl, err := a.ReadMessage1(m1); !errors.Is(err, noisehs.ErrHandshake) || pl != nil {
			t.Errorf("with another %s: payload %q, error %v, want ErrHandshake", name, pl, err)
		}
	}
	// A static key elsewhere that answers zeros for a point of low order: whoever sends such a point knows the answer.
	lax := noisehs.Static{Public: public(as), ECDH: func([32]byte) ([32]byte, error) { return [32]byte{}, nil }}
	a, err := noisehs.NewXKAcceptor(noisehs.Config{Static: lax})
	if err != nil {
		t.Fatal(err)
	}
	i := newXKpsk3(true, fresh(), fresh(), as.PublicKey().Bytes(), nil)
	low := make([]byte, 32)
	i.mixHash(low)
	i.mixKey(low)
	i.mixKey(make([]byte, 32))
	if _, err := a.ReadMessage1(append(low, i.encrypt([]byte("x"))...)); !errors.Is(err, noisehs.ErrHandshake) {
		t.Errorf("a shared secret of zeros: got error %v, want ErrHandshake", err)
	}
}

// The library does not lock: a nonce used twice would betray the key.
func TestTransportConcurrent(t *testing.T) {
	p := newPair(t)
	p.two()
	_, dt, err := p.d.Message3(&p.psk, nil)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen := make(map[string]bool)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				m, err := dt.Seal([]byte("same"))
				mu.Lock()
				if err != nil || seen[string(m)] {
					t.Errorf("a nonce was used twice, or %v", err)
				}
				seen[string(m)] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func FuzzMessages(f *testing.F) {
	p := newPair(f)
	m1, err := p.d.Message1([]byte("one"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m1, byte(0))
	f.Add(make([]byte, 48), byte(1))
	f.Add(make([]byte, 64), byte(2))
	f.Add(make([]byte, 16), byte(3))
	f.Fuzz(func(t *testing.T, m []byte, step byte) {
		p := newPair(t)
		switch step % 4 {
		case 0:
			if _, err := p.a.ReadMessage1(m); err == nil {
				t.Fatal("forged message 1")
			}
		case 1:
			if _, err := p.d.Message1(nil); err != nil {
				t.Fatal(err)
			}
			if _, err := p.d.ReadMessage2(m); err == nil {
				t.Fatal("forged message 2")
			}
		case 2:
			p.two()
			if _, _, _, err := p.a.ReadMessage3(&p.psk, m); err == nil {
				t.Fatal("forged message 3")
			}
		case 3:
			p.two()
			m3, dt, err := p.d.Message3(&p.psk, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _, at, err := p.a.ReadMessage3(&p.psk, m3)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := dt.Open(m); !errors.Is(err, noisehs.ErrHandshake) {
				t.Fatalf("forged transport message: %v", err)
			}
			good, err := at.Seal([]byte("genuine"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := dt.Open(good); !errors.Is(err, noisehs.ErrHandshake) {
				t.Fatalf("opened another after a forged one: %v", err)
			}
		}
	})
}

func BenchmarkXK(b *testing.B) {
	ds, as := fresh(), fresh()
	b.ReportAllocs()
	for b.Loop() {
		d, _ := noisehs.NewXKDialler(noisehs.Config{Static: static(ds)}, public(as))
		a, _ := noisehs.NewXKAcceptor(noisehs.Config{Static: static(as)})
		m1, _ := d.Message1(nil)
		a.ReadMessage1(m1)
		m2, _ := a.Message2(nil)
		d.ReadMessage2(m2)
		m3, _, _ := d.Message3(&[32]byte{1}, nil)
		if _, _, _, err := a.ReadMessage3(&[32]byte{1}, m3); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkXKLibrary is the same handshake by the library's own Diffie-Hellman, for comparison.
func BenchmarkXKLibrary(b *testing.B) {
	ds, as := fresh(), fresh()
	suite := noise.NewCipherSuite(noise.DH25519, noise.CipherChaChaPoly, noise.HashSHA256)
	psk := bytes.Repeat([]byte{1}, 32)
	b.ReportAllocs()
	for b.Loop() {
		c := noise.Config{CipherSuite: suite, Pattern: noise.HandshakeXK, PresharedKey: psk, PresharedKeyPlacement: 3}
		c.StaticKeypair = noise.DHKey{Private: as.Bytes(), Public: as.PublicKey().Bytes()}
		a, _ := noise.NewHandshakeState(c)
		c.Initiator, c.PeerStatic = true, as.PublicKey().Bytes()
		c.StaticKeypair = noise.DHKey{Private: ds.Bytes(), Public: ds.PublicKey().Bytes()}
		d, _ := noise.NewHandshakeState(c)
		m1, _, _, _ := d.WriteMessage(nil, nil)
		a.ReadMessage(nil, m1)
		m2, _, _, _ := a.WriteMessage(nil, nil)
		d.ReadMessage(nil, m2)
		m3, _, _, _ := d.WriteMessage(nil, nil)
		if _, _, _, err := a.ReadMessage(nil, m3); err != nil {
			b.Fatal(err)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
