package link_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
)

// process is a directory as one process sees it, which can be killed: nothing is written from then on.
type process struct {
	*memory.Backend
	dead atomic.Bool
	slow atomic.Int64 // how long a write takes, a time.Duration
}

var errKilled = errors.New("killed")

func (p *process) Apply(bs []*store.Batch) error {
	time.Sleep(time.Duration(p.slow.Load()))
	if p.dead.Load() {
		return errKilled
	}
	return p.Backend.Apply(bs)
}

// node is one side: its directory, and the process that has it open.
type node struct {
	t        *testing.T
	net      *mem.Network
	name     string
	addr     string                // if it is not the name
	guard    func(netip.Addr) bool // Dial.Allow
	idle     bool                  // links that are kept are not run
	mail     bool                  // letters are to be had, at
	desk     *desk
	sizes    func(i int) int // of the frames that are read, if not sizeOf
	over     func(netlayer.Netlayer) netlayer.Netlayer
	dir      *memory.Backend
	cfg      link.Config
	lives    sync.WaitGroup
	process  *process
	host     *mem.Host
	hosts    []*mem.Host // of earlier processes, too
	store    *store.Store
	links    *link.Netlayer
	kept     []*actor
	accepted chan *actor
	all      []*actor
	mu       sync.Mutex
}

// start begins a process. The frames of links that it finds in its directory go on.
func (n *node) start() {
	n.t.Helper()
	n.process = &process{Backend: n.dir}
	s, err := store.Open(n.process)
	if err != nil {
		n.t.Fatal(err)
	}
	n.store = s
	n.host = n.net.Host(mem.HostConfig{Name: n.name, Addr: n.addr, Features: []string{netlayer.FeatureResume}})
	n.hosts = append(n.hosts, n.host)
	cfg := n.cfg
	cfg.Store = s
	cfg.Logger = hclog.New(&hclog.LoggerOptions{Name: n.name, Output: n.t.Output(), Level: hclog.Debug})
	if n.mail {
		n.desk = &desk{t: n.t, links: map[[16]byte]link.Mailed{}, left: map[[16]byte]bool{}}
		cfg.Mail = n.desk
	}
	inner := netlayer.Netlayer(n.host)
	if n.over != nil {
		inner = n.over(inner)
	}
	n.links = wrap(n.t, inner, &cfg)
	kept, err := n.links.Kept()
	if err != nil {
		n.t.Fatal(err)
	}
	n.kept, n.all = nil, nil
	for _, c := range kept {
		a := &actor{n: n, conn: c, lasts: true}
		id := c.Name()
		app, err := s.Get("app", id[:])
		if err != nil || len(app) != 16 {
			n.t.Fatalf("what goes with session %x: %x, %v", id, app, err)
		}
		a.sent, a.read = int(binary.BigEndian.Uint64(app)), int(binary.BigEndian.Uint64(app[8:]))
		n.kept = append(n.kept, a)
		if !n.idle {
			a.run()
		}
	}
	n.accepted = make(chan *actor, 16)
	n.lives.Go(n.admit)
}

func (n *node) admit() {
	links, accepted := n.links, n.accepted
	for {
		in, err := links.Accept(context.Background())
		if err != nil {
			return
		}
		if c, err := in.Accept([][]byte{frame(0, 7)}); err == nil {
			a := &actor{n: n, conn: c.(netlayer.Lasting), sent: 1}
			a.run()
			accepted <- a
		}
	}
}

// dial begins a link with another node.
func (n *node) dial(to *node) *actor {
	n.t.Helper()
	c, err := n.links.Connect(context.Background(), netlayer.Dial{
		Peer: to.links.Location(), Allow: n.guard, Early: func(netlayer.Info, int) [][]byte { return [][]byte{frame(0, 7)} },
	})
	if err != nil {
		n.t.Fatal(err)
	}
	a := &actor{n: n, conn: c.(netlayer.Lasting), sent: 1}
	a.run()
	return a
}

// kill ends the process: what has not been written is lost, and the peer hears nothing.
func (n *node) kill() {
	n.process.dead.Store(true)
	n.host.Close()
	n.stop()
}

// stop ends the process in order.
func (n *node) stop() {
	n.mu.Lock()
	all := n.all
	n.mu.Unlock()
	for _, a := range all {
		_ = a.conn.Close("")
	}
	_ = n.links.Close()
	for _, a := range all {
		a.work.Wait()
	}
	_ = n.store.Close()
	n.lives.Wait()
}

// actor uses one link as CapTP does: what it has read and written is in the same transactions.
type actor struct {
	n    *node
	conn netlayer.Lasting
	work sync.WaitGroup
	wake chan struct{}
	stop chan struct{} // closed by the reader

	mu      sync.Mutex // held while a transaction is made and submitted
	changed sync.Cond
	lasts   bool
	sent    int // frames, the first included
	read    int
	end     error // what Read has ended with
	wrong   error
}

func (a *actor) run() {
	a.changed.L = &a.mu
	a.wake, a.stop = make(chan struct{}, 1), make(chan struct{})
	a.conn.(netlayer.KeepAliver).KeepAlive(true)
	a.n.mu.Lock()
	a.n.all = append(a.n.all, a)
	a.n.mu.Unlock()
	a.work.Go(a.reader)
	a.work.Go(func() {
		for {
			select {
			case <-a.wake:
				_ = a.conn.Flush()
			case <-a.stop:
				return
			}
		}
	})
}

func (a *actor) reader() {
	defer close(a.stop)
	for {
		f, err := a.conn.Read()
		a.mu.Lock()
		if err != nil {
			a.end = err
			a.changed.Broadcast()
			a.mu.Unlock()
			return
		}
		size := sizeOf
		if a.n.sizes != nil {
			size = a.n.sizes
		}
		want := frame(a.read, size(a.read))
		if a.read == 0 {
			want = frame(0, 7)
		}
		if !bytes.Equal(f.Bytes, want) {
			a.wrong = fmt.Errorf("%s: frame %d is one of %d bytes that begins with %x", a.n.name, a.read, len(f.Bytes), f.Bytes[:min(8, len(f.Bytes))])
		}
		a.read++
		f.Done()
		if a.lasts {
			a.commit(nil)
		}
		a.changed.Broadcast()
		a.mu.Unlock()
	}
}

// commit records frames, and what this side has read and written. Called with mu held.
func (a *actor) commit(frames [][]byte) {
	tx := new(store.Batch)
	mark := a.conn.Record(tx, frames)
	a.submit(tx, mark)
}

func (a *actor) submit(tx *store.Batch, mark uint64) {
	id := a.conn.Name()
	app := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(a.sent)), uint64(a.read))
	tx.Put("app", id[:], app)
	_ = a.n.store.Submit(tx, func(err error) {
		if err == nil {
			a.conn.Recorded(mark)
			select {
			case a.wake <- struct{}{}:
			default:
			}
		}
	})
}

// last has the link outlive its process.
func (a *actor) last() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lasts {
		return nil
	}
	tx := new(store.Batch)
	taken, mark, err := a.conn.Last(tx)
	if err != nil {
		return err
	}
	if taken < uint64(a.sent) {
		a.wrong = fmt.Errorf("%s: Write had taken %d frames, and says %d", a.n.name, a.sent, taken)
	}
	a.lasts, a.sent = true, int(taken)
	a.submit(tx, mark)
	return nil
}

// write writes frames until so many were written.
func (a *actor) write(to int) error {
	a.mu.Lock()
	for from := a.sent; from < to && !a.lasts; from = a.sent {
		a.mu.Unlock()
		err := a.conn.Write([][]byte{frame(from, sizeOf(from))})
		a.mu.Lock()
		if err != nil && !errors.Is(err, netlayer.ErrLasts) {
			a.mu.Unlock()
			return err
		}
		if err == nil {
			a.sent = max(a.sent, from+1)
		}
	}
	defer a.mu.Unlock()
	for a.sent < to {
		var some [][]byte
		for i := range min(7, to-a.sent) {
			some = append(some, frame(a.sent+i, sizeOf(a.sent+i)))
		}
		a.sent += len(some)
		a.commit(some)
	}
	return nil
}

// await waits until so many frames were read.
func (a *actor) await(n int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.read < n && a.end == nil && a.wrong == nil {
		a.changed.Wait()
	}
	switch {
	case a.wrong != nil:
		return a.wrong
	case a.read < n:
		return fmt.Errorf("%s: %d frames were read of %d: %w", a.n.name, a.read, n, a.end)
	}
	return nil
}

// over waits for the end.
func (a *actor) over(t testing.TB, want error) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.end == nil {
		a.changed.Wait()
	}
	if want != nil && !errors.Is(a.end, want) || !errors.Is(a.end, net.ErrClosed) {
		t.Errorf("%s: the link has ended with %v, want %v", a.n.name, a.end, want)
	}
}

// pair runs a test with two nodes in a bubble.
func pair(t *testing.T, cfg link.Config, fn func(net *mem.Network, a, b *node)) {
	t.Helper()
	pairAfter(t, time.Second, cfg, fn)
}

// pairAfter is pair in a network whose connections take so long to be found dead.
func pairAfter(t *testing.T, timeout time.Duration, cfg link.Config, fn func(net *mem.Network, a, b *node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := mem.New(&mem.Config{Delay: 5 * time.Millisecond, Timeout: timeout})
		nodes := [2]*node{}
		for i, name := range []string{"a", "b"} {
			nodes[i] = &node{t: t, net: w, name: name, dir: new(memory.Backend), cfg: cfg}
			nodes[i].start()
		}
		fn(w, nodes[0], nodes[1])
		nodes[0].stop()
		nodes[1].stop()
		w.Close()
	})
}

// last has both ends last.
func last(t testing.TB, actors ...*actor) {
	t.Helper()
	for _, a := range actors {
		if err := a.last(); err != nil {
			t.Fatal(err)
		}
	}
}

// dump returns how many keys each bucket of links has, in the store of a node.
func (n *node) dump() map[string]int {
	n.t.Helper()
	keys := map[string]int{}
	err := n.store.View(func(r store.Reader) error {
		for _, bucket := range r.Buckets() {
			r.Scan(bucket, nil, func([]byte, []byte) bool {
				if strings.HasPrefix(bucket, "links") {
					keys[bucket]++
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return keys
}

// copied returns a copy of a directory.
func copied(t testing.TB, dir *memory.Backend) *memory.Backend {
	t.Helper()
	tx := new(store.Batch)
	err := dir.View(func(r store.Reader) error {
		for _, bucket := range append(r.Buckets(), "hawser") {
			r.Scan(bucket, nil, func(key, value []byte) bool {
				tx.Put(bucket, bytes.Clone(key), bytes.Clone(value))
				return true
			})
		}
		return nil
	})
	to := new(memory.Backend)
	if err = errors.Join(err, to.Apply([]*store.Batch{tx})); err != nil {
		t.Fatal(err)
	}
	return to
}

// meet makes a link of two nodes that outlives both.
func meet(t testing.TB, a, b *node) (out, in *actor) {
	t.Helper()
	out = a.dial(b)
	in = <-b.accepted
	time.Sleep(time.Second)
	last(t, out, in)
	talk(t, out, in, 3)
	return out, in
}

// talk has two actors write up to so many frames, and waits until they have arrived.
func talk(t testing.TB, x, y *actor, n int) {
	t.Helper()
	for _, c := range []*actor{x, y} {
		if err := c.write(n); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []*actor{x, y} {
		if err := c.await(n); err != nil {
			t.Error(err)
		}
	}
	time.Sleep(2 * time.Second) // until it is acknowledged and noted
}

func newDir() *memory.Backend { return new(memory.Backend) }

func hexOf(id [16]byte) string { return hex.EncodeToString(id[:]) }
