package home

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	links "github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
)

// errLeft says that a letter stays in the box: it may be wanted later.
var errLeft = errors.New("home: the letter is left in the box")

// welcome makes the session that a letter opens which was sealed by a secret, and returns its pouch.
func (p *Post) welcome(l *mailbox.Letter, secret mailbox.Secret) (*pouch, error) {
	var over beginner
	for _, layer := range p.h.layers {
		if b, ok := layer.Netlayer.(beginner); ok {
			over = b
			break
		}
	}
	if over == nil || secret.IsZero() {
		return nil, mailbox.ErrUnknownLink
	}
	self, now := p.cfg.Identity.Public().Static, time.Now()
	info := netlayer.Info{
		Local: over.Location(), Remote: sturdyref.Peer{Transport: over.Transport(), Designator: sturdyref.Designator(l.Sender)},
		Authenticated: true, Source: netlayer.SourceOfLetters + hex.EncodeToString(l.Secret[:4]), Binding: mailbox.Binding(l.Link, l.Sender, self),
		Features: letterFeatures(), Identity: l.Record, AdmittedBy: l.Secret, Posted: true,
	}
	if err := p.h.frequent(info, func() (int, error) { return p.opened.Count(l.Secret, now) }); err != nil {
		return nil, err
	}
	also := func(tx *store.Batch) { p.opened.Add(tx, l.Link, l.Secret, now) }
	if l.Over { // it was given up before it was heard of here
		tx := new(store.Batch)
		also(tx)
		if err := p.cfg.Store.Write(tx); err != nil {
			return nil, errLeft
		}
		return nil, mailbox.ErrEnded
	}
	coming := make(chan *pouch, 1)
	p.mu.Lock()
	p.coming[l.Link] = coming
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.coming, l.Link)
		p.mu.Unlock()
	}()
	session, err := p.h.letIn(info, func() (netlayer.Conn, error) {
		return p.link(over, info, secret, "", links.Beginning{
			ID: l.Link, At: now, Secret: secret.Link(l.Link, l.Sender, self), Also: also,
		})
	})
	if err != nil {
		p.log.Debug("no session can be opened by a letter", "peer", info.Remote.ID().String(), "error", err)
		return nil, errLeft
	}
	late := time.NewTimer(mailTimeout)
	defer late.Stop()
	select {
	case b := <-coming:
		return b, nil
	case <-session.Ending():
	case <-late.C:
	case <-p.ctx.Done():
	}
	return nil, errLeft
}
