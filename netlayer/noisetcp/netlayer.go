package noisetcp

import (
	"context"
	"net"
	"net/netip"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Netlayer is a netlayer.Netlayer: one identity at one TCP port, or an anonymous dialler.
type Netlayer struct {
	cfg      Config
	node     *noiselink.Node
	listener net.Listener // nil in an anonymous netlayer
	unproven unproven
}

var _ netlayer.Netlayer = (*Netlayer)(nil)

// Open begins to listen, unless the netlayer is anonymous. The configuration is copied.
func Open(c *Config) (*Netlayer, error) {
	if c == nil {
		c = &Config{}
	}
	node, err := noiselink.NewNode(c.link())
	if err != nil {
		return nil, err
	}
	n := &Netlayer{cfg: *c, node: node}
	if n.cfg.Logger == nil {
		n.cfg.Logger = hclog.NewNullLogger()
	}
	if n.cfg.dial == nil {
		n.cfg.dial = dialTCP
	}
	if n.cfg.listen == nil {
		n.cfg.listen = listenTCP
	}
	if node.Anonymous() {
		return n, nil
	}
	if n.listener, err = n.cfg.listen(c.Listen); err != nil {
		node.Close(nil, nil)
		return nil, err
	}
	node.Go(n.acceptLoop)
	return n, nil
}

// Transport returns "hawser".
func (n *Netlayer) Transport() string { return sturdyref.Transport }

// Location returns the designator and the addresses of now, in the hints tcp, tcp2 and so on. That of an anonymous
// netlayer has no designator.
func (n *Netlayer) Location() sturdyref.Peer { return n.node.Location(n.local()) }

// Port returns the TCP port of the netlayer, 0 for an anonymous one.
func (n *Netlayer) Port() int { return int(n.local().Port()) }

// local is where the netlayer listens, zero if it does not.
func (n *Netlayer) local() netip.AddrPort {
	if n.listener == nil {
		return netip.AddrPort{}
	}
	if a, ok := n.listener.Addr().(*net.TCPAddr); ok {
		return a.AddrPort()
	}
	return netip.AddrPort{}
}

// Connect dials a peer at all its addresses and returns the connection once the peer has admitted us.
//
// A peer is only said to refuse if it has proven to be that peer; what anybody else does at one of its addresses, or on the
// way to it, makes it unreachable there. Once frames of Early have gone out, a failure that leaves open whether the peer
// has them matches netlayer.ErrLost.
func (n *Netlayer) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	return n.node.Connect(ctx, d, func() (noiselink.Way, error) {
		return noiselink.Way{Dial: n.dial, Release: func() {}}, nil
	})
}

func (n *Netlayer) dial(ctx context.Context, to netip.AddrPort) (noiselink.Link, error) {
	ctx, cancel := context.WithTimeout(ctx, noiselink.HandshakeTimeout)
	defer cancel()
	c, err := n.cfg.dial(ctx, to.String())
	if err != nil {
		return nil, noiselink.DialFailure(err, explain)
	}
	return newLink(c), nil
}

// Accept waits for the next dialler that has proven itself and was let in by the Doorkeeper. An anonymous netlayer
// has none.
func (n *Netlayer) Accept(ctx context.Context) (*netlayer.Incoming, error) { return n.node.Accept(ctx) }

// Close ends everything: dialers that wait are refused, dials in progress return, connections close as if by their own
// Close. It returns when every goroutine is gone, after little more than Config.Linger at most.
func (n *Netlayer) Close() error {
	if n.listener == nil {
		return n.node.Close(nil, nil)
	}
	return n.node.Close(n.listener.Close, nil)
}
