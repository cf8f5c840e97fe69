package noisetcp_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
	"github.com/hawser-go/hawser/sturdyref"
)

// staysWell checks that a netlayer has admitted nobody so far but admits who is entitled.
func staysWell(t *testing.T, n *noisetcp.Netlayer, k *keeper, key netlayer.Key) {
	t.Helper()
	if k != nil && k.count() != 0 {
		t.Errorf("somebody was admitted: %+v", k.admitted)
	}
	out, in := connect(t, open(t, noisetcp.Config{}), n, netlayer.Dial{Key: key})
	if err := out.Write([][]byte{[]byte("well")}); err != nil {
		t.Fatal(err)
	}
	if f, err := in.Read(); err != nil || string(f.Bytes) != "well" {
		t.Fatalf("read %q, %v", f.Bytes, err)
	}
}

func dialFails(t *testing.T, from netlayer.Netlayer, d netlayer.Dial, want error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := from.Connect(ctx, d)
	if !errors.Is(err, want) || c != nil {
		t.Fatalf("Connect: %v, want one that matches %v", err, want)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has several lines", err)
	}
	return err
}

func dialAt(peer sturdyref.Peer, addr string) netlayer.Dial {
	peer = peer.Clone()
	peer.Hints = map[string]string{"tcp": addr}
	return netlayer.Dial{Peer: peer}
}

func early(text string) func(netlayer.Info, int) [][]byte {
	return func(netlayer.Info, int) [][]byte { return [][]byte{[]byte(text)} }
}

// T2, T30: whoever has the public key but not the secret is refused in the same way whatever is wrong: by the token of its own
// handshake, and nothing else.
func TestRefusalsHaveOneShape(t *testing.T) {
	noLeaks(t)
	good, revoked, unknown := keysOf(t, sturdyref.NewSwissNum()), keysOf(t, sturdyref.NewSwissNum()), keysOf(t, sturdyref.NewSwissNum())
	host := identity(t)
	k := &keeper{closed: true, locks: map[[16]byte]netlayer.Lock{good.ID(): good.Lock(), {1, 2, 3}: sturdyref.SwissLock{}}}
	to := open(t, noisetcp.Config{Identity: host, Doorkeeper: k})
	acceptor := host.Public().Static
	me := noisetest.SecretsOf(t, identity(t))
	goodPSK, revokedPSK, unknownPSK := good.PSK(), revoked.PSK(), unknown.PSK()
	none := noSecret(acceptor)
	tokens := make(map[string]bool)
	for name, c := range map[string]struct {
		id  [16]byte
		psk []byte
	}{
		"no secret at a closed door": {[16]byte{}, none},
		"the psk of the other page":  {[16]byte{}, noisetest.NoSecret(noisetest.QUIC, acceptor[:])},
		"no secret, wrong key":       {[16]byte{}, goodPSK[:]},
		"unknown id":                 {unknown.ID(), unknownPSK[:]},
		"unknown id, empty key":      {unknown.ID(), nil},
		"unknown id, public key":     {unknown.ID(), none},
		"revoked id":                 {revoked.ID(), revokedPSK[:]},
		"wrong key":                  {good.ID(), unknownPSK[:]},
		"empty key":                  {good.ID(), nil},
		"zero key":                   {good.ID(), make([]byte, 32)},
		"lock that does not work":    {[16]byte{1, 2, 3}, nil},
	} {
		d := dialWire(t, address(to)).hello(me.Static, acceptor, noisetest.Hello(c.id))
		d.last(c.psk, noisetest.Named(me, d.binding, 'd', "must not be executed"))
		if data := d.rest(); !bytes.Equal(data, noisetest.WithLength(d.token)) {
			t.Errorf("%s: refused with %x, want the token %x alone", name, data, d.token)
		}
		tokens[string(d.token)] = true
	}
	if len(tokens) != 11 {
		t.Errorf("%d tokens for 11 handshakes", len(tokens))
	}
	texts := make(map[string]bool)
	for _, key := range []netlayer.Key{nil, unknown.Key(), revoked.Key()} {
		d := netlayer.Dial{Peer: to.Location(), Key: key, Early: early("x")}
		texts[dialFails(t, open(t, noisetcp.Config{}), d, netlayer.ErrRefused).Error()] = true
	}
	if len(texts) != 1 {
		t.Errorf("refusals read differently: %v", texts)
	}
	staysWell(t, to, k, good.Key())
}

// What a party says of itself is about its key, this session, its role and its first frame, over TCP as over QUIC. A
// credential is whole or it is nonsense. Everything is refused in the one way there is.
func TestIdentityIsBound(t *testing.T) {
	noLeaks(t)
	k := &keeper{}
	host := identity(t)
	to := open(t, noisetcp.Config{Identity: host, Doorkeeper: k})
	acceptor := host.Public().Static
	me, other := noisetest.SecretsOf(t, identity(t)), noisetest.SecretsOf(t, identity(t))
	for name, payload := range map[string]func(d *rawDialler) []byte{
		"another's record": func(d *rawDialler) []byte { return noisetest.Named(other, d.binding, 'd', "hello") },
		"another session":  func(*rawDialler) []byte { return noisetest.Named(me, make([]byte, 32), 'd', "hello") },
		"another role":     func(d *rawDialler) []byte { return noisetest.Named(me, d.binding, 'a', "hello") },
		"another frame": func(d *rawDialler) []byte {
			b := noisetest.Named(me, d.binding, 'd', "hello")
			b[len(b)-1]++
			return b
		},
		"empty":          func(*rawDialler) []byte { return nil },
		"a verdict":      func(*rawDialler) []byte { return []byte{2} },
		"half a frame":   func(*rawDialler) []byte { return noisetest.Anonymous("hello")[:8] },
		"frame of 4 GiB": func(*rawDialler) []byte { return []byte{1, 255, 255, 255, 255} },
		"credential too long": func(*rawDialler) []byte {
			return noisetest.Join(noisetest.Credential(make([]byte, 4097)), noisetest.Anonymous())
		},
		"credential of nothing": func(*rawDialler) []byte { return noisetest.Join([]byte{3, 0, 0}, noisetest.Anonymous()) },
	} {
		d := dialWire(t, address(to)).hello(me.Static, acceptor, noisetest.Hello([16]byte{}))
		d.last(noSecret(acceptor), payload(d))
		if data := d.rest(); !bytes.Equal(data, noisetest.WithLength(d.token)) {
			t.Errorf("%s: answered with %x, want the token alone", name, data)
		}
	}
	for name, static := range map[string]*rawDialler{
		"the acceptor's own key": dialWire(t, address(to)).hello(noisetest.SecretsOf(t, host).Static, acceptor, noisetest.Hello([16]byte{})),
	} {
		static.last(noSecret(acceptor), noisetest.Anonymous())
		if data := static.rest(); !bytes.Equal(data, noisetest.WithLength(static.token)) {
			t.Errorf("%s: answered with %x", name, data)
		}
	}
	staysWell(t, to, k, nil)
}

// Before the second message nothing is answered to what is not a first one.
func TestNothingBeforeNoise(t *testing.T) {
	noLeaks(t)
	k := &keeper{}
	host := identity(t)
	to := open(t, noisetcp.Config{Identity: host, Doorkeeper: k})
	acceptor := host.Public().Static
	first := func(label string, clear byte, payload []byte) []byte {
		x := noisetest.New(noisetest.FreshKey(), noisetest.FreshKey(), acceptor[:], noisetest.Prologue(label, clear, nil))
		return noisetest.Join([]byte{clear}, noisetest.WithLength(x.Write1(payload)))
	}
	hello := noisetest.Hello([16]byte{})
	for name, b := range map[string][]byte{
		"frames":                noisetest.Frames("execute", "this"),
		"HTTP":                  []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"another kind":          first(noisetest.TCP, 1, hello),
		"the other page's":      first(noisetest.QUIC, 0, hello),
		"kind changed":          noisetest.Join([]byte{0}, first(noisetest.TCP, 1, hello)[1:]),
		"empty message":         {0, 0, 0},
		"garbage":               append([]byte{0, 0, 80}, bytes.Repeat([]byte{9}, 80)...),
		"announced 65535":       {0, 255, 255},
		"version 2":             first(noisetest.TCP, 0, noisetest.Join([]byte{2}, hello[1:])),
		"a byte more":           first(noisetest.TCP, 0, noisetest.Join(hello, []byte{0})),
		"features out of order": first(noisetest.TCP, 0, noisetest.Hello([16]byte{}, "b", "a")),
	} {
		w := dialWire(t, address(to))
		begin := time.Now()
		w.conn.Write(b)
		if data := w.rest(); len(data) > 0 {
			t.Errorf("%s: answered with %x", name, data)
		}
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("%s: was only noticed after %v, when time was up", name, took)
		}
	}
	for _, cut := range [][]byte{nil, {0}, {0, 0}, append([]byte{0, 0, 80}, make([]byte, 79)...)} {
		w := dialWire(t, address(to))
		w.conn.Write(cut)
		w.conn.CloseWrite()
		if data := w.rest(); len(data) > 0 {
			t.Errorf("cut after %d bytes: %x", len(cut), data)
		}
	}
	staysWell(t, to, k, nil)
}

// Whoever answers without the private key is not the peer, and is told nothing.
func TestImpostor(t *testing.T) {
	noLeaks(t)
	owner := identity(t).Public()
	swiss := keysOf(t, sturdyref.NewSwissNum())
	own := noisetest.FreshKey()
	for name, addr := range map[string]string{
		"another node": address(open(t, noisetcp.Config{})),
		"gone":         rawAcceptor(t, func(*wire) {}),
		"reset":        rawAcceptor(t, func(w *wire) { w.conn.SetLinger(0) }),
		"garbage":      rawAcceptor(t, func(w *wire) { w.conn.Write(noisetest.WithLength(bytes.Repeat([]byte{7}, 81))); w.rest() }),
		"too long":     rawAcceptor(t, func(w *wire) { w.conn.Write([]byte{255, 255}); w.rest() }),
		"echo":         rawAcceptor(t, func(w *wire) { io.CopyN(w.conn, w.conn, 50); w.rest() }),
		"own key": rawAcceptor(t, func(w *wire) {
			io.CopyN(io.Discard, w.conn, 1)
			x := noisetest.New(own, noisetest.FreshKey(), owner.Static[:], noisetest.Prologue(noisetest.TCP, 0, nil))
			m1, _ := w.message()
			if _, err := x.Read1(m1); err == nil {
				t.Error("the first message can be read without the private key")
			}
			w.conn.Write(noisetest.WithLength(x.Write2(noisetest.Join(make([]byte, 32), noisetest.Features()))))
			w.rest()
		}),
	} {
		d := dialAt(owner.Peer(), addr)
		d.Key = swiss.Key()
		d.Early = func(netlayer.Info, int) [][]byte {
			t.Errorf("%s: the dial went on to its last message", name)
			return nil
		}
		dialFails(t, open(t, noisetcp.Config{}), d, netlayer.ErrUnreachable)
	}
}

// A middle passes bytes between a dialler and an acceptor and changes what the acceptor says after the second message.
func middle(t testing.TB, to string, after func(w *wire, acceptor *net.TCPConn)) (addr string) {
	return rawAcceptor(t, func(w *wire) {
		c, err := net.Dial("tcp", to)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		on := &wire{t, c.(*net.TCPConn)}
		var both sync.WaitGroup
		both.Go(func() {
			io.Copy(on.conn, w.conn)
			on.conn.CloseWrite()
		})
		m2, err := on.message()
		if err != nil {
			t.Errorf("message 2: %v", err)
		}
		w.conn.Write(noisetest.WithLength(m2))
		after(w, on.conn)
		w.conn.Close()
		both.Wait()
	})
}

// Nobody on the way can make a dialler believe that it was refused when the peer has executed what it sent: whatever comes
// in the place of the verdict, the loss is said to be one. Over QUIC this cannot happen; over TCP it is for anybody.
func TestForgedRefusal(t *testing.T) {
	noLeaks(t)
	k := &keeper{}
	to := open(t, noisetcp.Config{Doorkeeper: k})
	executed := make(chan string, 1)
	go func() {
		for {
			in, err := to.Accept(t.Context())
			if err != nil {
				return
			}
			if c, err := in.Accept(nil); err == nil {
				if f, err := c.Read(); err == nil {
					executed <- string(f.Bytes)
				}
			}
		}
	}()
	random := make([]byte, 32)
	rand.Read(random)
	for name, forge := range map[string]func(w *wire, verdict []byte){
		"cut off":           func(*wire, []byte) {},
		"reset":             func(w *wire, _ []byte) { w.conn.SetLinger(0) },
		"32 random bytes":   func(w *wire, _ []byte) { w.conn.Write(noisetest.WithLength(random)) },
		"an empty message":  func(w *wire, _ []byte) { w.conn.Write(noisetest.WithLength(nil)) },
		"a changed verdict": func(w *wire, v []byte) { v[10] ^= 1; w.conn.Write(noisetest.WithLength(v)) },
		"half a verdict":    func(w *wire, v []byte) { w.conn.Write(noisetest.WithLength(v)[:20]) },
	} {
		addr := middle(t, address(to), func(w *wire, acceptor *net.TCPConn) {
			verdict, err := (&wire{t, acceptor}).message()
			if err != nil {
				t.Errorf("%s: the verdict: %v", name, err)
				return
			}
			forge(w, verdict)
		})
		d := dialAt(to.Location(), addr)
		d.Early = early(name)
		if err := dialFails(t, open(t, noisetcp.Config{}), d, netlayer.ErrLost); errors.Is(err, netlayer.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
		if got := <-executed; got != name {
			t.Errorf("executed was %q, want %q: the test would show nothing", got, name)
		}
		// With nothing sent early nothing can have been executed, and the peer is not reached.
		d.Early = nil
		if err := dialFails(t, open(t, noisetcp.Config{}), d, netlayer.ErrUnreachable); errors.Is(err, netlayer.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A middle that changes nothing is not noticed.
	addr := middle(t, address(to), func(w *wire, acceptor *net.TCPConn) { io.Copy(w.conn, acceptor) })
	d := dialAt(to.Location(), addr)
	d.Early = early("untouched")
	c, err := open(t, noisetcp.Config{}).Connect(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	<-executed
	c.Close("")
}

// An acceptor that has the private key but not the secret cannot read what was sent, and cannot say that it can.
func TestAcceptorWithoutTheSecret(t *testing.T) {
	noLeaks(t)
	k := identity(t)
	own := noisetest.SecretsOf(t, k)
	swiss := keysOf(t, sturdyref.NewSwissNum())
	for name, answer := range map[string]func(*wire, *noisetest.Noise){
		"a verdict without the secret": func(w *wire, x *noisetest.Noise) {
			_, out := x.Ciphers()
			w.conn.Write(noisetest.WithLength(out.Seal(noisetest.Named(own, make([]byte, 32), 'a'))))
		},
		"frames": func(w *wire, _ *noisetest.Noise) { w.conn.Write(noisetest.Frames("as if all were well")) },
	} {
		addr := rawAcceptor(t, func(w *wire) {
			x, m3 := w.answer(own.Static, make([]byte, 32))
			if x == nil {
				return
			}
			if _, payload, err := x.Read3(nil, m3); err == nil {
				t.Errorf("%s: the last message can be read without the secret: %q", name, payload)
			}
			answer(w, x)
			if data := w.rest(); len(data) > 0 {
				t.Errorf("%s: %d bytes were written after it", name, len(data))
			}
		})
		d := dialAt(k.Public().Peer(), addr)
		d.Key, d.Early = swiss.Key(), early("for the right one only")
		dialFails(t, open(t, noisetcp.Config{}), d, netlayer.ErrLost)
	}
	// Its own refusal is one, and believed.
	token := bytes.Repeat([]byte{9}, 32)
	addr := rawAcceptor(t, func(w *wire) {
		if x, _ := w.answer(own.Static, token); x != nil {
			w.conn.Write(noisetest.WithLength(token))
		}
	})
	d := dialAt(k.Public().Peer(), addr)
	d.Key, d.Early = swiss.Key(), early("for the right one only")
	dialFails(t, open(t, noisetcp.Config{}), d, netlayer.ErrRefused)
}

// A dialler that says something before its verdict, or goes, is not admitted by an Accept that comes later.
func TestWaitingForTheDecision(t *testing.T) {
	noLeaks(t)
	to := open(t, noisetcp.Config{})
	acceptor := keyOf(t, to)
	for name, impatient := range map[string]func(*wire){
		"a byte":  func(w *wire) { w.send([]byte{0}) },
		"gone":    func(w *wire) { w.conn.Close() },
		"reset":   func(w *wire) { w.conn.SetLinger(0); w.conn.Close() },
		"the end": func(w *wire) { w.conn.CloseWrite() },
	} {
		d := dialWire(t, address(to)).hello(noisetest.FreshKey(), acceptor, noisetest.Hello([16]byte{}))
		d.last(noSecret(acceptor), noisetest.Anonymous("early"))
		in, err := to.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		impatient(d.wire)
		noticed := name == "a byte" || name == "the end"
		if noticed {
			begin := time.Now()
			data := d.rest()
			if took := time.Since(begin); took > 8*time.Second {
				t.Errorf("%s: noticed after %v, when nobody had decided", name, took)
			}
			if !bytes.Equal(data, noisetest.WithLength(d.token)) {
				t.Errorf("%s: answered with %x, want the token", name, data)
			}
		}
		c, err := in.Accept(nil)
		if err != nil {
			continue
		}
		if noticed {
			t.Errorf("%s: accepted after it was refused", name)
		}
		if _, err := c.Read(); err == nil { // the early frame
			_, err = c.Read()
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		c.Close("")
	}
	staysWell(t, to, nil, nil)
}
