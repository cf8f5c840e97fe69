package tcptest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/tcptest"
	"github.com/hawser-go/hawser/sturdyref"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dialTCP connects to a netlayer as a foreign program does.
func dialTCP(t *testing.T, n *tcptest.Netlayer) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", n.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c.(*net.TCPConn)
}

func accept(t *testing.T, n *tcptest.Netlayer, first ...[]byte) netlayer.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	in, err := n.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c, err := in.Accept(first)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// expect reads what a foreign program receives.
func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("the wire has %q, %v, want %q", got, err, want)
	}
}

func read(t *testing.T, c netlayer.Conn, want string) {
	t.Helper()
	f, err := c.Read()
	if err != nil || string(f.Bytes) != want {
		t.Fatalf("Read: %q, %v, want %q", f.Bytes, err, want)
	}
	f.Done()
}

func TestAnswersInKind(t *testing.T) {
	for _, own := range []tcptest.Framing{tcptest.Raw, tcptest.Framed} {
		n := open(t, &tcptest.Config{Framing: own})
		raw := dialTCP(t, n)
		send(t, raw, "<1'a><1'b")
		c := accept(t, n)
		read(t, c, "<1'a>")
		send(t, raw, "1+>")
		read(t, c, "<1'b1+>")
		if err := c.Write([][]byte{[]byte("<1'x>"), []byte("<1'y>")}); err != nil {
			t.Fatal(err)
		}
		expect(t, raw, "<1'x><1'y>")
		if err := c.Write([][]byte{[]byte("<1'x>"), []byte("not a record")}); !errors.Is(err, tcptest.ErrSyntax) {
			t.Errorf("Write of what is no record: %v", err)
		}
		if err := c.Write([][]byte{[]byte("<1'z>")}); err != nil {
			t.Fatal(err)
		}
		expect(t, raw, "<1'z>") // and nothing of the batch before
		framed := dialTCP(t, n)
		send(t, framed, "5:<1'a>0:")
		c = accept(t, n, []byte("<1'x>"))
		read(t, c, "<1'a>")
		read(t, c, "")
		expect(t, framed, "5:<1'x>")
	}
}

// TestSilentDialler speaks first to one who waits for that.
func TestSilentDialler(t *testing.T) {
	n := open(t, &tcptest.Config{Framing: tcptest.Framed})
	c := dialTCP(t, n)
	in := accept(t, n, []byte("<1'x>"))
	expect(t, c, "5:<1'x>")
	send(t, c, "<1'a>") // which does not change how it is spoken to
	read(t, in, "<1'a>")
	if err := in.Write([][]byte{[]byte("<1'y>")}); err != nil {
		t.Fatal(err)
	}
	expect(t, c, "5:<1'y>")
}

func TestEarlyIsFirstOnTheWire(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	n := open(t, &tcptest.Config{Designator: "me"})
	c, err := n.Connect(t.Context(), netlayer.Dial{
		Peer: sturdyref.Peer{Transport: tcptest.Transport, Designator: "you", Hints: map[string]string{"host": host, "port": port}},
		Early: func(info netlayer.Info, limit int) [][]byte {
			if info.Remote.Designator != "you" || info.Local.Designator != "me" || info.Source != "127.0.0.1/32" {
				t.Errorf("Early was told %+v", info)
			}
			return [][]byte{[]byte("<1'a>"), []byte("<1'b>")}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if err := c.Write([][]byte{[]byte("<1'c>")}); err != nil {
		t.Fatal(err)
	}
	expect(t, peer, "<1'a><1'b><1'c>")
}

// TestCloseNeverResets has a peer write on after we have closed: it must see the end of the stream, not a reset.
func TestCloseNeverResets(t *testing.T) {
	for name, end := range map[string]func(*testing.T, net.Conn, netlayer.Conn){
		"Close": func(t *testing.T, _ net.Conn, c netlayer.Conn) { go c.Close("aborted") },
		"what is no message": func(t *testing.T, peer net.Conn, c netlayer.Conn) {
			send(t, peer, "<1'a>nonsense")
			if _, err := c.Read(); err != nil {
				t.Fatalf("the message before the nonsense: %v", err)
			}
			if _, err := c.Read(); !errors.Is(err, net.ErrClosed) || !errors.Is(err, tcptest.ErrSyntax) {
				t.Fatalf("Read of nonsense: %v", err)
			}
		},
		"a message too large": func(t *testing.T, peer net.Conn, c netlayer.Conn) {
			send(t, peer, "<9999999:")
			if _, err := c.Read(); !errors.Is(err, net.ErrClosed) || !errors.Is(err, netlayer.ErrFrameTooLarge) {
				t.Fatalf("Read of a message too large: %v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := open(t, &tcptest.Config{Linger: 20 * time.Second})
			peer := dialTCP(t, n)
			send(t, peer, "<8'op:abort>")
			c := accept(t, n)
			read(t, c, "<8'op:abort>")
			end(t, peer, c)
			if _, err := peer.Read(make([]byte, 1)); err != io.EOF {
				t.Fatalf("the peer reads %v, want EOF", err)
			}
			for range 50 { // the first write after a close provokes the reset, the next would see it
				send(t, peer, "<16'op:start-session>")
			}
			if _, err := peer.Read(make([]byte, 1)); err != io.EOF {
				t.Fatalf("after writing on the peer reads %v, want EOF", err)
			}
			peer.Close()
			c.Close("")
		})
	}
}

// TestCloseIsBounded: neither a peer that stays, which time bounds, nor one that pours, which an amount bounds, holds Close
// up.
func TestCloseIsBounded(t *testing.T) {
	for linger, pours := range map[time.Duration]bool{50 * time.Millisecond: false, time.Hour: true} {
		n := open(t, &tcptest.Config{Linger: linger})
		peer := dialTCP(t, n)
		send(t, peer, "<1'a>")
		c := accept(t, n)
		read(t, c, "<1'a>")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for b := make([]byte, 64<<10); pours; {
				if _, err := peer.Write(b); err != nil {
					return
				}
			}
		}()
		if err := c.Close(""); err != nil {
			t.Fatal(err)
		}
		<-done
	}
}

// TestPeerGoes: what it sent before it went can be read, whatever becomes of our own writing.
func TestPeerGoes(t *testing.T) {
	n := open(t, &tcptest.Config{})
	peer := dialTCP(t, n)
	send(t, peer, "<1'a><1'b><1'c")
	c := accept(t, n)
	read(t, c, "<1'a>")
	peer.Close()
	for c.Write([][]byte{bytes.Repeat([]byte("<1'w>"), 1)}) == nil {
	}
	read(t, c, "<1'b>")
	if _, err := c.Read(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("Read: %v", err)
	}
}

func TestSilentAreBounded(t *testing.T) {
	n := open(t, &tcptest.Config{Limits: tcptest.Limits{SilentPerSource: 3}})
	var silent []*net.TCPConn
	for range 3 {
		silent = append(silent, dialTCP(t, n))
		accept(t, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	came := make(chan error, 1)
	go func() {
		_, err := n.Accept(ctx)
		came <- err
	}()
	if _, err := dialTCP(t, n).Read(make([]byte, 1)); err == nil {
		t.Error("a fourth silent connection was not turned away")
	}
	if cancel(); <-came == nil {
		t.Fatal("a fourth silent connection came")
	}
	send(t, silent[0], "<1'a>") // one that speaks makes room
	silent[1].Close()           // and one that goes
	for made := 0; made < 2; {  // as soon as that is seen
		c := dialTCP(t, n)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if in, err := n.Accept(ctx); err == nil {
			in.Refuse(nil)
			made++
		}
		cancel()
		c.Close()
	}
}

// TestEmptyMessagesAreBounded: messages that hold nothing take memory too, so a peer that pours them has to wait.
func TestEmptyMessagesAreBounded(t *testing.T) {
	n := open(t, &tcptest.Config{})
	peer := dialTCP(t, n)
	send(t, peer, "0:")
	c := accept(t, n)
	pour, poured := bytes.Repeat([]byte("0:"), 32<<10), 0
	for poured < 32<<20 { // more than the kernel holds
		peer.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		n, err := peer.Write(pour)
		if poured += n; err != nil {
			break
		}
	}
	if poured >= 32<<20 {
		t.Fatal("32 MiB of empty messages were taken")
	}
	for range min(poured/2, 100_000) {
		read(t, c, "")
	}
}

func TestSilentTime(t *testing.T) {
	n := open(t, &tcptest.Config{Limits: tcptest.Limits{SilentTime: 200 * time.Millisecond}})
	talks := dialTCP(t, n)
	send(t, talks, "<1'a>")
	c := accept(t, n)
	if c.Info().Outbound || c.Info().Authenticated || c.Info().Remote.Designator != "" || c.Info().Source != "127.0.0.1/32" {
		t.Errorf("Info is %+v", c.Info())
	}
	read(t, c, "<1'a>")
	mute := dialTCP(t, n)
	send(t, mute, "<1'a") // begins a message and never ends it
	if _, err := mute.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("a connection that says nothing reads %v, want EOF", err)
	}
	send(t, talks, "<1'b>")
	read(t, c, "<1'b>") // as the time for silence is long over
}

func TestDialAllowAsksAboutEachAddress(t *testing.T) {
	b := open(t, &tcptest.Config{})
	a := open(t, tcptest.WithLookup(tcptest.Config{}, func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != "two.example" {
			t.Errorf("looked up %q", host)
		}
		return []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("127.0.0.1")}, nil
	}))
	peer := b.Location()
	peer.Hints["host"] = "two.example"
	var asked []string
	c, err := a.Connect(t.Context(), netlayer.Dial{Peer: peer, Allow: func(ip netip.Addr) bool {
		asked = append(asked, ip.String())
		return ip.IsLoopback()
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(asked, " "); got != "192.0.2.1 127.0.0.1" {
		t.Errorf("Allow was asked about %s", got)
	}
	if c.Info().Source != "127.0.0.1/32" {
		t.Errorf("Source is %q", c.Info().Source)
	}
	c.Close("")
}

// TestAddressesDoNotCommandTheTerminal: the zone of an address can be any text.
func TestAddressesDoNotCommandTheTerminal(t *testing.T) {
	a := open(t, &tcptest.Config{})
	_, err := a.Connect(t.Context(), netlayer.Dial{Peer: sturdyref.Peer{
		Transport: tcptest.Transport, Designator: "x", Hints: map[string]string{"host": "fe80::1%\x1bc\n" + strings.Repeat("x", 1000), "port": "1"},
	}})
	if !errors.Is(err, netlayer.ErrUnreachable) || strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 500 {
		t.Errorf("the error, of %d bytes, is %.200q", len(err.Error()), err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []tcptest.Config{
		{Listen: "nowhere"},
		{Listen: "0.0.0.0:0"},
		{Listen: "[::]:0"},
		{Advertise: "host"},
		{Advertise: "host:0"},
		{Framing: 2},
		{Linger: -1},
		{Limits: tcptest.Limits{Silent: -1}},
		{Designator: strings.Repeat("x", 257)},
		{Designator: "\xff"},
	} {
		n, err := tcptest.Open(&c)
		if err == nil {
			n.Close()
			t.Errorf("Open accepts %+v", c)
		} else if !strings.HasPrefix(err.Error(), "tcptest: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("the error reads %q", err)
		}
	}
	a, b := open(t, &tcptest.Config{}), open(t, &tcptest.Config{Listen: "0.0.0.0:0", Advertise: "example.org:99", Designator: "it's me"})
	if l := a.Location(); len(l.Designator) < 20 || l.Hints["host"] != "127.0.0.1" || l.Hints["port"] == "0" {
		t.Errorf("Location is %s", l.URI())
	}
	if l := b.Location(); l.Designator != "it's me" || l.Hints["host"] != "example.org" || l.Hints["port"] != "99" {
		t.Errorf("Location is %s", l.URI())
	}
	if again, err := sturdyref.ParsePeer(b.Location().URI()); err != nil || again.ID() != b.Location().ID() {
		t.Errorf("%s reads back as %v, %v", b.Location().URI(), again, err)
	}
}
