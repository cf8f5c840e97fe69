package noiselink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// A Node is one identity, or an anonymous dialler, on one kind of carrier: a netlayer without its sockets.
type Node struct {
	cfg     Config
	self    self // zero if anonymous
	peer    sturdyref.Peer
	budget  *budget
	records recordCache
	closed  error // what everything in progress ends with when the netlayer closes

	incoming chan *netlayer.Incoming
	ctx      context.Context // ends when Close begins
	cancel   context.CancelFunc
	running  sync.WaitGroup // every goroutine and every Connect; joined by Close

	mu      sync.Mutex
	closing bool
	conns   map[*conn]struct{}

	over    chan struct{} // closed when Close is through
	failure error         // of Close; valid then
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
		closed:   cfg.errorf("the netlayer is closed: %w", net.ErrClosed),
		incoming: make(chan *netlayer.Incoming),
		over:     make(chan struct{}),
		conns:    make(map[*conn]struct{}),
		records:  recordCache{m: make(map[string]*sturdyref.Record)},
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	if cfg.Identity != nil {
		pub := cfg.Identity.Public()
		n.peer = pub.Peer()
		n.self = self{
			static: noisehs.Static{Public: pub.Static, ECDH: cfg.Identity.ECDH},
			id:     cfg.Identity,
			record: cfg.Record.Encoded(),
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
	case <-n.ctx.Done():
		return nil, n.closed
	}
}

// Close ends everything: dialers that wait are refused, dials in progress return, connections close as if by their own
// Close. Meanwhile stop ends the listening, and when every goroutine is gone release frees the sockets; both may be nil.
// Later calls wait for the first and return what it returned.
func (n *Node) Close(stop func(), release func() error) error {
	n.mu.Lock()
	if n.closing {
		n.mu.Unlock()
		<-n.over
		return n.failure
	}
	n.closing = true
	conns := make([]*conn, 0, len(n.conns))
	for c := range n.conns {
		conns = append(conns, c)
	}
	n.mu.Unlock()
	defer close(n.over)
	n.cancel()
	var closing sync.WaitGroup
	for _, c := range conns {
		closing.Go(func() { c.Close("the peer's node closes") })
	}
	if stop != nil {
		stop()
	}
	closing.Wait()
	n.running.Wait()
	if release != nil {
		n.failure = release()
	}
	return n.failure
}

// Enter counts a goroutine or a call that Close waits for, until Leave. It fails once Close has begun.
func (n *Node) Enter() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing {
		return false
	}
	n.running.Add(1)
	return true
}

// Leave ends what Enter began.
func (n *Node) Leave() { n.running.Done() }

// Go runs f in a goroutine that Close waits for. It is for use before anything can close the node.
func (n *Node) Go(f func()) { n.running.Go(f) }

// Closing is closed when Close begins.
func (n *Node) Closing() <-chan struct{} { return n.ctx.Done() }

// Dialled returns the links of the open connections that were dialled from here.
func (n *Node) Dialled() (links []Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		if c.info.Outbound {
			links = append(links, c.link)
		}
	}
	return links
}

// Connections returns how many connections are open.
func (n *Node) Connections() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns)
}

// add begins to keep track of a connection and starts its reader; it fails once Close has begun.
func (n *Node) add(c *conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing {
		return false
	}
	n.conns[c] = struct{}{}
	n.running.Go(c.pump)
	return true
}

func (n *Node) remove(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
}

// errSlow is the cause when the time of Within is over.
var errSlow = errors.New("there was no answer in time")

// Within returns a context that ends with ctx or with the node, whichever is first, and after d.
func (n *Node) Within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeoutCause(ctx, d, errSlow)
	ctx, cancelCause := context.WithCancelCause(ctx)
	stop := onDone(n.ctx, func() { cancelCause(n.closed) })
	return ctx, func() {
		stop()
		cancelCause(nil)
		cancel()
	}
}

// TurnedAway writes to the log why somebody was not let in.
func (n *Node) TurnedAway(from net.Addr, why error) {
	n.cfg.Logger.Debug("dialler turned away", "from", from, "why", oneLine(fmt.Sprint(why)))
}
