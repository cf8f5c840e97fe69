package noisetcp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
	"github.com/hawser-go/hawser/sturdyref"
)

// What a peer seals after it was admitted may be anything, cut into records in any way.
func TestHostileStream(t *testing.T) {
	noLeaks(t)
	to := open(t, noisetcp.Config{})
	for name, c := range map[string]struct {
		send   []byte
		frames []string
		why    string
	}{
		"pings between frames":    {noisetest.Join([]byte{1, 3, 1}, noisetest.Frames("a"), []byte{1}, noisetest.Frames("", "b"), []byte{3}), []string{"a", "", "b"}, "cut off"},
		"frame larger than 1 MiB": {noisetest.Join(noisetest.Frames("a"), []byte{0, 0x10, 0, 1}), []string{"a"}, "broke the rules"},
		"unknown byte":            {noisetest.Join(noisetest.Frames("a"), []byte{4}), []string{"a"}, "broke the rules"},
		"half a length":           {noisetest.Join(noisetest.Frames("a"), []byte{0, 0}), []string{"a"}, "cut off"},
		"half a frame":            {noisetest.Frames("a", "whole")[:11], []string{"a"}, "cut off"},
		"goodbye":                 {noisetest.Join(noisetest.Frames("a"), []byte{2, 3}, []byte("bye")), []string{"a"}, "the peer closed it: bye"},
		"goodbye in lines":        {noisetest.Join([]byte{2, 8}, []byte("a\nb\x1b[0m\xff")), nil, "the peer closed it: a b [0m?"},
		"goodbye cut":             {[]byte{2, 9, 'b'}, nil, "cut off"},
		"goodbye too long":        {noisetest.Join([]byte{2, 201}, make([]byte, 201)), nil, "broke the rules"},
		"more after goodbye":      {noisetest.Join([]byte{2, 1}, []byte("x"), noisetest.Frames("late")), nil, "broke the rules"},
	} {
		for _, size := range []int{1, 7, 60_000} {
			s, in := admittedWire(t, to)
			for rest := c.send; len(rest) > 0; {
				part := rest[:min(size, len(rest))]
				// With a byte in each record the rules may have been broken before the last.
				if _, err := s.conn.Write(noisetest.WithLength(s.out.Seal(part))); err != nil {
					break
				}
				rest = rest[len(part):]
			}
			s.conn.CloseWrite()
			why := c.why
			if name == "more after goodbye" && size == 1 {
				why = "the peer closed it: x" // nobody looks at what comes after it in records of its own
			}
			for _, want := range c.frames {
				if f, err := in.Read(); err != nil || string(f.Bytes) != want {
					t.Errorf("%s: read %q, %v, want %q", name, f.Bytes, err, want)
				}
			}
			if f, err := in.Read(); !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), why) {
				t.Errorf("%s, %d at once: read %q, %v, want the end because %q", name, size, f.Bytes, err, why)
			}
			in.Close("")
			s.conn.Close()
		}
	}
}

// Records can be changed, left out, repeated, exchanged, made up and cut on the way, by anybody. None of it is taken for the
// peer's word, and nothing that comes after it.
func TestChangedRecords(t *testing.T) {
	noLeaks(t)
	to := open(t, noisetcp.Config{})
	one, two := noisetest.Frames("one"), noisetest.Frames("two")
	seal := func(s session, b []byte) []byte { return noisetest.WithLength(s.out.Seal(b)) }
	for name, c := range map[string]struct {
		send   func(s session) []byte
		frames int
		forged bool
	}{
		"a bit of the text": {func(s session) []byte { b := seal(s, one); b[3] ^= 1; return b }, 0, true},
		"a bit of the tag":  {func(s session) []byte { b := seal(s, one); b[len(b)-1] ^= 1; return b }, 0, true},
		"a shorter length":  {func(s session) []byte { b := seal(s, one); b[1]--; return b }, 0, true},
		"left out":          {func(s session) []byte { seal(s, one); return seal(s, two) }, 0, true},
		"repeated":          {func(s session) []byte { b := seal(s, one); return append(b, b...) }, 1, true},
		"exchanged":         {func(s session) []byte { a, b := seal(s, one), seal(s, two); return append(b, a...) }, 0, true},
		"sent back":         {func(s session) []byte { return noisetest.WithLength(s.in.Seal(one)) }, 0, true},
		"empty":             {func(s session) []byte { return append(seal(s, one), seal(s, nil)...) }, 1, true},
		"of no length":      {func(s session) []byte { return append(seal(s, one), 0, 0) }, 1, true},
		"shorter than tags": {func(s session) []byte { return append(seal(s, one), 0, 15) }, 1, true},
		"in clear":          {func(session) []byte { return one }, 0, true},
		"cut after one":     {func(s session) []byte { return seal(s, one) }, 1, false},
		"cut in a length":   {func(s session) []byte { return append(seal(s, one), 0) }, 1, false},
		"cut in a record":   {func(s session) []byte { return append(seal(s, one), seal(s, two)[:9]...) }, 1, false},
		"cut at the end":    {func(s session) []byte { return append(seal(s, one), seal(s, []byte{2, 0})[:9]...) }, 1, false},
	} {
		s, in := admittedWire(t, to)
		s.send(c.send(s))
		s.conn.CloseWrite()
		for range c.frames {
			if f, err := in.Read(); err != nil || string(f.Bytes) != "one" {
				t.Errorf("%s: read %q, %v", name, f.Bytes, err)
			}
		}
		want := "cut off"
		if c.forged {
			want = "no record of the peer"
		}
		if f, err := in.Read(); !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "closed it") {
			t.Errorf("%s: read %q, %v, want the end because it was %q", name, f.Bytes, err, want)
		}
		if err := in.Write([][]byte{[]byte("x")}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: Write says %v", name, err)
		}
		in.Close("")
		s.conn.Close()
	}
}

// A farewell is answered, so that who says it knows that everything has arrived.
func TestFarewellIsAnswered(t *testing.T) {
	noLeaks(t)
	to := open(t, noisetcp.Config{Linger: 10 * time.Second})
	s, in := admittedWire(t, to)
	s.record(noisetest.Join(noisetest.Frames("last"), []byte{2, 0}))
	m, err := s.message()
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	if b, err := s.in.Open(m); err != nil || !bytes.Equal(b, []byte{2, 0}) {
		t.Errorf("the answer is %x, %v, want a farewell without a reason", b, err)
	}
	if data := s.rest(); len(data) > 0 {
		t.Errorf("after it came %x", data)
	}
	if f, err := in.Read(); err != nil || string(f.Bytes) != "last" {
		t.Errorf("read %q, %v", f.Bytes, err)
	}
	in.Close("")

	// The one who closes waits for it, and no longer.
	s, in = admittedWire(t, to)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		in.Close("enough")
	}()
	if m, err = s.message(); err != nil {
		t.Fatal(err)
	}
	if b, err := s.in.Open(m); err != nil || string(b) != "\x02\x06enough" {
		t.Errorf("the farewell is %q, %v", b, err)
	}
	begin := time.Now()
	if data := s.rest(); len(data) > 0 || time.Since(begin) > 5*time.Second { // it has finished its side, and waits
		t.Errorf("after the farewell came %x, and after %v the end", data, time.Since(begin))
	}
	select {
	case <-closed:
		t.Error("Close has not waited for the answer")
	default:
	}
	s.record([]byte{2, 0})
	<-closed
}

// A peer that reads nothing, and one that sends to somebody who reads nothing, cost no more than the buffers.
func TestNobodyReads(t *testing.T) {
	noLeaks(t)
	to := open(t, noisetcp.Config{})
	s, in := admittedWire(t, to)
	var sent atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		frame := noisetest.Frames(string(make([]byte, 60_000)))
		for {
			n, err := s.conn.Write(noisetest.WithLength(s.out.Seal(frame)))
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	for last := int64(-1); last != sent.Load(); {
		last = sent.Load()
		s.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		s.conn.Read(make([]byte, 1))
	}
	if n := sent.Load(); n > 24<<20 { // mostly the system's buffers
		t.Errorf("%d bytes were taken in for somebody who reads nothing", n)
	}
	begin := time.Now()
	in.Close("")
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("Close took %v", took)
	}
	<-done
}

// Keys are replaced in the midst of a long session, both ways, without anybody noticing.
func TestLongSession(t *testing.T) {
	noLeaks(t)
	const many = 1<<16 + 1000
	to := open(t, noisetcp.Config{})
	out, in := connect(t, open(t, noisetcp.Config{}), to, netlayer.Dial{})
	var both sync.WaitGroup
	for _, c := range []struct{ from, to netlayer.Conn }{{out, in}, {in, out}} {
		both.Go(func() {
			for i := range many {
				if err := c.from.Write([][]byte{fmt.Append(nil, i)}); err != nil {
					t.Errorf("frame %d: %v", i, err)
					return
				}
			}
		})
		both.Go(func() {
			for i := range many {
				if f, err := c.to.Read(); err != nil || string(f.Bytes) != fmt.Sprint(i) {
					t.Errorf("frame %d is read as %q, %v", i, f.Bytes, err)
					return
				}
			}
		})
	}
	both.Wait()
	out.Close("")
	in.Close("")
	// The second implementation thinks the same about when it happens.
	s, in := admittedWire(t, to)
	go func() {
		for i := range many {
			s.record(noisetest.Frames(fmt.Sprint(i)))
		}
	}()
	for i := range many {
		if f, err := in.Read(); err != nil || string(f.Bytes) != fmt.Sprint(i) {
			t.Fatalf("frame %d is read as %q, %v", i, f.Bytes, err)
		}
	}
	in.Close("")
}

// localDial connects from an address of loopback.
func localDial(t *testing.T, from, to string) (*net.TCPConn, error) {
	t.Helper()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
	c, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// Connections that say nothing, from many sources, do not keep out who has something to say; those of one source do not
// use up the places of others.
func TestFloodOfSilence(t *testing.T) {
	noLeaks(t)
	to := open(t, noisetcp.Config{Limits: noisetcp.Limits{Handshakes: 16, HandshakesPerSource: 4, RatePerSource: 1e6}})
	if _, err := localDial(t, "127.0.0.2", address(to)); err != nil {
		t.Skipf("this system has one address of loopback only: %v", err)
	}
	var silent []*net.TCPConn
	defer func() {
		for _, c := range silent {
			c.Close()
		}
	}()
	for i := range 200 {
		c, err := localDial(t, fmt.Sprintf("127.0.1.%d", 1+i), address(to))
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
		if i%50 == 49 {
			staysWell(t, to, nil, nil)
		}
	}
	if n := noisetcp.Unproven(to); n > 16 {
		t.Errorf("%d handshakes are in progress, 16 may be", n)
	}
	// The first of them was turned away to make room.
	silent[0].SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := silent[0].Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the oldest of the silent is still there: %v", err)
	}
	// Nor is it who has proven itself and waits to be admitted that makes room.
	accepted := make(chan netlayer.Conn, 1)
	waiting := make(chan *netlayer.Incoming, 1)
	go func() {
		defer close(waiting)
		if in, err := to.Accept(t.Context()); err == nil {
			waiting <- in
		}
	}()
	guest := open(t, noisetcp.Config{})
	go func() {
		defer close(accepted)
		if c, err := guest.Connect(t.Context(), netlayer.Dial{Peer: to.Location()}); err == nil {
			accepted <- c
		}
	}()
	in := <-waiting
	for i := range 40 {
		c, err := localDial(t, fmt.Sprintf("127.0.2.%d", 1+i), address(to))
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
	}
	gone := silent[len(silent)-40] // when this one is, the flood has come
	gone.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := gone.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the oldest of the silent is still there: %v", err)
	}
	if c, err := in.Accept(nil); err != nil {
		t.Errorf("a dialler that waited was turned away: %v", err)
	} else if carries(t, "after the flood", <-accepted, c); t.Failed() {
		return
	}
	// One source has its share and no more: the fifth is turned away at once.
	for i := range 5 {
		c, err := localDial(t, "127.0.0.3", address(to))
		if i == 4 && errors.Is(err, syscall.ECONNRESET) {
			break // before it was there
		}
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
		if i < 4 {
			continue
		}
		c.SetReadDeadline(time.Now().Add(4 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Errorf("one more than the share of a source is not turned away: %v", err)
		}
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// A netlayer closes although handshakes are in progress and nobody decides about others.
func TestCloseInTheMidst(t *testing.T) {
	noLeaks(t)
	to := open(t, noisetcp.Config{})
	acceptor := keyOf(t, to)
	dialWire(t, address(to))
	dialWire(t, address(to)).send([]byte{0})
	dialWire(t, address(to)).hello(noisetest.FreshKey(), acceptor, noisetest.Hello([16]byte{}))
	waiting := dialWire(t, address(to)).hello(noisetest.FreshKey(), acceptor, noisetest.Hello([16]byte{}))
	waiting.last(noSecret(acceptor), noisetest.Anonymous())
	begin := time.Now()
	to.Close()
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("Close took %v", took)
	}
	waiting.rest()
}

func TestConfigErrors(t *testing.T) {
	taken := open(t, noisetcp.Config{})
	for want, cfg := range map[string]noisetcp.Config{
		"anonymous":          {Listen: ":1"},
		"Limits has -1":      {Limits: noisetcp.Limits{Handshakes: -1}},
		"Linger is":          {Linger: -1},
		"not host:port":      {Identity: identity(t), Advertise: []string{"nowhere"}},
		"Features has":       {Features: []string{"A"}},
		"already in use":     {Identity: identity(t), Listen: fmt.Sprintf("127.0.0.1:%d", taken.Port())},
		"cannot listen at":   {Identity: identity(t), Listen: "127.0.0.1:http:80"},
		"noisetcp: Config.R": {Identity: identity(t), Record: recordOf(t, identity(t))},
	} {
		n, err := noisetcp.Open(&cfg)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "noisetcp: ") {
			t.Errorf("Open says %v, want %q", err, want)
		}
		if n != nil {
			n.Close()
		}
	}
	if n, err := noisetcp.Open(nil); err != nil || n.Port() != 0 || len(n.Location().Hints) > 0 {
		t.Errorf("an anonymous netlayer: %v, %v", n, err)
	} else if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func recordOf(t *testing.T, k sturdyref.KeyPair) *sturdyref.Record {
	t.Helper()
	r, err := sturdyref.NewRecord(k, k.NotBefore())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAddresses(t *testing.T) {
	n := open(t, noisetcp.Config{Advertise: []string{"example.org:4711", "[2001:db8::1]:4711"}})
	if got, want := n.Location().Hints, map[string]string{"tcp": "example.org:4711", "tcp2": "[2001:db8::1]:4711"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("advertised as %v, want %v", got, want)
	}
	all := open(t, noisetcp.Config{Listen: ":0"})
	connect(t, open(t, noisetcp.Config{}), all, netlayer.Dial{})
	for name, hint := range all.Location().Hints {
		if ap, err := netip.ParseAddrPort(hint); err != nil || int(ap.Port()) != all.Port() || !strings.HasPrefix(name, "tcp") {
			t.Errorf("advertised at %s=%s, the port is %d", name, hint, all.Port())
		}
	}
	// A dial goes nowhere that it may not go, and not to the addresses of QUIC.
	d := netlayer.Dial{Peer: all.Location(), Allow: func(netip.Addr) bool { return false }}
	dialFails(t, n, d, netlayer.ErrUnreachable)
	d = netlayer.Dial{Peer: all.Location()}
	d.Peer.Hints = map[string]string{"addr": d.Peer.Hints["tcp"]}
	if err := dialFails(t, n, d, netlayer.ErrUnreachable); !strings.Contains(err.Error(), "no tcp hint") {
		t.Errorf("without a hint: %v", err)
	}
	for hint, want := range map[string]string{"127.0.0.1:1": "nobody listens there", "a\nb:9": "cannot be resolved", "[::1]": "host:port"} {
		cfg := noisetcp.Config{}
		noisetcp.SetLookup(&cfg, func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such name") })
		d.Peer.Hints = map[string]string{"tcp": hint}
		if err := dialFails(t, open(t, cfg), d, netlayer.ErrUnreachable); !strings.Contains(err.Error(), want) {
			t.Errorf("the hint %q: %v, want %q", hint, err, want)
		}
	}
}
