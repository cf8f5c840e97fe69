package noisequic

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/hawser-go/hawser/internal/noiselink"
)

// SetPackets makes netlayers opened with c use sockets of the test.
func SetPackets(c *Config, open func(address string) (net.PacketConn, error)) { c.packets = open }

// SetLookup makes netlayers opened with c resolve names as the test says.
func SetLookup(c *Config, lookup func(ctx context.Context, host string) ([]netip.Addr, error)) {
	c.lookup = lookup
}

// Tolerant wraps a socket as the netlayer's own.
func Tolerant(c *net.UDPConn, failing func() error) net.PacketConn {
	return &tolerantUDP{udpSocket: failingUDP{c, failing}}
}

// failingUDP sends nothing while failing returns an error.
type failingUDP struct {
	*net.UDPConn
	failing func() error
}

func (c failingUDP) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	if err := c.failing(); err != nil {
		return 0, 0, &net.OpError{Op: "write", Net: "udp", Err: os.NewSyscallError("sendmsg", err)}
	}
	return c.UDPConn.WriteMsgUDP(b, oob, addr)
}

// The buffers keep the size the system gives them, as on most machines.
func (failingUDP) SetReadBuffer(int) error  { return nil }
func (failingUDP) SetWriteBuffer(int) error { return nil }

// Connections returns how many connections a netlayer keeps track of.
func Connections(n *Netlayer) int { return n.node.Connections() }

// UsesGSO says whether the connections dialled from a netlayer send many packets at once.
func UsesGSO(n *Netlayer) bool {
	links := n.node.Dialled()
	return !slices.ContainsFunc(links, func(l noiselink.Link) bool { return !l.(*link).quic.ConnectionState().GSO }) && len(links) > 0
}
