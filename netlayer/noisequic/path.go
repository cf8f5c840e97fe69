package noisequic

import (
	"context"
	"sync"
)

// NetworkUp tells the netlayer that the network may have come back or changed: an interface is up, an address is new, the
// machine has woken. Every connection we dialled is probed at once and, if the peer answers, goes on at once, where
// QUIC's own timers, grown long during the outage, could leave it standing for many seconds. The acceptor cannot do this;
// it follows. NetworkUp returns when all probes have ended.
func (n *Netlayer) NetworkUp(ctx context.Context) {
	if !n.enter() {
		return
	}
	defer n.running.Done()
	ctx, cancel := n.within(ctx, handshakeTimeout)
	defer cancel()
	n.mu.Lock()
	var probed []*conn
	for c := range n.conns {
		if c.info.Outbound {
			probed = append(probed, c)
		}
	}
	n.mu.Unlock()
	var probes sync.WaitGroup
	for _, c := range probed {
		probes.Go(func() { c.probe(ctx) })
	}
	probes.Wait()
}

// probe sends path challenges until one is answered. The answer tells QUIC that the network is back, and it sends at
// once what it believed lost. The path is the same as before: the socket is bound to no address, so the system chooses
// the interface for each packet, and the acceptor follows.
func (c *conn) probe(ctx context.Context) {
	p, err := c.quic.AddPath(c.transport)
	if err != nil {
		return
	}
	_ = p.Probe(ctx) // whether it succeeds or not, there is nothing else to do
	p.Close()
}
