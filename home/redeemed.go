package home

import (
	"context"
	"fmt"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// shown returns the grant that a peer shows, and the number of its presentation, if the peer is its holder and has proven that for
// this very session. Whether the grant is good is for the office to say.
func (h *Home) shown(info netlayer.Info, shown, presentation []byte) (*grant.Grant, uint64, error) {
	if h.cfg.Office == nil || info.Binding == ([32]byte{}) {
		return nil, 0, fmt.Errorf("%w: no grants are taken here, or not in this session", grant.ErrRefused)
	}
	g, err := h.cfg.Office.Parse(shown)
	if err != nil {
		return nil, 0, err
	}
	n, err := g.CheckPresentation(presentation, info.Binding, h.cfg.Office.Host())
	return g, n, err
}

// presents returns the grant that the peer of a session shows there, for the first time with this presentation.
func (h *Home) presents(l *link, shown, presentation []byte) (*grant.Grant, uint64, error) {
	g, n, err := h.shown(l.info(), shown, presentation)
	if err == nil {
		h.mu.Lock()
		if n <= l.presented {
			err = fmt.Errorf("%w: presentation %d was made before number %d, which has come", grant.ErrRefused, n, l.presented)
		} else {
			l.presented = n
		}
		h.mu.Unlock()
	}
	if err != nil {
		h.mu.Lock()
		peer := l.peer
		h.mu.Unlock()
		h.log.Info("a grant was refused", "peer", peer.String(), "why", err)
		return nil, 0, warden.ErrRefused
	}
	return g, n, nil
}

// presents is that of the Home, for what has a turn.
func (b *lobby) presents(shown, presentation []byte) (*grant.Grant, error) {
	g, n, err := b.h.presents(b.link, shown, presentation)
	if err == nil && b.h.mayLast(b.link) {
		_ = b.h.cfg.Ledger.Depot().Update(func(tx *vat.Tx) { notePresented(tx, b.link, n) }, nil)
	}
	return g, err
}

// Redeem returns what the grant stands for that the peer shows.
func (b *lobby) Redeem(_ context.Context, shown, presentation []byte) (vat.Ref, error) {
	g, err := b.presents(shown, presentation)
	if err != nil {
		return vat.Ref{}, err
	}
	r := b.h.cfg.Office.Open(g)
	b.h.creditGrant(b.link, g, r)
	return r, nil
}

// creditGrant records that the peer has shown a grant, if it turns out to be good.
func (h *Home) creditGrant(l *link, g *grant.Grant, opened vat.Ref) {
	opened.PromiseCell().Subscribe(settled(func(_ any, err error) {
		if err == nil {
			h.credit(l, nameOf(g.ID()), byGrant)
		}
	}))
}

// redeems returns the errand of what the peer of a session that lasts asks with a grant: the answer is owed to it, whatever becomes of this process.
func (h *Home) redeems(l *link, args []any) captp.Errand {
	return h.asks(l, args, func(g *grant.Grant) captp.Errand {
		if !h.cfg.Office.Owes(g) {
			r := h.cfg.Office.Open(g)
			h.creditGrant(l, g, r)
			return func(*vat.Tx) (any, func(), error) { return r, nil, nil }
		}
		return func(tx *vat.Tx) (any, func(), error) {
			r, pay, err := h.cfg.Office.Owe(tx, g)
			if err != nil {
				return nil, nil, err
			}
			return r, func() { pay(); h.creditGrant(l, g, r) }, nil
		}
	})
}

// answers is redeems for the author of a message, who asks again if this process ends before there is an answer. It must not wait for its turn:
// presentations are numbered as they come.
func (h *Home) answers(l *link, args []any) captp.Errand {
	message, ok := args[2].([]byte)
	if !ok {
		return nil
	}
	return h.asks(l, args, func(g *grant.Grant) captp.Errand {
		r := h.cfg.Office.Answer(g, message)
		return func(*vat.Tx) (any, func(), error) { return r, nil, nil }
	})
}

// asks returns the errand of what a peer asks with a grant, which it shows in the first two arguments, nil if it is for the lobby to refuse. That
// the presentation was shown is stored with the frame that shows it: if this process dies before, the frame comes again.
func (h *Home) asks(l *link, args []any, errand func(*grant.Grant) captp.Errand) captp.Errand {
	shown, ok1 := args[0].([]byte)
	presentation, ok2 := args[1].([]byte)
	if !ok1 || !ok2 || h.cfg.Office == nil {
		return nil
	}
	g, n, err := h.presents(l, shown, presentation)
	if err != nil {
		return func(*vat.Tx) (any, func(), error) { return nil, nil, err }
	}
	asked := errand(g)
	return func(tx *vat.Tx) (any, func(), error) {
		notePresented(tx, l, n)
		return asked(tx)
	}
}

// Deliver hears a message by a grant, from whoever has carried it here. The answer says that the call will be made, and nothing of what it brings.
func (b *lobby) Deliver(_ context.Context, shown, message []byte) (vat.Ref, error) {
	if b.h.cfg.Office == nil {
		return vat.Ref{}, warden.ErrRefused
	}
	g, err := b.h.cfg.Office.Parse(shown)
	if err != nil {
		return vat.Ref{}, warden.ErrRefused
	}
	return b.h.cfg.Office.Deliver(g, message), nil
}

// Answer tells the author of a message, who shows the grant by which it is, what its call comes to.
func (b *lobby) Answer(_ context.Context, shown, presentation, message []byte) (vat.Ref, error) {
	g, err := b.presents(shown, presentation)
	if err != nil {
		return vat.Ref{}, err
	}
	return b.h.cfg.Office.Answer(g, message), nil
}

// nameOf is a link's name among the secrets that admit peers.
func nameOf(id grant.LinkID) [16]byte { return [16]byte(id[:16]) }

// granted returns the grant that a dialler has shown at the door, if it is good and the dialler holds it.
func (h *Home) granted(info netlayer.Info, args []any) (*grant.Grant, bool) {
	g, err := h.heldAtDoor(info, args)
	if err == nil {
		err = h.cfg.Office.Check(g)
	}
	if err != nil {
		h.log.Info("a grant was refused at the door", "why", err)
	}
	return g, err == nil
}

var errNoGrant = fmt.Errorf("%w: it was not shown as one", grant.ErrRefused)

// heldAtDoor returns the grant that a dialler has shown, and holds, at the door.
func (h *Home) heldAtDoor(info netlayer.Info, args []any) (*grant.Grant, error) {
	if len(args) != 2 {
		return nil, errNoGrant
	}
	shown, ok1 := args[0].([]byte)
	presentation, ok2 := args[1].([]byte)
	if !ok1 || !ok2 {
		return nil, errNoGrant
	}
	g, _, err := h.shown(info, shown, presentation)
	return g, err
}

// grantAtDoor returns the grant that whoever has dialled has shown, and holds, nil if there is none. Whether it is good is another matter.
func (h *Home) grantAtDoor(info netlayer.Info) *grant.Grant {
	if info.Outbound || len(info.Credential) == 0 {
		return nil
	}
	d := credentialOf(info)
	if d == nil || d.Selector != selectorRedeem {
		return nil
	}
	g, err := h.heldAtDoor(info, d.Args)
	if err != nil {
		return nil
	}
	return g
}
