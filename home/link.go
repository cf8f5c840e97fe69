package home

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// link is a session and what is known of its connection.
type link struct {
	h       *Home
	session *captp.Session
	peer    sturdyref.PeerID
	conn    atomic.Pointer[netlayer.Info]
	// layer is the netlayer of an anonymous session, closed with it.
	layer netlayer.Netlayer
	// since and creds are guarded by the Home's mu: when it was admitted, and by which secrets of ours.
	since time.Time
	creds map[[16]byte]struct{}
}

// info returns what the netlayer says of the connection, zero before there is one.
func (l *link) info() netlayer.Info {
	if i := l.conn.Load(); i != nil {
		return *i
	}
	return netlayer.Info{}
}

// newLink makes a session with a bootstrap object of its own.
func (h *Home) newLink(ctx context.Context, id sturdyref.PeerID, layer netlayer.Netlayer) (*link, error) {
	l := &link{h: h, peer: id, creds: make(map[[16]byte]struct{})}
	boot, err := vat.Do(ctx, h.cfg.Vat, func(ctx context.Context) (vat.Ref, error) {
		return bootstrapFacet.Spawn(ctx, &lobby{h: h, link: l}), nil
	})
	if err != nil {
		return nil, err
	}
	realm := any(h)
	if h.nl == nil {
		realm, l.layer = l, layer
	}
	l.session, err = captp.New(captp.Config{
		Bootstrap: boot, Location: layer.Location(), Realm: realm, Limits: h.cfg.Limits, Logger: h.log, Tracer: h.cfg.Tracer,
		LazyRelease: h.cfg.LazyRelease, Nudge: h.cfg.Nudge, OnEnd: func() { h.ended(l) },
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// start gives the session its connection.
func (l *link) start(conn netlayer.Conn) error {
	info := conn.Info()
	l.conn.Store(&info)
	h := l.h
	h.mu.Lock()
	l.since = time.Now()
	if info.AdmittedBy != ([16]byte{}) && !info.Outbound {
		l.creds[info.AdmittedBy] = struct{}{}
	}
	h.links[l] = struct{}{}
	h.mu.Unlock()
	return l.session.Start(conn)
}

// ended forgets a link whose session is over, so that the next use of the peer dials again.
func (h *Home) ended(l *link) {
	h.mu.Lock()
	delete(h.links, l)
	if p := h.peers[l.peer]; p != nil && p.live == l {
		p.live = nil
		h.tidy(p)
	}
	h.mu.Unlock()
	if l.layer != nil {
		// Not here: the session's own goroutine is what the netlayer would wait for.
		h.goroutine(func() { _ = l.layer.Close() })
	}
}

// tidy forgets a peer of which nothing is left. Called with mu held.
func (h *Home) tidy(p *peer) {
	if p.live == nil && p.dial == nil && len(p.waiting) == 0 && h.peers[p.id] == p {
		delete(h.peers, p.id)
	}
}

// goroutine runs fn on a goroutine that Close joins; after Close has begun it runs fn at once.
func (h *Home) goroutine(fn func()) {
	h.mu.Lock()
	closed := h.closed
	if !closed {
		h.wg.Add(1)
	}
	h.mu.Unlock()
	if closed {
		fn()
		return
	}
	go func() {
		defer h.wg.Done()
		fn()
	}()
}

// credential records that the peer of l has shown the secret with the public name id.
func (l *link) credential(id [16]byte) {
	l.h.mu.Lock()
	l.creds[id] = struct{}{}
	l.h.mu.Unlock()
}

// evict ends the sessions that a closed door admitted for the sake of p alone.
func (h *Home) evict(p *publication) {
	if !h.cfg.Door.Closed {
		return
	}
	id := p.keys.ID()
	if p.lock != nil {
		id = p.lock.ID()
	}
	var over []*link
	h.mu.Lock()
	for l := range h.links {
		if _, ok := l.creds[id]; !ok {
			continue
		}
		delete(l.creds, id)
		if len(l.creds) == 0 && !h.known(l.peer) {
			over = append(over, l)
		}
	}
	h.mu.Unlock()
	for _, l := range over {
		h.goroutine(func() { l.session.Close("no longer admitted") })
	}
}
