package noisequic

import (
	"context"
	"net"
	"net/netip"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/netlayer"
)

// Connect dials a peer at all its addresses and returns the connection once the peer has admitted us.
//
// A peer is only said to refuse if it has proven to be that peer; what anybody else does at one of its addresses makes it
// unreachable there. Once frames of Early have gone out, a failure that leaves open whether the peer has them matches
// netlayer.ErrLost.
func (n *Netlayer) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	return n.node.Connect(ctx, d, n.way)
}

// way dials from the netlayer's socket, or from one that is made for an anonymous session.
func (n *Netlayer) way() (noiselink.Way, error) {
	if n.transport != nil {
		return noiselink.Way{Dial: dialFrom(n.transport), Release: func() {}}, nil
	}
	socket, err := n.cfg.packets("")
	if err != nil {
		return noiselink.Way{}, err
	}
	transport := &quic.Transport{Conn: socket, ConnectionIDLength: 8}
	return noiselink.Way{Dial: dialFrom(transport), Release: func() {
		transport.Close()
		socket.Close()
	}}, nil
}

func dialFrom(transport *quic.Transport) func(context.Context, netip.AddrPort) (noiselink.Link, error) {
	return func(ctx context.Context, to netip.AddrPort) (noiselink.Link, error) {
		q, err := transport.Dial(ctx, net.UDPAddrFromAddrPort(to), clientTLS(), quicConfig(false))
		if err != nil {
			return nil, dialFailure(err)
		}
		l := &link{quic: q, transport: transport}
		if l.exported, err = exporter(q); err == nil {
			l.Stream, err = q.OpenStreamSync(ctx)
		}
		if err != nil {
			q.CloseWithError(codeDone, "")
			return nil, dialFailure(err)
		}
		return l, nil
	}
}
