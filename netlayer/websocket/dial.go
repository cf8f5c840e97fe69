package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/coder/websocket"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
)

const (
	// dialTime bounds the reaching of a peer at all its addresses together, addressTime each of them.
	dialTime    = 20 * time.Second
	addressTime = 5 * time.Second
	// verdictTime is how long a dialler waits to be admitted: a little longer than an acceptor may take to decide.
	verdictTime = decisionTime + handshakeTime
	// maxAddresses is how many addresses of a peer are tried.
	maxAddresses = 16
)

// Connect dials a peer at its URL, directly and without following redirections, and returns the connection once the peer
// has answered with a proof of its key. Early is not asked for frames: nothing is told to anybody before.
func (n *Netlayer) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	if !n.roster.Enter() {
		return nil, errClosed
	}
	defer n.roster.Leave()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("websocket: dial: %w", err)
	}
	switch {
	case d.Peer.Transport != Transport:
		return nil, fmt.Errorf("websocket: cannot dial a peer of the transport %q, this is %q", d.Peer.Transport, Transport)
	case d.Peer.Designator == n.peer.Designator:
		return nil, errors.New("websocket: this is the local peer itself: its objects are reached without a connection")
	case d.Key != nil:
		return nil, errors.New("websocket: this netlayer cannot show a key")
	case d.Resume != nil:
		return nil, errors.New("websocket: nothing is resumed on this netlayer")
	}
	key, err := designatorKey(d.Peer.Designator)
	if err != nil {
		return nil, fmt.Errorf("websocket: cannot dial: %w", err)
	}
	if d.Peer.Hints["url"] == "" {
		return nil, fmt.Errorf("%w: its locator has no url hint", netlayer.ErrUnreachable)
	}
	u, err := parseURL(d.Peer.Hints["url"])
	if err != nil {
		return nil, fmt.Errorf("%w: the url hint of its locator: %w", netlayer.ErrUnreachable, err)
	}
	ws, w, err := n.reach(ctx, u, d.Allow)
	if err == nil {
		var c netlayer.Conn
		if c, err = n.prove(ctx, ws, w, d, key); err == nil {
			return c, nil
		}
		_ = ws.CloseNow()
		w.Close()
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("websocket: dial: %w", ctx.Err())
	case n.roster.Ctx.Err() != nil:
		return nil, errClosed
	case errors.Is(err, netlayer.ErrRefused), errors.Is(err, netlayer.ErrCrossed):
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", netlayer.ErrUnreachable, err)
}

// reach opens a WebSocket.
func (n *Netlayer) reach(ctx context.Context, u *url.URL, allow func(netip.Addr) bool) (*websocket.Conn, *wire, error) {
	ctx, cancel := n.roster.Within(ctx, dialTime)
	defer cancel()
	var used *wire
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			c, err := n.dialTCP(ctx, address, allow)
			if err != nil {
				return nil, err
			}
			used = newWire(c, func() {})
			return used, nil
		},
		TLSClientConfig:        n.cfg.DialTLS,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2
		TLSHandshakeTimeout:    n.cfg.handshake,
		ResponseHeaderTimeout:  n.cfg.handshake,
		MaxResponseHeaderBytes: 16 << 10,
	}
	defer transport.CloseIdleConnections()
	ws, _, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		OnPingReceived: func(ctx context.Context, b []byte) bool { return used.answers(ctx, b) },
		OnPongReceived: func(ctx context.Context, b []byte) { used.answered(ctx, b) },
	})
	if err != nil {
		var wrapped *url.Error // which shows the whole URL
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, nil, errors.New(sockets.OneLine(err.Error(), sockets.MaxLine))
	}
	return ws, used, nil
}

// dialTCP connects to the first address of a host that answers, of those that are allowed.
func (n *Netlayer) dialTCP(ctx context.Context, address string, allow func(netip.Addr) bool) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ips, err := sockets.Resolve(ctx, host, n.cfg.lookup)
	if err != nil {
		return nil, err
	}
	failure := fmt.Errorf("none of the addresses of %q may be dialled (Dial.Allow)", host)
	for _, ip := range ips[:min(len(ips), maxAddresses)] {
		if !sockets.Allowed(allow, ip) {
			continue
		}
		trying, cancel := context.WithTimeout(ctx, addressTime)
		c, err := new(net.Dialer).DialContext(trying, "tcp", net.JoinHostPort(ip.String(), port))
		cancel()
		if err == nil {
			return c, nil
		}
		failure = err
	}
	return nil, failure
}

// prove asks whoever has answered for the proof that it is the peer, and waits to be admitted.
func (n *Netlayer) prove(ctx context.Context, ws *websocket.Conn, w *wire, d netlayer.Dial, key [32]byte) (netlayer.Conn, error) {
	ctx, cancel := n.roster.Within(ctx, verdictTime)
	defer cancel()
	ws.SetReadLimit(maxEnvelope)
	nonce := randomBytes()
	ask := hello(nonce)
	if err := ws.Write(ctx, websocket.MessageBinary, ask); err != nil {
		return nil, errors.New(explain(err))
	}
	kind, b, err := ws.Read(ctx)
	if err != nil {
		var said websocket.CloseError
		if errors.As(err, &said) {
			if verdict := verdictOf(int(said.Code), said.Reason, nonce, key); verdict != nil {
				return nil, verdict
			}
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, errors.New(explain(err))
	}
	if kind != websocket.MessageBinary {
		return nil, errText
	}
	if err := verifyEnvelope(b, ask, key); err != nil {
		return nil, fmt.Errorf("somebody else answers there: %w", err)
	}
	c := newConn(n, ws, w, netlayer.Info{
		Local: n.Location(), Remote: d.Peer.Clone(), Authenticated: true, Outbound: true, Source: sockets.SourceName(w.RemoteAddr()),
	})
	if !n.roster.Add(c, c.pump) {
		return nil, errClosed
	}
	return c, nil
}
