package noisequic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Netlayer is a netlayer.Netlayer: one identity on one UDP socket, or an anonymous dialler.
type Netlayer struct {
	cfg     Config
	self    self // zero if anonymous
	peer    sturdyref.Peer
	budget  *budget
	records recordCache

	// Nil in an anonymous netlayer, whose sessions have a socket each.
	socket    net.PacketConn
	transport *quic.Transport
	listener  *quic.Listener

	incoming chan *netlayer.Incoming
	ctx      context.Context // ends when Close begins
	cancel   context.CancelFunc
	running  sync.WaitGroup // every goroutine and every Connect; joined by Close

	mu     sync.Mutex
	closed bool
	conns  map[*conn]struct{}

	over    chan struct{} // closed when Close is through
	failure error         // of Close; valid then
}

var _ netlayer.Netlayer = (*Netlayer)(nil)

// errClosed is what everything in progress ends with when the netlayer closes.
var errClosed = fmt.Errorf("noisequic: the netlayer is closed: %w", net.ErrClosed)

// Open opens the socket and, unless the netlayer is anonymous, begins to listen. The configuration is copied.
func Open(c *Config) (*Netlayer, error) {
	cfg, err := c.validated()
	if err != nil {
		return nil, err
	}
	if cfg.packets == nil {
		cfg.packets = listenUDP
	}
	if cfg.lookup == nil {
		cfg.lookup = lookup
	}
	n := &Netlayer{
		cfg:      cfg,
		budget:   newBudget(cfg.Limits),
		incoming: make(chan *netlayer.Incoming),
		over:     make(chan struct{}),
		conns:    make(map[*conn]struct{}),
		records:  recordCache{m: make(map[string]*sturdyref.Record)},
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	if cfg.Identity == nil {
		n.peer = sturdyref.Peer{Transport: sturdyref.Transport}
		return n, nil
	}
	if err := n.listen(); err != nil {
		n.cancel()
		return nil, err
	}
	n.running.Go(n.acceptLoop)
	return n, nil
}

func (n *Netlayer) listen() error {
	pub := n.cfg.Identity.Public()
	n.peer = pub.Peer()
	n.self = self{
		static: noisehs.Static{Public: pub.Static, ECDH: n.cfg.Identity.ECDH},
		id:     n.cfg.Identity,
		record: n.cfg.Record.Encoded(),
	}
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
		VerifySourceAddress: n.budget.mustVerify,
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
	p := n.peer
	addrs := n.cfg.Advertise
	if len(addrs) == 0 && n.socket != nil {
		if local, ok := n.socket.LocalAddr().(*net.UDPAddr); ok {
			addrs = interfaceAddresses(netip.AddrPortFrom(local.AddrPort().Addr().Unmap(), local.AddrPort().Port()))
		}
	}
	if len(addrs) > 0 {
		p.Hints = addressHints(addrs)
	}
	return p
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
func (n *Netlayer) Accept(ctx context.Context) (*netlayer.Incoming, error) {
	select {
	case in := <-n.incoming:
		return in, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("noisequic: accept: %w", ctx.Err())
	case <-n.ctx.Done():
		return nil, errClosed
	}
}

// Close ends everything: dialers that wait are refused, dials in progress return, connections close as if by their own
// Close. It returns when every goroutine is gone, after little more than Config.Linger at most.
func (n *Netlayer) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		<-n.over
		return n.failure
	}
	n.closed = true
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
	if n.listener != nil {
		n.listener.Close()
	}
	closing.Wait()
	n.running.Wait()
	if n.transport != nil {
		n.failure = errors.Join(n.transport.Close(), n.socket.Close())
	}
	return n.failure
}

// enter counts a goroutine or a call that Close waits for. It fails once Close has begun.
func (n *Netlayer) enter() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.running.Add(1)
	return true
}

// add begins to keep track of a connection and starts its reader; it fails once Close has begun.
func (n *Netlayer) add(c *conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.conns[c] = struct{}{}
	n.running.Go(c.pump)
	return true
}

func (n *Netlayer) remove(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
}

// errSlow is the cause when the time of within is over.
var errSlow = errors.New("there was no answer in time")

// within returns a context that ends with ctx or with the netlayer, whichever is first, and after d.
func (n *Netlayer) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeoutCause(ctx, d, errSlow)
	ctx, cancelCause := context.WithCancelCause(ctx)
	stop := onDone(n.ctx, func() { cancelCause(errClosed) })
	return ctx, func() {
		stop()
		cancelCause(nil)
		cancel()
	}
}
