package home

import (
	"bytes"
	"sync"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// A Shelf has live references that durable objects keep be there after a restart: they are stored as their sturdyrefs. It is
// part of what is [vat.Outside] a depot, and so made before that is opened; one Home, which comes later, uses it. A nil Shelf
// keeps nothing.
type Shelf struct {
	room int

	mu   sync.Mutex
	home *Home
	kept []kept // those from before, until there is a Home
}

// kept is a live reference from an earlier process.
type kept struct {
	live  *vat.Live
	front vat.WeakRef
	at    sturdyref.Ref
}

// NewShelf returns a Shelf for live references on which as many messages may wait as wait for a connection.
func NewShelf(l captp.Limits) *Shelf { return &Shelf{room: roomOf(l)} }

// shelfMark begins the keys of live references. Those of a Ledger are shorter than any of them.
var shelfMark = []byte("live\x00")

// key returns what a live reference is stored as: it has the sturdyref's secret.
func (s *Shelf) key(at sturdyref.Ref) []byte {
	if s == nil {
		return nil
	}
	return append(bytes.Clone(shelfMark), at.URI()...)
}

// Revive returns the live reference with a key, null if the key says nothing. It reports false for one that is no live
// reference's.
func (s *Shelf) Revive(key []byte) (r vat.Ref, ok bool) {
	uri, ok := bytes.CutPrefix(key, shelfMark)
	if !ok || len(key) <= 32 {
		return vat.Ref{}, false
	}
	at, err := sturdyref.Parse(string(uri))
	if err != nil {
		return vat.Ref{}, true
	}
	live, r := vat.NewLive(s.room, bytes.Clone(key))
	s.mu.Lock()
	h := s.home
	if h == nil {
		s.kept = append(s.kept, kept{live, r.Weak(), at})
	}
	s.mu.Unlock()
	if h != nil {
		h.resume(live, r, at)
	}
	return r, true
}

// use has the Home bring back what is on the shelf.
func (s *Shelf) use(h *Home) {
	if s == nil {
		return
	}
	s.mu.Lock()
	all := s.kept
	s.home, s.kept = h, nil
	s.mu.Unlock()
	for _, k := range all {
		if r, ok := k.front.Ref(); ok {
			h.resume(k.live, r, k.at)
		}
	}
}

// resume has a live reference of an earlier process be tried.
func (h *Home) resume(live *vat.Live, r vat.Ref, at sturdyref.Ref) {
	h.mu.Lock()
	closed := h.closed
	if !closed {
		h.sets(live, r, secret{at}, true)
	}
	h.mu.Unlock()
	if closed {
		live.End(errClosed)
	}
}
