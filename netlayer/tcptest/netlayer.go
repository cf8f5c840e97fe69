package tcptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Transport is the name of this netlayer in locators.
const Transport = "tcp-testing-only"

// Netlayer is a netlayer.Netlayer: one name at one TCP port.
type Netlayer struct {
	cfg      Config
	peer     sturdyref.Peer
	listener *net.TCPListener
	silent   *sockets.Budget // the incoming connections that Limits speaks of
	roster   *sockets.Roster[*conn]
	incoming chan *netlayer.Incoming
}

var _ netlayer.Netlayer = (*Netlayer)(nil)

// errClosed is what everything in progress ends with when the netlayer closes.
var errClosed = fmt.Errorf("tcptest: the netlayer is closed: %w", net.ErrClosed)

// Open begins to listen. The configuration is copied. Whoever opens one has read in the package comment that it protects
// nothing.
func Open(c *Config) (*Netlayer, error) {
	cfg, err := c.validated()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("tcptest: %w", sockets.CannotListen("TCP", cfg.Listen, err))
	}
	n := &Netlayer{
		cfg:      cfg,
		listener: l.(*net.TCPListener),
		silent:   sockets.NewBudget(cfg.Limits.Silent, cfg.Limits.SilentPerSource),
		roster:   sockets.NewRoster[*conn](errClosed),
		incoming: make(chan *netlayer.Incoming),
	}
	advertised := cfg.Advertise
	if advertised == "" {
		advertised = l.Addr().String()
	}
	host, port, err := net.SplitHostPort(advertised)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tcptest: %w", err), l.Close())
	}
	n.peer = sturdyref.Peer{
		Transport: Transport, Designator: cfg.Designator,
		Hints: map[string]string{"host": host, "port": port},
	}
	n.roster.Go(n.acceptLoop)
	return n, nil
}

// Transport returns "tcp-testing-only".
func (n *Netlayer) Transport() string { return Transport }

// Location returns the designator and the hints host and port.
func (n *Netlayer) Location() sturdyref.Peer { return n.peer.Clone() }

// Addr returns the address that is listened at.
func (n *Netlayer) Addr() net.Addr { return n.listener.Addr() }

// Accept waits for the next dialler, of whom nothing is known but where it comes from.
func (n *Netlayer) Accept(ctx context.Context) (*netlayer.Incoming, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("tcptest: accept: %w", err)
	}
	select {
	case in := <-n.incoming:
		return in, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("tcptest: accept: %w", ctx.Err())
	case <-n.roster.Ctx.Done():
		return nil, errClosed
	}
}

// Close ends everything: diallers that wait are refused, dials in progress return, connections close as if by their own
// Close. It returns when every goroutine is gone, after little more than Config.Linger at most.
func (n *Netlayer) Close() error {
	return n.roster.Close(func(c *conn) { c.Close("") }, n.listener.Close, nil)
}

// pause waits for d or until the netlayer closes.
func (n *Netlayer) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-n.roster.Ctx.Done():
	}
}
