package link

import (
	"time"

	"github.com/hawser-go/hawser/netlayer"
)

// lost takes away a connection that has ended without a farewell. The link waits for the next.
func (l *link) lost(gen uint64, err error) {
	l.mu.Lock()
	lk := &l.lk
	if lk.gen != gen {
		l.mu.Unlock()
		return
	}
	conn := lk.conn
	l.detach()
	idle := !lk.needed && !lk.passed && lk.acked == lk.end
	unneeded := idle && !lk.lasts
	unread := lk.end - lk.acked
	young := lk.secret == nil
	suspended := lk.ended == nil && !lk.closing && !unneeded && !young
	if suspended {
		l.touched()
		l.suspend()
		if !idle {
			l.look()
		}
	}
	l.mu.Unlock()
	l.dispose(conn, "")
	switch {
	case suspended:
		l.n.cfg.Logger.Info("session suspended: its connection was lost", "peer", l.peer(), "error", err, "unacknowledged", unread)
	case young:
		l.end(because(ErrYoung, err.Error()))
	case unneeded:
		l.end(because(ErrUnneeded, ""))
	}
}

// suspend has the link wait for its next connection. It is called with mu held, as everything below that does not say
// otherwise.
func (l *link) suspend() {
	l.await()
	if l.lk.lasts {
		l.trim()
		l.stir()
	} else {
		l.crowd(func(c *crowd) { c.join(l, l.out.bytes()) })
	}
	l.stopDialling()
}

// await has the link end if there is no connection when the grace is over.
func (l *link) await() {
	lk := &l.lk
	if lk.expiry != nil {
		lk.expiry.Stop()
	} else {
		lk.suspended = time.Now()
	}
	gen := lk.gen
	lk.expiry = l.n.after(l.grace(), func() { l.fail(gen, because(ErrExpired, "")) })
}

// look dials, if there is no connection and it is known where.
func (l *link) look() {
	lk := &l.lk
	if lk.conn != nil || lk.cancel != nil || lk.ended != nil || lk.closing || lk.asleep {
		return
	}
	switch {
	case lk.to != nil:
		l.dialAfter(0)
	case lk.also != nil:
		l.dialAfter(turnedWait) // it is the peer's to dial, if it is there
	}
}

// grace is how long the link waits for its next connection.
func (l *link) grace() time.Duration {
	cfg := &l.n.cfg
	switch {
	case !l.lk.heard && !l.lk.lasts:
		return min(unheardGrace, cfg.Grace)
	case l.info.Anonymous:
		return cfg.AnonymousGrace
	case l.lk.lasts:
		return l.lease()
	default:
		return cfg.Grace
	}
}

// attach has the link go on with a connection, whose other end expects the frame with number next, and was told that this one
// expects the one with number ours.
func (l *link) attach(conn netlayer.Conn, next, ours uint64) {
	lk := &l.lk
	lk.conn, lk.previous, lk.writable, lk.passed, lk.heard = conn, conn, true, false, true
	lk.gen++ // and with it whatever was to happen without a connection is off
	lk.next, lk.counted = next, ours
	l.said.Store(0)
	lk.ackDue = l.tellable() > 0 // what was said last may have been lost, and what the peer reads next is not what it may forget
	l.touched()
	lk.expiry.Stop()
	lk.expiry = nil
	l.stopDialling()
	l.crowd(func(c *crowd) { c.leave(l) })
	l.stir()
	l.changed.Broadcast()
	l.n.cfg.Logger.Info("session goes on", "peer", l.peer(), "after", time.Since(lk.suspended), "repeated", lk.sent-next)
}

// goOn writes what waits. It is called without mu.
func (l *link) goOn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush(everything)
}

// crowd changes what the link takes among those that are suspended, and ends those for which there is no room.
func (l *link) crowd(change func(*crowd)) {
	n := l.n
	n.mu.Lock()
	change(&n.crowd)
	victims := n.crowd.excess(&n.cfg, l)
	n.mu.Unlock()
	for _, v := range victims {
		n.spawn(func() { v.end(because(ErrCrowded, "")) })
	}
}

// grown counts what was written to a link that is suspended.
func (l *link) grown(bytes int) { l.crowd(func(c *crowd) { c.grow(l, bytes) }) }

// A crowd is the links that are suspended. It is guarded by the mu of the Netlayer.
type crowd struct {
	members map[*link]*place
	count   uint64 // of those who ever joined
	bytes   int
}

// A place is what a suspended link takes.
type place struct {
	turn   uint64
	bytes  int
	who    string // the peer, or where it is if that is nobody
	nobody bool
}

func (c *crowd) join(l *link, bytes int) {
	c.leave(l)
	p := &place{turn: c.count, bytes: bytes}
	p.who, p.nobody = l.who()
	c.count++
	c.members[l] = p
	c.bytes += bytes
}

// who names the peer where one may have only so much, or where it is if that is nobody.
func (l *link) who() (who string, nobody bool) {
	nobody = l.info.Anonymous && !l.info.Outbound
	if nobody && l.info.Source != "" {
		return l.info.Source, true
	}
	return l.peer(), nobody
}

func (c *crowd) leave(l *link) {
	if p := c.members[l]; p != nil {
		c.bytes -= p.bytes
		delete(c.members, l)
	}
}

func (c *crowd) grow(l *link, bytes int) {
	if p := c.members[l]; p != nil {
		p.bytes += bytes
		c.bytes += bytes
	}
}

// excess takes out the links for which there is no room now that one has changed.
func (c *crowd) excess(cfg *Config, changed *link) (victims []*link) {
	oust := func(among func(*place) bool) bool {
		var oldest *link
		for l, p := range c.members {
			if among(p) && (oldest == nil || p.turn < c.members[oldest].turn) {
				oldest = l
			}
		}
		if oldest == nil {
			return false
		}
		c.leave(oldest)
		victims = append(victims, oldest)
		return true
	}
	p := c.members[changed]
	if p == nil {
		return nil // it has left
	}
	alike := 0
	for _, other := range c.members {
		if other.who == p.who {
			alike++
		}
	}
	for ; alike > cfg.MaxSuspendedPerPeer; alike-- {
		oust(func(other *place) bool { return other.who == p.who })
	}
	for len(c.members) > cfg.MaxSuspended || c.bytes > cfg.MaxSuspendedBytes && len(c.members) > 0 {
		if !oust(func(other *place) bool { return other.nobody }) {
			oust(func(*place) bool { return true })
		}
	}
	return victims
}
