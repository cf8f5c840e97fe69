package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	ws "github.com/coder/websocket"

	"github.com/hawser-go/hawser/netlayer/websocket"
)

// TestEmptyMessagesAreBounded: messages that hold nothing take memory too, so a peer that pours them has to wait.
func TestEmptyMessagesAreBounded(t *testing.T) {
	n := open(t, &websocket.Config{})
	var raw net.Conn
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (c net.Conn, err error) {
		raw, err = new(net.Dialer).DialContext(ctx, network, address)
		return raw, err
	}}
	f, err := foreign(t, n, &ws.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	send(t, f, ws.MessageBinary, websocket.Hello(make([]byte, 32)))
	c := accept(t, n)
	receive(t, f)
	pour, poured := bytes.Repeat([]byte{0x82, 0x80, 0, 0, 0, 0}, 10_000), 0 // each an empty binary message
	for poured < 32<<20 {                                                   // more than the kernel holds
		raw.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		n, err := raw.Write(pour)
		if poured += n; err != nil {
			break
		}
	}
	if poured >= 32<<20 {
		t.Fatal("32 MiB of empty messages were taken")
	}
	for range 10_000 {
		if m, err := c.Read(); err != nil || len(m.Bytes) != 0 {
			t.Fatalf("Read: %q, %v", m.Bytes, err)
		}
	}
}

// TestHandshakesAreBounded: there is room for one handshake; it is taken until the dialler is admitted or goes.
func TestHandshakesAreBounded(t *testing.T) {
	n := open(t, &websocket.Config{Limits: websocket.Limits{HandshakesPerSource: 1}})
	eventually := func() *ws.Conn { // what gives room back may be a little behind
		ctx := within(t)
		for ctx.Err() == nil {
			if f, err := foreign(t, n, nil); err == nil {
				return f
			}
		}
		t.Fatal("the room is never given back")
		return nil
	}
	for range 3 { // admitted, and staying
		f := eventually()
		if _, err := foreign(t, n, nil); err == nil {
			t.Fatal("a second handshake may begin")
		}
		send(t, f, ws.MessageBinary, websocket.Hello(make([]byte, 32)))
		accept(t, n)
		receive(t, f)
	}
	for range 3 { // gone without a word
		raw, err := net.Dial("tcp", n.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		raw.Close()
		eventually().CloseNow()
	}
}

// TestRequestsAreBounded: a request that is no WebSocket counts until its connection is gone, which may last.
func TestRequestsAreBounded(t *testing.T) {
	n := open(t, &websocket.Config{Limits: websocket.Limits{HandshakesPerSource: 1}})
	raw, err := net.Dial("tcp", n.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(raw, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer := bufio.NewReader(raw)
	for line := ""; line != "\r\n"; { // the server waits for the rest of the request
		if line, err = answer.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := foreign(t, n, nil); err == nil {
		t.Error("a second connection has come in while the first was there")
	}
}
