package home

import (
	"strconv"
	"weak"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/sturdyref"
)

// Tally has every operation told of that refusals must have in common.
func (h *Home) Tally(fn func(what string)) { h.tally = fn }

// Left counts what the Home remembers of peers.
func (h *Home) Left() (peers, links, dials, inbound int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.peers), len(h.links), h.dials, h.crowd.total
}

// Credentials counts the secrets that the Home remembers to have been shown, and proven, in the sessions there are.
func (h *Home) Credentials() (shown, proven int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.links {
		shown += len(l.shown)
		proven += len(l.proven)
	}
	return shown, proven
}

// Gifts counts what was deposited here, or is waited for, by peers of all sessions.
func (h *Home) Gifts() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, own := range h.gifts.all {
		n += len(own)
	}
	return n
}

// Sweep has every session say what the collector has found, and returns what they hold.
func (h *Home) Sweep() (held []captp.Census) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.links {
		l.session.Sweep()
		held = append(held, l.session.Tables())
	}
	return held
}

// Redeemed counts the certificates remembered, and what waits for greetings, gifts and dials.
func (h *Home) Redeemed() (n, waiting int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.links {
		n += len(l.redeemed)
		waiting += len(l.waiting) + len(l.awaits)
	}
	for _, g := range h.gifters {
		waiting += 1 + len(g.queued)
	}
	return n, waiting
}

// Lives counts the live references, and those that lead nowhere.
func (h *Home) Lives() (all, away int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.lives {
		if !w.here {
			away++
		}
	}
	return len(h.lives), away
}

// LivesLeft returns a function that counts those of the present live references of which anything is in memory.
func (h *Home) LivesLeft() func() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []weak.Pointer[living]
	for _, w := range h.lives {
		all = append(all, weak.Make(w))
	}
	return func() (n int) {
		for _, p := range all {
			if p.Value() != nil {
				n++
			}
		}
		return n
	}
}

// Key is what a live reference is stored as.
func (s *Shelf) Key(at sturdyref.Ref) []byte { return s.key(at) }

// Told has n peers say where their mail is whose links do not last, the last of them twice, and returns of how many that is kept, and whether it is of the
// last, as said last.
func Told(n int) (kept int, last bool) {
	p := &Post{told: make(map[sturdyref.PeerID]correspondence)}
	var peer sturdyref.PeerID
	for i := range n {
		peer = sturdyref.PeerID{Transport: "mem", Designator: strconv.Itoa(i)}
		p.learn(peer, correspondence{drop: "first"})
	}
	p.learn(peer, correspondence{drop: "last"})
	return len(p.told), p.told[peer].drop == "last"
}

// PresentFrom has the next presentation of a grant have that number, as if it were made again.
func (h *Home) PresentFrom(n uint64) uint64 { return h.presented.Swap(n-1) + 1 }

// Present numbers so many presentations of grants.
func (h *Home) Present(times int) {
	for range times {
		h.presentation()
	}
}
