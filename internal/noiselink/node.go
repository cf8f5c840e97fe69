package noiselink

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// A Node is one identity, or an anonymous dialler, on one kind of carrier: a netlayer without its sockets.
type Node struct {
	*sockets.Roster[*conn]

	cfg      Config
	self     self // zero if anonymous
	peer     sturdyref.Peer
	budget   *budget
	records  recordCache
	incoming chan *netlayer.Incoming
	decoy    sturdyref.CapabilityLock
	tally    func(what string) // for tests
}

// NewNode checks a configuration and makes a node of it. The caller closes it, whatever becomes of its own sockets.
func NewNode(c Config) (*Node, error) {
	cfg, err := c.validated()
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg:      cfg,
		peer:     sturdyref.Peer{Transport: sturdyref.Transport},
		budget:   newBudget(cfg.Limits),
		Roster:   sockets.NewRoster[*conn](cfg.errorf("the netlayer is closed: %w", net.ErrClosed)),
		incoming: make(chan *netlayer.Incoming),
		records:  recordCache{m: make(map[string]*sturdyref.Record)},
	}
	if cfg.Identity != nil {
		pub := cfg.Identity.Public()
		n.peer = pub.Peer()
		n.self = self{
			static: noisehs.Static{Public: pub.Static, ECDH: cfg.Identity.ECDH},
			id:     cfg.Identity,
			record: cfg.Record.Encoded(),
		}
		if n.decoy, err = newDecoy(); err != nil {
			return nil, cfg.errorf("%w", err)
		}
	}
	return n, nil
}

// Anonymous reports whether the node only dials, each time with a key made for that session.
func (n *Node) Anonymous() bool { return n.self.id == nil }

// Location returns the designator, if there is one, and the addresses of now, those of a socket bound to local unless
// others are configured. The zero AddrPort is no socket.
func (n *Node) Location(local netip.AddrPort) sturdyref.Peer {
	p := n.peer
	addrs := n.cfg.Advertise
	if len(addrs) == 0 && local.IsValid() {
		addrs = interfaceAddresses(netip.AddrPortFrom(local.Addr().Unmap(), local.Port()))
	}
	if len(addrs) > 0 {
		p.Hints = addressHints(n.cfg.Carrier.Hint, addrs)
	}
	return p
}

// Accept waits for the next dialler that has proven itself and was let in by the Doorkeeper. An anonymous node has none.
func (n *Node) Accept(ctx context.Context) (*netlayer.Incoming, error) {
	select {
	case in := <-n.incoming:
		return in, nil
	case <-ctx.Done():
		return nil, n.cfg.errorf("accept: %w", ctx.Err())
	case <-n.Ctx.Done():
		return nil, n.ErrClosed
	}
}

// Close ends everything: dialers that wait are refused, dials in progress return, connections close as if by their own
// Close. Meanwhile stop ends the listening, and when every goroutine is gone release frees the sockets; both may be nil.
// Later calls wait for the first and return what it returned.
func (n *Node) Close(stop, release func() error) error {
	return n.Roster.Close(func(c *conn) { c.Close("the peer's node closes") }, stop, release)
}

// Closing is closed when Close begins.
func (n *Node) Closing() <-chan struct{} { return n.Ctx.Done() }

// Dialled returns the links of the open connections that were dialled from here.
func (n *Node) Dialled() (links []Link) {
	for _, c := range n.Conns() {
		if c.info.Outbound {
			links = append(links, c.link)
		}
	}
	return links
}

// Connections returns how many connections are open.
func (n *Node) Connections() int { return len(n.Conns()) }

// TurnedAway writes to the log why somebody was not let in.
func (n *Node) TurnedAway(from net.Addr, why error) {
	n.cfg.Logger.Debug("dialler turned away", "from", from, "why", sockets.OneLine(fmt.Sprint(why), sockets.MaxLine))
}
