package noisequic_test

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/sturdyref"
)

// A second implementation of docs/noise-quic.md, written from that page and the Noise specification with nothing of the
// package under test. It checks nothing unless told to, so it also plays the peers that break the rules.

// noise is one side of Noise_XKpsk3_25519_ChaChaPoly_SHA256.
type noise struct {
	ck, h, k []byte
	n        uint64
	s, e     *ecdh.PrivateKey
	rs, re   []byte
}

func newNoise(s, e *ecdh.PrivateKey, acceptor, prologue []byte) *noise {
	x := &noise{s: s, e: e, rs: acceptor}
	x.h = sum([]byte("Noise_XKpsk3_25519_ChaChaPoly_SHA256"))
	x.ck = x.h
	x.mixHash(prologue)
	x.mixHash(acceptor)
	return x
}

func (x *noise) write1(payload []byte) []byte {
	m := x.sendE()
	x.mixKey(dh(x.e, x.rs))
	return append(m, x.seal(payload)...)
}

func (x *noise) read1(m []byte) ([]byte, error) {
	x.receiveE(m)
	x.mixKey(dh(x.s, x.re))
	return x.open(m[32:])
}

func (x *noise) write2(payload []byte) []byte {
	m := x.sendE()
	x.mixKey(dh(x.e, x.re))
	return append(m, x.seal(payload)...)
}

func (x *noise) read2(m []byte) ([]byte, error) {
	x.receiveE(m)
	x.mixKey(dh(x.e, x.re))
	return x.open(m[32:])
}

func (x *noise) write3(psk, payload []byte) []byte {
	m := x.seal(x.s.PublicKey().Bytes())
	x.mixKey(dh(x.s, x.re))
	x.mixKeyAndHash(psk)
	return append(m, x.seal(payload)...)
}

func (x *noise) read3(psk, m []byte) (static, payload []byte, err error) {
	if static, err = x.open(m[:48]); err != nil {
		return nil, nil, err
	}
	x.mixKey(dh(x.e, static))
	x.mixKeyAndHash(psk)
	payload, err = x.open(m[48:])
	return static, payload, err
}

// transport seals or opens the first message that the acceptor sends after the handshake.
func (x *noise) sealVerdict(payload []byte) []byte {
	return aead(expand(x.ck, nil, 2)[1]).Seal(nil, nonce(0), payload, nil)
}

func (x *noise) openVerdict(m []byte) ([]byte, error) {
	return aead(expand(x.ck, nil, 2)[1]).Open(nil, nonce(0), m, nil)
}

func (x *noise) sendE() []byte {
	e := x.e.PublicKey().Bytes()
	x.mixHash(e)
	x.mixKey(e)
	return e
}

func (x *noise) receiveE(m []byte) {
	x.re = m[:32]
	x.mixHash(x.re)
	x.mixKey(x.re)
}

func (x *noise) mixHash(b []byte) { x.h = sum(x.h, b) }

func (x *noise) mixKey(b []byte) {
	o := expand(x.ck, b, 2)
	x.ck, x.k, x.n = o[0], o[1], 0
}

func (x *noise) mixKeyAndHash(b []byte) {
	o := expand(x.ck, b, 3)
	x.ck, x.k, x.n = o[0], o[2], 0
	x.mixHash(o[1])
}

func (x *noise) seal(p []byte) []byte {
	c := aead(x.k).Seal(nil, nonce(x.n), p, x.h)
	x.n++
	x.mixHash(c)
	return c
}

func (x *noise) open(c []byte) ([]byte, error) {
	p, err := aead(x.k).Open(nil, nonce(x.n), c, x.h)
	x.n++
	x.mixHash(c)
	return p, err
}

type sealer interface {
	Seal(dst, nonce, plaintext, ad []byte) []byte
	Open(dst, nonce, ciphertext, ad []byte) ([]byte, error)
}

func aead(k []byte) sealer {
	a, err := chacha20poly1305.New(k)
	if err != nil {
		panic(err)
	}
	return a
}

func nonce(n uint64) []byte { return binary.LittleEndian.AppendUint64(make([]byte, 4), n) }

func sum(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func expand(ck, ikm []byte, n int) (out [][]byte) {
	mac := func(key []byte, parts ...[]byte) []byte {
		h := hmac.New(sha256.New, key)
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	temp := mac(ck, ikm)
	var last []byte
	for i := range n {
		last = mac(temp, last, []byte{byte(i + 1)})
		out = append(out, last)
	}
	return out
}

func dh(private *ecdh.PrivateKey, public []byte) []byte {
	p, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		panic(err)
	}
	out, err := private.ECDH(p)
	if err != nil {
		return make([]byte, 32) // of low order: go on, as an attacker would
	}
	return out
}

func x25519Key(b []byte) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		panic(err)
	}
	return k
}

func freshKey() *ecdh.PrivateKey {
	b := make([]byte, 32)
	rand.Read(b)
	return x25519Key(b)
}

func hkdf32(secret []byte, salt, info string) []byte {
	k, err := hkdf.Key(sha256.New, secret, []byte(salt), info, 32)
	if err != nil {
		panic(err)
	}
	return k
}

func join(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// secrets are the private halves of an identity.
type secrets struct {
	static  *ecdh.PrivateKey
	signing ed25519.PrivateKey
	record  []byte
}

func secretsOf(t testing.TB, k sturdyref.KeyPair) secrets {
	t.Helper()
	b, err := k.Reveal()
	if err != nil {
		t.Fatal(err)
	}
	var stored struct {
		Version   uint64   `cbor:"1,keyasint"`
		Static    [32]byte `cbor:"2,keyasint"`
		Signing   [32]byte `cbor:"3,keyasint"`
		NotBefore int64    `cbor:"4,keyasint"`
	}
	if err := detcbor.Unmarshal(b, &stored); err != nil {
		t.Fatal(err)
	}
	r, err := sturdyref.NewRecord(k, k.NotBefore())
	if err != nil {
		t.Fatal(err)
	}
	return secrets{x25519Key(stored.Static[:]), ed25519.NewKeyFromSeed(stored.Signing[:]), r.Encoded()}
}

func docPrologue(clear byte, exported []byte) []byte {
	return join([]byte("hawser/noise-quic/1\x00"), []byte{clear}, exported)
}

func docBinding(h, dialler, acceptor []byte) []byte {
	return sum([]byte("hawser/binding/1"), h, dialler, acceptor)
}

func docNoSecret(acceptor []byte) []byte { return hkdf32(acceptor, "hawser/noise-quic/1", "no secret") }

func docHello(secret [16]byte, features ...string) []byte {
	return join([]byte{1}, secret[:], docFeatures(features...))
}

func docFeatures(features ...string) []byte {
	b := []byte{byte(len(features))}
	for _, f := range features {
		b = append(append(b, byte(len(f))), f...)
	}
	return b
}

func docFrames(frames ...string) (b []byte) {
	for _, f := range frames {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
	}
	return b
}

// docNamed is what a named party says of itself: role is 'd' or 'a'.
func docNamed(s secrets, binding []byte, role byte, frames ...string) []byte {
	first := ""
	if len(frames) > 0 {
		first = frames[0]
	}
	signed := join([]byte("hawser/session/1\x00"), binding, []byte{role}, sum([]byte(first)))
	return join([]byte{0}, binary.BigEndian.AppendUint16(nil, uint16(len(s.record))), s.record, ed25519.Sign(s.signing, signed), docFrames(frames...))
}

func docAnonymous(frames ...string) []byte { return join([]byte{1}, docFrames(frames...)) }

// docCredential is what stands before the rest of the last payload if there is a credential.
func docCredential(credential []byte) []byte {
	if len(credential) == 0 {
		return nil
	}
	return join([]byte{3}, binary.BigEndian.AppendUint16(nil, uint16(len(credential))), credential)
}

func withLength(m []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
}

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
	w.send(join([]byte{0}, withLength(x.write1(hello))))
	if _, err := x.read2(w.message()); err != nil {
		w.t.Fatalf("the acceptor's answer does not decrypt: %v", err)
	}
	return &rawDialler{w, x, docBinding(x.h, static.PublicKey().Bytes(), acceptor[:])}
}

func (d *rawDialler) last(psk, payload []byte) {
	d.t.Helper()
	d.send(withLength(d.x.write3(psk, payload)))
}

// rawAcceptor listens and hands each connection to serve, in a goroutine of its own that the test joins.
func rawAcceptor(t testing.TB, serve func(*wire)) (addr string) {
	t.Helper()
	server, _ := rawTLS(t)
	server.NextProtos = []string{"hawser/1"}
	tr := newTransport(t)
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
	if _, err := x.read1(w.message()); err != nil {
		w.t.Errorf("the dialler's first message does not decrypt: %v", err)
		return nil, nil
	}
	w.send(withLength(x.write2(docFeatures())))
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
