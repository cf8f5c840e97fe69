package home

import (
	"crypto"
	"errors"
	"slices"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// Design.
//
// A live reference is a vat.Live, which keeps the order, and a living, which enlivens its sturdyref whenever it leads
// nowhere. The livings of one peer share a return: one of them is enlivened at a time while there is no session with the
// peer, so that there is one dial, and all of them when there is one. A return has a goroutine while one of its livings is
// away, and none while all are there.

// living is a live reference. Its fields are guarded by the Home's mu, but for those that do not change.
type living struct {
	key   [32]byte
	live  *vat.Live
	front vat.WeakRef
	home  *homecoming

	from    source      // where the object is had, as was said last
	here    bool        // it leads somewhere,
	leads   vat.WeakRef // there
	over    bool        // it will lead nowhere any more
	age     int         // how often it has led somewhere,
	worked  bool        // and whether it ever has
	stop    func()      // ends the watch on what it leads to
	tries   tries       // that were turned away, in a row
	refused time.Time   // when the first of them was
	due     time.Time   // not to be tried before
}

// Live returns a live reference to the object that a sturdyref stands for: one that is had again when its session is lost.
// It returns at once. While it leads nowhere, at first too, messages sent to it wait, as many as may wait for a connection;
// one more is refused with vat.ErrOverloaded. When the session is lost what was sent before breaks with it, and what a vat
// sends after it was told, by a turn of its own, goes to the object once it has been had again: [vat.OnSever] and
// [vat.OnRestore] tell of it, [vat.Live] has the rules. What peers are given is the ordinary reference that it leads to at
// present ([vat.Present]).
//
// A peer that cannot be reached is tried again after a pause that grows to a minute, at all its addresses; no letter is written for it. A peer that
// refuses the secret, or gives an answer that is no reference, has the reference break for good, with that error: at once if
// it has never led anywhere, else when the peer has done so for two minutes, since it may have been restarted and not have
// published the object yet. So does Close. A reference that nobody holds and on which nothing waits is tried no more.
//
// The same sturdyref gives the same live reference, as long as somebody holds it, with the hints given last. What this Home
// publishes itself is had as by Enliven.
func (h *Home) Live(ref sturdyref.Ref) vat.Ref {
	if ref.Swiss.IsZero() || ref.Peer.IsZero() || h.isOwn(ref.Peer.ID()) {
		return h.Enliven(ref)
	}
	ref.Peer = ref.Peer.Clone()
	return h.live(secret{ref}, h.cfg.Shelf.key(ref))
}

// live returns the live reference that is had from a source. stored is what durable objects keep it as, nil if they do not.
func (h *Home) live(from source, stored []byte) vat.Ref {
	key := from.key()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return vat.Broken(errClosed)
	}
	if w := h.lives[key]; w != nil && !w.over {
		if r, ok := w.front.Ref(); ok {
			w.from = from
			return r
		}
	}
	live, r := vat.NewLive(roomOf(h.cfg.Limits), stored)
	h.sets(live, r, from, false)
	return r
}

// LiveGrant is Live for what a grant stands for: it is redeemed again when its session is lost, and, at first, when the peer is reached. The
// same grant gives the same live reference. It is not kept by durable objects, as the signer is not.
func (h *Home) LiveGrant(g *grant.Grant, signer crypto.Signer, at sturdyref.Peer) vat.Ref {
	if h.isOwn(at.ID()) || grant.KeyOf(signer) != g.Holder() {
		return h.Redeem(g, signer, at)
	}
	return h.live(shownGrant{g, signer, at.Clone()}, nil)
}

// roomOf returns how many messages may wait on a live reference.
func roomOf(l captp.Limits) int {
	if l.MaxOpening > 0 {
		return l.MaxOpening
	}
	return maxWaiting
}

// sets has a new live reference be tried. worked says that it has led somewhere in an earlier process. Called with mu held, and
// the Home not closed.
func (h *Home) sets(live *vat.Live, r vat.Ref, from source, worked bool) {
	id, key := from.peer(), from.key()
	c := h.homecomings[id]
	if c == nil {
		c = &homecoming{id: id, wake: make(chan struct{}, 1)}
		h.homecomings[id] = c
	}
	w := &living{key: key, live: live, front: r.Weak(), home: c, from: from, worked: worked}
	c.all++
	h.lives[key] = w
	vat.OnCollect(r, h.unused, w)
	h.goesAway(w)
	c.hasten()
}

// try has what a live reference is to lead to.
func (h *Home) try(w *living) {
	h.mu.Lock()
	from := w.from
	h.mu.Unlock()
	from.have(h).PromiseCell().Subscribe(settled(func(v any, err error) {
		ref, ok := v.(vat.Ref)
		switch {
		case err != nil:
			h.failed(w, err)
		case !ok || ref.IsNull():
			h.failed(w, vat.ErrNotReference)
		default:
			h.cameBack(w, ref)
		}
	}))
}

// tried notes that a try is over, and reports whether anybody still wants its outcome. Called with mu held.
func (h *Home) tried(w *living) bool {
	if c := w.home; c.scout == w {
		c.scout = nil
		c.poke()
	}
	return !w.over
}

// cameBack has a live reference lead to what has been had.
func (h *Home) cameBack(w *living, ref vat.Ref) {
	h.mu.Lock()
	if !h.tried(w) {
		h.mu.Unlock()
		return
	}
	w.age, w.worked = w.age+1, true
	w.here, w.leads, w.tries, w.refused = true, ref.Weak(), 0, time.Time{}
	age := w.age
	if c := w.home; !c.up {
		c.up, c.since = true, time.Now()
	}
	h.mu.Unlock()
	w.live.Restore(ref)
	stop := vat.Severed(ref, func(reason error) { h.lost(w, age, reason) })
	h.mu.Lock()
	kept := w.here && w.age == age && !w.over
	if kept {
		w.stop = stop
	}
	h.mu.Unlock()
	if !kept {
		stop()
	}
}

// lost has a live reference lead nowhere. It is called when everything has broken that went where it led.
func (h *Home) lost(w *living, age int, reason error) {
	h.mu.Lock()
	if !w.here || w.age != age || w.over {
		h.mu.Unlock()
		return
	}
	w.here, w.stop = false, nil
	now := time.Now()
	if c := w.home; c.up {
		if c.up = false; now.Sub(c.since) >= steady {
			c.tries = 0
		}
		c.due = now.Add(c.tries.pause(longPause))
	}
	closed := h.closed
	h.mu.Unlock()
	switch {
	case closed:
		h.finish(w, errClosed)
	case errors.Is(reason, vat.ErrRevoked):
		h.finish(w, reason)
	default:
		w.live.Sever(reason)
		h.again(w, reason, false)
	}
}

// doubt is told that an object may be lost although its session is not: the peer was restarted, the session has outlived that
// and the object has not. Live references that lead there have it fetched once more, and are severed if that gives another, or
// none.
func (h *Home) doubt(l *link, object vat.Ref) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if h.closed || len(h.lives) == 0 || now.Sub(l.doubted) < hastened {
		return
	}
	for _, w := range h.lives {
		if w.here && w.leads == object.Weak() {
			l.doubted = now
			age := w.age
			h.wg.Add(1)
			go func() {
				defer h.wg.Done()
				h.lookAgain(w, age)
			}()
		}
	}
}

// lookAgain fetches what a live reference leads to once more.
func (h *Home) lookAgain(w *living, age int) {
	h.mu.Lock()
	from := w.from
	h.mu.Unlock()
	from.have(h).PromiseCell().Subscribe(settled(func(v any, err error) {
		ref, _ := v.(vat.Ref)
		h.mu.Lock()
		same := err == nil && !ref.IsNull() && ref.Weak() == w.leads
		h.mu.Unlock()
		if _, ended := errors.AsType[*captp.EndError](err); !same && !ended {
			h.lost(w, age, vat.ErrLost)
		}
	}))
}

// failed is told that a try has come to nothing.
func (h *Home) failed(w *living, err error) {
	_, ended := errors.AsType[*captp.EndError](err)
	refused := errors.Is(err, ErrRefused) || errors.Is(err, warden.ErrRefused) || errors.Is(err, netlayer.ErrRefused)
	h.mu.Lock()
	if !h.tried(w) {
		h.mu.Unlock()
		return
	}
	now, c := time.Now(), w.home
	final := errors.Is(err, errNoTransport) || refused && !w.worked
	switch {
	case !refused && (ended || errors.Is(err, errManyDials)):
		if !c.due.After(now) { // one session that ends is one failure, whatever was tried over it
			c.due = now.Add(c.tries.pause(longPause))
		}
	case w.refused.IsZero():
		w.refused = now
		fallthrough
	default:
		w.due = now.Add(w.tries.pause(longPause))
		final = final || now.Sub(w.refused) >= refusedFor
	}
	h.mu.Unlock()
	h.again(w, err, final)
}

// again has a live reference be tried later, unless err is final.
func (h *Home) again(w *living, err error, final bool) {
	h.mu.Lock()
	switch {
	case w.over:
		h.mu.Unlock()
		return
	case h.closed:
		final, err = true, errClosed
	case !final:
		h.goesAway(w)
	}
	h.mu.Unlock()
	if final {
		h.finish(w, err)
	}
}

// finish has a live reference lead nowhere for good.
func (h *Home) finish(w *living, err error) {
	h.mu.Lock()
	stop := h.dismiss(w)
	h.mu.Unlock()
	if stop != nil {
		stop()
	}
	w.live.End(err)
}

// dismiss takes a live reference out of the tables and returns what ends the watch on what it leads to, if there is one.
// Called with mu held.
func (h *Home) dismiss(w *living) (stop func()) {
	if w.over {
		return nil
	}
	c := w.home
	w.over, stop, w.stop = true, w.stop, nil
	c.away = slices.DeleteFunc(c.away, func(x *living) bool { return x == w })
	if h.lives[w.key] == w {
		delete(h.lives, w.key)
	}
	if c.all--; c.all == 0 {
		delete(h.homecomings, c.id)
	}
	return stop
}

// unused is called by the collector when nobody holds a live reference. It takes locks and nothing else; a goroutine that has
// nothing left to bring back finds that out when it next looks.
func (h *Home) unused(w *living) { h.finish(w, errUnused) }

var errUnused = errors.New("home: nobody holds the live reference")
