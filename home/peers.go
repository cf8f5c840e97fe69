package home

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// Design.
//
// A peer's messages go over one session. The table says, for each peer, which it is (live), or by which attempt there
// will be one (dial); what cannot share that attempt waits. An incoming connection takes the dial's place while it is
// being accepted, and gives it back if that fails. What keeps a request from waiting for ever:
//
//	if anything waits there is a dial, or a live link that is being accepted;
//
// whoever takes away the last of these calls proceed. A dial that finds itself replaced leaves its outcome in over, for
// the connection that replaced it to look at.

// peer is a party this Home has dealings with. Its fields are guarded by the Home's mu.
type peer struct {
	id       sturdyref.PeerID
	live     *link
	dial     *dial
	posted   *link      // a session that a letter has opened, and that is not live: the peer was not heard, or there is another
	waiting  []*request // enlivenings that cannot share the dial under way
	sessions int        // dialled by the peer, those that are ending included
}

// request is one enlivening.
type request struct {
	peer sturdyref.Peer
	// key is shown to be admitted, nil for none. name is its public name; check reads the peer's answer to prove(name).
	key   netlayer.Key
	name  [16]byte
	check func(mac []byte, info netlayer.Info) bool
	// bound says that the key proves itself against a challenge.
	bound bool
	// secret is what the key is worth in mail, zero if no letter can open a session with the peer.
	secret mailbox.Secret
	// gifter is the session with whoever's certificate wants it, nil if this node's own program does.
	gifter *link
	// allow, if not nil, says which addresses may be dialled.
	allow func(netip.Addr) bool
	// credential, if not nil, returns what to show besides.
	credential func(netlayer.Info) []byte
	// unshown, if not nil, says why that was nothing, nil if it was something.
	unshown func() error
	fetch   func(l *link) vat.Ref
	vow     *vat.Vow // set while it waits
}

// dial is an attempt to reach a peer, with a session that takes messages already.
type dial struct {
	peer   *peer
	req    *request
	link   *link
	ctx    context.Context
	cancel context.CancelFunc
	again  chan struct{} // what this dial gave way to came to nothing
	word   atomic.Int32  // whether the peer may have heard of it: silent, said or muted

	// What follows is guarded by the Home's mu.
	over    error // why the dial ended after another connection had taken its place
	crossed bool  // the peer was told to wait for this dial,
	told    time.Time
	insists bool // this dial gave way, and the peer's connection has not come
	yields  bool // a dial of this node's own looks for the peer elsewhere
}

// What has become of a dial's op:start-session.
const (
	silent int32 = iota
	said         // it is on its way: the peer may decide by it
	muted        // it will not be said: the peer's own connection has been taken
)

// early is what goes out with the last message of a handshake.
func (d *dial) early(info netlayer.Info, limit int) [][]byte {
	if d.word.CompareAndSwap(silent, said); d.word.Load() == muted {
		return nil
	}
	return d.link.session.Early(info, limit)
}

// serves reports whether r can go out with the dial: it shows the same secret, looks for the peer at the same places, and goes on by letter
// if that does.
// What peers' certificates want goes out with a dial because of the same gifter's: any other may show no certificate, or a
// bad one, and be refused, or not be allowed to look everywhere.
func (d *dial) serves(r *request) bool {
	return d.req.gifter == r.gifter && d.req.name == r.name && d.req.secret.IsZero() == r.secret.IsZero() && d.req.peer.Transport == r.peer.Transport && sameHints(d.req.peer, r.peer)
}

// unreachable reports whether r would not reach the peer, either, which the dial has not.
func (d *dial) unreachable(r *request) bool {
	return sameHints(d.req.peer, r.peer) && (d.req.allow == nil || d.req.gifter == r.gifter)
}

// sameHints compares hints, but for those that have nothing to do with reaching the peer.
func sameHints(a, b sturdyref.Peer) bool {
	rest := func(p sturdyref.Peer) map[string]string {
		m := maps.Clone(p.Hints)
		for _, name := range []string{"door", "mailbox", "sign"} {
			delete(m, name)
		}
		return m
	}
	return maps.Equal(rest(a), rest(b))
}

const (
	// maxDials bounds the dials under way.
	maxDials = 1024
	// maxWaiting bounds the enlivenings that wait for a dial with another secret to the same peer.
	maxWaiting = 4096
)

var (
	errManyDials   = vat.NewError("home.overloaded", "home: too many dials under way: try again later")
	errManyWaiting = vat.NewError("home.overloaded", "home: too much waits for the session with this peer: try again later")
)

// peer returns the entry for id. Called with mu held.
func (h *Home) peer(id sturdyref.PeerID) *peer {
	p := h.peers[id]
	if p == nil {
		p = &peer{id: id}
		h.peers[id] = p
	}
	return p
}

// tidy forgets a peer of which nothing is left. Called with mu held.
func (h *Home) tidy(p *peer) {
	if p.live == nil && p.dial == nil && p.posted == nil && len(p.waiting) == 0 && p.sessions == 0 && h.peers[p.id] == p {
		delete(h.peers, p.id)
	}
}

// request sends r's fetch over the session there is, with the dial under way, or with a new dial.
func (h *Home) request(r *request) vat.Ref {
	var spare *link // made without mu held, in case a dial is needed
	for {
		h.mu.Lock()
		if h.closed {
			h.mu.Unlock()
			return vat.Broken(errClosed)
		}
		p := h.peers[r.peer.ID()]
		switch {
		case p != nil && p.live != nil:
			h.mu.Unlock()
			if l := h.usableSession(r.peer.ID()); l != nil {
				h.reach(l, r)
				return h.fetch(r, l)
			}
		case p != nil && p.dial != nil && p.dial.serves(r):
			l := p.dial.link
			h.mu.Unlock()
			return r.fetch(l)
		case p != nil && p.dial != nil:
			if len(p.waiting) >= maxWaiting {
				h.mu.Unlock()
				return vat.Broken(errManyWaiting)
			}
			p.enqueue(r)
			h.mu.Unlock()
			return r.vow.Ref()
		case p != nil && len(p.waiting) > 0 && r.gifter != nil:
			p.enqueue(r) // proceed is about to be called
			h.mu.Unlock()
			return r.vow.Ref()
		case h.dials >= maxDials:
			h.mu.Unlock()
			return vat.Broken(errManyDials)
		case spare == nil:
			h.mu.Unlock()
			var err error
			if spare, err = h.newLink(r.peer.ID()); err != nil {
				return vat.Broken(err)
			}
		default:
			d := h.begin(r, spare)
			h.mu.Unlock()
			ref := r.fetch(spare)
			h.run(d)
			return ref
		}
	}
}

// enqueue has r wait for the dial under way. What peers' certificates want never delays what this node itself wants: a
// dial to the addresses that a gifter says gives way to another.
func (p *peer) enqueue(r *request) {
	r.vow = vat.NewVow(nil)
	at := len(p.waiting)
	if r.gifter == nil {
		if i := slices.IndexFunc(p.waiting, func(w *request) bool { return w.gifter != nil }); i >= 0 {
			at = i
		}
		if d := p.dial; d.req.gifter != nil && !sameHints(d.req.peer, r.peer) {
			d.yields = true
			d.cancel()
		}
	}
	p.waiting = slices.Insert(p.waiting, at, r)
}

// errYielded ends a dial that another takes the place of.
var errYielded = errors.New("home: the dial gave way to one of this node's own")

// usableSession returns the link over which a peer can be sent to, nil if there is none. A session that has ended is
// not in anybody's way any more, also while it still tries to say goodbye.
func (h *Home) usableSession(id sturdyref.PeerID) *link {
	for {
		h.mu.Lock()
		p := h.peers[id]
		if p == nil || p.live == nil {
			h.mu.Unlock()
			return nil
		}
		l := p.live
		h.mu.Unlock()
		if l.session.Err() == nil {
			return l
		}
		h.mu.Lock()
		if p.live == l {
			p.live = nil
			h.tidy(p)
		}
		h.mu.Unlock()
		h.proceed(id)
	}
}

// begin makes r's dial the peer's; run lets it go. Called with mu held, and neither session nor dial there.
func (h *Home) begin(r *request, l *link) *dial {
	ctx, cancel := context.WithTimeout(h.ctx, h.cfg.DialTimeout)
	d := &dial{peer: h.peer(r.peer.ID()), req: r, link: l, ctx: ctx, cancel: cancel, again: make(chan struct{}, 1)}
	d.peer.dial = d
	h.dials++
	h.wg.Add(1)
	return d
}

// arrived makes the dial's session the peer's, unless the peer's own connection took its place. One that a letter opens becomes that
// when the peer is heard; until then it serves what cannot reach the peer.
func (h *Home) arrived(d *dial, conn netlayer.Conn) {
	h.mu.Lock()
	if h.closed || d.peer.dial != d {
		d.over = errSuperseded
		layers := h.leave(d.link)
		h.mu.Unlock()
		_ = conn.Close("")
		_ = closeLayers(layers)
		return
	}
	d.peer.dial = nil
	waiting := d.peer.waiting
	h.enter(d.link, conn.Info())
	if conn.Info().Posted {
		d.peer.posted = d.link
		waiting = d.alike()
	} else {
		d.peer.live, d.peer.waiting = d.link, nil
		h.cameUp(d.peer.id)
	}
	h.mu.Unlock()
	if err := h.start(d.link, conn); err != nil {
		h.ended(d.link) // closed meanwhile
	}
	h.serve(waiting, d.link)
	h.proceed(d.peer.id)
}

// alike takes out of those who wait for the dial whoever would not reach the peer, either, and whom letters serve as well. Called with
// mu held.
func (d *dial) alike() (alike []*request) {
	d.peer.waiting = slices.DeleteFunc(d.peer.waiting, func(r *request) bool {
		same := r.gifter == nil && !r.secret.IsZero() && d.unreachable(r)
		if same {
			alike = append(alike, r)
		}
		return same
	})
	return alike
}

var errSuperseded = errors.New("home: the peer's own connection took the place of this dial")

// gaveUp breaks what the dial was for and lets those who wait try with their own secrets and addresses.
func (h *Home) gaveUp(d *dial, err error) {
	if errors.Is(err, netlayer.ErrRefused) {
		err = refusedBy(err)
		if d.req.unshown != nil {
			if why := d.req.unshown(); why != nil {
				err = fmt.Errorf("%w (%w)", err, why)
			}
		}
	}
	var alike []*request
	h.mu.Lock()
	layers := h.leave(d.link)
	mine := d.peer.dial == d
	if d.yields {
		err = errYielded
	}
	d.over = err
	if mine {
		d.peer.dial = nil
		if !errors.Is(err, netlayer.ErrRefused) {
			// The peer was not reached: another secret would not change that, other addresses might. First those are tried
			// that another gifter says.
			var rest, last []*request
			for _, r := range d.peer.waiting {
				switch {
				case d.unreachable(r) && (r.secret.IsZero() || !d.req.secret.IsZero()): // else a letter may go
					alike = append(alike, r)
				case r.gifter != nil && r.gifter == d.req.gifter:
					last = append(last, r)
				default:
					rest = append(rest, r)
				}
			}
			d.peer.waiting = append(rest, last...)
		}
		h.tidy(d.peer)
	}
	h.mu.Unlock()
	_ = closeLayers(layers)
	if !mine {
		return
	}
	id := d.peer.id.String()
	h.log.Debug("dial failed", "peer", id, "error", err)
	d.link.session.Fail(id, err)
	h.gone(d.link)
	for _, r := range alike {
		r.vow.Break(notConnected(d.peer.id, err))
	}
	h.proceed(d.peer.id)
}

// proceed has the first of those who wait dial, if nothing else is under way that will serve them.
func (h *Home) proceed(id sturdyref.PeerID) {
	var spare *link
	for {
		h.mu.Lock()
		p := h.peers[id]
		if !h.closed && p != nil {
			if waiting := h.promote(p); len(waiting) > 0 {
				l := p.live
				h.mu.Unlock()
				h.serve(waiting, l)
				return
			}
		}
		if h.closed || p == nil || p.live != nil || p.dial != nil || len(p.waiting) == 0 {
			h.mu.Unlock()
			return
		}
		if spare != nil {
			r := p.waiting[0]
			p.waiting = p.waiting[1:]
			d := h.begin(r, spare)
			h.mu.Unlock()
			r.vow.Resolve(r.fetch(spare))
			h.run(d)
			return
		}
		h.mu.Unlock()
		var err error
		if spare, err = h.newLink(id); err != nil {
			h.mu.Lock()
			waiting := p.waiting
			p.waiting = nil
			h.tidy(p)
			h.mu.Unlock()
			for _, r := range waiting {
				r.vow.Break(err)
			}
			return
		}
	}
}

// serve sends over a new session what has waited for one.
func (h *Home) serve(waiting []*request, l *link) {
	for _, r := range waiting {
		r.vow.Resolve(h.fetch(r, l))
	}
}
