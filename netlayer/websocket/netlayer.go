package websocket

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Transport is the name of this netlayer in locators.
const Transport = "websocket"

// Netlayer is a netlayer.Netlayer: a key at a URL, or a dialler without one.
type Netlayer struct {
	cfg      Config
	peer     sturdyref.Peer
	greeting *sockets.Budget // the incoming connections that Limits speaks of
	roster   *sockets.Roster[*conn]

	// Nil in a netlayer that only dials.
	listener net.Listener
	server   *http.Server
	host     string // in the URL: "host" or "host:port"

	incoming chan *netlayer.Incoming
}

var _ netlayer.Netlayer = (*Netlayer)(nil)

// errClosed is what everything in progress ends with when the netlayer closes.
var errClosed = fmt.Errorf("websocket: the netlayer is closed: %w", net.ErrClosed)

// handshakeTime bounds each part of a handshake: TCP and TLS, HTTP, and the messages before CapTP.
const handshakeTime = 10 * time.Second

// Open begins to listen, if there is where. The configuration is copied.
func Open(c *Config) (*Netlayer, error) {
	cfg, err := c.validated()
	if err != nil {
		return nil, err
	}
	n := &Netlayer{
		cfg:      cfg,
		peer:     sturdyref.Peer{Transport: Transport, Designator: Designator(cfg.Key.Public().(ed25519.PublicKey))},
		greeting: sockets.NewBudget(cfg.Limits.Handshakes, cfg.Limits.HandshakesPerSource),
		roster:   sockets.NewRoster[*conn](errClosed),
		incoming: make(chan *netlayer.Incoming),
	}
	if cfg.Listen == "" {
		return n, nil
	}
	if n.listener, err = cfg.listen("tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("websocket: %w", sockets.CannotListen("TCP", cfg.Listen, err))
	}
	if err := n.serveHTTP(); err != nil {
		return nil, errors.Join(err, n.listener.Close())
	}
	return n, nil
}

// serveHTTP starts the server.
func (n *Netlayer) serveHTTP() error {
	var l net.Listener = listener{n.listener, n}
	scheme := "ws"
	if n.cfg.TLS != nil {
		l, scheme = tls.NewListener(l, n.cfg.TLS), "wss"
	}
	where := cmp.Or(n.cfg.URL, scheme+"://"+n.listener.Addr().String())
	u, err := parseURL(where)
	if err != nil {
		return fmt.Errorf("websocket: %w", err)
	}
	n.host = u.Host
	n.peer.Hints = map[string]string{"url": where}
	n.server = &http.Server{
		Handler:           http.HandlerFunc(n.serve),
		ReadTimeout:       n.cfg.handshake,
		ReadHeaderTimeout: n.cfg.handshake,
		WriteTimeout:      n.cfg.handshake,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          n.cfg.Logger.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
		Protocols:         new(http.Protocols),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if secure, ok := c.(*tls.Conn); ok {
				c = secure.NetConn()
			}
			return context.WithValue(ctx, wireKey{}, c)
		},
	}
	n.server.Protocols.SetHTTP1(true)
	n.server.SetKeepAlivesEnabled(false)
	n.roster.Go(func() { _ = n.server.Serve(l) })
	return nil
}

// wireKey is where a request keeps the connection it came by.
type wireKey struct{}

// Transport returns "websocket".
func (n *Netlayer) Transport() string { return Transport }

// Location returns the designator and the hint url, which one that only dials has not.
func (n *Netlayer) Location() sturdyref.Peer { return n.peer.Clone() }

// Addr returns the address that is listened at, nil if there is none.
func (n *Netlayer) Addr() net.Addr {
	if n.listener == nil {
		return nil
	}
	return n.listener.Addr()
}

// Accept waits for the next dialler, of whom nothing is known but where it comes from.
func (n *Netlayer) Accept(ctx context.Context) (*netlayer.Incoming, error) {
	select {
	case in := <-n.incoming:
		return in, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("websocket: accept: %w", ctx.Err())
	case <-n.roster.Ctx.Done():
		return nil, errClosed
	}
}

// Close ends everything: diallers that wait are refused, dials in progress return, connections close as if by their own
// Close. It returns when every goroutine is gone, after little more than Config.Linger at most.
func (n *Netlayer) Close() error {
	return n.roster.Close(func(c *conn) { c.Close("the peer's node closes") }, n.stopListening, nil)
}

func (n *Netlayer) stopListening() error {
	if n.server == nil {
		return nil
	}
	defer n.listener.Close() // the server may not have known of it yet
	if err := n.server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("websocket: %w", err)
	}
	return nil
}
