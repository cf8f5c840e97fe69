package websocket_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	ws "github.com/coder/websocket"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/websocket"
	"github.com/hawser-go/hawser/sturdyref"
)

// at returns the locator of somebody who has a key and is at a URL.
func at(key ed25519.PrivateKey, url string) sturdyref.Peer {
	return sturdyref.Peer{
		Transport: websocket.Transport, Designator: websocket.Designator(key.Public().(ed25519.PublicKey)),
		Hints: map[string]string{"url": url},
	}
}

// TestImpostors dials servers that do not do what they should: they make the peer unreachable, never more.
func TestImpostors(t *testing.T) {
	_, reasons := websocket.Refusals(make([]byte, 32), fixed)
	upgrade := func(then func(*ws.Conn, []byte)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			c, err := ws.Accept(w, r, nil)
			if err != nil {
				return
			}
			defer c.CloseNow()
			_, hello, err := c.Read(r.Context())
			if err != nil {
				return
			}
			then(c, hello)
			c.Read(r.Context())
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"no websocket": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("hello")) },
		"forbidden":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"redirection": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
		"refusal without a signature": upgrade(func(c *ws.Conn, _ []byte) { c.Close(4403, "refused") }),
		"refusal of another dial":     upgrade(func(c *ws.Conn, _ []byte) { c.Close(4403, reasons[4403]) }),
		"echo":                        upgrade(func(c *ws.Conn, hello []byte) { c.Write(context.Background(), ws.MessageBinary, hello) }),
		"another's proof": upgrade(func(c *ws.Conn, hello []byte) {
			c.Write(context.Background(), ws.MessageBinary, websocket.Envelope(hello, ed25519.Sign(newKey(t), hello)))
		}),
		"a proof as text": upgrade(func(c *ws.Conn, hello []byte) {
			c.Write(context.Background(), ws.MessageText, websocket.Envelope(hello, ed25519.Sign(fixed, hello)))
		}),
		"too much": upgrade(func(c *ws.Conn, _ []byte) { c.Write(context.Background(), ws.MessageBinary, make([]byte, 1<<16)) }),
	} {
		server := httptest.NewServer(handler)
		n := open(t, &websocket.Config{})
		c, err := n.Connect(within(t), netlayer.Dial{Peer: at(fixed, "ws"+strings.TrimPrefix(server.URL, "http")+"/?secret=1")})
		if c != nil || !errors.Is(err, netlayer.ErrUnreachable) || errors.Is(err, netlayer.ErrRefused) {
			t.Errorf("%s: %v, %v", name, c, err)
		} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error reads %q", name, err)
		}
		server.CloseClientConnections()
		server.Close()
	}
}

// TestRedirectionsAreNotFollowed, not even to the peer itself: nobody has asked whether one may go there.
func TestRedirectionsAreNotFollowed(t *testing.T) {
	b, a := open(t, &websocket.Config{Key: fixed}), open(t, &websocket.Config{})
	server := httptest.NewServer(http.RedirectHandler("http://"+b.Addr().String(), http.StatusTemporaryRedirect))
	defer server.Close()
	nobody := nobodyComes(t, b)
	peer := at(fixed, "ws"+strings.TrimPrefix(server.URL, "http"))
	if _, err := a.Connect(within(t), netlayer.Dial{Peer: peer}); !errors.Is(err, netlayer.ErrUnreachable) {
		t.Errorf("Connect: %v", err)
	}
	nobody()
}

func TestDialGoesWhereItMay(t *testing.T) {
	b := open(t, &websocket.Config{})
	_, port, _ := net.SplitHostPort(b.Addr().String())
	a := open(t, websocket.WithLookup(websocket.Config{}, func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != "two.example" {
			t.Errorf("looked up %q", host)
		}
		return []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("127.0.0.1")}, nil
	}))
	peer := b.Location()
	peer.Hints["url"] = "ws://two.example:" + port
	var asked []string
	go func() {
		if in, err := b.Accept(within(t)); err == nil {
			in.Accept(nil)
		}
	}()
	c, err := a.Connect(within(t), netlayer.Dial{Peer: peer, Allow: func(ip netip.Addr) bool {
		asked = append(asked, ip.String())
		return ip.IsLoopback()
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(asked, " "); got != "192.0.2.1 127.0.0.1" || c.Info().Source != "127.0.0.1/32" {
		t.Errorf("Allow was asked about %s, the source is %s", got, c.Info().Source)
	}
	for _, url := range []string{
		"", "two.example", "http://two.example", "ws://", "ws:///x", "ws://user:pass@two.example", "ws://two.example/#x", "ws:opaque", "wss://" + strings.Repeat("x", 600),
	} {
		peer.Hints["url"] = url
		if _, err := a.Connect(within(t), netlayer.Dial{Peer: peer}); !errors.Is(err, netlayer.ErrUnreachable) {
			t.Errorf("%.40q: %v", url, err)
		}
	}
}

// TestCertificateIsChecked: a key that is proven does not replace the certificate of a wss URL.
func TestCertificateIsChecked(t *testing.T) {
	certificate, _ := selfSigned(t)
	b, a := open(t, &websocket.Config{TLS: certificate}), open(t, &websocket.Config{})
	if url := b.Location().Hints["url"]; !strings.HasPrefix(url, "wss://") {
		t.Errorf("the url is %s", url)
	}
	if _, err := a.Connect(within(t), netlayer.Dial{Peer: b.Location()}); !errors.Is(err, netlayer.ErrUnreachable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody: %v", err)
	}
}
