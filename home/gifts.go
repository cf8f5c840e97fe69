package home

import (
	"fmt"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/vat"
)

// The exporter's part in third-party handoffs (CapTP Specification, "Handoffs from the Exporter's perspective"): gifts
// wait for their receivers, and receivers for their gifts.

const (
	// maxGifts bounds the gifts of one session that were not withdrawn, those waited for included.
	maxGifts = 1 << 14
	// maxGiftID is how long the id of a gift may be; the specification has 32 bytes.
	maxGiftID = 256
	// giftFor is how long a gift, or who waits for it, stays.
	giftFor = 5 * time.Minute
	// countWindow is how far back handoff-counts are remembered; earlier ones count as used.
	countWindow = 1024
)

var (
	// ErrHandoff is what a handoff breaks with whose certificates are not good, or whose gift is not there any more.
	ErrHandoff    = vat.NewError("home.handoff", "home: the handoff is refused: its certificates are not good for this session, or were used before")
	errGifterGone = vat.NewError("home.handoff", "home: the handoff is refused: the gifter's session has ended")
	errManyGifts  = vat.NewError("home.overloaded", "home: too many gifts wait to be withdrawn: try again later")
	errTakerGone  = vat.NewError("home.handoff", "home: the handoff is refused: the session that asks for the gift has ended")
	errGiftLate   = vat.NewError("home.handoff", "home: the gift has not been deposited in time")
)

// giftKey names a gift: ids are the gifter's to choose, in its session with this node.
type giftKey struct {
	session [32]byte
	id      string
}

// present is a gift that waits for its receiver, or, with a vow, a receiver that waits for its gift, in the session by.
type present struct {
	ref   vat.Ref
	times int // it was deposited and can be withdrawn
	vow   *vat.Vow
	by    *link
	since time.Time
}

// gifts are guarded by the Home's mu. They are found by session, so that the end of one costs what is there and no more.
type gifts struct {
	all   map[[32]byte]map[string]*present
	timer *time.Timer
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
	if len(own) >= maxGifts {
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
	p.since = time.Now()
	own[k.id] = p
	if p.by != nil {
		if p.by.awaits == nil {
			p.by.awaits = make(map[giftKey]struct{})
		}
		p.by.awaits[k] = struct{}{}
	}
	return nil
}

func (g *gifts) remove(k giftKey) {
	own := g.all[k.session]
	if p := own[k.id]; p.by != nil {
		delete(p.by.awaits, k)
	}
	if delete(own, k.id); len(own) == 0 {
		delete(g.all, k.session)
	}
	if len(g.all) == 0 {
		g.timer.Stop()
	}
}

// drop removes what belongs to a session, as the gifter's or as the receiver's, and returns those who waited.
func (g *gifts) drop(l *link) (waited []*present) {
	for k := range l.awaits {
		waited = append(waited, g.of(k))
		g.remove(k)
	}
	if l.greeting == nil {
		return waited
	}
	return append(waited, g.dropIf(l.greeting.ID, func(*present) bool { return true })...)
}

// dropIf removes what was given in a session, or is waited for, and is over, and returns those who waited.
func (g *gifts) dropIf(session [32]byte, over func(*present) bool) (waited []*present) {
	for id, p := range g.all[session] {
		if !over(p) {
			continue
		}
		g.remove(giftKey{session, id})
		if p.vow != nil {
			waited = append(waited, p)
		}
	}
	return waited
}

// sweepGifts drops what has waited too long.
func (h *Home) sweepGifts() {
	h.mu.Lock()
	var waited []*present
	for session := range h.gifts.all {
		waited = append(waited, h.gifts.dropIf(session, func(p *present) bool { return time.Since(p.since) >= giftFor })...)
	}
	if len(h.gifts.all) > 0 && !h.closed {
		h.gifts.timer.Reset(giftFor)
	}
	h.mu.Unlock()
	for _, p := range waited {
		p.vow.Break(errGiftLate)
	}
}

// deposit keeps a gift, or hands it to who waits for it. A gifter that mentions one thing several times deposits it as
// often, under one id, and so often it can be withdrawn: a receiver that has lost the session in which it has withdrawn it
// may come again with the certificate of a later mention.
func (h *Home) deposit(k giftKey, ref vat.Ref) error {
	h.mu.Lock()
	p := h.gifts.of(k)
	var err error
	switch {
	case h.greeted[k.session] == nil:
		err = errGifterGone // its last words come after its end
	case p == nil:
		err = h.gifts.add(k, &present{ref: ref, times: 1}, h.sweepGifts)
	case p.vow == nil:
		p.ref, p.times, p.since = ref, p.times+1, time.Now()
	default:
		h.gifts.remove(k)
		p.by.withdrew = true
	}
	h.mu.Unlock()
	if p != nil && p.vow != nil {
		p.vow.Resolve(ref)
	}
	return err
}

// take returns a gift, as often as it was deposited, or a promise for one that has not come yet. A receiver that was given
// one thing several times may ask as often while it waits. Whoever has something of ours may stay.
func (h *Home) take(k giftKey, by *link) (vat.Ref, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch p := h.gifts.of(k); {
	case h.greeted[k.session] == nil:
		return vat.Ref{}, errGifterGone
	case by.lost:
		return vat.Ref{}, errTakerGone
	case p == nil:
		w := vat.NewVow(nil)
		return w.Ref(), h.gifts.add(k, &present{vow: w, by: by}, h.sweepGifts)
	case p.vow == nil:
		if p.times--; p.times == 0 {
			h.gifts.remove(k)
		}
		by.withdrew = true
		return p.ref, nil
	case p.by == by:
		return p.vow.Ref(), nil
	default:
		return vat.Ref{}, ErrHandoff // somebody else waits for it
	}
}

// withdraw checks the certificates that the peer of l redeems, and returns what they stand for.
func (h *Home) withdraw(l *link, env *msg.SigEnvelope) (vat.Ref, error) {
	h.mu.Lock()
	own := l.greeting
	h.mu.Unlock()
	if own == nil {
		return vat.Ref{}, ErrHandoff
	}
	r, _, k, err := h.redeemed(env, own.ID)
	if err != nil {
		return vat.Ref{}, err
	}
	if r.Side != own.Theirs {
		return vat.Ref{}, ErrHandoff
	}
	h.mu.Lock()
	fresh := l.counts.use(r.Count)
	h.mu.Unlock()
	if !fresh {
		return vat.Ref{}, ErrHandoff
	}
	return h.take(k, l)
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
	gifter := h.greeted[give.Session]
	h.mu.Unlock()
	if gifter == nil {
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

// counts remembers which handoff-counts a peer has used in a session, in bounded space.
type counts struct {
	used  map[uint64]struct{}
	floor uint64 // all below count as used
	top   uint64
}

// use marks n as used and reports whether it was not before.
func (c *counts) use(n uint64) bool {
	if _, used := c.used[n]; used || n < c.floor {
		return false
	}
	if c.used == nil {
		c.used = make(map[uint64]struct{})
	}
	c.used[n] = struct{}{}
	c.top = max(c.top, n)
	if len(c.used) > countWindow {
		c.floor = max(c.floor, c.top-min(c.top, countWindow/2))
		for used := range c.used {
			if used < c.floor {
				delete(c.used, used)
			}
		}
	}
	return true
}
