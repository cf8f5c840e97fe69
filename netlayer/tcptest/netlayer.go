package tcptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Transport is the name of this netlayer in locators.
const Transport = "tcp-testing-only"

// Netlayer is a netlayer.Netlayer: one name at one TCP port.
type Netlayer struct {
	cfg      Config
	peer     sturdyref.Peer
	listener *net.TCPListener
	silent   silent

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
var errClosed = fmt.Errorf("tcptest: the netlayer is closed: %w", net.ErrClosed)

// Open begins to listen. The configuration is copied. Whoever opens one has read in the package comment that it protects
// nothing.
func Open(c *Config) (*Netlayer, error) {
	cfg, err := c.validated()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("tcptest: cannot listen: %w", err)
	}
	n := &Netlayer{
		cfg:      cfg,
		listener: l.(*net.TCPListener),
		silent:   silent{limits: cfg.Limits, sources: make(map[string]int)},
		incoming: make(chan *netlayer.Incoming),
		conns:    make(map[*conn]struct{}),
		over:     make(chan struct{}),
	}
	advertised := cfg.Advertise
	if advertised == "" {
		advertised = l.Addr().String()
	}
	host, port, err := net.SplitHostPort(advertised)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tcptest: %w", err), l.Close())
	}
	n.peer = sturdyref.Peer{
		Transport: Transport, Designator: cfg.Designator,
		Hints: map[string]string{"host": host, "port": port},
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.running.Go(n.acceptLoop)
	return n, nil
}

// Transport returns "tcp-testing-only".
func (n *Netlayer) Transport() string { return Transport }

// Location returns the designator and the hints host and port.
func (n *Netlayer) Location() sturdyref.Peer { return n.peer.Clone() }

// Addr returns the address that is listened at.
func (n *Netlayer) Addr() net.Addr { return n.listener.Addr() }

// Accept waits for the next dialler, of whom nothing is known but where it comes from.
func (n *Netlayer) Accept(ctx context.Context) (*netlayer.Incoming, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("tcptest: accept: %w", err)
	}
	select {
	case in := <-n.incoming:
		return in, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("tcptest: accept: %w", ctx.Err())
	case <-n.ctx.Done():
		return nil, errClosed
	}
}

// Close ends everything: diallers that wait are refused, dials in progress return, connections close as if by their own
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
	n.failure = n.listener.Close()
	var closing sync.WaitGroup
	for _, c := range conns {
		closing.Go(func() { c.Close("") })
	}
	closing.Wait()
	n.running.Wait()
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

// add begins to keep track of a connection and starts its pump; it fails once Close has begun.
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

const maxReason = 200

// oneLine makes a text of anybody's fit for a log: printable, one line, not long.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	for len(s) > maxReason {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// pause waits for d or until the netlayer closes.
func (n *Netlayer) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-n.ctx.Done():
	}
}
