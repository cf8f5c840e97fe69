package noisetcp_test

import (
	"crypto/ecdh"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// noLeaks fails the test if goroutines begun in it are still there when everything in it has been closed.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(before); err != nil {
			t.Errorf("after everything was closed: %v", err)
		}
	})
}

// connect dials and accepts, and returns both ends.
func connect(t testing.TB, from, to netlayer.Netlayer, d netlayer.Dial, first ...[]byte) (out, in netlayer.Conn) {
	t.Helper()
	if d.Peer.Transport == "" {
		d.Peer = to.Location()
	}
	accepted := make(chan netlayer.Conn, 1)
	go func() {
		defer close(accepted)
		incoming, err := to.Accept(t.Context())
		if err != nil {
			return
		}
		if c, err := incoming.Accept(first); err == nil {
			accepted <- c
		}
	}()
	out, err := from.Connect(t.Context(), d)
	if err != nil {
		t.Fatalf("Connect: %v", err)
	}
	if in = <-accepted; in == nil {
		t.Fatal("nobody was accepted")
	}
	return out, in
}

// keeper is a doorkeeper that counts.
type keeper struct {
	mu       sync.Mutex
	locks    map[[16]byte]netlayer.Lock
	closed   bool // to those who show no secret
	admitted []netlayer.Info
}

func (k *keeper) Lock(id [16]byte) (netlayer.Lock, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l, ok := k.locks[id]
	return l, ok
}

func (k *keeper) Admit(info netlayer.Info) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed && info.AdmittedBy == ([16]byte{}) {
		return netlayer.ErrRefused
	}
	k.admitted = append(k.admitted, info)
	return nil
}

func (k *keeper) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.admitted)
}

func keysOf(t testing.TB, s sturdyref.SwissNum) sturdyref.Keys {
	t.Helper()
	k, err := s.Keys()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func address(n netlayer.Netlayer) string { return n.Location().Hints["tcp"] }

func keyOf(t testing.TB, n netlayer.Netlayer) [32]byte {
	t.Helper()
	k, err := sturdyref.DesignatorKey(n.Location().Designator)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func noSecret(acceptor [32]byte) []byte { return noisetest.NoSecret(noisetest.TCP, acceptor[:]) }

// wire is one end of a TCP connection of the second implementation.
type wire struct {
	t    testing.TB
	conn *net.TCPConn
}

func dialWire(t testing.TB, addr string) *wire {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &wire{t, c.(*net.TCPConn)}
}

func (w *wire) send(b []byte) {
	w.t.Helper()
	if _, err := w.conn.Write(b); err != nil {
		w.t.Fatalf("writing %d bytes: %v", len(b), err)
	}
}

// message reads a message, or a record.
func (w *wire) message() ([]byte, error) {
	w.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	var head [2]byte
	if _, err := io.ReadFull(w.conn, head[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(head[:]))
	_, err := io.ReadFull(w.conn, b)
	return b, err
}

// rest reads until the connection ends. A reset is an end like any other.
func (w *wire) rest() []byte {
	w.t.Helper()
	w.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	b, err := io.ReadAll(w.conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		w.t.Errorf("the connection does not end after %d bytes", len(b))
	}
	return b
}

// A rawDialler is past the second message.
type rawDialler struct {
	*wire
	x       *noisetest.Noise
	token   []byte
	binding []byte
}

// hello runs the first two messages with the acceptor that has the given static key.
func (w *wire) hello(static *ecdh.PrivateKey, acceptor [32]byte, hello []byte) *rawDialler {
	w.t.Helper()
	x := noisetest.New(static, noisetest.FreshKey(), acceptor[:], noisetest.Prologue(noisetest.TCP, 0, nil))
	w.send(noisetest.Join([]byte{0}, noisetest.WithLength(x.Write1(hello))))
	m2, err := w.message()
	if err != nil {
		w.t.Fatalf("no second message: %v", err)
	}
	payload, err := x.Read2(m2)
	if err != nil || len(payload) < 33 || !noisetest.IsFeatures(payload[32:]) {
		w.t.Fatalf("the acceptor's answer is %x, %v", payload, err)
	}
	return &rawDialler{w, x, payload[:32], noisetest.Binding(x.H, static.PublicKey().Bytes(), acceptor[:])}
}

// A session is the dialler's end of an admitted connection.
type session struct {
	*wire
	out, in *noisetest.Cipher
}

// last sends the third message.
func (d *rawDialler) last(psk, payload []byte) {
	d.t.Helper()
	d.send(noisetest.WithLength(d.x.Write3(psk, payload)))
}

// verdict reads the verdict, which must be one that admits.
func (d *rawDialler) verdict() session {
	d.t.Helper()
	m, err := d.message()
	if err != nil {
		d.t.Fatalf("no verdict: %v", err)
	}
	out, in := d.x.Ciphers()
	payload, err := in.Open(m)
	if err != nil || len(payload) == 0 || payload[0] != 0 {
		d.t.Fatalf("the verdict is %x, %v", payload, err)
	}
	return session{d.wire, out, in}
}

// record sends what b is in one record.
func (s session) record(b []byte) {
	s.t.Helper()
	s.send(noisetest.WithLength(s.out.Seal(b)))
}

// admittedWire is a session between the second implementation as dialler and a netlayer.
func admittedWire(t testing.TB, to netlayer.Netlayer, first ...[]byte) (session, netlayer.Conn) {
	t.Helper()
	accepted := make(chan netlayer.Conn, 1)
	go func() {
		defer close(accepted)
		if in, err := to.Accept(t.Context()); err == nil {
			if c, err := in.Accept(first); err == nil {
				accepted <- c
			}
		}
	}()
	acceptor := keyOf(t, to)
	d := dialWire(t, address(to)).hello(noisetest.FreshKey(), acceptor, noisetest.Hello([16]byte{}))
	d.last(noSecret(acceptor), noisetest.Anonymous("early"))
	s := d.verdict()
	c := <-accepted
	if c == nil {
		t.Fatal("nobody was accepted")
	}
	if f, err := c.Read(); err != nil || string(f.Bytes) != "early" {
		t.Fatalf("read %q, %v", f.Bytes, err)
	}
	return s, c
}

// rawAcceptor listens and hands each connection to serve, in a goroutine that the test joins.
func rawAcceptor(t testing.TB, serve func(*wire)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				serve(&wire{t, c.(*net.TCPConn)})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return l.Addr().String()
}

// answer runs the first two messages as the acceptor with the given static key, and reads the third.
func (w *wire) answer(static *ecdh.PrivateKey, token []byte) (x *noisetest.Noise, m3 []byte) {
	var clear [1]byte
	io.ReadFull(w.conn, clear[:])
	x = noisetest.New(static, noisetest.FreshKey(), static.PublicKey().Bytes(), noisetest.Prologue(noisetest.TCP, clear[0], nil))
	m1, err := w.message()
	if err != nil {
		w.t.Errorf("message 1: %v", err)
		return nil, nil
	}
	if _, err := x.Read1(m1); err != nil {
		w.t.Errorf("message 1 does not decrypt: %v", err)
		return nil, nil
	}
	w.conn.Write(noisetest.WithLength(x.Write2(noisetest.Join(token, noisetest.Features()))))
	if m3, err = w.message(); err != nil {
		return nil, nil
	}
	return x, m3
}
