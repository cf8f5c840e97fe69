package noisequic

import (
	"context"
	"sync"

	"github.com/hawser-go/hawser/internal/noiselink"
)

// NetworkUp tells the netlayer that the network may have come back or changed: an interface is up, an address is new, the
// machine has woken. Every connection we dialled is probed at once and, if the peer answers, goes on at once, where
// QUIC's own timers, grown long during the outage, could leave it standing for many seconds. The acceptor cannot do this;
// it follows. NetworkUp returns when all probes have ended.
func (n *Netlayer) NetworkUp(ctx context.Context) {
	if !n.node.Enter() {
		return
	}
	defer n.node.Leave()
	ctx, cancel := n.node.Within(ctx, noiselink.HandshakeTimeout)
	defer cancel()
	var probes sync.WaitGroup
	for _, dialled := range n.node.Dialled() {
		if l, ok := dialled.(*link); ok {
			probes.Go(func() { l.probe(ctx) })
		}
	}
	probes.Wait()
}

// probe sends path challenges until one is answered. The answer tells QUIC that the network is back, and it sends at
// once what it believed lost. The path is the same as before: the socket is bound to no address, so the system chooses
// the interface for each packet, and the acceptor follows.
func (l *link) probe(ctx context.Context) {
	p, err := l.quic.AddPath(l.transport)
	if err != nil {
		return
	}
	_ = p.Probe(ctx) // whether it succeeds or not, there is nothing else to do
	p.Close()
}
