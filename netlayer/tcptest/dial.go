package tcptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

const (
	// dialTime bounds the tries at all addresses of a peer together, addressTime each of them.
	dialTime    = 20 * time.Second
	addressTime = 5 * time.Second
	// maxAddresses is how many addresses of a peer are tried.
	maxAddresses = 16
	// maxEarly is how many bytes Dial.Early may return.
	maxEarly = 64 << 10
)

// Connect dials a peer at the addresses of its host, one after the other, and returns as soon as somebody takes the
// connection: who that is, and whether they want it, it cannot say. The frames of Early are the first that are sent; if
// that fails the error matches netlayer.ErrLost.
func (n *Netlayer) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	if !n.roster.Enter() {
		return nil, errClosed
	}
	defer n.roster.Leave()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("tcptest: dial: %w", err)
	}
	switch {
	case d.Peer.Transport != Transport:
		return nil, fmt.Errorf("tcptest: cannot dial a peer of the transport %q, this is %q", d.Peer.Transport, Transport)
	case d.Peer.Designator == n.peer.Designator:
		return nil, errors.New("tcptest: this is the designator of the local peer itself: its objects are reached without a connection")
	case d.Key != nil:
		return nil, errors.New("tcptest: a key cannot be shown on a netlayer that protects nothing")
	case d.Resume != nil:
		return nil, errors.New("tcptest: nothing is resumed on this netlayer")
	}
	tcp, err := n.reach(ctx, d)
	if err != nil {
		return nil, err
	}
	c := newConn(n, tcp, netlayer.Info{
		Local: n.Location(), Remote: d.Peer.Clone(), Outbound: true, Source: sockets.SourceName(tcp.RemoteAddr()),
	})
	if !n.roster.Add(c, c.pump) {
		tcp.Close()
		return nil, errClosed
	}
	if err := c.sendEarly(d.Early); err != nil {
		c.Close("")
		return nil, err
	}
	return c, nil
}

// reach opens a TCP connection to one of the addresses of a peer.
func (n *Netlayer) reach(ctx context.Context, d netlayer.Dial) (*net.TCPConn, error) {
	trying, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	stop := context.AfterFunc(n.roster.Ctx, cancel)
	defer stop()
	addrs, err := n.resolve(trying, d)
	var failures []string
	for _, addr := range addrs {
		tcp, err := connect(trying, addr)
		if err == nil {
			return tcp, nil
		}
		failures = append(failures, sockets.OneLine(addr.String(), sockets.MaxLine)+": "+err.Error())
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("tcptest: dial: %w", ctx.Err())
	case n.roster.Ctx.Err() != nil:
		return nil, errClosed
	case err != nil:
		return nil, fmt.Errorf("%w: %w", netlayer.ErrUnreachable, err)
	}
	return nil, fmt.Errorf("%w: %s", netlayer.ErrUnreachable, strings.Join(failures, "; "))
}

// resolve returns the addresses of a peer that may be dialled, at least one if there is no error.
func (n *Netlayer) resolve(ctx context.Context, d netlayer.Dial) ([]netip.AddrPort, error) {
	host, port, err := hintAddress(d.Peer)
	if err != nil {
		return nil, err
	}
	ips, err := sockets.Resolve(ctx, host, n.cfg.lookup)
	if err != nil {
		return nil, err
	}
	var allowed []netip.AddrPort
	for _, ip := range ips[:min(len(ips), maxAddresses)] {
		if sockets.Allowed(d.Allow, ip) {
			allowed = append(allowed, netip.AddrPortFrom(ip, port))
		}
	}
	if len(allowed) == 0 {
		return nil, fmt.Errorf("none of the addresses of %q may be dialled (Dial.Allow)", sockets.OneLine(host, sockets.MaxLine))
	}
	return allowed, nil
}

// hintAddress reads the hints of a peer.
func hintAddress(p sturdyref.Peer) (host string, port uint16, err error) {
	if p.Hints["host"] == "" || p.Hints["port"] == "" {
		return "", 0, errors.New("its locator lacks the hints host and port")
	}
	if host, port, err = sockets.SplitAddress(net.JoinHostPort(p.Hints["host"], p.Hints["port"])); err != nil {
		return "", 0, fmt.Errorf("the hints of its locator: %w", err)
	}
	return host, port, nil
}

// connect dials one address.
func connect(ctx context.Context, addr netip.AddrPort) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(ctx, addressTime)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr.String())
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// sendEarly sends the frames that are to be the first.
func (c *conn) sendEarly(early func(netlayer.Info, int) [][]byte) error {
	if early == nil {
		return nil
	}
	frames, size := early(c.info, maxEarly), 0
	for _, f := range frames {
		if size += 4 + len(f); size > maxEarly {
			return fmt.Errorf("tcptest: the frames that are to go out first take more than %d bytes: %w", maxEarly, netlayer.ErrFrameTooLarge)
		}
	}
	err := c.Write(frames)
	if errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("%w: %w", netlayer.ErrLost, err)
	}
	return err
}
