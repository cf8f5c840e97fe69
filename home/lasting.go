package home

import (
	"fmt"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/sturdyref"
)

// Lasting lists the peers with which there is a session that outlives this process, in no particular order.
func (h *Home) Lasting() []sturdyref.PeerID {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []sturdyref.PeerID
	for l := range h.links {
		if l.started && l.session.Lasts() {
			all = append(all, l.peer)
		}
	}
	return all
}

// Correspondents is Post.Correspondents, of a Home without mail none.
func (h *Home) Correspondents() []sturdyref.PeerID {
	if h.cfg.Post == nil {
		return nil
	}
	return h.cfg.Post.Correspondents()
}

// Forget ends the sessions with a peer for good, and returns when that has come about here: what either side holds of the other breaks. The
// peer learns that when it is there. A sturdyref of it is as good as before.
func (h *Home) Forget(peer sturdyref.PeerID) error {
	var sessions []*captp.Session
	h.mu.Lock()
	for l := range h.links {
		if l.peer == peer && l.started {
			sessions = append(sessions, l.session)
		}
	}
	h.mu.Unlock()
	if len(sessions) == 0 {
		return fmt.Errorf("home: there is no session with %s", peer)
	}
	for _, s := range sessions {
		s.Close("forgotten")
	}
	return nil
}
