package websocket_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	ws "github.com/coder/websocket"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/websocket"
)

// within bounds what should take no time at all.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// foreign opens a WebSocket to a netlayer as another program does.
func foreign(t *testing.T, n *websocket.Netlayer, o *ws.DialOptions) (*ws.Conn, error) {
	t.Helper()
	c, _, err := ws.Dial(within(t), n.Location().Hints["url"], o)
	if err == nil {
		t.Cleanup(func() { c.CloseNow() })
		c.SetReadLimit(2 * netlayer.MaxFrame)
	}
	return c, err
}

func mustForeign(t *testing.T, n *websocket.Netlayer) *ws.Conn {
	t.Helper()
	c, err := foreign(t, n, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func send(t *testing.T, c *ws.Conn, kind ws.MessageType, b []byte) {
	t.Helper()
	if err := c.Write(within(t), kind, b); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c *ws.Conn) []byte {
	t.Helper()
	_, b, err := c.Read(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// closedWith reads until the end and returns the close frame.
func closedWith(t *testing.T, c *ws.Conn) ws.CloseError {
	t.Helper()
	for {
		_, _, err := c.Read(within(t))
		var said ws.CloseError
		if errors.As(err, &said) {
			return said
		}
		if err != nil {
			t.Fatalf("the connection ended without a close frame: %v", err)
		}
	}
}

func accept(t *testing.T, n *websocket.Netlayer, first ...[]byte) netlayer.Conn {
	t.Helper()
	in, err := n.Accept(within(t))
	if err != nil {
		t.Fatal(err)
	}
	c, err := in.Accept(first)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// admitted returns both ends of a connection with a foreign dialler.
func admitted(t *testing.T, n *websocket.Netlayer) (*ws.Conn, netlayer.Conn) {
	t.Helper()
	f := mustForeign(t, n)
	send(t, f, ws.MessageBinary, websocket.Hello(make([]byte, 32)))
	c := accept(t, n)
	receive(t, f)
	return f, c
}

func TestForeignDialler(t *testing.T) {
	n := open(t, &websocket.Config{})
	f := mustForeign(t, n)
	hello := websocket.Hello(bytes.Repeat([]byte{1}, 32))
	send(t, f, ws.MessageBinary, hello)
	c := accept(t, n, []byte("first"))
	key, err := websocket.DesignatorKey(n.Location().Designator)
	if err != nil {
		t.Fatal(err)
	}
	if err := websocket.VerifyEnvelope(receive(t, f), hello, key); err != nil {
		t.Error(err)
	}
	if got := receive(t, f); string(got) != "first" {
		t.Errorf("then comes %q", got)
	}
	if i := c.Info(); i.Authenticated || i.Outbound || i.Remote.Designator != "" || i.Source != "127.0.0.1/32" {
		t.Errorf("Info is %+v", i)
	}
	if err := c.Close("no: " + strings.Repeat("ü", 100)); err != nil {
		t.Fatal(err)
	}
	if said := closedWith(t, f); said.Code != ws.StatusNormalClosure || len(said.Reason) > 123 || !strings.HasPrefix(said.Reason, "no: üü") {
		t.Errorf("the close frame says %v", said)
	}
}

func TestGoblins017(t *testing.T) {
	challenge := bytes.Repeat([]byte{5}, 64)
	n := open(t, &websocket.Config{})
	nobody := nobodyComes(t, n)
	f := mustForeign(t, n)
	send(t, f, ws.MessageBinary, challenge)
	if said := closedWith(t, f); said.Code != ws.StatusPolicyViolation || said.Reason != "" {
		t.Errorf("by default it is answered with %v", said)
	}
	nobody()
	n = open(t, &websocket.Config{AllowGoblins017: true, Key: fixed})
	f = mustForeign(t, n)
	send(t, f, ws.MessageBinary, challenge)
	accept(t, n, []byte("first"))
	sig := ed25519.Sign(fixed, challenge)
	if got, want := receive(t, f), "[7'sig-val[5'eddsa[1'r32:"+string(sig[:32])+"][1's32:"+string(sig[32:])+"]]]"; string(got) != want {
		t.Errorf("the answer is %q, want %q", got, want)
	}
	if got := receive(t, f); string(got) != "first" {
		t.Errorf("then comes %q", got)
	}
	f = mustForeign(t, n)
	send(t, f, ws.MessageBinary, challenge)
	in, err := n.Accept(within(t))
	if err != nil {
		t.Fatal(err)
	}
	in.Refuse(nil)
	if said := closedWith(t, f); said.Code != ws.StatusPolicyViolation || said.Reason != "" {
		t.Errorf("it is refused with %v", said)
	}
}

// TestBadHandshakes: nothing that is not exactly a hello gets a signature or as far as Accept.
func TestBadHandshakes(t *testing.T) {
	n := open(t, websocket.WithHandshakeTime(websocket.Config{Key: fixed, Listen: "127.0.0.1:0"}, 200*time.Millisecond))
	good := websocket.Hello(make([]byte, 32))
	for name, do := range map[string]func(*ws.Conn){
		"text":       func(c *ws.Conn) { send(t, c, ws.MessageText, good) },
		"empty":      func(c *ws.Conn) { send(t, c, ws.MessageBinary, nil) },
		"something":  func(c *ws.Conn) { send(t, c, ws.MessageBinary, []byte("<10'my-location>")) },
		"too large":  func(c *ws.Conn) { send(t, c, ws.MessageBinary, append(bytes.Clone(good), make([]byte, 1<<16)...)) },
		"silence":    func(*ws.Conn) {},
		"half a one": func(c *ws.Conn) { w, _ := c.Writer(within(t), ws.MessageBinary); w.Write(good[:20]) },
		"a goodbye":  func(c *ws.Conn) { go c.Close(ws.StatusNormalClosure, "") },
	} {
		c := mustForeign(t, n)
		do(c)
		kind, b, err := c.Read(within(t))
		if err == nil {
			t.Errorf("%s is answered with %v %q", name, kind, b)
		}
		if name == "too large" && ws.CloseStatus(err) != ws.StatusMessageTooBig {
			t.Errorf("%s was read: %v", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if in, err := n.Accept(ctx); err == nil {
		t.Errorf("somebody came in: %+v", in.Info)
	}
	raw, err := net.Dial("tcp", n.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadAll(raw); err != nil { // the server ends it, although no request came
		t.Errorf("a connection without a request: %v", err)
	}
	resp, err := http.Get("http" + strings.TrimPrefix(n.Location().Hints["url"], "ws"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("a plain request gets %v", resp.Status)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestBadMessagesEndTheConnection(t *testing.T) {
	n := open(t, &websocket.Config{})
	for name, c := range map[string]struct {
		kind ws.MessageType
		size int
		code ws.StatusCode
		want error
	}{
		"text":      {ws.MessageText, 5, ws.StatusUnsupportedData, net.ErrClosed},
		"too large": {ws.MessageBinary, netlayer.MaxFrame + 1, ws.StatusMessageTooBig, netlayer.ErrFrameTooLarge},
	} {
		f, conn := admitted(t, n)
		send(t, f, ws.MessageBinary, []byte("before"))
		go f.Write(within(t), c.kind, bytes.Repeat([]byte("x"), c.size))
		if got, err := conn.Read(); err != nil || string(got.Bytes) != "before" {
			t.Errorf("%s: what came before is %q, %v", name, got.Bytes, err)
		}
		if _, err := conn.Read(); !errors.Is(err, net.ErrClosed) || !errors.Is(err, c.want) {
			t.Errorf("%s: Read fails with %v", name, err)
		}
		if said := closedWith(t, f); said.Code != c.code {
			t.Errorf("%s: the close frame says %v", name, said)
		}
	}
}

// TestCloseEndsHandshakes: whoever is on the way in when the netlayer closes is turned away, and nothing stays behind.
func TestCloseEndsHandshakes(t *testing.T) {
	n := open(t, &websocket.Config{})
	raw, err := net.Dial("tcp", n.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	silent, waiting, told := mustForeign(t, n), mustForeign(t, n), mustForeign(t, n)
	send(t, told, ws.MessageBinary, websocket.Hello(make([]byte, 32)))
	in, err := n.Accept(within(t))
	if err != nil {
		t.Fatal(err)
	}
	send(t, waiting, ws.MessageBinary, websocket.Hello(make([]byte, 32)))
	for _, c := range []*ws.Conn{silent, waiting, told} {
		go c.Read(within(t))
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := in.Accept(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Incoming.Accept after Close: %v, %v", c, err)
	}
	raw.SetDeadline(time.Now().Add(time.Minute))
	if _, err := raw.Read(make([]byte, 1)); err == nil {
		t.Error("a connection without a request is served")
	}
}

func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		allowed []string
		origin  string
		host    string
		want    bool
	}{
		{nil, "", "", true},
		{nil, "", "proxied.example", true},
		{nil, "https://evil.example", "", false},
		{nil, "null", "", false},
		{nil, "http://HOST", "", true},
		{nil, "http://HOST", "proxied.example", true},
		{nil, "http://evil.example", "evil.example", false}, // whose name now leads here
		{[]string{"*.example"}, "https://good.example", "", true},
		{[]string{"*.example"}, "https://evil.invalid", "", false},
		{[]string{"*"}, "https://evil.invalid", "", true},
		{[]string{"*"}, "null", "", true},
	} {
		n := open(t, &websocket.Config{Origins: c.allowed})
		header := http.Header{}
		if c.origin != "" {
			header.Set("Origin", strings.Replace(c.origin, "HOST", n.Addr().String(), 1))
		}
		if _, err := foreign(t, n, &ws.DialOptions{HTTPHeader: header, Host: c.host}); (err == nil) != c.want {
			t.Errorf("with %q a page of %q, by the name %q: %v", c.allowed, c.origin, c.host, err)
		}
	}
}

// TestOriginOfTheURL: pages of the host that is in the URL may connect, whatever a proxy in front calls us.
func TestOriginOfTheURL(t *testing.T) {
	n := open(t, &websocket.Config{URL: "wss://Chat.example/captp"})
	for origin, want := range map[string]bool{"https://chat.example": true, "https://other.example": false} {
		c, _, err := ws.Dial(within(t), "ws://"+n.Addr().String(), &ws.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
		if (err == nil) != want {
			t.Errorf("a page of %s: %v", origin, err)
		}
		if err == nil {
			c.CloseNow()
		}
	}
}

// nobodyComes turns whoever is announced away, and fails the test for it. The function returned ends that.
func nobodyComes(t *testing.T, n *websocket.Netlayer) (end func()) {
	ctx, cancel := context.WithCancel(within(t))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if in, err := n.Accept(ctx); err == nil {
			t.Error("somebody came who should not have come")
			in.Refuse(nil)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
