package home

import (
	"slices"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// crossingWindow is how long after its start a session that we dialled counts as started at the same time as a dial
// that the peer's connection belongs to. A peer that comes later has lost its state.
const crossingWindow = 10 * time.Second

// Lock implements netlayer.Doorkeeper.
func (h *Home) Lock(id [16]byte) (netlayer.Lock, bool) { return h.registry.lookup(id) }

// Admit implements netlayer.Doorkeeper.
func (h *Home) Admit(info netlayer.Info) error {
	h.usableSession(info.Remote.ID())
	_, introduced := h.introduced(info)
	h.mu.Lock()
	err := h.mayEnter(info, introduced)
	h.mu.Unlock()
	h.refusing(err, info.Remote.ID())
	return err
}

// mayEnter says whether a dialler, who may have been introduced, may have a session now. Called with mu held.
func (h *Home) mayEnter(info netlayer.Info, introduced bool) error {
	if h.closed || h.cfg.Identity == nil {
		return netlayer.ErrRefused
	}
	if err := h.admissible(info, introduced); err != nil {
		return err
	}
	if h.crosses(info) {
		return netlayer.ErrCrossed
	}
	return nil
}

// crosses reports whether an incoming connection has to give way to one that we are dialling, or have just dialled, to
// the same peer: the connection stays that was dialled by the one with the higher static key. But whoever has waited for
// that connection in vain, and dials again, is let in, and lets the other in no more: otherwise both could let each other
// in at once, and two connections would give way to each other. If both have waited the higher one's stays. Called with
// mu held.
func (h *Home) crosses(info netlayer.Info) bool {
	p := h.peers[info.Remote.ID()]
	if p == nil || !identified(info) {
		return false
	}
	wins := higher(info.Local.Designator, info.Remote.Designator)
	if d := p.dial; d != nil && (wins || d.insists) {
		// A peer that comes back has waited for our connection, which has not come: it may be that only it can reach us.
		again := d.crossed && time.Since(d.told) >= crossedWait && !(wins && d.insists)
		if !d.crossed {
			d.crossed, d.told = true, time.Now()
		}
		return !again
	}
	return wins && p.live != nil && p.live.info().Outbound && time.Since(p.live.since) < crossingWindow
}

// higher compares two designators by the static keys they spell; other designators, as they are.
func higher(a, b string) bool {
	ka, errA := sturdyref.DesignatorKey(a)
	kb, errB := sturdyref.DesignatorKey(b)
	if errA != nil || errB != nil {
		return a > b
	}
	return slices.Compare(ka[:], kb[:]) > 0
}

// accept lets diallers in until the Home is closed.
func (h *Home) accept(layer Layer) {
	defer h.wg.Done()
	for {
		in, err := layer.Accept(h.ctx)
		if err != nil {
			if h.ctx.Err() == nil {
				h.log.Error("nobody can dial this node any more", "transport", layer.Transport(), "error", err)
			}
			return
		}
		h.goroutine(func() { h.admit(in) })
	}
}

// arrival is an incoming connection and what it takes the place of.
type arrival struct {
	link *link
	old  *link // the peer's earlier session
	mine *dial // our own attempt
}

// admit makes a session of a dialler that has proven itself.
func (h *Home) admit(in *netlayer.Incoming) {
	l, err := h.newLink(in.Info.Remote.ID())
	if err != nil {
		h.log.Error("no session can be made", "error", err)
		in.Refuse(netlayer.ErrRefused)
		return
	}
	a := arrival{link: l}
	h.usableSession(l.peer)
	shown, introduced := h.introduced(in.Info)
	h.mu.Lock()
	if err := h.mayEnter(in.Info, introduced); err != nil {
		h.mu.Unlock()
		h.refusing(err, l.peer)
		in.Refuse(err)
		return
	}
	h.enter(l, in.Info)
	if introduced {
		h.guest(l, shown)
	}
	if identified(in.Info) {
		p := h.peer(l.peer)
		a.old, a.mine = p.live, p.dial
		p.live, p.dial = l, nil
	}
	h.mu.Unlock()
	var first [][]byte
	if !l.over.TrustClaims {
		first = l.session.Hello(in.Info)
	}
	conn, err := in.Accept(first)
	if err == nil {
		err = h.start(l, conn)
	}
	if err != nil {
		h.wentAway(a, err)
		return
	}
	h.settled(a)
}

// letIn makes a session of a peer whose letter opens it, over what begin returns. If there is another with the peer, or is about to be,
// this one is beside it.
func (h *Home) letIn(info netlayer.Info, begin func() (netlayer.Conn, error)) (*captp.Session, error) {
	l, err := h.newLink(info.Remote.ID())
	if err != nil {
		return nil, err
	}
	h.usableSession(l.peer)
	h.mu.Lock()
	if h.closed {
		err = errClosed
	} else {
		err = h.admissible(info, false)
	}
	if err != nil {
		h.mu.Unlock()
		h.refusing(err, l.peer)
		return nil, err
	}
	h.enter(l, info)
	if p := h.peer(l.peer); p.live == nil && p.dial == nil {
		p.live = l
	}
	h.mu.Unlock()
	conn, err := begin()
	if err == nil {
		err = h.start(l, conn)
	}
	if err != nil {
		h.mu.Lock()
		h.leave(l)
		h.mu.Unlock()
		l.session.Fail(l.peer.String(), err)
		h.gone(l)
		h.proceed(l.peer)
		return nil, err
	}
	return l.session, nil
}

// settled ends what an incoming connection has replaced and sends over it what was to be sent.
func (h *Home) settled(a arrival) {
	l := a.link
	var waiting []*request
	h.mu.Lock()
	old := a.old
	if p := h.peers[l.peer]; p != nil && p.live == l {
		waiting, p.waiting = p.waiting, nil
		h.cameUp(l.peer)
		if old != nil && old.info().Posted { // the peer may not have had a letter yet
			if _, ok := h.links[old]; ok && p.posted == nil {
				p.posted = old
			}
			old = nil
		}
	}
	h.mu.Unlock()
	if a.mine != nil {
		a.mine.cancel()
		h.handOver(a.mine, l)
	}
	h.serve(waiting, l)
	if old != nil {
		// The peer proved who it is and has no session with us: it was restarted.
		h.goroutine(func() { old.session.Close("superseded by a new session") })
	}
}

// wentAway puts things back as they were before a connection that came to nothing. What was sent on it meanwhile goes
// out with what it would have replaced. If another connection has taken its place by now, that one replaces both.
func (h *Home) wentAway(a arrival, err error) {
	l, id := a.link, a.link.peer.String()
	h.log.Debug("a peer went away while it was let in", "peer", id, "error", err)
	var to *link
	var waiting []*request
	resumed := false
	h.mu.Lock()
	if p := h.peers[l.peer]; p != nil && p.live == l && !h.closed {
		if _, ok := h.links[a.old]; ok {
			p.live, to = a.old, a.old
			if to.started { // and has looked already for what waits; otherwise it will
				waiting, p.waiting = p.waiting, nil
			}
		} else if a.mine != nil && a.mine.over == nil {
			p.live, p.dial, to, resumed = nil, a.mine, a.mine.link, true
		}
	}
	h.leave(l)
	h.mu.Unlock()
	if to != nil {
		h.handLinkOver(l, to)
	}
	l.session.Fail(id, err)
	h.gone(l)
	h.serve(waiting, to)
	if a.old != nil && to != a.old {
		h.goroutine(func() { a.old.session.Close("superseded by a new session") })
	}
	switch {
	case resumed:
		select {
		case a.mine.again <- struct{}{}:
		default:
		}
	case a.mine != nil:
		a.mine.cancel()
		a.mine.link.session.Fail(id, err)
		h.gone(a.mine.link)
	}
	h.proceed(l.peer)
}

// handOver moves to the peer's own connection what was to go out with a dial.
func (h *Home) handOver(d *dial, l *link) {
	move := func(err error) {
		if err == nil {
			if h.handLinkOver(d.link, l) {
				return
			}
			err = errClosed
		}
		d.link.session.Fail(d.peer.id.String(), err)
		h.gone(d.link)
	}
	if h.hasProven(l, d.req) {
		move(nil)
		return
	}
	h.prove(d.req, l, move)
}
