package home

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	links "github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
)

// Design.
//
// Who holds a sturdyref that says where a first letter may be dropped need not have met its peer. If a dial finds nobody a letter
// opens the session: what was to go out with the dial goes into the letter, sealed with the sturdyref's secret. The session is stored at
// once, on either side, and is like any other that lasts from then on. Until the peer is heard it is not where this node sends what
// is new: a dial may find the peer, which has not looked into its box.

// beginner is a netlayer whose connections may begin with a letter.
type beginner interface {
	netlayer.Netlayer
	Begin(links.Beginning) (netlayer.Lasting, error)
}

// letterFeatures are the features of a session that a letter opens: all that this version has. There is no handshake in which the
// two could say what they have in common.
func letterFeatures() []string {
	return []string{FeatureFetchProof, FeatureRedeem, captp.FeatureMovesQueues, captp.FeatureRelaysGifts, netlayer.FeatureResume, captp.FeatureLasts}
}

// secretFor returns what the secret of a sturdyref is worth in mail, zero if no letter can open a session by it. p may be nil.
func (p *Post) secretFor(ref sturdyref.Ref, keys sturdyref.Keys) mailbox.Secret {
	if p == nil {
		return mailbox.Secret{}
	}
	if drop, err := sturdyref.Parse(ref.Peer.Hints["mailbox"]); err != nil || drop.Peer.ID() == ref.Peer.ID() {
		return mailbox.Secret{} // there is none, or it is where nobody was found
	}
	door, _ := ref.Door()
	for _, swiss := range []sturdyref.SwissNum{ref.Swiss, door} {
		if s, err := mailbox.SecretOf(swiss); err == nil && s.ID() == keys.ID() {
			return s
		}
	}
	return mailbox.Secret{}
}

// public returns the sturdyref of where a first letter to this node is dropped, as text; empty if there is none. p may be nil.
func (p *Post) public() string {
	if p == nil || p.cfg.Public.Swiss.IsZero() {
		return ""
	}
	public := p.cfg.Public
	public.Peer = withoutMailbox(public.Peer)
	return public.URI()
}

// byLetter has a session opened by a letter for what a dial was for that has come to err: nobody was found. It reports false if that is
// not to be.
func (h *Home) byLetter(d *dial, err error) bool {
	found := errors.Is(err, netlayer.ErrRefused) || errors.Is(err, netlayer.ErrLost) || errors.Is(err, netlayer.ErrCrossed)
	nobody := errors.Is(err, netlayer.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded)
	if found || !nobody || d.req.gifter != nil || h.ctx.Err() != nil {
		return false
	}
	h.mu.Lock()
	posted, yields := d.peer.posted, d.yields
	joins := posted != nil && (posted.greeting != nil || !d.req.secret.IsZero())
	h.mu.Unlock()
	switch {
	case yields:
		return false
	case joins && posted.session.Err() == nil:
		h.joins(d, posted, err)
		return true
	case d.req.secret.IsZero():
		return false
	}
	conn, err := h.cfg.Post.begin(d)
	if err != nil {
		h.log.Warn("no session can be opened by a letter", "peer", d.peer.id.String(), "error", err)
		return false
	}
	h.arrived(d, conn)
	return true
}

// joins has what a dial was for go out with a session that a letter has opened before.
func (h *Home) joins(d *dial, posted *link, err error) {
	h.mu.Lock()
	d.over = err
	layers := h.leave(d.link)
	mine := d.peer.dial == d
	var alike []*request
	if mine {
		d.peer.dial = nil
		alike = d.alike()
	}
	h.mu.Unlock()
	_ = closeLayers(layers)
	if !mine {
		return
	}
	h.handOver(d, posted)
	h.serve(alike, posted)
	h.proceed(d.peer.id)
}

// heard is told that the peer of a session has said who it is. If a letter has opened that, it is where the peer is sent to from now on,
// unless there is another. It returns what has waited for one. Called with mu held.
func (h *Home) heard(l *link) (waiting []*request) {
	p := h.peers[l.peer]
	if p == nil || !l.info().Posted || p.live == l {
		return nil
	}
	if p.posted == nil {
		p.posted = l
	}
	return h.promote(p)
}

// promote has a session that a letter has opened be where a peer is sent to, if the peer was heard on it and there is, and will be, no other.
// It returns what has waited for one. Called with mu held.
func (h *Home) promote(p *peer) (waiting []*request) {
	l := p.posted
	if l == nil || l.greeting == nil || p.live != nil || p.dial != nil {
		return nil
	}
	p.live, p.posted = l, nil
	waiting, p.waiting = p.waiting, nil
	h.cameUp(p.id)
	return waiting
}

// letterNote is kept with a link that a letter has opened.
type letterNote struct {
	_      struct{} `cbor:",toarray"`
	Secret []byte
	Drop   []byte // where the sturdyref says that the first letter is dropped; empty at the other end
}

// begin makes a connection that a letter is to begin.
func (p *Post) begin(d *dial) (netlayer.Lasting, error) {
	over, ok := d.link.over.Netlayer.(beginner)
	if !ok {
		return nil, fmt.Errorf("home: sessions over %q are not opened by letters", d.req.peer.Transport)
	}
	peer, err := sturdyref.DesignatorKey(d.req.peer.Designator)
	if err != nil {
		return nil, err
	}
	var id [32]byte
	_, _ = rand.Read(id[:])
	self := p.cfg.Identity.Public().Static
	info := netlayer.Info{
		Local: over.Location(), Remote: d.req.peer.Clone(), Authenticated: true, Outbound: true, Binding: mailbox.Binding(id, self, peer),
		Features: letterFeatures(), AdmittedBy: d.req.name,
	}
	return p.link(over, info, d.req.secret, d.req.peer.Hints["mailbox"], links.Beginning{
		ID: id, At: time.Now(), Secret: d.req.secret.Link(id, self, peer),
	})
}

// link makes a connection that a letter begins. drop is where the first letter goes, if this side writes it.
func (p *Post) link(over beginner, info netlayer.Info, secret mailbox.Secret, drop string, b links.Beginning) (netlayer.Lasting, error) {
	var err error
	if b.Note, err = mailCodec.Marshal(&letterNote{Secret: secret.Encode(), Drop: []byte(drop)}); err != nil {
		return nil, err
	}
	b.Info = info
	return over.Begin(b)
}
