package noisehs_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/hawser-go/hawser/internal/noisehs"
)

func transports(t testing.TB) (d, a *noisehs.Transport) {
	t.Helper()
	p := newPair(t)
	p.two()
	m3, d, err := p.d.Message3(&p.psk, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, a, err = p.a.ReadMessage3(&p.psk, m3); err != nil {
		t.Fatal(err)
	}
	return d, a
}

// The keys of both directions are replaced, each after its own messages, on both sides at the same one; what was sealed with
// a key before is not opened with the next. The exact bytes are in the vectors of docs/noise-tcp.md.
func TestRekey(t *testing.T) {
	d, a := transports(t)
	buf := make([]byte, 0, 64)
	for i := range 2*noisehs.RekeyAfter + 3 {
		m, err := d.AppendSeal(buf, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := a.OpenInPlace(m); err != nil || string(b) != "x" {
			t.Fatalf("message %d: %q, %v", i, b, err)
		}
		if i%noisehs.RekeyAfter == 7 { // the other direction goes its own pace
			m, err := a.Seal([]byte("y"))
			if err != nil {
				t.Fatal(err)
			}
			if b, err := d.Open(m); err != nil || string(b) != "y" {
				t.Fatalf("the answer to message %d: %q, %v", i, b, err)
			}
		}
	}
}

// Appending leaves what is there, and opening in place uses no other memory. After a forgery nothing is opened.
func TestAppendAndInPlace(t *testing.T) {
	d, a := transports(t)
	m, err := d.AppendSeal([]byte("head"), []byte("text"))
	if err != nil || !bytes.HasPrefix(m, []byte("head")) || len(m) != 4+4+noisehs.TransportOverhead {
		t.Fatalf("%x, %v", m, err)
	}
	b, err := a.OpenInPlace(m[4:])
	if err != nil || string(b) != "text" || &b[0] != &m[4] {
		t.Fatalf("%q, %v, or in other memory", b, err)
	}
	if kept, err := d.AppendSeal([]byte("head"), make([]byte, noisehs.MaxPlaintext+1)); !errors.Is(err, noisehs.ErrMisuse) || string(kept) != "head" {
		t.Errorf("too long: %d bytes, %v", len(kept), err)
	}
	good, err := d.Seal([]byte("good"))
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Clone(good)
	forged[0] ^= 1
	for _, m := range [][]byte{forged, good} {
		if b, err := a.OpenInPlace(m); !errors.Is(err, noisehs.ErrHandshake) || b != nil {
			t.Errorf("opened %q, %v, want nothing from the forgery on", b, err)
		}
	}
	text := []byte("text")
	if n := testing.AllocsPerRun(100, func() {
		m, _ = d.AppendSeal(m[:0], text)
	}); n > 1 {
		t.Errorf("%v allocations for a message", n)
	}
}
