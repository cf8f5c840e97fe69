package home

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/vat"
)

// On some networks who the peer is, is known only once it has said op:start-session, and on some it is never proven.
// What such a claim is worth is decided here (CapTP Specification, "op:start-session", "Receiving", and "Crossed Hellos
// Resolution").

// endingWait is how long a peer that comes again is given for its earlier session to be seen to have ended.
const endingWait = 250 * time.Millisecond

var (
	errActive  = errors.New("home: there is an active session with this peer already")
	errCrossed = errors.New("home: crossed hellos: the other connection has the higher public identifier")
	errOwnName = errors.New("home: acceptable-location is our own")
)

// greet implements captp.Config.Greeted.
func (h *Home) greet(l *link, g captp.Greeting) error {
	h.usableSession(g.Peer.ID())
	h.mu.Lock()
	a, err := h.met(l, g)
	if old := a.old; errors.Is(err, errActive) && old != nil {
		// The peer may have ended that session before it opened this one: its word may be a moment behind.
		h.mu.Unlock()
		moment := time.NewTimer(endingWait)
		select {
		case <-old.session.Ending():
		case <-moment.C:
		}
		moment.Stop()
		h.usableSession(g.Peer.ID())
		h.mu.Lock()
		a, err = h.met(l, g)
	}
	var waiting []func(error)
	var requests []*request
	if err == nil {
		l.greeting, h.greeted[g.ID] = &g, l
		waiting, l.waiting = l.waiting, nil
		requests = h.heard(l)
	}
	h.mu.Unlock()
	if err != nil {
		return err
	}
	h.serve(requests, l)
	if a.link != nil {
		h.claimed(a)
	}
	for _, then := range waiting {
		then(nil)
	}
	return nil
}

// met says whether a peer may be who it says it is, and, if it dialled and is believed, makes l its session. It returns
// what that takes the place of. Called with mu held.
func (h *Home) met(l *link, g captp.Greeting) (a arrival, err error) {
	info, id := l.info(), g.Peer.ID()
	if info.Authenticated {
		return a, nil
	}
	if h.isOwn(id) {
		return a, errOwnName
	}
	p := h.peers[id]
	switch {
	case info.Outbound:
		if id != l.peer {
			return a, fmt.Errorf("home: dialled %s, but it says that it is %s", l.peer, id)
		}
		return a, nil
	case id.Transport != l.over.Transport():
		// Who is believed on one network is not believed to be anybody on another.
		if p != nil && (p.live != nil || p.dial != nil) {
			return a, errActive
		}
		return a, nil
	case !l.over.TrustClaims:
		// The claim decides nothing, and the session lives beside that with whoever has proven to be that peer, or is about
		// to: two who dial each other have two.
		return a, nil
	case p != nil && p.live != nil:
		if !p.live.info().Outbound || p.live.greeting != nil {
			return arrival{old: p.live}, errActive
		}
		ours := p.live.session.PublicID()
		if bytes.Compare(ours[:], g.Theirs[:]) > 0 {
			return a, errCrossed
		}
	}
	if p != nil && p.dial != nil && !p.dial.word.CompareAndSwap(silent, muted) {
		// The peer decides by what we have said there, as we do by what it says here.
		if ours := p.dial.link.session.PublicID(); bytes.Compare(ours[:], g.Theirs[:]) > 0 {
			return a, errCrossed
		}
	}
	p = h.peer(id)
	a = arrival{link: l, old: p.live, mine: p.dial}
	p.live, p.dial = l, nil
	l.peer = id
	return a, nil
}

// claimed is settled for a session whose peer is believed. A connection of ours that crossed the peer's has carried
// nothing yet.
func (h *Home) claimed(a arrival) {
	if old := a.old; old != nil {
		h.handLinkOver(old, a.link)
		h.goroutine(func() { old.session.Close(errCrossed.Error()) })
		a.old = nil
	}
	h.settled(a)
}

// handLinkOver moves to another session with the same peer what waits for a connection, or for the peer's greeting. It
// reports whether it could.
func (h *Home) handLinkOver(from, to *link) bool {
	from.winner.Store(to)
	if !from.session.Handover(to.session) {
		return false
	}
	h.mu.Lock()
	waiting := from.waiting
	from.waiting = nil
	h.mu.Unlock()
	for _, then := range waiting {
		h.whenGreeted(to, then)
	}
	return true
}

// whenGreeted calls then when the peer of l has said who it is, or with the reason why it will not.
func (h *Home) whenGreeted(l *link, then func(error)) {
	h.mu.Lock()
	l = l.current()
	met, over := l.greeting != nil, l.lost
	full := len(l.waiting) >= maxWaiting
	if !met && !over && !full {
		l.waiting = append(l.waiting, then)
	}
	h.mu.Unlock()
	switch {
	case met:
		then(nil)
	case over:
		then(h.lossOf(l))
	case full:
		then(errManyWaiting)
	}
}

// onceGreeted calls then when the peer of l has said who it is. What it returns settles after that.
func (h *Home) onceGreeted(l *link, then func(*link) error) vat.Ref {
	w := vat.NewVow(nil)
	h.whenGreeted(l, func(err error) {
		if err == nil {
			err = then(l.current())
		}
		if err != nil {
			w.Break(err)
			return
		}
		w.Resolve(nil)
	})
	return w.Ref()
}

// gone tells those who waited for a peer's greeting that there will be none, and drops the gifts made in the session.
func (h *Home) gone(l *link) {
	h.mu.Lock()
	l.lost = true
	waiting := l.waiting
	l.waiting = nil
	h.mu.Unlock()
	for _, then := range waiting {
		then(h.lossOf(l))
	}
	h.dropGifts(l)
	h.eraseCredits(l)
}

// lossOf returns why a session is over.
func (h *Home) lossOf(l *link) error {
	if err := l.session.Err(); err != nil {
		return err
	}
	return errClosed
}
