package link

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// A Netlayer is another netlayer whose connections may outlive what carries them. Its methods may be called by any
// goroutine.
type Netlayer struct {
	netlayer.Netlayer
	cfg       Config
	ctx       context.Context
	cancel    context.CancelFunc
	answering chan struct{} // has room for as many resumptions as are answered at once
	wg        sync.WaitGroup
	over      chan struct{} // closed when Close is through
	failure   error         // of Close

	mu     sync.Mutex
	closed bool
	links  map[*link]struct{}
	byID   map[name]*link
	crowd  crowd
	// Of those that outlive their process.
	lasting shelves
	process [16]byte
}

var _ netlayer.Netlayer = (*Netlayer)(nil)

// New returns a netlayer that does what inner does, which it owns from then on, and whose connections are links where the
// other end can resume, too. inner must announce netlayer.FeatureResume for that. cfg may be nil; it is copied.
func New(inner netlayer.Netlayer, cfg *Config) (*Netlayer, error) {
	c, err := cfg.validated()
	if err != nil {
		return nil, err
	}
	n := &Netlayer{
		Netlayer: inner, cfg: c, answering: make(chan struct{}, maxAnswering), over: make(chan struct{}),
		links: make(map[*link]struct{}), byID: make(map[name]*link),
		crowd:   crowd{members: make(map[*link]*place)},
		lasting: shelves{make(map[*link][]share), make(map[share]int)},
	}
	_, _ = rand.Read(n.process[:])
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n, nil
}

var errResumes = errors.New("link: links are resumed by this netlayer itself, not by Dial.Resume")

// Connect dials. The connection is a link if both ends announce netlayer.FeatureResume; Dial.Early is then given a little
// less room.
func (n *Netlayer) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	if d.Resume != nil {
		return nil, errResumes
	}
	if n.ctx.Err() != nil {
		return nil, errClosed
	}
	to := target{peer: d.Peer.Clone(), allow: d.Allow}
	var early [][]byte
	if ask := d.Early; ask != nil {
		d.Early = func(info netlayer.Info, limit int) [][]byte {
			if !linkable(info) {
				early = nil
				return ask(info, limit)
			}
			early = ask(info, max(0, limit-rawRoom))
			return announce(early, limit)
		}
	}
	conn, err := n.Netlayer.Connect(ctx, d)
	if err != nil || !linkable(conn.Info()) {
		return conn, err
	}
	return n.begin(conn, &to, early)
}

// rawRoom is what announcing the frames of Dial.Early takes of its limit: a frame of the kind, and the longest count.
const rawRoom = 4 + 1 + 3

// announce puts before frames that they go as they are.
func announce(frames [][]byte, limit int) [][]byte {
	if len(frames) == 0 {
		return nil
	}
	room := limit - rawRoom
	for _, f := range frames {
		room -= len(f) + 4
	}
	if room < 0 {
		return [][]byte{make([]byte, limit)} // too long, as the netlayer will find
	}
	return append([][]byte{appendRaw(nil, len(frames))}, frames...)
}

// Accept waits for the next dialler, and meanwhile answers those that would resume.
func (n *Netlayer) Accept(ctx context.Context) (*netlayer.Incoming, error) {
	for {
		in, err := n.Netlayer.Accept(ctx)
		if err != nil {
			return nil, err
		}
		if in.Info.Resume != nil {
			n.resume(in)
			continue
		}
		if !linkable(in.Info) {
			return in, nil
		}
		linked := *in
		linked.Accept = func(first [][]byte) (netlayer.Conn, error) { return n.accept(in, first) }
		return &linked, nil
	}
}

// accept admits a dialler with whom there will be a link.
func (n *Netlayer) accept(in *netlayer.Incoming, first [][]byte) (netlayer.Conn, error) {
	m, s := new(memory), newSecret()
	vec := [][]byte{append([]byte{kindBegin}, s[:]...)}
	for _, f := range first {
		m.put(f)
		if len(f) == netlayer.MaxFrame {
			vec = append(vec, rawOne, f)
		} else {
			vec = append(vec, append([]byte{kindData}, f...))
		}
	}
	conn, err := in.Accept(vec)
	if err != nil {
		return nil, err
	}
	return n.start(firstLink(n, conn, nil, s, m))
}

func newSecret() *secret {
	s := new(secret)
	_, _ = rand.Read(s[:])
	return s
}

// begin makes a link of a connection that was dialled, with which frames went out.
func (n *Netlayer) begin(conn netlayer.Conn, to *target, early [][]byte) (netlayer.Conn, error) {
	m := new(memory)
	for _, f := range early {
		m.put(f)
	}
	return n.start(firstLink(n, conn, to, nil, m))
}

// start enters a new link.
func (n *Netlayer) start(l *link) (netlayer.Conn, error) {
	n.mu.Lock()
	closed := n.closed
	if !closed {
		n.links[l] = struct{}{}
		if l.named {
			n.byID[l.name] = l
		}
	}
	n.mu.Unlock()
	if closed {
		_ = l.lk.conn.Close("the netlayer is closing")
		return nil, errClosed
	}
	return l.outward(), nil
}

// forget takes out a link that has ended. If it stays known, the peer is told to come again later.
func (n *Netlayer) forget(l *link, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.links, l)
	if !known && l.named && n.byID[l.name] == l {
		delete(n.byID, l.name)
	}
	n.crowd.leave(l)
}

// NetworkUp says that the network may have come back or changed: links that wait for their next try to reach the peer are
// tried now, and inner is told. It returns when that has tried what it has to try.
func (n *Netlayer) NetworkUp(ctx context.Context) {
	n.mu.Lock()
	for l := range n.links {
		l.hasten()
	}
	n.mu.Unlock()
	if up, ok := n.Netlayer.(interface{ NetworkUp(context.Context) }); ok {
		up.NetworkUp(ctx)
	}
}

// Close ends every link, telling the peers that are connected, then inner, and joins every goroutine. Closing again waits
// for the same.
func (n *Netlayer) Close() error {
	n.mu.Lock()
	first := !n.closed
	n.closed = true
	var all []*link
	for l := range n.links {
		all = append(all, l)
	}
	n.mu.Unlock()
	if !first {
		<-n.over
		return n.failure
	}
	defer close(n.over)
	n.cancel()
	var each sync.WaitGroup
	for _, l := range all {
		each.Go(func() { _ = l.Close("the netlayer is closing") })
	}
	each.Wait()
	n.failure = n.Netlayer.Close()
	n.wg.Wait()
	return n.failure
}

// spawn runs fn on a goroutine that Close joins, or reports that Close has begun.
func (n *Netlayer) spawn(fn func()) bool {
	if !n.enter() {
		return false
	}
	go func() {
		defer n.wg.Done()
		fn()
	}()
	return true
}

// enter has Close wait for the caller, who calls wg.Done.
func (n *Netlayer) enter() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.wg.Add(1)
	return true
}

// after is time.AfterFunc with a function that Close joins.
func (n *Netlayer) after(d time.Duration, fn func()) *time.Timer {
	return time.AfterFunc(d, func() {
		if n.enter() {
			defer n.wg.Done()
			fn()
		}
	})
}

// A name is how a peer that would resume says which link it means: its id, and which of the two ends it is, since both may be
// in one process.
type name struct {
	id       [32]byte
	outbound bool
}

// baptize enters a link that was dialled, and whose secret has come.
func (n *Netlayer) baptize(l *link, id [32]byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.links[l]; ok {
		l.name, l.named = name{id, true}, true
		n.byID[l.name] = l
	}
}

// A target is where a peer is dialled.
type target struct {
	peer  sturdyref.Peer
	allow func(netip.Addr) bool
}
