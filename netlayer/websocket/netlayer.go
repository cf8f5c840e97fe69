package websocket

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Transport is the name of this netlayer in locators.
const Transport = "websocket"

// Netlayer is a netlayer.Netlayer: a key at a URL, or a dialler without one.
type Netlayer struct {
	cfg    Config
	peer   sturdyref.Peer
	budget budget

	// Nil in a netlayer that only dials.
	listener net.Listener
	server   *http.Server

	incoming chan *netlayer.Incoming
	ctx      context.Context // ends when Close begins
	cancel   context.CancelFunc
	running  sync.WaitGroup // every goroutine and every Connect; joined by Close

	mu     sync.Mutex
	closed bool
	conns  map[*conn]struct{}

	over    chan struct{} // closed when Close is through
	failure error         // of Close; valid then
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
		budget:   budget{limits: cfg.Limits, sources: make(map[string]int)},
		incoming: make(chan *netlayer.Incoming),
		conns:    make(map[*conn]struct{}),
		over:     make(chan struct{}),
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	if cfg.Listen == "" {
		return n, nil
	}
	if n.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		n.cancel()
		return nil, fmt.Errorf("websocket: cannot listen: %w", err)
	}
	n.serveHTTP()
	return n, nil
}

// serveHTTP starts the server.
func (n *Netlayer) serveHTTP() {
	var l net.Listener = listener{n.listener, n}
	scheme := "ws"
	if n.cfg.TLS != nil {
		l, scheme = tls.NewListener(l, n.cfg.TLS), "wss"
	}
	url := n.cfg.URL
	if url == "" {
		url = scheme + "://" + n.listener.Addr().String()
	}
	n.peer.Hints = map[string]string{"url": url}
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
	n.running.Go(func() { _ = n.server.Serve(l) })
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
	case <-n.ctx.Done():
		return nil, errClosed
	}
}

// Close ends everything: diallers that wait are refused, dials in progress return, connections close as if by their own
// Close. It returns when every goroutine is gone, after little more than Config.Linger at most.
func (n *Netlayer) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		<-n.over
		return n.failure
	}
	n.closed = true
	conns := make([]*conn, 0, len(n.conns))
	for c := range n.conns {
		conns = append(conns, c)
	}
	n.mu.Unlock()
	defer close(n.over)
	n.cancel()
	if n.server != nil {
		if err := n.server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			n.failure = fmt.Errorf("websocket: %w", err)
		}
		n.listener.Close() // the server may not have known of it yet
	}
	var closing sync.WaitGroup
	for _, c := range conns {
		closing.Go(func() { c.Close("the peer's node closes") })
	}
	closing.Wait()
	n.running.Wait()
	return n.failure
}

// enter counts a goroutine or a call that Close waits for. It fails once Close has begun.
func (n *Netlayer) enter() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.running.Add(1)
	return true
}

// add begins to keep track of a connection and starts its pump; it fails once Close has begun.
func (n *Netlayer) add(c *conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.conns[c] = struct{}{}
	n.running.Go(c.pump)
	return true
}

func (n *Netlayer) remove(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
}

// errSlow is the cause when the time of within is over.
var errSlow = errors.New("there was no answer in time")

// within returns a context that ends with ctx or with the netlayer, whichever is first, and after d.
func (n *Netlayer) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeoutCause(ctx, d, errSlow)
	ctx, cancelCause := context.WithCancelCause(ctx)
	stop := context.AfterFunc(n.ctx, func() { cancelCause(errClosed) })
	return ctx, func() {
		stop()
		cancelCause(nil)
		cancel()
	}
}
