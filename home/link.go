package home

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	links "github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// link is a session and what is known of its connection.
type link struct {
	session *captp.Session
	over    Layer            // zero for an anonymous session, or if there is none for the peer's transport
	peer    sturdyref.PeerID // guarded by the Home's mu on layers where it is claimed, else it does not change
	conn    atomic.Pointer[netlayer.Info]
	// winner is the link whose session this one's was handed over to.
	winner atomic.Pointer[link]
	// challenge is what the peer wants proofs of capability keys to be bound to in this session, once asked for.
	challenge atomic.Pointer[[32]byte]

	// What follows is guarded by the Home's mu.
	since   time.Time // when it got its connection
	started bool
	// excused says that it is not counted at the door, since it outlives this process, or has outlived an earlier one: see abides.
	excused bool
	doubted time.Time // when what a live reference leads to was looked at last
	// reacher is the connection, if it waits for its peer when that is gone.
	reacher netlayer.Reacher
	// stay ends the session of a guest who has not withdrawn anything.
	stay     *time.Timer
	withdrew bool
	// layers are the netlayers of an anonymous session, closed with it.
	layers []Layer
	// greeting is what the peer has said of itself, once it has; waiting are those who want to be told of it, or that it
	// will not come.
	greeting *captp.Greeting
	waiting  []func(error)
	lost     bool // it will not come any more
	// counts are the handoff-counts the peer has used, and count is the next of ours.
	counts counts
	count  uint64
	// redeemed is what this peer's certificates have come to, as far as somebody holds it.
	redeemed map[[32]byte]vat.WeakRef
	// presented is the highest number of the presentations of grants that have come.
	presented uint64
	// awaits are the gifts of others that this peer has asked for and that have not been deposited.
	awaits map[giftKey]struct{}
	// shown are the secrets of ours, by their public names, that the peer has proven to have, and proven those of the
	// peer's that it has.
	shown, proven map[[16]byte]struct{}
}

// info returns what the netlayer says of the connection, zero before there is one.
func (l *link) info() netlayer.Info {
	if i := l.conn.Load(); i != nil {
		return *i
	}
	return netlayer.Info{}
}

// current returns the link that carries what was sent on l.
func (l *link) current() *link {
	for next := l.winner.Load(); next != nil; next = l.winner.Load() {
		l = next
	}
	return l
}

// newLink makes a session with a bootstrap object of its own, which takes messages and waits for its connection.
func (h *Home) newLink(id sturdyref.PeerID) (*link, error) {
	l := &link{peer: id, shown: make(map[[16]byte]struct{}), proven: make(map[[16]byte]struct{})}
	var err error
	l.session, err = captp.New(h.sessionConfig(l))
	return l, err
}

// sessionConfig configures the session of a link.
func (h *Home) sessionConfig(l *link) captp.Config {
	cfg := captp.Config{
		Bootstrap: bootstrapFacet.SpawnIn(h.cfg.Vat, &lobby{h: h, link: l}), Realm: h, Limits: h.cfg.Limits, Logger: h.log,
		Tracer: h.cfg.Tracer, LazyRelease: h.cfg.LazyRelease, Nudge: h.cfg.Nudge, OnEnd: func() { h.ended(l) },
		OnLost:  func(r vat.Ref) { h.doubt(l, r) },
		Greeted: func(g captp.Greeting) error { return h.greet(l, g) }, Ledger: h.cfg.Ledger,
	}
	if h.named() {
		if layer, ok := h.layerOf(l.peer.Transport); ok {
			l.over, cfg.Location, cfg.Dialect, cfg.Patient = layer, layer.Location(), layer.Dialect, layer.Dialect != nil
			cfg.Reticent, cfg.TrustClaims = layer.TrustClaims, layer.TrustClaims
		}
	} else {
		cfg.Realm, cfg.Ledger = l, nil // one anonymous session is as apart from the next as from anything else
	}
	cfg.Handoffs = receiver{h, l}
	return cfg
}

// enter counts a link among those that have a connection, or are about to. Called with mu held.
func (h *Home) enter(l *link, info netlayer.Info) {
	l.conn.Store(&info)
	l.since = time.Now()
	h.links[l] = struct{}{}
	if info.Outbound {
		if info.AdmittedBy != ([16]byte{}) {
			l.proven[info.AdmittedBy] = struct{}{}
		}
		return
	}
	if info.AdmittedBy != ([16]byte{}) {
		l.shown[info.AdmittedBy] = struct{}{}
	}
	if !l.excused {
		h.crowd.add(info, 1)
	}
	if identified(info) {
		h.peer(l.peer).sessions++
	}
}

// leave takes a link out of the tables and returns what is to be closed with it, if anything. It may be called again.
// Called with mu held.
func (h *Home) leave(l *link) []Layer {
	if _, ok := h.links[l]; ok {
		delete(h.links, l)
		if info := l.info(); !info.Outbound {
			if !l.excused {
				h.crowd.add(info, -1)
			}
			if identified(info) {
				h.peers[l.peer].sessions--
			}
		}
	}
	if p := h.peers[l.peer]; p != nil {
		if p.live == l {
			p.live = nil
		}
		if p.posted == l {
			p.posted = nil
		}
		h.tidy(p)
	}
	if l.greeting != nil && h.greeted[l.greeting.ID] == l {
		delete(h.greeted, l.greeting.ID)
	}
	if l.stay != nil {
		l.stay.Stop()
	}
	layers := l.layers
	l.layers = nil
	return layers
}

// start gives a link its connection.
func (h *Home) start(l *link, conn netlayer.Conn) error {
	err := l.session.Start(conn)
	h.mu.Lock()
	if l.started = err == nil; l.started {
		l.reacher, _ = conn.(netlayer.Reacher)
	}
	h.mu.Unlock()
	return err
}

// reach has a session whose peer is gone look for it where r does, if r is this node's own: where peers send this node, by certificates
// or as the place of a mailbox, is not where it dials under the name of another.
func (h *Home) reach(l *link, r *request) {
	h.mu.Lock()
	to := l.reacher
	h.mu.Unlock()
	if to != nil && r.gifter == nil && r.allow == nil {
		to.Reach(r.peer, r.allow)
	}
}

// ended forgets a link whose session is over, so that the next use of the peer dials again.
func (h *Home) ended(l *link) {
	if h.cfg.Post != nil && errors.Is(l.session.Err(), links.ErrRolledBack) {
		h.cfg.Post.retireAll()
	}
	leaving := suspended(l)
	h.mu.Lock()
	h.leaving = h.leaving || leaving
	layers, id := h.leave(l), l.peer
	h.mu.Unlock()
	if layers != nil {
		// Not here, on the session's own goroutine: Close of a netlayer may wait for what carries the session.
		h.goroutine(func() { _ = closeLayers(layers) })
	}
	h.gone(l)
	h.proceed(id)
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
