package home

import (
	"context"
	"errors"
	"fmt"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// What was revoked is told to the home of the object, and passed on among those who verify grants about it.

var errReceipt = errors.New("home: what the peer has answered is no receipt of the notice: it may not have taken effect")

// Notify tells a peer what was revoked of its grants, or of those of others that matter to it: a notice made by grant.Revoke,
// or a head. The promise returned is fulfilled when it is so there, and on its disk: with the receipt that it has signed, if it
// is the home of the object, else with an empty byte string. It breaks with warden.ErrRefused if the notice is not good or does
// not matter there.
func (h *Home) Notify(notice []byte, at sturdyref.Peer) promise.Promise[[]byte] {
	of, err := grant.ConcernOf(notice)
	if err != nil {
		return promise.Broken[[]byte](warden.ErrRefused)
	}
	answer := h.bring(at, "notify", func(o *warden.Office) vat.Ref { return o.Hear(notice) }, notice)
	receipt, checked := promise.New[[]byte](context.Background())
	answer.PromiseCell().Subscribe(settled(func(v any, err error) {
		b, ok := v.([]byte)
		if err == nil && !ok {
			err = errReceipt
		}
		if err == nil && len(b) > 0 {
			err = confirms(b, of)
		}
		if err != nil {
			checked.Break(context.Background(), err)
			return
		}
		checked.Fulfill(context.Background(), b)
	}))
	return receipt
}

// confirms checks a receipt of a notice.
func confirms(receipt []byte, of grant.Concern) error {
	r, err := grant.ParseReceipt(receipt)
	if err != nil {
		return fmt.Errorf("%w: %w", errReceipt, err)
	}
	if !r.Confirms(of) {
		return errReceipt
	}
	return nil
}

// ExchangeNotices exchanges with a peer the notices about grants of a home: see warden.Office.Exchange. office is where this
// node keeps them.
func (h *Home) ExchangeNotices(ctx context.Context, office *warden.Office, about grant.Key, at sturdyref.Peer) (learned int, err error) {
	if h.isOwn(at.ID()) {
		office.Share(about)
		return 0, nil
	}
	return office.Exchange(ctx, about, &correspondent{h, about, at})
}

// correspondent is a peer, asked about the grants of one home.
type correspondent struct {
	h     *Home
	about grant.Key
	at    sturdyref.Peer
}

// List implements warden.Correspondent.
func (c *correspondent) List(ctx context.Context, prefix, digest []byte) ([]byte, error) {
	return vat.Result[[]byte](c.h.tell(c.at, "list-notices", c.about[:], append([]byte{}, prefix...), digest)).Await(ctx)
}

// Get implements warden.Correspondent.
func (c *correspondent) Get(ctx context.Context, names []byte) ([][]byte, error) {
	return vat.Result[[][]byte](c.h.tell(c.at, "get-notices", c.about[:], names)).Await(ctx)
}

// Tell implements warden.Correspondent.
func (c *correspondent) Tell(ctx context.Context, notices [][]byte) (taken int, err error) {
	told := make([]vat.Ref, len(notices))
	for i, notice := range notices {
		told[i] = c.h.tell(c.at, "notify", notice)
	}
	for _, answer := range told {
		switch _, err := vat.Result[any](answer).Await(ctx); {
		case err == nil:
			taken++
		case !errors.Is(err, warden.ErrRefused): // it does not matter there, or there is no room
			return taken, err
		}
	}
	return taken, nil
}

// Notify takes in what was revoked of this node's grants, or of others that matter here, from whoever says so: it proves
// itself. The answer comes when that is so.
func (b *lobby) Notify(_ context.Context, notice []byte) (vat.Ref, error) {
	if b.h.cfg.Office == nil {
		return vat.Ref{}, warden.ErrRefused
	}
	return b.h.cfg.Office.Hear(notice), nil
}

// ListNotices says what this node has heard of a home's grants, to whoever compares it with what they have.
func (b *lobby) ListNotices(_ context.Context, about, prefix, digest []byte) ([]byte, error) {
	key, err := b.asked(about)
	if err != nil {
		return nil, err
	}
	return b.h.cfg.Office.List(key, prefix, digest)
}

// GetNotices gives of what this node has heard of a home's grants what is named.
func (b *lobby) GetNotices(_ context.Context, about, names []byte) ([][]byte, error) {
	key, err := b.asked(about)
	if err != nil {
		return nil, err
	}
	return b.h.cfg.Office.Get(key, names)
}

// asked reads which home a peer asks about.
func (b *lobby) asked(about []byte) (grant.Key, error) {
	if b.h.cfg.Office == nil {
		return grant.Key{}, warden.ErrRefused
	}
	if len(about) != len(grant.Key{}) {
		return grant.Key{}, vat.ErrBadArgs
	}
	return grant.Key(about), nil
}
