package home

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
)

// errLeft says that a letter stays in the box: it may be wanted later.
var errLeft = errors.New("home: the letter is left in the box")

// welcome makes the session that a letter opens, and returns its pouch.
func (p *Post) welcome(l *mailbox.Letter) (*pouch, error) {
	secret, _ := p.h.mailSecret(l.Secret)
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
	self := p.cfg.Identity.Public().Static
	info := netlayer.Info{
		Local: over.Location(), Remote: sturdyref.Peer{Transport: over.Transport(), Designator: sturdyref.Designator(l.Sender)},
		Authenticated: true, Source: "mail " + hex.EncodeToString(l.Secret[:4]), Binding: mailbox.Binding(l.Link, l.Sender, self),
		Features: letterFeatures(), Identity: l.Record, AdmittedBy: l.Secret, Posted: true,
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
		return p.link(over, info, l.Link, time.Now(), secret, secret.Link(l.Link, l.Sender, self), "")
	})
	if err != nil {
		return nil, err
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
