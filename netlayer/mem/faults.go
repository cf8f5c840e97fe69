package mem

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// A pair is two hosts by address: from and to for a link, in either order for a cut.
type pair struct{ a, b string }

// A link is how one direction between two hosts behaves. Connections share it.
type link struct{ delay, jitter atomic.Int64 }

// sample returns how long something sent now takes.
func (l *link) sample(rng *rand.Rand) time.Duration {
	d := l.delay.Load()
	if j := l.jitter.Load(); j > 0 {
		d += rng.Int64N(j + 1)
	}
	return time.Duration(d)
}

// link returns the link of one direction, made on first use.
func (n *Network) link(from, to *Host) *link {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := pair{from.addr, to.addr}
	l := n.links[key]
	if l == nil {
		l = new(link)
		l.delay.Store(int64(n.cfg.Delay))
		l.jitter.Store(int64(n.cfg.Jitter))
		n.links[key] = l
	}
	return l
}

// SetDelay changes how long frames take from one host to another; what is on its way arrives as it would have. It does
// not change the other direction.
func (n *Network) SetDelay(from, to *Host, delay, jitter time.Duration) {
	if delay < 0 || jitter < 0 {
		panic("mem: a delay is negative")
	}
	l := n.link(from, to)
	l.delay.Store(int64(delay))
	l.jitter.Store(int64(jitter))
}

// A cut is a partition between two hosts.
type cut struct {
	healed chan struct{}
	timer  *time.Timer
}

func (c *cut) end() {
	c.timer.Stop()
	close(c.healed)
}

func cutKey(a, b *Host) pair {
	if a.addr > b.addr {
		a, b = b, a
	}
	return pair{a.addr, b.addr}
}

// Partition stops all traffic between two hosts. Frames sent, or on their way, wait; so do dials. If the partition
// lasts for Config.Timeout the connections across it are lost.
func (n *Network) Partition(a, b *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := cutKey(a, b)
	if n.cuts[key] != nil || n.closed {
		return
	}
	n.cuts[key] = &cut{
		healed: make(chan struct{}),
		timer:  time.AfterFunc(n.cfg.Timeout, func() { n.Lose(a, b) }),
	}
	for _, w := range n.between(a, b) {
		w.stall()
	}
}

// Heal ends a partition: what waited is sent on, in order.
func (n *Network) Heal(a, b *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := cutKey(a, b)
	c := n.cuts[key]
	if c == nil {
		return
	}
	delete(n.cuts, key)
	for _, w := range n.between(a, b) {
		w.resume()
	}
	c.end()
}

// partitioned returns a channel that is closed when the partition between two hosts ends, or nil if there is none.
func (n *Network) partitioned(a, b *Host) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.cuts[cutKey(a, b)]; c != nil {
		return c.healed
	}
	return nil
}

// Lose breaks every connection between two hosts, for both ends at once. In each direction a part of the frames that
// were sent and not yet read never arrives: which part is for the seed to say, and it leaves no gaps.
func (n *Network) Lose(a, b *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range n.between(a, b) {
		w.lose()
	}
}

// LoseSilently breaks every connection between two hosts for a alone, as when a has moved to another network: b hears
// nothing, and what it writes goes nowhere. What was sent either way and has not arrived never does. Lose has b learn it.
func (n *Network) LoseSilently(a, b *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range n.between(a, b) {
		w.vanish(a)
	}
}

// Refuse makes a host turn every dialler away, as if its doorkeeper did, until it is called with false.
func (n *Network) Refuse(h *Host, refuse bool) { h.refusing.Store(refuse) }
