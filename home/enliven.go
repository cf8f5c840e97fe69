package home

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// FeatureFetchProof is announced by netlayers whose sessions take fetch proofs.
const FeatureFetchProof = "fetch-proof"

// crossedWait is how long a dial that gave way waits for the connection it gave way to.
const crossedWait = 3 * time.Second

// peer is a party this Home has dealings with. Its fields are guarded by the Home's mu.
type peer struct {
	id      sturdyref.PeerID
	live    *link
	dial    *dial
	waiting []*request // enlivenings whose secret differs from that of the dial under way
}

// request is one enlivening.
type request struct {
	peer  sturdyref.Peer
	key   netlayer.Key // shown to be admitted, nil for none
	name  [16]byte     // the key's public name, to tell whether two requests can share a dial
	fetch func(l *link, first bool) vat.Ref
	vow   *vat.Vow // nil once the request goes out with its own dial
}

// dial is an attempt to reach a peer, with a session that takes messages already.
type dial struct {
	peer   *peer
	req    *request
	link   *link
	cancel context.CancelFunc
	ctx    context.Context
	again  chan struct{} // what this dial gave way to came to nothing
}

// Enliven returns a reference to the object that a sturdyref stands for. It returns at once: messages sent to the
// reference go out with the connection, in one round trip with the fetch. If the object cannot be had the reference
// breaks, and stays broken; enliven again to try again.
func (h *Home) Enliven(ref sturdyref.Ref) vat.Ref {
	r := &request{peer: ref.Peer}
	if key, ok := ref.Key(); ok {
		name, err := h.keyName(ref.Peer, key)
		if err != nil {
			return broken(err)
		}
		r.key, r.name = key, name
	}
	if h.nl != nil && ref.Peer.ID() == h.nl.Location().ID() {
		if p := h.registry.byNumber(ref.Swiss.Reveal()); p != nil {
			return p.caret
		}
		return broken(ErrRefused)
	}
	arg := fetchArgument(ref)
	r.fetch = func(l *link, _ bool) vat.Ref { return l.session.Fetch(arg) }
	return h.request(r)
}

// EnlivenKey returns a reference to the object at a peer that is opened by a capability key, as Enliven does.
func (h *Home) EnlivenKey(at sturdyref.Peer, key sturdyref.Capability) vat.Ref {
	name, err := h.keyName(at, key)
	if err != nil {
		return broken(err)
	}
	r := &request{peer: at, key: key, name: name}
	r.fetch = func(l *link, first bool) vat.Ref {
		if first {
			return l.session.Fetch(func(info netlayer.Info) (any, error) {
				if !info.Outbound {
					return nil, errCrossedKey
				}
				return admitted, nil
			})
		}
		return h.challenged(l, at, key)
	}
	return h.request(r)
}

// admitted asks a fetch for what the secret shown in the handshake stands for.
const admitted = passable.Symbol("admitted")

var errCrossedKey = errors.New("home: the peer dialled at the same time: enliven the capability key again")

func (h *Home) keyName(at sturdyref.Peer, key netlayer.Key) ([16]byte, error) {
	static, err := sturdyref.DesignatorKey(at.Designator)
	if err != nil {
		// A netlayer whose designators are no keys has no handshake to mix a secret into either.
		return [16]byte{}, nil //nolint:nilerr // not an error here
	}
	return key.ID(static)
}

// fetchArgument returns what to send for a swiss number: a proof bound to the session, or the number itself to a peer
// that takes no proofs, and then only to the peer that made it.
func fetchArgument(ref sturdyref.Ref) func(netlayer.Info) (any, error) {
	return func(info netlayer.Info) (any, error) {
		if keys, err := ref.Swiss.Keys(); err == nil && info.Binding != ([32]byte{}) &&
			slices.Contains(info.Features, FeatureFetchProof) {
			proof, err := keys.ProofKey().Fetch(info.Binding, sturdyref.RoleOf(info.Outbound))
			if err != nil {
				return nil, err
			}
			return proof[:], nil
		}
		if info.Remote.ID() != ref.Peer.ID() {
			return nil, fmt.Errorf("home: %s is not the peer the sturdyref names: its secret is not shown there", info.Remote.ID())
		}
		return ref.Swiss.Reveal(), nil
	}
}

// challenged fetches by a capability key over a session that was not admitted by it.
func (h *Home) challenged(l *link, at sturdyref.Peer, key sturdyref.Capability) vat.Ref {
	w := vat.NewVow(nil)
	h.goroutine(func() {
		ref, err := func() (vat.Ref, error) {
			static, err := sturdyref.DesignatorKey(at.Designator)
			if err != nil {
				return vat.Ref{}, err
			}
			fresh, err := vat.Result[[32]byte](l.session.Bootstrap().Send(context.Background(), "challenge")).Await(h.ctx)
			if err != nil {
				return vat.Ref{}, err
			}
			proofKey, err := key.ProofKey(static, fresh)
			if err != nil {
				return vat.Ref{}, err
			}
			return l.session.Fetch(func(info netlayer.Info) (any, error) {
				proof, err := proofKey.Fetch(info.Binding, sturdyref.RoleOf(info.Outbound))
				return proof[:], err
			}), nil
		}()
		if err != nil {
			w.Break(err)
			return
		}
		w.Resolve(ref)
	})
	return w.Ref()
}

func broken(err error) vat.Ref {
	w := vat.NewVow(nil)
	w.Break(err)
	return w.Ref()
}

// peer returns the entry for id. Called with mu held.
func (h *Home) peer(id sturdyref.PeerID) *peer {
	p := h.peers[id]
	if p == nil {
		p = &peer{id: id}
		h.peers[id] = p
	}
	return p
}

// request sends a fetch over the session there is, with the dial under way, or with a new dial.
func (h *Home) request(r *request) vat.Ref {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return broken(errClosed)
	}
	p := h.peer(r.peer.ID())
	switch {
	case p.live != nil:
		l := p.live
		h.mu.Unlock()
		return r.fetch(l, false)
	case p.dial != nil && p.dial.link != nil && p.dial.req.name == r.name:
		l := p.dial.link
		h.mu.Unlock()
		return r.fetch(l, true)
	}
	r.vow = vat.NewVow(nil)
	ref := r.vow.Ref()
	if p.dial != nil {
		p.waiting = append(p.waiting, r)
		h.mu.Unlock()
		return ref
	}
	h.begin(p, r)
	h.mu.Unlock()
	return ref
}

// begin starts a dial for r. Called with mu held, and no dial under way.
func (h *Home) begin(p *peer, r *request) {
	ctx, cancel := context.WithTimeout(h.ctx, h.cfg.DialTimeout)
	d := &dial{peer: p, req: r, ctx: ctx, cancel: cancel, again: make(chan struct{}, 1)}
	p.dial = d
	h.wg.Add(1)
	go func() {
		defer h.wg.Done()
		defer cancel()
		h.run(d)
	}()
}

// run dials until there is a session, by this dial or by the peer's, or no hope.
func (h *Home) run(d *dial) {
	layer := h.nl
	var err error
	if layer == nil {
		if layer, err = h.layers(); err != nil {
			h.gaveUp(d, err)
			return
		}
	}
	l, err := h.newLink(d.ctx, d.peer.id, layer)
	if err != nil {
		if h.nl == nil {
			_ = layer.Close()
		}
		h.gaveUp(d, err)
		return
	}
	h.mu.Lock()
	d.link = l
	h.mu.Unlock()
	d.req.vow.Resolve(d.req.fetch(l, true))
	conn, err := h.connect(d, layer)
	for errors.Is(err, netlayer.ErrCrossed) && h.crossed(d) {
		conn, err = h.connect(d, layer)
	}
	if err == nil {
		err = h.arrived(d, conn)
	}
	if err != nil {
		if h.nl == nil {
			_ = layer.Close()
		}
		h.gaveUp(d, err)
	}
}

// crossed waits for the connection that this dial gave way to. It reports whether to dial again.
func (h *Home) crossed(d *dial) bool {
	timer := time.NewTimer(crossedWait)
	defer timer.Stop()
	select {
	case <-d.again:
		return true
	case <-timer.C:
		return d.ctx.Err() == nil
	case <-d.ctx.Done():
		return false
	}
}

// connect tries the addresses of the sturdyref, then those the Locator knows.
func (h *Home) connect(d *dial, layer netlayer.Netlayer) (netlayer.Conn, error) {
	if t := d.req.peer.Transport; t != layer.Transport() {
		return nil, fmt.Errorf("home: no netlayer for transport %q: this node speaks %q", t, layer.Transport())
	}
	to := netlayer.Dial{Peer: d.req.peer, Key: d.req.key, Early: d.link.session.Early}
	conn, err := layer.Connect(d.ctx, to)
	if err == nil || !errors.Is(err, netlayer.ErrUnreachable) || h.cfg.Locator == nil {
		return conn, err
	}
	hints, lerr := h.cfg.Locator.Locate(d.ctx, d.peer.id)
	if lerr != nil {
		return nil, fmt.Errorf("%w (and locating it failed: %w)", err, lerr)
	}
	to.Peer = sturdyref.Peer{Transport: d.req.peer.Transport, Designator: d.req.peer.Designator, Hints: hints}
	return layer.Connect(d.ctx, to)
}

// arrived makes the dial's session the peer's, unless the peer's own connection took its place.
func (h *Home) arrived(d *dial, conn netlayer.Conn) error {
	h.mu.Lock()
	if h.closed || d.peer.dial != d {
		h.mu.Unlock()
		_ = conn.Close("superseded")
		return nil // handed over, or failed, by whoever took its place
	}
	info := conn.Info()
	d.link.conn.Store(&info)
	d.link.since = time.Now()
	d.peer.dial, d.peer.live = nil, d.link
	h.mu.Unlock()
	if err := d.link.start(conn); err != nil {
		return err
	}
	h.serve(d.peer.id, d.link)
	return nil
}

// gaveUp breaks what the dial was for and lets the next who waits try with its own secret.
func (h *Home) gaveUp(d *dial, err error) {
	h.mu.Lock()
	mine := d.peer.dial == d
	if mine {
		d.peer.dial = nil
		if len(d.peer.waiting) > 0 && !h.closed {
			next := d.peer.waiting[0]
			d.peer.waiting = d.peer.waiting[1:]
			h.begin(d.peer, next)
		}
		h.tidy(d.peer)
	}
	h.mu.Unlock()
	if !mine {
		return
	}
	h.log.Debug("dial failed", "peer", d.peer.id.String(), "error", err)
	if d.link != nil {
		d.link.session.Fail(d.peer.id.String(), err)
	} else {
		d.req.vow.Break(err)
	}
}

// serve sends over a new session what has waited for one.
func (h *Home) serve(id sturdyref.PeerID, l *link) {
	h.mu.Lock()
	var waiting []*request
	if p := h.peers[id]; p != nil && p.live == l {
		waiting, p.waiting = p.waiting, nil
	}
	h.mu.Unlock()
	for _, r := range waiting {
		r.vow.Resolve(r.fetch(l, false))
	}
}
