package noisequic_test

import (
	"context"
	"crypto/ecdh"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/sturdyref"
)

// The second implementation of docs/noise-quic.md, under the names that these tests have for it.
type noise = noisetest.Noise

var (
	newNoise      = noisetest.New
	freshKey      = noisetest.FreshKey
	dh            = noisetest.DH
	join          = noisetest.Join
	secretsOf     = noisetest.SecretsOf
	docBinding    = noisetest.Binding
	docHello      = noisetest.Hello
	docFeatures   = noisetest.Features
	docFrames     = noisetest.Frames
	docNamed      = noisetest.Named
	docAnonymous  = noisetest.Anonymous
	docCredential = noisetest.Credential
	withLength    = noisetest.WithLength
)

func docPrologue(clear byte, exported []byte) []byte {
	return noisetest.Prologue(noisetest.QUIC, clear, exported)
}

func docNoSecret(acceptor []byte) []byte { return noisetest.NoSecret(noisetest.QUIC, acceptor) }

// wire is one end of a QUIC connection with its one stream.
type wire struct {
	t    testing.TB
	quic *quic.Conn
	s    *quic.Stream
	exp  []byte
}

func (w *wire) export() {
	w.t.Helper()
	<-w.quic.HandshakeComplete()
	cs := w.quic.ConnectionState().TLS
	exp, err := cs.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		w.t.Fatal(err)
	}
	w.exp = exp
}

func (w *wire) send(b []byte) {
	w.t.Helper()
	if _, err := w.s.Write(b); err != nil {
		w.t.Fatalf("writing %d bytes: %v", len(b), err)
	}
}

func (w *wire) message() []byte {
	w.t.Helper()
	var head [2]byte
	if _, err := io.ReadFull(w.s, head[:]); err != nil {
		w.t.Fatalf("the length of a message: %v", err)
	}
	b := make([]byte, binary.BigEndian.Uint16(head[:]))
	if _, err := io.ReadFull(w.s, b); err != nil {
		w.t.Fatalf("a message of %d bytes: %v", len(b), err)
	}
	return b
}

// rest reads until the connection ends and returns what came and how it ended.
func (w *wire) rest() ([]byte, error) {
	w.s.SetReadDeadline(time.Now().Add(20 * time.Second))
	b, err := io.ReadAll(w.s)
	if err == nil {
		err = io.EOF
	}
	return b, err
}

// newTransport opens a socket on loopback.
func newTransport(t testing.TB) *quic.Transport {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	tr := &quic.Transport{Conn: c}
	t.Cleanup(func() {
		tr.Close()
		c.Close()
	})
	return tr
}

// dialWire dials an address and opens the stream.
func dialWire(t testing.TB, tr *quic.Transport, addr string) *wire {
	t.Helper()
	w, err := tryWire(t, tr, addr)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func tryWire(t testing.TB, tr *quic.Transport, addr string) (*wire, error) {
	t.Helper()
	return wireWith(t, tr, addr, &quic.Config{EnableDatagrams: true})
}

func wireWith(t testing.TB, tr *quic.Transport, addr string, cfg *quic.Config) (*wire, error) {
	t.Helper()
	a := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr))
	_, client := rawTLS(t)
	client.NextProtos = []string{"hawser/1"}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	q, err := tr.Dial(ctx, a, client, cfg)
	if err != nil {
		return nil, err
	}
	w := &wire{t: t, quic: q}
	w.export()
	if w.s, err = q.OpenStreamSync(ctx); err != nil {
		return nil, err
	}
	t.Cleanup(func() { q.CloseWithError(0, "") })
	return w, nil
}

// A dialler of the second implementation, past the second message.
type rawDialler struct {
	*wire
	x       *noise
	binding []byte
}

// hello runs the first two messages of a handshake with the acceptor that has the given static key.
func (w *wire) hello(static *ecdh.PrivateKey, acceptor [32]byte, hello []byte) *rawDialler {
	w.t.Helper()
	x := newNoise(static, freshKey(), acceptor[:], docPrologue(0, w.exp))
	w.send(join([]byte{0}, withLength(x.Write1(hello))))
	if _, err := x.Read2(w.message()); err != nil {
		w.t.Fatalf("the acceptor's answer does not decrypt: %v", err)
	}
	return &rawDialler{w, x, docBinding(x.H, static.PublicKey().Bytes(), acceptor[:])}
}

func (d *rawDialler) last(psk, payload []byte) {
	d.t.Helper()
	d.send(withLength(d.x.Write3(psk, payload)))
}

// rawAcceptor listens and hands each connection to serve, in a goroutine of its own that the test joins.
func rawAcceptor(t testing.TB, serve func(*wire)) (addr string) {
	t.Helper()
	return acceptorOn(t, newTransport(t), serve)
}

func acceptorOn(t testing.TB, tr *quic.Transport, serve func(*wire)) (addr string) {
	t.Helper()
	server, _ := rawTLS(t)
	server.NextProtos = []string{"hawser/1"}
	l, err := tr.Listen(server, &quic.Config{MaxIncomingStreams: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			q, err := l.Accept(ctx)
			if err != nil {
				return
			}
			w := &wire{t: t, quic: q}
			w.export()
			if w.s, err = q.AcceptStream(ctx); err != nil {
				return
			}
			serve(w)
			q.CloseWithError(0, "")
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return tr.Conn.LocalAddr().String()
}

// answer runs the first two messages of a handshake as the acceptor with the given static key, and reads the third.
func (w *wire) answer(static *ecdh.PrivateKey) (x *noise, m3 []byte) {
	var clear [1]byte
	if _, err := io.ReadFull(w.s, clear[:]); err != nil {
		w.t.Errorf("the clear byte: %v", err)
		return nil, nil
	}
	x = newNoise(static, freshKey(), static.PublicKey().Bytes(), docPrologue(clear[0], w.exp))
	if _, err := x.Read1(w.message()); err != nil {
		w.t.Errorf("the dialler's first message does not decrypt: %v", err)
		return nil, nil
	}
	w.send(withLength(x.Write2(docFeatures())))
	return x, w.message()
}

func keyOf(t testing.TB, n interface{ Location() sturdyref.Peer }) [32]byte {
	t.Helper()
	k, err := sturdyref.DesignatorKey(n.Location().Designator)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// message0 reads a message if one comes.
func (w *wire) message0() {
	var head [2]byte
	if _, err := io.ReadFull(w.s, head[:]); err == nil {
		io.CopyN(io.Discard, w.s, int64(binary.BigEndian.Uint16(head[:])))
	}
}
