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
	maxGifts = 1024
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
	errGiftLate   = vat.NewError("home.handoff", "home: the gift has not been deposited in time")
)

// giftKey names a gift: ids are the gifter's to choose, in its session with this node.
type giftKey struct {
	session [32]byte
	id      string
}

// present is a gift that waits for its receiver, or, with a vow, a receiver that waits for its gift.
type present struct {
	ref   vat.Ref
	vow   *vat.Vow
	since time.Time
}

// gifts are guarded by the Home's mu.
type gifts struct {
	all   map[giftKey]*present
	count map[[32]byte]int // by session
	timer *time.Timer
}

func newGiftKey(session [32]byte, id any) giftKey {
	if b, ok := id.([]byte); ok {
		return giftKey{session, string(b)}
	}
	return giftKey{session, fmt.Sprintf("%T %v", id, id)} // as older peers do
}

// add keeps a present.
func (g *gifts) add(k giftKey, p *present, sweep func()) error {
	if g.count[k.session] >= maxGifts {
		return errManyGifts
	}
	if g.all == nil {
		g.all, g.count = make(map[giftKey]*present), make(map[[32]byte]int)
	}
	if len(g.all) == 0 {
		g.timer = time.AfterFunc(giftFor, sweep)
	}
	p.since = time.Now()
	g.all[k] = p
	g.count[k.session]++
	return nil
}

func (g *gifts) remove(k giftKey) {
	delete(g.all, k)
	if g.count[k.session]--; g.count[k.session] == 0 {
		delete(g.count, k.session)
	}
	if len(g.all) == 0 {
		g.timer.Stop()
	}
}

// drop removes what belongs to a session and returns those who waited.
func (g *gifts) drop(session [32]byte) (waited []*present) {
	if g.count[session] == 0 {
		return nil
	}
	return g.dropIf(func(k giftKey, _ *present) bool { return k.session == session })
}

func (g *gifts) dropIf(over func(giftKey, *present) bool) (waited []*present) {
	for k, p := range g.all {
		if !over(k, p) {
			continue
		}
		g.remove(k)
		if p.vow != nil {
			waited = append(waited, p)
		}
	}
	return waited
}

// sweepGifts drops what has waited too long.
func (h *Home) sweepGifts() {
	h.mu.Lock()
	waited := h.gifts.dropIf(func(_ giftKey, p *present) bool { return time.Since(p.since) >= giftFor })
	if len(h.gifts.all) > 0 && !h.closed {
		h.gifts.timer.Reset(giftFor)
	}
	h.mu.Unlock()
	for _, p := range waited {
		p.vow.Break(errGiftLate)
	}
}

// deposit keeps a gift, or hands it to who waits for it. A gifter that mentions one thing several times deposits it as
// often, under one id.
func (h *Home) deposit(k giftKey, ref vat.Ref) error {
	h.mu.Lock()
	p := h.gifts.all[k]
	var err error
	switch {
	case p == nil:
		err = h.gifts.add(k, &present{ref: ref}, h.sweepGifts)
	case p.vow == nil:
		p.ref, p.since = ref, time.Now()
	default:
		h.gifts.remove(k)
	}
	h.mu.Unlock()
	if p != nil && p.vow != nil {
		p.vow.Resolve(ref)
	}
	return err
}

// take returns a gift, once, or a promise for one that has not come yet.
func (h *Home) take(k giftKey) (vat.Ref, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch p := h.gifts.all[k]; {
	case p == nil:
		w := vat.NewVow(nil)
		return w.Ref(), h.gifts.add(k, &present{vow: w}, h.sweepGifts)
	case p.vow == nil:
		h.gifts.remove(k)
		return p.ref, nil
	default:
		return vat.Ref{}, ErrHandoff // somebody waits for it already
	}
}

// withdraw checks the certificates that the peer of l redeems, and returns what they stand for.
func (h *Home) withdraw(l *link, env *msg.SigEnvelope) (vat.Ref, error) {
	r, ok := env.Signed.(*msg.HandoffReceive)
	if !ok {
		return vat.Ref{}, ErrHandoff
	}
	h.mu.Lock()
	own := l.greeting
	h.mu.Unlock()
	if own == nil || r.Session != own.ID || r.Side != own.Theirs {
		return vat.Ref{}, ErrHandoff
	}
	k, give, err := h.gifted(r.Give)
	if err != nil {
		return vat.Ref{}, err
	}
	if wire.Verify(env, give.ReceiverKey) != nil {
		return vat.Ref{}, ErrHandoff
	}
	h.mu.Lock()
	fresh := l.counts.use(r.Count)
	l.withdrew = l.withdrew || fresh
	h.mu.Unlock()
	if !fresh {
		return vat.Ref{}, ErrHandoff
	}
	return h.take(k)
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
	return newGiftKey(give.Session, give.GiftID), give, nil
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
