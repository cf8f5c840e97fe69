package noisequic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Netlayer is a netlayer.Netlayer: one identity on one UDP socket, or an anonymous dialler.
type Netlayer struct {
	cfg  Config
	node *noiselink.Node

	// Nil in an anonymous netlayer, whose sessions have a socket each.
	socket    net.PacketConn
	transport *quic.Transport
	listener  *quic.Listener
}

var _ netlayer.Netlayer = (*Netlayer)(nil)

// Open opens the socket and, unless the netlayer is anonymous, begins to listen. The configuration is copied.
func Open(c *Config) (*Netlayer, error) {
	if c == nil {
		c = &Config{}
	}
	node, err := noiselink.NewNode(c.link())
	if err != nil {
		return nil, err
	}
	n := &Netlayer{cfg: *c, node: node}
	if n.cfg.packets == nil {
		n.cfg.packets = listenUDP
	}
	if node.Anonymous() {
		return n, nil
	}
	if err := n.listen(); err != nil {
		node.Close(nil, nil)
		return nil, err
	}
	node.Go(n.acceptLoop)
	return n, nil
}

func (n *Netlayer) listen() error {
	reset, err := resetKey(n.cfg.Identity)
	if err != nil {
		return err
	}
	tlsConfig, err := serverTLS()
	if err != nil {
		return err
	}
	if n.socket, err = n.cfg.packets(n.cfg.Listen); err != nil {
		return err
	}
	n.transport = &quic.Transport{
		Conn:                n.socket,
		ConnectionIDLength:  8, // of 4 bytes, some would collide and take each other's place
		StatelessResetKey:   reset,
		VerifySourceAddress: n.node.MustVerify,
		ConnContext:         n.admitToHandshake,
	}
	if n.listener, err = n.transport.Listen(tlsConfig, quicConfig(true)); err != nil {
		n.socket.Close()
		return fmt.Errorf("noisequic: cannot listen: %w", err)
	}
	return nil
}

// Transport returns "hawser".
func (n *Netlayer) Transport() string { return sturdyref.Transport }

// Location returns the designator and the addresses of now. That of an anonymous netlayer has no designator.
func (n *Netlayer) Location() sturdyref.Peer {
	if n.socket != nil {
		if local, ok := n.socket.LocalAddr().(*net.UDPAddr); ok {
			return n.node.Location(local.AddrPort())
		}
	}
	return n.node.Location(netip.AddrPort{})
}

// Port returns the UDP port of the netlayer, 0 for an anonymous one.
func (n *Netlayer) Port() int {
	if n.socket == nil {
		return 0
	}
	if a, ok := n.socket.LocalAddr().(*net.UDPAddr); ok {
		return a.Port
	}
	return 0
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
	return n.node.Close(n.listener.Close, func() error {
		return errors.Join(n.transport.Close(), n.socket.Close())
	})
}
