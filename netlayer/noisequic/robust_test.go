package noisequic_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/sturdyref"
)

// admittedWire is a session between the second implementation as dialler and a netlayer.
func admittedWire(t *testing.T, to *noisequic.Netlayer, first ...[]byte) (*wire, netlayer.Conn) {
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
	d := dialWire(t, newTransport(t), address(to)).hello(freshKey(), acceptor, docHello([16]byte{}))
	d.last(docNoSecret(acceptor[:]), docAnonymous("early"))
	verdict, err := d.x.OpenVerdict(d.message())
	if err != nil || verdict[0] != 0 {
		t.Fatalf("the verdict is %x, %v", verdict, err)
	}
	c := <-accepted
	if c == nil {
		t.Fatal("nobody was accepted")
	}
	if f, err := c.Read(); err != nil || string(f.Bytes) != "early" {
		t.Fatalf("read %q, %v", f.Bytes, err)
	}
	return d.wire, c
}

// What a peer sends after it was admitted may be anything.
func TestHostileStream(t *testing.T) {
	noLeaks(t)
	to := open(t, noisequic.Config{})
	for name, c := range map[string]struct {
		send   []byte
		frames []string
		why    string
	}{
		"pings between frames":    {join([]byte{1, 1, 1}, docFrames("a"), []byte{1}, docFrames("", "b"), []byte{1}), []string{"a", "", "b"}, "cut it off"},
		"many pings":              {bytes.Repeat([]byte{1}, 100_000), nil, "cut it off"},
		"frame larger than 1 MiB": {join(docFrames("a"), []byte{0, 0x10, 0, 1}), []string{"a"}, "broke the rules"},
		"frame of 16 MiB":         {[]byte{0, 0xff, 0xff, 0xff}, nil, "broke the rules"},
		"unknown byte":            {join(docFrames("a"), []byte{3}), []string{"a"}, "broke the rules"},
		"length with a high byte": {[]byte{0x80, 0, 0, 1}, nil, "broke the rules"},
		"half a length":           {join(docFrames("a"), []byte{0, 0}), []string{"a"}, "cut it off"},
		"half a frame":            {docFrames("a", "whole")[:11], []string{"a"}, "cut it off"},
		"goodbye":                 {join(docFrames("a"), []byte{2, 3}, []byte("bye")), []string{"a"}, "the peer closed it: bye"},
		"goodbye in lines":        {join([]byte{2, 8}, []byte("a\nb\x1b[0m\xff")), nil, "the peer closed it: a b [0m?"},
		"empty goodbye":           {[]byte{2, 0}, nil, "the peer closed it"},
		"goodbye cut":             {[]byte{2, 9, 'b'}, nil, "cut it off"},
		"goodbye without length":  {[]byte{2}, nil, "cut it off"},
		"goodbye too long":        {join([]byte{2, 201}, make([]byte, 201)), nil, "broke the rules"},
		"more after goodbye":      {join([]byte{2, 1}, []byte("x"), docFrames("late")), nil, "broke the rules"},
	} {
		w, in := admittedWire(t, to)
		w.send(c.send)
		w.s.Close()
		for _, want := range c.frames {
			if f, err := in.Read(); err != nil || string(f.Bytes) != want {
				t.Errorf("%s: read %q, %v, want %q", name, f.Bytes, err, want)
			}
		}
		f, err := in.Read()
		if !errors.Is(err, net.ErrClosed) || !strings.HasSuffix(err.Error(), c.why) && !strings.Contains(err.Error(), c.why+":") && !strings.Contains(err.Error(), c.why+" ") {
			t.Errorf("%s: read %q, %v, want the end because %q", name, f.Bytes, err, c.why)
		}
		in.Close("")
	}
	for name, end := range map[string]func(w *wire){
		"reset":        func(w *wire) { w.s.CancelWrite(7) },
		"stop sending": func(w *wire) { w.s.CancelRead(7); w.s.CancelWrite(7) },
		"broken off":   func(w *wire) { w.quic.CloseWithError(77, "a\nreason") },
		"refused late": func(w *wire) { w.quic.CloseWithError(1, "") },
	} {
		w, in := admittedWire(t, to)
		end(w)
		if _, err := in.Read(); !errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want net.ErrClosed in one line", name, err)
		}
		if err := in.Write([][]byte{[]byte("x")}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: Write says %v, want net.ErrClosed", name, err)
		}
		in.Close("")
	}
}

// A peer that reads nothing, and one that sends without end to somebody who reads nothing, cost no more than the windows.
func TestNobodyReads(t *testing.T) {
	noLeaks(t)
	to := open(t, noisequic.Config{})
	w, in := admittedWire(t, to)
	var sent atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			n, err := w.s.Write(docFrames(string(make([]byte, 60_000))))
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	// The sender stands still when a deadline passes without progress.
	for last := int64(-1); last != sent.Load(); {
		last = sent.Load()
		w.s.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		w.s.Read(make([]byte, 1))
	}
	if n := sent.Load(); n > 12<<20 {
		t.Errorf("%d bytes were taken in for somebody who reads nothing", n)
	}
	in.Close("")
	<-done
}

// Frames beyond what the verdict holds go on the stream, in order.
func TestManyFirstFrames(t *testing.T) {
	noLeaks(t)
	to, from := open(t, noisequic.Config{}), open(t, noisequic.Config{})
	var first [][]byte
	for i := range 300 {
		first = append(first, bytes.Repeat([]byte{byte(i)}, i*11))
	}
	go func() {
		in, err := to.Accept(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		if c, err := in.Accept([][]byte{make([]byte, netlayer.MaxFrame+1)}); !errors.Is(err, netlayer.ErrFrameTooLarge) || c != nil {
			t.Errorf("Accept with a frame too large: %v", err)
		}
		if in, err = to.Accept(t.Context()); err != nil {
			t.Error(err)
			return
		}
		if _, err := in.Accept(first); err != nil {
			t.Error(err)
		}
		if c, err := in.Accept(nil); !errors.Is(err, net.ErrClosed) || c != nil {
			t.Errorf("accepted twice: %v", err)
		}
	}()
	dialFails(t, from, netlayer.Dial{Peer: to.Location()}, netlayer.ErrRefused)
	c, err := from.Connect(t.Context(), netlayer.Dial{Peer: to.Location()})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range first {
		if f, err := c.Read(); err != nil || !bytes.Equal(f.Bytes, want) {
			t.Fatalf("frame %d: %d bytes, %v", i, len(f.Bytes), err)
		}
	}
}

// First frames travel with the verdict or after it, whatever their size.
func TestFirstFramesOfEverySize(t *testing.T) {
	noLeaks(t)
	to, from := open(t, noisequic.Config{}), open(t, noisequic.Config{})
	for _, size := range []int{65_191, 65_192, 65_193, 65_258, 65_400, 65_519, 65_535, 65_536} {
		out, in := connect(t, from, to, netlayer.Dial{}, []byte("one"), make([]byte, size-7), []byte("three"))
		for _, want := range []int{3, size - 7, 5} {
			if f, err := out.Read(); err != nil || len(f.Bytes) != want {
				t.Fatalf("%d bytes: read %d, %v, want %d", size, len(f.Bytes), err, want)
			}
		}
		out.Close("")
		in.Close("")
	}
}

// Nor is one that is in the middle of its handshake.
func TestCloseWithAHandshakeInProgress(t *testing.T) {
	noLeaks(t)
	to := open(t, noisequic.Config{})
	dialWire(t, newTransport(t), address(to)).hello(freshKey(), keyOf(t, to), docHello([16]byte{}))
	begun := time.Now()
	if err := to.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("Close took %v", took)
	}
}

// A connection that has ended is forgotten.
func TestEndedAreForgotten(t *testing.T) {
	noLeaks(t)
	from, to := open(t, noisequic.Config{}), open(t, noisequic.Config{})
	out, in := connect(t, from, to, netlayer.Dial{})
	if noisequic.Connections(from) != 1 || noisequic.Connections(to) != 1 {
		t.Errorf("%d and %d connections, want 1 and 1", noisequic.Connections(from), noisequic.Connections(to))
	}
	out.Close("")
	in.Close("")
	if noisequic.Connections(from) != 0 || noisequic.Connections(to) != 0 {
		t.Errorf("%d and %d connections, want none", noisequic.Connections(from), noisequic.Connections(to))
	}
}

// Only a refusal is one: whoever breaks off in another way may have executed what came early.
func TestBrokenOffIsNoRefusal(t *testing.T) {
	noLeaks(t)
	from, k := open(t, noisequic.Config{}), identity(t)
	own := secretsOf(t, k)
	var code atomic.Uint64
	d := netlayer.Dial{Peer: k.Public().Peer(), Early: func(netlayer.Info, int) [][]byte { return [][]byte{[]byte("early")} }}
	d.Peer.Hints = map[string]string{"addr": rawAcceptor(t, func(w *wire) {
		w.answer(own.Static)
		w.quic.CloseWithError(quic.ApplicationErrorCode(code.Load()), "")
	})}
	for c, want := range map[uint64]error{0: netlayer.ErrLost, 1: netlayer.ErrRefused, 2: netlayer.ErrLost, 77: netlayer.ErrLost} {
		code.Store(c)
		dialFails(t, from, d, want)
	}
}

// Who has been admitted takes no place of those who knock.
func TestAdmittedTakeNoPlace(t *testing.T) {
	noLeaks(t)
	from, to := open(t, noisequic.Config{}), open(t, noisequic.Config{Limits: noisequic.Limits{HandshakesPerSource: 4}})
	for range 8 {
		out, in := connect(t, from, to, netlayer.Dial{})
		defer out.Close("")
		defer in.Close("")
	}
}

// A dialler that does not take its verdict is not waited for by Close.
func TestCloseWithAVerdictOnItsWay(t *testing.T) {
	noLeaks(t)
	to := open(t, noisequic.Config{})
	acceptor := keyOf(t, to)
	accepted := make(chan error, 1)
	go func() {
		in, err := to.Accept(t.Context())
		if err == nil {
			_, err = in.Accept([][]byte{make([]byte, 60_000)})
		}
		accepted <- err
	}()
	w, err := wireWith(t, newTransport(t), address(to), &quic.Config{InitialStreamReceiveWindow: 512, MaxStreamReceiveWindow: 512})
	if err != nil {
		t.Fatal(err)
	}
	d := w.hello(freshKey(), acceptor, docHello([16]byte{}))
	d.last(docNoSecret(acceptor[:]), docAnonymous())
	if _, err := d.s.Read(make([]byte, 1)); err != nil { // the verdict is on its way, and cannot go on
		t.Fatal(err)
	}
	begun := time.Now()
	if err := to.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("Close took %v", took)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Incoming.Accept: %v, want net.ErrClosed", err)
	}
}

// A frame that Close has cut stays cut: the farewell is not taken for what is missing of it.
func TestCutFrame(t *testing.T) {
	noLeaks(t)
	to := open(t, noisequic.Config{})
	acceptor := keyOf(t, to)
	written := make(chan error, 1)
	accepted := make(chan netlayer.Conn, 1)
	go func() {
		defer close(accepted)
		in, err := to.Accept(t.Context())
		if err != nil {
			return
		}
		c, err := in.Accept(nil)
		if err != nil {
			return
		}
		accepted <- c
		written <- c.Write([][]byte{bytes.Repeat([]byte{0xaa}, 100_000)})
	}()
	w, err := wireWith(t, newTransport(t), address(to), &quic.Config{InitialStreamReceiveWindow: 512, MaxStreamReceiveWindow: 512})
	if err != nil {
		t.Fatal(err)
	}
	d := w.hello(freshKey(), acceptor, docHello([16]byte{}))
	d.last(docNoSecret(acceptor[:]), docAnonymous())
	if verdict, err := d.x.OpenVerdict(d.message()); err != nil || verdict[0] != 0 {
		t.Fatalf("the verdict is %x, %v", verdict, err)
	}
	var head [5]byte
	if _, err := io.ReadFull(d.s, head[:]); err != nil || head != [5]byte{0, 1, 0x86, 0xa0, 0xaa} {
		t.Fatalf("the frame begins with %x, %v", head, err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if c := <-accepted; c != nil {
			c.Close(strings.Repeat("why ", 40))
		}
	}()
	if err := <-written; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write: %v, want net.ErrClosed", err)
	}
	rest, err := d.rest()
	if len(rest) >= 99_999 || bytes.Contains(rest, []byte("why")) || bytes.Count(rest, []byte{0xaa}) != len(rest) {
		t.Errorf("%d bytes of the frame came, ending in %q, %v", len(rest), rest[max(0, len(rest)-40):], err)
	}
	w.quic.CloseWithError(0, "")
	<-closed
}

// A source that begins many handshakes and finishes none has its share and no more; when it lets go, it may come back.
func TestFlood(t *testing.T) {
	noLeaks(t)
	k := &keeper{}
	to := open(t, noisequic.Config{Doorkeeper: k, Limits: noisequic.Limits{Handshakes: 100, HandshakesPerSource: 8}})
	tr := newTransport(t)
	var mu sync.Mutex
	var in []*wire
	refused := 0
	var dials sync.WaitGroup
	for range 40 {
		dials.Go(func() {
			w, err := tryWire(t, tr, address(to))
			mu.Lock()
			defer mu.Unlock()
			var te *quic.TransportError
			switch {
			case err == nil:
				in = append(in, w)
			case errors.As(err, &te) && te.ErrorCode == quic.ConnectionRefused:
				refused++
			default:
				t.Errorf("dial: %v", err)
			}
		})
	}
	dials.Wait()
	if len(in) != 8 || refused != 32 {
		t.Errorf("%d handshakes are in progress and %d were refused, want 8 and 32", len(in), refused)
	}
	from := open(t, noisequic.Config{})
	err := dialFails(t, from, netlayer.Dial{Peer: to.Location()}, netlayer.ErrUnreachable)
	if !strings.Contains(err.Error(), "turned the connection away") {
		t.Errorf("Connect says %v", err)
	}
	for _, w := range in {
		w.quic.CloseWithError(0, "")
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		go func() {
			if in, err := to.Accept(t.Context()); err == nil {
				in.Accept(nil)
			}
		}()
		c, err := from.Connect(t.Context(), netlayer.Dial{Peer: to.Location()})
		if err == nil {
			c.Close("")
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the places were never given back: %v", err)
		}
	}
}

// A handshake that fails within QUIC gives its place back too.
func TestFloodOfBrokenHandshakes(t *testing.T) {
	noLeaks(t)
	to := open(t, noisequic.Config{Limits: noisequic.Limits{Handshakes: 8, HandshakesPerSource: 8, RatePerSource: 1e6}})
	tr := newTransport(t)
	_, client := rawTLS(t)
	client.NextProtos = []string{"something else"}
	for range 40 {
		if _, err := tr.Dial(t.Context(), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address(to))), client, nil); err == nil {
			t.Fatal("a dialler that speaks something else is welcome")
		}
	}
	staysWell(t, to, nil, nil)
}

// Errors of the socket that pass are lost packets; quic-go alone would give up.
func TestPassingSendErrors(t *testing.T) {
	noLeaks(t)
	for _, c := range []struct {
		err  syscall.Errno
		dies bool
	}{{syscall.ENETUNREACH, false}, {syscall.EHOSTUNREACH, false}, {syscall.ENETDOWN, false}, {syscall.EPERM, false}, {syscall.ENOBUFS, false}, {syscall.EBADF, true}} {
		var failing atomic.Bool
		failed := make(chan struct{}, 1)
		cfg := noisequic.Config{}
		noisequic.SetPackets(&cfg, func(address string) (net.PacketConn, error) {
			u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				return nil, err
			}
			return noisequic.Tolerant(u, func() error {
				if !failing.Load() {
					return nil
				}
				select {
				case failed <- struct{}{}:
				default:
				}
				return c.err
			}), nil
		})
		from := open(t, cfg)
		out, in := connect(t, from, open(t, noisequic.Config{}), netlayer.Dial{})
		failing.Store(true)
		out.Write([][]byte{[]byte("once more")})
		<-failed
		if c.dies {
			if _, err := out.Read(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("%v: %v, want the end", c.err, err)
			}
			continue
		}
		failing.Store(false)
		if f, err := in.Read(); err != nil || string(f.Bytes) != "once more" {
			t.Errorf("%v: read %q, %v", c.err, f.Bytes, err)
		}
		if !noisequic.UsesGSO(from) {
			t.Log("no segmentation offload on this system")
		}
		in.Close("")
	}
	// The netlayer's own sockets keep what quic-go gives to a plain one.
	plain, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	to := open(t, noisequic.Config{})
	tr := &quic.Transport{Conn: plain}
	defer tr.Close()
	w := dialWire(t, tr, address(to))
	from := open(t, noisequic.Config{})
	connect(t, from, to, netlayer.Dial{})
	if bare, ours := w.quic.ConnectionState().GSO, noisequic.UsesGSO(from); bare != ours {
		t.Errorf("segmentation offload is %t on a bare socket and %t on ours", bare, ours)
	}
}

func TestConfigErrors(t *testing.T) {
	noLeaks(t)
	k := identity(t)
	other, err := sturdyref.NewRecord(identity(t), time.Unix(5, 0))
	if err != nil {
		t.Fatal(err)
	}
	busy := open(t, noisequic.Config{})
	many := make([]string, 33)
	for i := range many {
		many[i] = fmt.Sprintf("f%d", i)
	}
	for want, cfg := range map[string]noisequic.Config{
		"already in use":                 {Identity: k, Listen: address(busy)},
		"cannot listen":                  {Identity: k, Listen: "192.0.2.1:0"},
		"host:port, :port or nothing":    {Identity: k, Listen: "nonsense"},
		"anonymous netlayer":             {Listen: ":0"},
		"leave Record, Listen":           {Doorkeeper: &keeper{}},
		`"1.2.3.4" is not host:port`:     {Identity: k, Advertise: []string{"1.2.3.4"}},
		`"1.2.3.4:0" is not host:port`:   {Identity: k, Advertise: []string{"1.2.3.4:0"}},
		"has 17 addresses":               {Identity: k, Advertise: slices.Repeat([]string{"a:1"}, 17)},
		"is not that of Config.Identity": {Identity: k, Record: other},
		"Config.Limits has -1":           {Identity: k, Limits: noisequic.Limits{Handshakes: -1}},
		"Config.Linger is -1s":           {Identity: k, Linger: -time.Second},
		`Config.Features has "Upper"`:    {Features: []string{"Upper"}},
		`Config.Features has ""`:         {Features: []string{""}},
		"Config.Features has 33":         {Features: many},
		"does not work":                  {Identity: brokenIdentity{k}},
		"does not sign":                  {Identity: silentIdentity{k}},
	} {
		n, err := noisequic.Open(&cfg)
		if err == nil {
			n.Close()
			t.Errorf("Open succeeded, want an error that says %q", want)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "noisequic: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("Open says %q, want one line that says %q", err, want)
		}
	}
	if _, err := noisequic.Open(&noisequic.Config{Identity: k, Listen: address(busy)}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a port in use: %v does not match EADDRINUSE", err)
	}
	n, err := noisequic.Open(nil)
	if err != nil {
		t.Fatalf("a nil Config: %v", err)
	}
	n.Close()
}

type brokenIdentity struct{ sturdyref.KeyPair }

func (brokenIdentity) ECDH([32]byte) ([32]byte, error) { return [32]byte{}, errBadKey }

type silentIdentity struct{ sturdyref.KeyPair }

func (silentIdentity) Sign([]byte) ([]byte, error) { return nil, errBadKey }

func TestDialErrors(t *testing.T) {
	noLeaks(t)
	n := open(t, noisequic.Config{})
	peer := identity(t).Public().Peer()
	for want, d := range map[string]netlayer.Dial{
		`transport "onion"`: {Peer: sturdyref.Peer{Transport: "onion", Designator: "x"}},
		"52 characters":     {Peer: sturdyref.Peer{Transport: "hawser", Designator: strings.ToUpper(peer.Designator)}},
		"local identity":    {Peer: n.Location()},
		"no addr hint":      {Peer: peer},
		"unplugged":         {Peer: peer, Key: badKey{}},
		"name of zeros":     {Peer: peer, Key: zeroKey{}},
	} {
		c, err := n.Connect(t.Context(), d)
		if err == nil || c != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Connect says %v, want %q", err, want)
		}
	}
	// A key that works at first and not when it comes to it.
	to := open(t, noisequic.Config{})
	if _, err := n.Connect(t.Context(), netlayer.Dial{Peer: to.Location(), Key: halfKey{}}); !errors.Is(err, errBadKey) {
		t.Errorf("Connect says %v, want the key's own error", err)
	}
}

// Who answers with the beginning of a message longer than any second one is somebody else; its end is not waited for.
func TestSecondMessageTooLong(t *testing.T) {
	noLeaks(t)
	n := open(t, noisequic.Config{})
	addr := rawAcceptor(t, func(w *wire) {
		w.send([]byte{0x08, 0x52}) // 2130, and no more
		w.rest()
	})
	d := netlayer.Dial{Peer: identity(t).Public().Peer()}
	d.Peer.Hints = map[string]string{"addr": addr}
	if err := dialFails(t, n, d, netlayer.ErrUnreachable); !strings.Contains(err.Error(), "somebody else answers there") {
		t.Errorf("Connect says %v", err)
	}
}

// Hints are a stranger's text; what is said of them stands in logs.
func TestDialErrorsAreOneLine(t *testing.T) {
	n := open(t, noisequic.Config{})
	peer := identity(t).Public().Peer()
	for _, hint := range []string{"[fe80::1%x\n2026-01-01 ERROR y\x1b]:9", "a\nb:9", "a\nb", "[::1]:\n9"} {
		peer.Hints = map[string]string{"addr": hint}
		_, err := n.Connect(t.Context(), netlayer.Dial{Peer: peer})
		if !errors.Is(err, netlayer.ErrUnreachable) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("a hint %q: %q, want ErrUnreachable in one line", hint, err)
		}
	}
}

type zeroKey struct{}

func (zeroKey) ID([32]byte) (id [16]byte, err error)        { return id, nil }
func (zeroKey) PSK(_, _ [32]byte) (psk [32]byte, err error) { return psk, nil }

type halfKey struct{ badKey }

func (halfKey) ID([32]byte) ([16]byte, error) { return [16]byte{1}, nil }

func TestAddresses(t *testing.T) {
	noLeaks(t)
	n := open(t, noisequic.Config{Advertise: []string{"example.org:4711", "[2001:db8::1]:4711"}})
	if got, want := n.Location().Hints, map[string]string{"addr": "example.org:4711", "addr2": "[2001:db8::1]:4711"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("advertised as %v, want %v", got, want)
	}
	all := open(t, noisequic.Config{Listen: ":0"})
	hints := hintsOf(all)
	if len(hints) == 0 {
		t.Fatal("a netlayer on every interface has no address")
	}
	wasLoopback := false
	for _, h := range hints {
		ap := netip.MustParseAddrPort(h)
		if int(ap.Port()) != all.Port() || ap.Addr().IsLinkLocalUnicast() || ap.Addr().IsUnspecified() {
			t.Errorf("advertised at %s, the port is %d", h, all.Port())
		}
		if wasLoopback && !ap.Addr().IsLoopback() {
			t.Errorf("%s comes after loopback", h)
		}
		wasLoopback = ap.Addr().IsLoopback()
	}
	if !wasLoopback {
		t.Error("loopback is not among the addresses")
	}
	out, in := connect(t, open(t, noisequic.Config{Listen: ":0"}), all, netlayer.Dial{})
	out.Close("")
	in.Close("")
	// The port is kept if one is asked for.
	port := all.Port()
	all.Close()
	again := open(t, noisequic.Config{Listen: fmt.Sprintf(":%d", port)})
	if again.Port() != port {
		t.Errorf("the port is %d, asked for was %d", again.Port(), port)
	}
}

// The package prints nothing by itself on a machine that gives its sockets small buffers; a child without privileges
// shows it, as quic-go as root takes what buffers it wants.
func TestSilence(t *testing.T) {
	if out := runAs(t, "TestSilenceChild"); strings.Contains(out, "buffer size") || !strings.Contains(out, "PASS") {
		t.Errorf("the child says: %s", out)
	}
}

func TestSilenceChild(t *testing.T) {
	if os.Getenv("NOISEQUIC_CHILD") == "" {
		t.Log("run by TestSilence")
		return
	}
	cfg := noisequic.Config{}
	noisequic.SetPackets(&cfg, func(string) (net.PacketConn, error) {
		u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, err
		}
		return noisequic.Tolerant(u, func() error { return nil }), nil
	})
	out, in := connect(t, open(t, cfg), open(t, cfg), netlayer.Dial{})
	out.Close("")
	in.Close("")
}

// runAs runs one test of this binary as nobody and returns what it printed.
func runAs(t *testing.T, test string) string {
	t.Helper()
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "noisequic") //nolint:usetesting // the child is another user and must reach it
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "child")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(binary, self, 0o755)); err != nil {
		t.Fatal(err)
	}
	return child(t, dir, binary, "-test.run=^"+test+"$")
}

// hintsOf returns the addresses of a netlayer, in their order.
func hintsOf(n netlayer.Netlayer) (found []string) {
	hints := n.Location().Hints
	for i := 1; ; i++ {
		name := "addr"
		if i > 1 {
			name += strconv.Itoa(i)
		}
		h, ok := hints[name]
		if !ok {
			return found
		}
		found = append(found, h)
	}
}
