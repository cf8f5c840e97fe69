package home

import (
	"context"
	"errors"

	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// maxTold bounds the peers whose word is kept for links that do not last yet.
const maxTold = 4096

// learn takes what a peer says of its mail, over a session.
func (p *Post) learn(peer sturdyref.PeerID, c correspondence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := false
	for _, b := range p.pouches {
		if b.peer == peer {
			known = true
			b.learn(c)
		}
	}
	if known {
		return
	}
	if _, again := p.told[peer]; !again && len(p.told) >= maxTold {
		for other := range p.told { // any: many who come and go must not keep those out who come later
			delete(p.told, other)
			break
		}
	}
	p.told[peer] = c
}

// Correspondents lists the peers with which letters can be exchanged, in no particular order: each side knows where the other's are
// dropped.
func (p *Post) Correspondents() (all []sturdyref.PeerID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.pouches {
		if b.ready.Load() {
			all = append(all, b.peer)
		}
	}
	return all
}

// MailTo is what a peer says over a session: where its letters are dropped, as a sturdyref, its identity record, its newest prekey, and which
// life of its store this is.
func (b *lobby) MailTo(_ context.Context, drop string, record, bundle, life []byte) error {
	p, info := b.h.cfg.Post, b.link.info()
	if p == nil || !info.Authenticated || info.Anonymous {
		return nil // nobody here writes letters
	}
	static, err := sturdyref.DesignatorKey(info.Remote.Designator)
	if err != nil {
		return vat.ErrBadArgs
	}
	c, err := readCorrespondence(drop, record, bundle, static)
	if err != nil || !c.readLife(life) {
		return vat.ErrBadArgs
	}
	p.learn(info.Remote.ID(), c)
	return nil
}

// tell tells a peer where letters to this node are dropped.
func (p *Post) tell(ctx context.Context, peer sturdyref.PeerID, drop string, life []byte) error {
	l := p.h.usableSession(peer)
	if l == nil {
		return errNoSession
	}
	_, err := l.session.Bootstrap().Send(ctx, "mail-to", drop, p.record.Encoded(), p.prekeys.Bundle().Encoded(), life).Await(ctx)
	if err != nil && !errors.Is(err, vat.ErrNotReference) {
		return err
	}
	return nil
}

var errNoSession = errors.New("home: there is no session with this peer")
