package mem

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/netlayer"
)

// A wire is one connection: two hosts, and the pipe that leads away from each.
type wire struct {
	net   *Network
	hosts [2]*Host
	from  [2]*pipe
	ends  [2]*conn
}

// connect makes a connection whose ends know what is given, or returns nil if one of the hosts is closed. The dialler's
// frames have arrived already, the acceptor's are on their way.
func (n *Network) connect(dialler, acceptor *Host, infos [2]netlayer.Info, early, first [][]byte) *wire {
	links := [2]*link{n.link(dialler, acceptor), n.link(acceptor, dialler)}
	w := &wire{net: n, hosts: [2]*Host{dialler, acceptor}}
	n.mu.Lock()
	defer n.mu.Unlock()
	if dialler.closed || acceptor.closed {
		return nil
	}
	n.conns++
	for i, l := range links {
		w.from[i] = newPipe(n, l, rand.New(rand.NewPCG(n.cfg.Seed, 2*n.conns+uint64(i))))
	}
	for i := range w.ends {
		w.ends[i] = &conn{wire: w, side: i, info: infos[i], out: w.from[i], in: w.from[1-i]}
	}
	w.from[0].preload(early, true)
	if n.cuts[cutKey(dialler, acceptor)] != nil {
		w.stall()
	}
	w.from[1].preload(first, false)
	n.wires[w] = struct{}{}
	return w
}

// both changes the two directions at one instant: who has read that it is over finds that it cannot write, either.
func (w *wire) both(change func()) {
	for _, p := range w.from {
		p.mu.Lock()
		defer p.mu.Unlock()
	}
	change()
}

func (w *wire) stall() {
	w.both(func() {
		for _, p := range w.from {
			p.stall()
		}
	})
}

func (w *wire) resume() {
	w.both(func() {
		shutAt := [2]time.Duration{w.from[0].resume(), w.from[1].resume()}
		for i, p := range w.from {
			p.hear(shutAt[1-i])
		}
	})
}

func (w *wire) lose() {
	w.both(func() {
		for _, p := range w.from {
			p.lose(errLost)
		}
	})
}

// vanish loses the wire for one of its hosts alone.
func (w *wire) vanish(h *Host) {
	w.both(func() {
		for i, p := range w.from {
			if w.hosts[i] == h {
				p.fallSilent(errLost)
				w.from[1-i].fallDeaf(errLost)
			}
		}
	})
}

// between returns the connections between two hosts. It is called with the network's mutex held.
func (n *Network) between(a, b *Host) []*wire {
	var found []*wire
	for w := range n.wires {
		if w.hosts == [2]*Host{a, b} || w.hosts == [2]*Host{b, a} {
			found = append(found, w)
		}
	}
	return found
}

// A conn is one end of a wire.
type conn struct {
	wire    *wire
	side    int
	info    netlayer.Info
	in, out *pipe
	closed  atomic.Bool
}

var _ netlayer.Conn = (*conn)(nil)

func (c *conn) Info() netlayer.Info         { return c.info }
func (c *conn) More() bool                  { return c.in.more() }
func (c *conn) Write(frames [][]byte) error { return c.out.write(frames) }

func (c *conn) Read() (netlayer.Frame, error) {
	b, err := c.in.read()
	return netlayer.Frame{Bytes: b}, err
}

// Close returns at once: what was written is in the network's hands and arrives even if this host closes too.
func (c *conn) Close(reason string) error {
	if c.closed.Swap(true) {
		return nil
	}
	said := closedThere(reason)
	c.wire.both(func() { c.in.closeRead(c.out.closeWrite(said), said) })
	if c.wire.ends[1-c.side].closed.Load() {
		c.wire.net.mu.Lock()
		delete(c.wire.net.wires, c.wire)
		c.wire.net.mu.Unlock()
	}
	return nil
}
