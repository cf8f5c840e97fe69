package home

import (
	"github.com/hawser-go/hawser/netlayer"
)

// accept lets diallers in until the Home is closed.
func (h *Home) accept() {
	defer h.wg.Done()
	for {
		in, err := h.nl.Accept(h.ctx)
		if err != nil {
			return
		}
		h.goroutine(func() { h.admit(in) })
	}
}

// admit makes a session of a dialler that has proven itself.
func (h *Home) admit(in *netlayer.Incoming) {
	id := in.Info.Remote.ID()
	l, err := h.newLink(h.ctx, id, h.nl)
	if err != nil {
		in.Refuse(netlayer.ErrRefused)
		return
	}
	info := in.Info
	l.conn.Store(&info)
	// The peer's claim to an address decides nothing unless the netlayer has proven it, and an anonymous peer is nobody
	// to be dialled: neither stands in the table.
	named := info.Authenticated && !info.Anonymous
	var old *link
	var mine *dial
	h.mu.Lock()
	switch {
	case h.closed:
		h.mu.Unlock()
		in.Refuse(netlayer.ErrRefused)
		return
	case named && h.crosses(info):
		h.mu.Unlock()
		in.Refuse(netlayer.ErrCrossed)
		return
	case named:
		p := h.peer(id)
		old, mine = p.live, p.dial
		p.live, p.dial = l, nil
	}
	h.mu.Unlock()
	conn, err := in.Accept(l.session.Hello(info))
	if err == nil {
		err = l.start(conn)
	}
	if err != nil {
		h.log.Debug("a peer went away while it was let in", "peer", id.String(), "error", err)
		l.session.Fail(id.String(), err)
		h.mu.Lock()
		if p := h.peers[id]; p != nil && p.live == l {
			p.live = old
			if mine != nil && old == nil && p.dial == nil {
				p.dial = mine
				mine.again <- struct{}{}
			}
			h.tidy(p)
		}
		h.mu.Unlock()
		return
	}
	if old != nil {
		// The peer proved who it is and has no session with us: it was restarted.
		old.session.Close("superseded by a new session")
	}
	if mine != nil {
		mine.cancel()
		mine.link.session.Handover(l.session)
	}
	if named {
		h.serve(id, l)
	}
}
