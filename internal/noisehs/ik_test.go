package noisehs_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/internal/noisehs"
)

func TestIK(t *testing.T) {
	ds, as := fresh(), fresh()
	d, a := ikPair(t, static(ds), static(as), nil, nil)
	ikTwo(t, d, a)
	m, dt, err := d.Confirm([]byte("three"))
	if err != nil {
		t.Fatal(err)
	}
	pl, dialler, at, err := a.ReadConfirm(m)
	if err != nil || string(pl) != "three" || dialler != public(ds) {
		t.Fatalf("the confirmation holds %q from %x, %v", pl, dialler, err)
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
	if _, _, err := d.Confirm(nil); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("a second confirmation: got error %v, want ErrMisuse", err)
	}
	if _, _, _, err := a.ReadConfirm(m); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("a second confirmation to read: got error %v, want ErrMisuse", err)
	}
}

func ikPair(t testing.TB, ds, as noisehs.Static, ephemeralD, ephemeralA []byte) (*noisehs.IKDialler, *noisehs.IKAcceptor) {
	t.Helper()
	cd, ca := noisehs.Config{Static: ds, Prologue: []byte("notsecret")}, noisehs.Config{Static: as, Prologue: []byte("notsecret")}
	if ephemeralD != nil {
		cd.Random, ca.Random = bytes.NewReader(ephemeralD), bytes.NewReader(ephemeralA)
	}
	d, err := noisehs.NewIKDialler(cd, as.Public)
	if err != nil {
		t.Fatal(err)
	}
	a, err := noisehs.NewIKAcceptor(ca)
	if err != nil {
		t.Fatal(err)
	}
	return d, a
}

func ikTwo(t testing.TB, d *noisehs.IKDialler, a *noisehs.IKAcceptor) {
	t.Helper()
	m1, err := d.Message1([]byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	if pl, err := a.ReadMessage1(m1); err != nil || string(pl) != "one" {
		t.Fatalf("message 1 holds %q, %v", pl, err)
	}
	m2, err := a.Message2([]byte("two"))
	if err != nil {
		t.Fatal(err)
	}
	if pl, err := d.ReadMessage2(m2); err != nil || string(pl) != "two" {
		t.Fatalf("message 2 holds %q, %v", pl, err)
	}
}

// The vector of the Noise community for this protocol with a prologue and payloads, as github.com/flynn/noise ships it,
// through both implementations. Its third message is what is here the confirmation.
func TestPublishedVectorOfIK(t *testing.T) {
	ds, as := key(unhex(t, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")), key(unhex(t, "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"))
	de, ae := unhex(t, "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"), unhex(t, "4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60")
	payloads := [4]string{"746573745f6d73675f30", "746573745f6d73675f31", "79656c6c6f777375626d6172696e65", "7375626d6172696e6579656c6c6f77"}
	messages := [4]string{
		"358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd1662544f8445e5dc2467b1e32653192d05dee85c4781bf0dd8d33ceebb5905a7a069f0d6bc97dbce6f8f0ee33d49311a72d0f80337527f958f92050deee33c19777fa17306346367055751bb3f",
		"64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466cb4a35db52355821787bb67f33957e7809370c44d33538ad5a42",
		"226ca869f2777611f37350a7ab446f650c0cfe2855b7f020ce658bcf100f2d",
		"90d84d69cd44829283b05d684879b53b8d714e51619b601438a1ae67caacd9",
	}
	check := func(who string, i int, got []byte, err error) {
		t.Helper()
		if err != nil || hex.EncodeToString(got) != messages[i] {
			t.Errorf("%s: message %d is %x, %v, want %s", who, i+1, got, err, messages[i])
		}
	}
	d, a := ikPair(t, static(ds), static(as), de, ae)
	m, err := d.Message1(unhex(t, payloads[0]))
	check("noisehs", 0, m, err)
	if _, err := a.ReadMessage1(m); err != nil {
		t.Fatal(err)
	}
	m, err = a.Message2(unhex(t, payloads[1]))
	check("noisehs", 1, m, err)
	if _, err := d.ReadMessage2(m); err != nil {
		t.Fatal(err)
	}
	m, _, err = d.Confirm(unhex(t, payloads[2]))
	check("noisehs", 2, m, err)
	_, _, at, err := a.ReadConfirm(m)
	if err != nil {
		t.Fatal(err)
	}
	m, err = at.Seal(unhex(t, payloads[3]))
	check("noisehs", 3, m, err)

	responder := as.PublicKey().Bytes()
	i, r := newIK(true, ds, key(de), responder, []byte("notsecret")), newIK(false, as, key(ae), responder, []byte("notsecret"))
	o := i.message1(unhex(t, payloads[0]))
	check("independent", 0, o, nil)
	if _, err := r.read1(o); err != nil {
		t.Fatal(err)
	}
	o = r.message2(unhex(t, payloads[1]))
	check("independent", 1, o, nil)
	if _, err := i.read2(o); err != nil {
		t.Fatal(err)
	}
	fromI, fromR := i.split()
	check("independent", 2, seal(fromI, 0, nil, unhex(t, payloads[2])), nil)
	check("independent", 3, seal(fromR, 0, nil, unhex(t, payloads[3])), nil)
}

// Against the second implementation, in both roles, with any keys and payloads.
func TestIKAgainstIndependent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payload := func(name string) []byte { return rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, name) }
		bytesOf := func(name string) []byte { return rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, name) }
		ds, as, prologue := key(bytesOf("ds")), key(bytesOf("as")), payload("prologue")
		p1, p2, p3 := payload("p1"), payload("p2"), payload("p3")
		same := func(got, want []byte, err error) {
			t.Helper()
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("got %x, %v, want %x", got, err, want)
			}
		}
		d, err := noisehs.NewIKDialler(noisehs.Config{Static: static(ds), Prologue: prologue}, public(as))
		if err != nil {
			t.Fatal(err)
		}
		r := newIK(false, as, fresh(), as.PublicKey().Bytes(), prologue)
		m, err := d.Message1(p1)
		if err != nil || len(m) != noisehs.IKOverhead1+len(p1) {
			t.Fatalf("message 1 has %d bytes, %v", len(m), err)
		}
		got, err := r.read1(m)
		same(got, p1, err)
		same(r.rs, ds.PublicKey().Bytes(), nil)
		got, err = d.ReadMessage2(r.message2(p2))
		same(got, p2, err)
		m, dt, err := d.Confirm(p3)
		fromI, fromR := r.split()
		same(m, seal(fromI, 0, nil, p3), err)
		got, err = dt.Open(seal(fromR, 0, nil, p1))
		same(got, p1, err)
		m, err = dt.Seal(p2)
		same(m, seal(fromI, 1, nil, p2), err)

		a, err := noisehs.NewIKAcceptor(noisehs.Config{Static: static(as), Prologue: prologue})
		if err != nil {
			t.Fatal(err)
		}
		i := newIK(true, ds, fresh(), as.PublicKey().Bytes(), prologue)
		got, err = a.ReadMessage1(i.message1(p1))
		same(got, p1, err)
		m, err = a.Message2(p2)
		if err != nil || len(m) != noisehs.IKOverhead2+len(p2) {
			t.Fatalf("message 2 has %d bytes, %v", len(m), err)
		}
		got, err = i.read2(m)
		same(got, p2, err)
		fromI, fromR = i.split()
		got, dialler, at, err := a.ReadConfirm(seal(fromI, 0, nil, p3))
		same(got, p3, err)
		same(dialler[:], ds.PublicKey().Bytes(), nil)
		m, err = at.Seal(p2)
		same(m, seal(fromR, 0, nil, p2), err)
	})
}

// Every byte of every message counts, each step has its turn, and after an error the handshake is over.
func TestIKTampered(t *testing.T) {
	ds, as := static(fresh()), static(fresh())
	for at := range noisehs.IKOverhead1 + 3 {
		d, a := ikPair(t, ds, as, nil, nil)
		m, err := d.Message1([]byte("one"))
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(m)
		bad[at] ^= 1
		if pl, err := a.ReadMessage1(bad); !errors.Is(err, noisehs.ErrHandshake) || pl != nil {
			t.Errorf("message 1 with byte %d changed: %q, %v, want ErrHandshake", at, pl, err)
		}
		if _, err := a.ReadMessage1(m); !errors.Is(err, noisehs.ErrMisuse) {
			t.Errorf("message 1 after a changed one: %v, want ErrMisuse", err)
		}
		if _, err := a.Message2(nil); !errors.Is(err, noisehs.ErrMisuse) {
			t.Errorf("message 2 after a changed message 1: %v, want ErrMisuse", err)
		}
	}
	for at := range noisehs.IKOverhead2 + 3 {
		d, a := ikPair(t, ds, as, nil, nil)
		m, _ := d.Message1(nil)
		if _, err := a.ReadMessage1(m); err != nil {
			t.Fatal(err)
		}
		m, err := a.Message2([]byte("two"))
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(m)
		bad[at] ^= 1
		if pl, err := d.ReadMessage2(bad); !errors.Is(err, noisehs.ErrHandshake) || pl != nil {
			t.Errorf("message 2 with byte %d changed: %q, %v, want ErrHandshake", at, pl, err)
		}
		if _, err := d.ReadMessage2(m); !errors.Is(err, noisehs.ErrMisuse) {
			t.Errorf("message 2 after a changed one: %v, want ErrMisuse", err)
		}
		if _, _, err := d.Confirm(nil); !errors.Is(err, noisehs.ErrMisuse) {
			t.Errorf("a confirmation after a changed message 2: %v, want ErrMisuse", err)
		}
	}
	for name, change := range map[string]func(m []byte) []byte{
		"first byte": func(m []byte) []byte { m[0] ^= 1; return m },
		"last byte":  func(m []byte) []byte { m[len(m)-1] ^= 1; return m },
		"cut":        func(m []byte) []byte { return m[:len(m)-1] },
		"a tag":      func(m []byte) []byte { return m[:16] },
		"empty":      func([]byte) []byte { return nil },
		"too long":   func(m []byte) []byte { return append(m, make([]byte, noisehs.MaxMessage)...) },
	} {
		d, a := ikPair(t, ds, as, nil, nil)
		ikTwo(t, d, a)
		m, _, err := d.Confirm([]byte("three"))
		if err != nil {
			t.Fatal(err)
		}
		if pl, dialler, tr, err := a.ReadConfirm(change(bytes.Clone(m))); !errors.Is(err, noisehs.ErrHandshake) || pl != nil || dialler != ([32]byte{}) || tr != nil {
			t.Errorf("a confirmation, %s: %q, %x, %v, want ErrHandshake", name, pl, dialler, err)
		}
		if _, dialler, _, err := a.ReadConfirm(m); !errors.Is(err, noisehs.ErrMisuse) || dialler != ([32]byte{}) {
			t.Errorf("the confirmation after one that was changed (%s): %v, want ErrMisuse", name, err)
		}
	}
	d, a := ikPair(t, ds, as, nil, nil)
	if _, _, err := d.Confirm(nil); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("a confirmation first: %v, want ErrMisuse", err)
	}
	if _, _, _, err := a.ReadConfirm(make([]byte, 100)); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("reading a confirmation first: %v, want ErrMisuse", err)
	}
	d, a = ikPair(t, ds, as, nil, nil)
	ikTwo(t, d, a)
	if _, _, err := d.Confirm(make([]byte, noisehs.MaxPlaintext+1)); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("a confirmation too long: %v, want ErrMisuse", err)
	}
	if _, _, err := d.Confirm(nil); !errors.Is(err, noisehs.ErrMisuse) {
		t.Errorf("a confirmation after one too long: %v, want ErrMisuse", err)
	}
}

// A first message sent again is answered, and it is for nothing: the answer cannot be read, and nothing that was said in
// the handshake it comes from confirms it.
func TestIKReplay(t *testing.T) {
	ds, as := static(fresh()), static(fresh())
	d, a := ikPair(t, ds, as, nil, nil)
	m1, err := d.Message1([]byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.ReadMessage1(m1); err != nil {
		t.Fatal(err)
	}
	m2, err := a.Message2(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ReadMessage2(m2); err != nil {
		t.Fatal(err)
	}
	confirm, _, err := d.Confirm([]byte("three"))
	if err != nil {
		t.Fatal(err)
	}
	_, again := ikPair(t, ds, as, nil, nil)
	if _, err := again.ReadMessage1(m1); err != nil {
		t.Fatalf("%v: a first message alone tells nobody that it is old", err)
	}
	if _, err := again.Message2(nil); err != nil {
		t.Fatal(err)
	}
	if pl, dialler, _, err := again.ReadConfirm(confirm); !errors.Is(err, noisehs.ErrHandshake) || pl != nil || dialler != ([32]byte{}) {
		t.Errorf("a confirmation sent again: %q from %x, %v, want ErrHandshake", pl, dialler, err)
	}
}

// Who has stolen the acceptor's static key can make a first message that shows anybody's, and does not get further.
func TestIKKeyCompromise(t *testing.T) {
	victim, as := fresh(), fresh()
	_, a := ikPair(t, static(fresh()), static(as), nil, nil)
	responder := as.PublicKey().Bytes()
	x := newIK(true, fresh(), fresh(), responder, []byte("notsecret"))
	e := x.e.PublicKey().Bytes()
	x.mixHash(e)
	x.mixKey(dh(x.e, responder))
	s := x.encrypt(victim.PublicKey().Bytes())
	x.mixKey(dh(as, victim.PublicKey().Bytes())) // ss, by the stolen key
	if pl, err := a.ReadMessage1(append(append(e, s...), x.encrypt([]byte("forged"))...)); err != nil || string(pl) != "forged" {
		t.Fatalf("%q, %v: the attack does not work as far as it should, the test shows nothing", pl, err)
	}
	m2, err := a.Message2(nil)
	if err != nil {
		t.Fatal(err)
	}
	// Without the victim's key there are only guesses at se, such as that of the attacker's own.
	if _, err := x.read2(m2); err == nil {
		t.Error("the second message can be read without the key that was shown")
	}
	fromI, _ := x.split()
	if pl, dialler, _, err := a.ReadConfirm(seal(fromI, 0, nil, []byte("forged"))); !errors.Is(err, noisehs.ErrHandshake) {
		t.Errorf("the forged confirmation was taken: %q from %x, %v", pl, dialler, err)
	}
}

// Points of low order, as ephemeral and as static key, and a static key elsewhere that does not check for them.
func TestIKLowOrder(t *testing.T) {
	as := fresh()
	responder := as.PublicKey().Bytes()
	lax := noisehs.Static{Public: public(as), ECDH: func(peer [32]byte) (out [32]byte, err error) {
		return [32]byte(dh(as, peer[:])), nil
	}}
	low := make([]byte, 32)
	for name, key := range map[string]noisehs.Static{"strict": static(as), "lax": lax} {
		for _, part := range []string{"ephemeral", "static"} {
			x := newIK(true, fresh(), fresh(), responder, []byte("notsecret"))
			e, s, es, ss := x.e.PublicKey().Bytes(), x.s.PublicKey().Bytes(), dh(x.e, responder), dh(x.s, responder)
			if part == "ephemeral" {
				e, es = low, make([]byte, 32)
			} else {
				s, ss = low, make([]byte, 32)
			}
			x.mixHash(e)
			x.mixKey(es)
			sealed := x.encrypt(s)
			x.mixKey(ss)
			_, a := ikPair(t, static(fresh()), key, nil, nil)
			if pl, err := a.ReadMessage1(bytes.Join([][]byte{e, sealed, x.encrypt([]byte("x"))}, nil)); !errors.Is(err, noisehs.ErrHandshake) {
				t.Errorf("%s, %s key of low order: %q, %v, want ErrHandshake", name, part, pl, err)
			}
		}
	}
}

// What a stranger, or a replay, can have the acceptor compute: two Diffie-Hellmans of its static key, none of them for a
// confirmation, and one if the first message is nonsense.
func TestIKCost(t *testing.T) {
	ds, as := static(fresh()), static(fresh())
	count := 0
	counting := noisehs.Static{Public: as.Public, ECDH: func(peer [32]byte) ([32]byte, error) {
		count++
		return as.ECDH(peer)
	}}
	d, a := ikPair(t, ds, counting, nil, nil)
	ikTwo(t, d, a)
	if count != 2 {
		t.Errorf("%d computations with the static key up to the second message, want 2", count)
	}
	m, _, err := d.Confirm(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := a.ReadConfirm(m); err != nil || count != 2 {
		t.Errorf("%d computations with the static key after the confirmation, %v, want 2", count, err)
	}
	count = 0
	_, a = ikPair(t, ds, counting, nil, nil)
	if _, err := a.ReadMessage1(bytes.Repeat([]byte{7}, 97)); !errors.Is(err, noisehs.ErrHandshake) || count != 1 {
		t.Errorf("nonsense: %v after %d computations with the static key, want ErrHandshake after 1", err, count)
	}
}

func FuzzIKMessages(f *testing.F) {
	ds, as := static(fresh()), static(fresh())
	d, a := ikPair(f, ds, as, nil, nil)
	m1, err := d.Message1([]byte("one"))
	if err != nil {
		f.Fatal(err)
	}
	if _, err := a.ReadMessage1(m1); err != nil {
		f.Fatal(err)
	}
	f.Add(m1[:80], byte(0))
	f.Add(make([]byte, 48), byte(1))
	f.Add(make([]byte, 16), byte(2))
	f.Fuzz(func(t *testing.T, m []byte, step byte) {
		d, a := ikPair(t, ds, as, nil, nil)
		switch step % 3 {
		case 0:
			if _, err := a.ReadMessage1(m); err == nil && !bytes.Equal(m, m1) {
				t.Fatal("forged message 1")
			}
		case 1:
			if _, err := d.Message1(nil); err != nil {
				t.Fatal(err)
			}
			if _, err := d.ReadMessage2(m); err == nil {
				t.Fatal("forged message 2")
			}
		case 2:
			ikTwo(t, d, a)
			if _, dialler, _, err := a.ReadConfirm(m); err == nil || dialler != ([32]byte{}) {
				t.Fatal("forged confirmation")
			}
		}
	})
}

func BenchmarkIK(b *testing.B) {
	ds, as := fresh(), fresh()
	b.ReportAllocs()
	for b.Loop() {
		d, _ := noisehs.NewIKDialler(noisehs.Config{Static: static(ds)}, public(as))
		a, _ := noisehs.NewIKAcceptor(noisehs.Config{Static: static(as)})
		m1, _ := d.Message1(nil)
		a.ReadMessage1(m1)
		m2, _ := a.Message2(nil)
		d.ReadMessage2(m2)
		m3, _, _ := d.Confirm(nil)
		if _, _, _, err := a.ReadConfirm(m3); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStranger is what somebody of whom nothing is known can have an acceptor compute.
func BenchmarkStranger(b *testing.B) {
	ds, as := static(fresh()), static(fresh())
	x, _ := noisehs.NewXKDialler(noisehs.Config{Static: ds}, as.Public)
	begins, _ := x.Message1(nil)
	i, _ := noisehs.NewIKDialler(noisehs.Config{Static: ds}, as.Public)
	resumes, _ := i.Message1(nil)
	b.Run("begins", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a, _ := noisehs.NewXKAcceptor(noisehs.Config{Static: as})
			a.ReadMessage1(begins)
			if _, err := a.Message2(nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("resumes", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a, _ := noisehs.NewIKAcceptor(noisehs.Config{Static: as})
			a.ReadMessage1(resumes)
			if _, err := a.Message2(nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
