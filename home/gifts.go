package home

import (
	"errors"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/vat"
)

// The exporter's part in third-party handoffs (CapTP Specification, "Handoffs from the Exporter's perspective"): gifts
// wait for their receivers, and receivers for their gifts.

const (
	// maxGifts bounds the gifts of one session that were not withdrawn, those waited for included.
	maxGifts = 1 << 14
	// maxStored bounds those of one session that are stored, and maxAllStored those of all.
	maxStored, maxAllStored = 1 << 12, 1 << 16
	// maxGiftID is how long the id of a gift may be; the specification has 32 bytes.
	maxGiftID = 256
	// giftFor is how long a gift, or who waits for it, stays, and storedFor how long if it is stored.
	giftFor   = 5 * time.Minute
	storedFor = 30 * 24 * time.Hour
)

var (
	// ErrHandoff is what a handoff breaks with whose certificates are not good, or whose gift is not there any more.
	ErrHandoff    = vat.NewError("home.handoff", "home: the handoff is refused: its certificates are not good for this session, or were used before")
	errGifterGone = vat.NewError("home.handoff", "home: the handoff is refused: the gifter's session has ended")
	errManyGifts  = vat.NewError("home.overloaded", "home: too many gifts wait to be withdrawn: try again later")
	errTakerGone  = vat.NewError("home.handoff", "home: the handoff is refused: the session that asks for the gift has ended")
	// errLeaving is for who may ask again, when this node is there again.
	errLeaving  = vat.NewError(errClosed.ErrorCode(), "home: the node is about to close: try again later")
	errGiftLate = vat.NewError("home.handoff", "home: the gift has not been deposited in time")
)

// giftKey names a gift: ids are the gifter's to choose, in its session with this node.
type giftKey struct {
	session [32]byte
	id      string
}

// present is a gift that waits for its receiver or, without a ref, a receiver that was faster than the gift.
type present struct {
	ref   vat.Ref
	times int      // it was deposited and can be withdrawn, or was withdrawn and is to be deposited
	vow   *vat.Vow // for the gift, if the receiver waits for it, in the session by
	by    *link
	until time.Time
	// stored says that it is in the store: then it changes, and comes and goes, in transactions only. pinned is what is pinned for it.
	stored bool
	pinned vat.Ref
}

// gifts are guarded by the Home's mu. They are found by session, so that the end of one costs what is there and no more.
type gifts struct {
	all    map[[32]byte]map[string]*present
	timer  *time.Timer
	stored int
}

// newGiftKey reports false for what is no gift's id.
func newGiftKey(session [32]byte, id any) (k giftKey, ok bool) {
	k.session = session
	switch x := id.(type) {
	case []byte:
		k.id = string(x)
	case string, int64: // as older peers do
		k.id = fmt.Sprintf("%T %v", x, x)
	default:
		return k, false
	}
	return k, len(k.id) <= maxGiftID
}

// of returns the present of that name, nil if there is none.
func (g *gifts) of(k giftKey) *present { return g.all[k.session][k.id] }

// add keeps a present.
func (g *gifts) add(k giftKey, p *present, sweep func()) error {
	own := g.all[k.session]
	if len(own) >= maxGifts || p.stored && (len(own) >= maxStored || g.stored >= maxAllStored) {
		return errManyGifts
	}
	if g.all == nil {
		g.all = make(map[[32]byte]map[string]*present)
	}
	if len(g.all) == 0 {
		g.timer = time.AfterFunc(giftFor, sweep)
	}
	if own == nil {
		own = make(map[string]*present)
		g.all[k.session] = own
	}
	g.keep(p)
	own[k.id] = p
	if p.stored {
		g.stored++
	}
	return nil
}

// awaited returns the promise for a gift that is not there, for which the peer of by waits from now on.
func (g *gifts) awaited(k giftKey, by *link) vat.Ref {
	p := g.of(k)
	if p.vow == nil {
		p.vow = vat.NewVow(nil)
	}
	if p.by = by; by.awaits == nil {
		by.awaits = make(map[giftKey]struct{})
	}
	by.awaits[k] = struct{}{}
	return p.vow.Ref()
}

// answered notes that nobody waits any more.
func (g *gifts) answered(k giftKey) {
	p := g.of(k)
	delete(p.by.awaits, k)
	p.vow, p.by = nil, nil
}

// lessen counts one deposit less that can be withdrawn, or one withdrawal less that is ahead.
func (g *gifts) lessen(k giftKey) {
	if p := g.of(k); p.times > 1 {
		p.times--
	} else {
		p.times = 0
		g.remove(k)
	}
}

// keep has a present stay for as long as there is time for from now on.
func (*gifts) keep(p *present) {
	if p.until = time.Now().Add(giftFor); p.stored {
		p.until = time.Now().Add(storedFor)
	}
}

func (g *gifts) remove(k giftKey) {
	own := g.all[k.session]
	p := own[k.id]
	if p.by != nil {
		delete(p.by.awaits, k)
	}
	if p.stored {
		g.stored--
	}
	if delete(own, k.id); len(own) == 0 {
		delete(g.all, k.session)
	}
	if len(g.all) == 0 {
		g.timer.Stop()
	}
}

// with returns those that belong to a session, as the gifter's or as the receiver's.
func (g *gifts) with(l *link) (keys []giftKey) {
	for k := range l.awaits {
		keys = append(keys, k)
	}
	if l.greeting != nil {
		for id := range g.all[l.greeting.ID] {
			keys = append(keys, giftKey{l.greeting.ID, id})
		}
	}
	return keys
}

// late returns those whose time is over.
func (g *gifts) late() (keys []giftKey) {
	now := time.Now()
	for session, own := range g.all {
		for id, p := range own {
			if !now.Before(p.until) {
				keys = append(keys, giftKey{session, id})
			}
		}
	}
	return keys
}

// drop removes presents, those that are stored in tx, and returns those who waited, to be told err. Without tx what is stored stays so.
func (h *Home) drop(tx *vat.Tx, which func() []giftKey, err error) (waited []*vat.Vow) {
	var gone []*present
	h.mu.Lock()
	for _, k := range which() {
		p := h.gifts.of(k)
		if p == nil {
			continue // it is named twice
		}
		h.gifts.remove(k)
		if gone = append(gone, p); p.stored && tx != nil {
			eraseGift(tx, k)
		}
	}
	h.mu.Unlock()
	for _, p := range gone {
		if p.vow == nil || p.stored && tx == nil {
			continue
		}
		if waited = append(waited, p.vow); p.stored {
			tx.Settle(p.vow.Ref(), nil, err)
		}
	}
	return waited
}

func breakAll(all []*vat.Vow, err error) {
	for _, w := range all {
		w.Break(err)
	}
}

// sweepGifts drops what has waited too long.
func (h *Home) sweepGifts() {
	var waited []*vat.Vow
	h.storing(func() bool { return h.gifts.stored > 0 }, func(tx *vat.Tx) { waited = h.drop(tx, h.gifts.late, errGiftLate) })
	breakAll(waited, errGiftLate)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.gifts.all) > 0 && !h.closed {
		h.gifts.timer.Reset(giftFor)
	}
}

// dropGifts drops what belongs to a session that has ended. If that goes on after a restart so do its gifts.
func (h *Home) dropGifts(l *link) {
	var waited []*vat.Vow
	err := errGifterGone
	drop := func(tx *vat.Tx) {
		waited = h.drop(tx, func() []giftKey { return h.gifts.with(l) }, err)
		if tx != nil {
			h.eraseCounts(tx, l)
		}
	}
	if suspended(l) {
		err = errLeaving
		drop(nil)
	} else {
		h.storing(l.session.Lasts, drop)
	}
	breakAll(waited, err)
}

func suspended(l *link) bool {
	end, ok := errors.AsType[*captp.EndError](l.session.Err())
	return ok && end.Kind == captp.Suspended
}

// deposit keeps a gift, or hands it to who waits for it. A gifter that mentions one thing several times deposits it as
// often, under one id, and so often it can be withdrawn: a receiver that has lost the session in which it has withdrawn it
// may come again with the certificate of a later mention. With a transaction the gift is stored. Then is called after that.
func (h *Home) deposit(tx *vat.Tx, k giftKey, ref vat.Ref) (then func(), err error) {
	h.mu.Lock()
	p := h.gifts.of(k)
	var waits *vat.Vow
	var stays *link
	switch {
	case h.greeted[k.session] == nil:
		err = errGifterGone // its last words come after its end
	case p == nil:
		p = &present{ref: ref, times: 1, stored: tx != nil}
		err = h.gifts.add(k, p, h.sweepGifts)
	case p.ref.IsNull():
		if waits = p.vow; waits != nil {
			if p.by.stays() {
				stays = p.by
			}
			h.gifts.answered(k)
		}
		h.gifts.lessen(k)
	default:
		p.ref, p.times = ref, min(p.times+1, maxTimes)
		h.gifts.keep(p)
	}
	h.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if waits != nil {
		if p.stored && tx != nil {
			tx.Settle(waits.Ref(), ref, nil)
		}
		then = func() { waits.Resolve(ref) }
	}
	h.noteStay(tx, stays)
	h.writeGift(tx, k, p)
	return then, nil
}

// take returns a gift, as often as it was deposited, or a promise for one that has not come yet. A receiver that was given
// one thing several times may ask as often while it waits. Whoever has something of ours may stay. With a transaction what is taken
// is so in the store, too, and a receiver whose session lasts waits there.
func (h *Home) take(tx *vat.Tx, k giftKey, by *link) (ref vat.Ref, err error) {
	var stays *link
	h.mu.Lock()
	p := h.gifts.of(k)
	switch {
	case h.greeted[k.session] == nil && h.leaving:
		err = errLeaving
	case h.greeted[k.session] == nil:
		err = errGifterGone
	case by.lost:
		err = errTakerGone
	case p == nil:
		p = &present{times: 1, stored: tx != nil && by.session.Lasts()}
		if err = h.gifts.add(k, p, h.sweepGifts); err == nil {
			ref = h.gifts.awaited(k, by)
		}
	case !p.ref.IsNull():
		if ref = p.ref; by.stays() {
			stays = by
		}
		h.gifts.lessen(k)
	case p.vow != nil && p.by != by:
		err = ErrHandoff // somebody else waits for it
	default:
		p.times = min(p.times+1, maxTimes)
		ref = h.gifts.awaited(k, by)
	}
	h.mu.Unlock()
	if err != nil {
		return vat.Ref{}, err
	}
	h.noteStay(tx, stays)
	h.writeGift(tx, k, p)
	return ref, nil
}

// withdraw checks the certificates that the peer of l redeems, and returns what they stand for.
func (h *Home) withdraw(l *link, env *msg.SigEnvelope) (ref vat.Ref, err error) {
	count, k, err := h.withdrawal(l, env)
	if err != nil {
		return vat.Ref{}, err
	}
	h.storing(func() bool { return h.keeps(k.session) }, func(tx *vat.Tx) {
		if err = h.useCount(tx, l, count); err == nil {
			ref, err = h.take(tx, k, l)
		}
	})
	return ref, err
}

// withdrawal checks the certificates that the peer of l redeems, and returns their handoff-count and the name of the gift.
func (h *Home) withdrawal(l *link, env *msg.SigEnvelope) (count uint64, k giftKey, err error) {
	h.mu.Lock()
	own := l.greeting
	h.mu.Unlock()
	if own == nil {
		return 0, k, ErrHandoff
	}
	r, _, k, err := h.redeemed(env, own.ID)
	if err == nil && r.Side != own.Theirs {
		err = ErrHandoff
	}
	if err != nil {
		return 0, k, err
	}
	return r.Count, k, nil
}

// redeemed checks the two certificates by which a receiver redeems a gift in the session with that id, or on the
// connection with that binding, and returns them and the name of the gift here.
func (h *Home) redeemed(env *msg.SigEnvelope, session [32]byte) (r *msg.HandoffReceive, give *msg.HandoffGive, k giftKey, err error) {
	r, ok := env.Signed.(*msg.HandoffReceive)
	if !ok || r.Session != session {
		return nil, nil, k, ErrHandoff
	}
	if k, give, err = h.gifted(r.Give); err == nil && wire.Verify(env, give.ReceiverKey) != nil {
		err = ErrHandoff
	}
	return r, give, k, err
}

// gifted checks a gifter's certificate and returns the name of its gift here.
func (h *Home) gifted(env *msg.SigEnvelope) (giftKey, *msg.HandoffGive, error) {
	if env == nil {
		return giftKey{}, nil, ErrHandoff
	}
	give, ok := env.Signed.(*msg.HandoffGive)
	if !ok {
		return giftKey{}, nil, ErrHandoff
	}
	h.mu.Lock()
	gifter, leaving := h.greeted[give.Session], h.leaving
	h.mu.Unlock()
	switch {
	case gifter == nil && leaving: // it may well be there again
		return giftKey{}, nil, errLeaving
	case gifter == nil:
		return giftKey{}, nil, errGifterGone
	}
	g, _ := gifter.session.Greeting()
	if give.GifterSide != g.Theirs || wire.Verify(env, g.Key) != nil {
		return giftKey{}, nil, ErrHandoff
	}
	k, ok := newGiftKey(give.Session, give.GiftID)
	if !ok {
		return giftKey{}, nil, ErrHandoff
	}
	return k, give, nil
}
