package noisequic_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
)

// T3: two parties that do not bind the handshake to their TLS session are read by whoever stands between them and ends TLS with a certificate of
// their own; with the exporter in the prologue the handshake ends with its first message. TestManInTheMiddleOfQUIC has this package there.
func TestT03BindingStopsTheMiddle(t *testing.T) {
	noLeaks(t)
	for _, bound := range []bool{false, true} {
		static := freshKey()
		prologue := func(w *wire) []byte {
			if bound {
				return docPrologue(0, w.exp)
			}
			return docPrologue(0, make([]byte, 32))
		}
		got := make(chan []byte, 1)
		addr := rawAcceptor(t, func(w *wire) {
			defer close(got)
			x := newNoise(static, freshKey(), static.PublicKey().Bytes(), prologue(w))
			if _, err := x.Read1(w.message()); err != nil {
				return
			}
			w.send(withLength(x.Write2(nil)))
			if _, _, err := x.Read3(docNoSecret(static.PublicKey().Bytes()), w.message()); err == nil {
				b, _ := io.ReadAll(w.s)
				got <- b
			}
		})
		var mu sync.Mutex
		var seen bytes.Buffer
		onward := newTransport(t)
		middle := rawAcceptor(t, func(w *wire) {
			other := dialWire(t, onward, addr)
			var both sync.WaitGroup
			both.Go(func() {
				io.Copy(other.s, io.TeeReader(w.s, &locked{&mu, &seen}))
				other.s.Close()
			})
			both.Go(func() {
				io.Copy(w.s, other.s)
				w.s.Close()
			})
			both.Wait()
		})
		w := dialWire(t, newTransport(t), middle)
		x := newNoise(freshKey(), freshKey(), static.PublicKey().Bytes(), prologue(w))
		w.send(withLength(x.Write1(nil)))
		w.s.SetReadDeadline(time.Now().Add(20 * time.Second))
		m2 := make([]byte, 2+48)
		_, err := io.ReadFull(w.s, m2)
		if err == nil {
			_, err = x.Read2(m2[2:])
		}
		if err == nil {
			w.send(join(withLength(x.Write3(docNoSecret(static.PublicKey().Bytes()), nil)), []byte("TOPSECRET")))
		}
		w.s.Close()
		if passed := string(<-got) == "TOPSECRET"; passed == bound || bound != (err != nil) {
			t.Errorf("bound %t: the secret has arrived: %t (%v)", bound, passed, err)
		}
		w.quic.CloseWithError(0, "")
		mu.Lock()
		if read := bytes.Contains(seen.Bytes(), []byte("TOPSECRET")); read == bound {
			t.Errorf("bound %t: the middle has read the secret: %t", bound, read)
		}
		mu.Unlock()
	}
}

// tickets keeps what servers give their clients for later.
type tickets struct {
	tls.ClientSessionCache
	mu sync.Mutex
	n  int
}

func (c *tickets) Put(key string, s *tls.ClientSessionState) {
	c.mu.Lock()
	if s != nil {
		c.n++
	}
	c.mu.Unlock()
	c.ClientSessionCache.Put(key, s)
}

// T4: there is no early data at either end, so nothing is said, and no exporter read, before TLS is complete: an acceptor gives no tickets to
// somebody who would use them, and a dialler uses none that it is offered.
func TestT04NoEarlyData(t *testing.T) {
	noLeaks(t)
	k := &keeper{}
	to := open(t, noisequic.Config{Doorkeeper: k})
	cache := &tickets{ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	_, client := rawTLS(t)
	client.NextProtos, client.ClientSessionCache, client.ServerName = []string{"hawser/1"}, cache, "same"
	client.Time = func() time.Time { return time.Time{} } // the certificates have expired, which nobody looks at but who keeps tickets
	tr := newTransport(t)
	for range 2 {
		q, err := tr.DialEarly(t.Context(), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address(to))), client, &quic.Config{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := q.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte{9}) // no kind of handshake: the acceptor ends it, behind any ticket
		io.ReadAll(s)
		if cs := q.ConnectionState(); cs.Used0RTT || cs.TLS.DidResume {
			t.Errorf("a dialler with a cache came early: %+v", cs)
		}
	}
	if cache.n != 0 {
		t.Errorf("%d tickets were given", cache.n)
	}
	staysWell(t, to, k, nil)

	// The other end: an acceptor that gives tickets for early data to whoever takes them, as the last two diallers do.
	server, _ := rawTLS(t)
	server.NextProtos, server.SessionTicketsDisabled = []string{"hawser/1"}, false
	server.SetSessionTicketKeys([][32]byte{{1}}) // one for all connections
	here := newTransport(t)
	l, err := here.ListenEarly(server, &quic.Config{Allow0RTT: true, MaxIncomingStreams: 1})
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan quic.ConnectionState, 4)
	exporters := make(map[string]bool)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			q, err := l.Accept(context.Background())
			if err != nil {
				return
			}
			w := &wire{t: t, quic: q}
			w.export()
			exporters[string(w.exp)] = true
			if s, err := q.AcceptStream(context.Background()); err == nil {
				s.Read(make([]byte, 1))
				s.Write([]byte{1}) // behind the ticket
				s.Close()
				io.ReadAll(s)
			}
			came <- q.ConnectionState()
			q.CloseWithError(0, "")
		}
	})
	d := netlayer.Dial{Peer: identity(t).Public().Peer()}
	d.Peer.Hints = map[string]string{"addr": here.Conn.LocalAddr().String()}
	from := open(t, noisequic.Config{})
	for range 2 {
		dialFails(t, from, d, netlayer.ErrUnreachable)
		if cs := <-came; cs.Used0RTT || cs.TLS.DidResume {
			t.Errorf("a dial came early: %+v", cs)
		}
	}
	for _, last := range []bool{false, true} {
		q, err := tr.DialEarly(t.Context(), here.Conn.LocalAddr(), client, &quic.Config{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := q.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte{9})
		s.Close()
		io.ReadAll(s)
		if cs := <-came; cs.Used0RTT != last {
			t.Errorf("somebody with a ticket: %t, came early: %t", last, cs.Used0RTT)
		}
		q.CloseWithError(0, "")
	}
	l.Close()
	all.Wait()
	if cache.n == 0 || len(exporters) != 4 {
		t.Errorf("%d tickets were taken, and 4 connections had %d exporters: the test shows nothing", cache.n, len(exporters))
	}
}

// T5: whoever has recorded all that one side of a handshake has said, and says it again, comes to nothing: the acceptor admits nobody and reads no
// frame twice, and a dialler does not go on to its last message, which holds the first calls. There are none in the two messages before.
func TestT05RecordedFlights(t *testing.T) {
	noLeaks(t)
	k := &keeper{}
	host := identity(t)
	acceptor := host.Public().Static
	to := open(t, noisequic.Config{Identity: host, Doorkeeper: k})
	frames := make(chan string, 8)
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() {
		for {
			in, err := to.Accept(ctx)
			if err != nil {
				return
			}
			c, err := in.Accept(nil)
			if err != nil {
				continue
			}
			if f, err := c.Read(); err == nil {
				frames <- string(f.Bytes)
			}
		}
	})
	tr := newTransport(t)
	w := dialWire(t, tr, address(to))
	me := secretsOf(t, identity(t))
	x := newNoise(me.Static, freshKey(), acceptor[:], docPrologue(0, w.exp))
	m1 := join([]byte{0}, withLength(x.Write1(docHello([16]byte{}))))
	w.send(m1)
	m2 := w.message()
	if _, err := x.Read2(m2); err != nil {
		t.Fatal(err)
	}
	m3 := withLength(x.Write3(docNoSecret(acceptor[:]), docNamed(me, docBinding(x.H, me.Static.PublicKey().Bytes(), acceptor[:]), 'd', "execute once")))
	w.send(m3)
	verdict := w.message()
	if _, err := x.OpenVerdict(verdict); err != nil || <-frames != "execute once" {
		t.Fatalf("the recorded handshake was not good: %v", err)
	}
	for what, flight := range map[string][][]byte{"at once": {join(m1, m3)}, "the first": {m1}, "without the first": {m3}, "the last behind another's": nil} {
		again := dialWire(t, tr, address(to))
		if flight == nil {
			again.hello(freshKey(), acceptor, docHello([16]byte{}))
			flight = [][]byte{m3}
		}
		for _, b := range flight {
			again.s.Write(b)
		}
		again.s.Close()
		if data, err := again.rest(); len(data) > 0 || !isRefusal(err) {
			t.Errorf("%s: %q, %v", what, data, err)
		}
	}
	if k.count() != 1 || len(frames) != 0 {
		t.Errorf("%d diallers were admitted, want the one that was recorded", k.count())
	}
	cancel()
	served.Wait()

	// The acceptor's side, by whoever has recorded it and stands where the acceptor did.
	impostor := rawAcceptor(t, func(w *wire) {
		var clear [1]byte
		io.ReadFull(w.s, clear[:])
		w.message()
		w.s.Write(join(withLength(m2), withLength(verdict)))
		w.rest()
	})
	d := netlayer.Dial{Peer: host.Public().Peer(), Early: func(netlayer.Info, int) [][]byte {
		t.Error("the dial went on to its last message")
		return [][]byte{[]byte("a call")}
	}}
	d.Peer.Hints = map[string]string{"addr": impostor}
	dialFails(t, open(t, noisequic.Config{}), d, netlayer.ErrUnreachable)
}
