package noisetcp

import (
	"context"
	"net"
	"net/netip"
)

// SetNetwork makes netlayers opened with c use a network of the test.
func SetNetwork(c *Config, listen func(address string) (net.Listener, error), dial func(ctx context.Context, address string) (net.Conn, error)) {
	c.listen, c.dial = listen, dial
}

// WrapListener makes netlayers opened with c, after SetNetwork, listen through what wrap returns.
func WrapListener(c *Config, wrap func(net.Listener) net.Listener) {
	listen := c.listen
	c.listen = func(address string) (net.Listener, error) {
		l, err := listen(address)
		if err != nil {
			return nil, err
		}
		return wrap(l), nil
	}
}

// SetLookup makes netlayers opened with c resolve names as the test says.
func SetLookup(c *Config, lookup func(ctx context.Context, host string) ([]netip.Addr, error)) {
	c.lookup = lookup
}

// Connections returns how many connections a netlayer keeps track of.
func Connections(n *Netlayer) int { return n.node.Connections() }

// Unproven returns how many diallers have not finished their handshake.
func Unproven(n *Netlayer) int {
	n.unproven.mu.Lock()
	defer n.unproven.mu.Unlock()
	return len(n.unproven.all)
}
