package home

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

const (
	// maxDisplacing is how often a dial is tried again that the peer aborts.
	maxDisplacing = 3
	// displacing is how long the peer's own connection is waited for before each.
	displacing = 100 * time.Millisecond
	// owing is how long answers are waited for that the peer has asked for over its own connection.
	owing = time.Second
)

var errDisplaced = errors.New("home: this side dials, so that it knows whom it speaks to")

// displaces reports whether a dial to a peer is to be tried again that has come to err: the peer has aborted it, before it
// said who it is. Peers that prove nothing when they dial, as Endo, have one session with a location, whichever it is, and
// abort every other: also ours, if theirs is there.
func (h *Home) displaces(id sturdyref.PeerID, err error) bool {
	end, ok := errors.AsType[*captp.EndError](err)
	return ok && end.Kind == captp.Aborted && h.provesAcceptors(id.Transport)
}

// provesAcceptors reports whether a transport is one of other implementations on which only a claim says who has dialled.
func (h *Home) provesAcceptors(transport string) bool {
	layer, _ := h.layerOf(transport)
	return layer.Dialect != nil && !layer.TrustClaims
}

// displace ends the sessions that say they are a peer's, before that is dialled again: they are of no use to who wants to
// know whom it speaks to. What the peer has asked there is answered first, if that is soon; what is not is lost with the
// session, as with any that ends, and what it held over it has to be had anew.
func (h *Home) displace(id sturdyref.PeerID) {
	pause := time.NewTicker(displacing)
	defer pause.Stop()
	owes := func(l *link) bool { return l.session.Tables().Replies > 0 }
	for patience := owing / displacing; ; patience-- {
		select {
		case <-pause.C:
		case <-h.ctx.Done():
			patience = 0
		}
		claimed := h.claimants(id)
		if patience > 0 && slices.ContainsFunc(claimed, owes) {
			continue
		}
		var each sync.WaitGroup // anybody can say so, and be slow to end
		for _, l := range claimed {
			each.Go(func() { l.session.Close(errDisplaced.Error()) })
		}
		each.Wait()
		return
	}
}

// claimants returns the sessions of those who say that they are a peer, and have not proven it.
func (h *Home) claimants(id sturdyref.PeerID) (all []*link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.links {
		if g := l.greeting; g != nil && !l.info().Authenticated && g.Peer.ID() == id {
			all = append(all, l)
		}
	}
	return all
}

// insist is request, for a peer that may abort our dial since it has dialled us. What r fetches is asked for once the peer
// has said who it is.
func (h *Home) insist(r *request) vat.Ref {
	if !h.provesAcceptors(r.peer.Transport) {
		return h.request(r)
	}
	w := vat.NewVow(nil)
	var try func(left int)
	try = func(left int) {
		again := *r
		again.fetch = func(l *link) vat.Ref {
			return h.onceGreeted(l, func(l *link) error {
				w.Resolve(r.fetch(l))
				return nil
			})
		}
		h.request(&again).PromiseCell().Subscribe(settled(func(_ any, err error) {
			switch {
			case err == nil:
			case left > 0 && h.displaces(r.peer.ID(), err):
				h.goroutine(func() {
					h.displace(r.peer.ID())
					try(left - 1)
				})
			default:
				w.Break(err)
			}
		}))
	}
	try(maxDisplacing)
	return w.Ref()
}
