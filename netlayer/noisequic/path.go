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

// probe sends a path challenge and, when it is answered, begins anew with the path, as if it were another one. The
// socket stays: it is bound to no address, so the system chooses the interface for each packet.
func (c *conn) probe(ctx context.Context) {
	if !c.probing.TryLock() {
		return // somebody else is at it
	}
	defer c.probing.Unlock()
	p, err := c.quic.AddPath(c.transport)
	if err != nil {
		return
	}
	if p.Probe(ctx) != nil || p.Switch() != nil {
		p.Close()
		return
	}
	if c.path != nil {
		c.path.Close()
	}
	c.path = p
}
