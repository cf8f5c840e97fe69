package home

import (
	"slices"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// crossingWindow is how long after its start a session that we dialled counts as started at the same time as a dial
// that the peer's connection belongs to. A peer that comes later has lost its state.
const crossingWindow = 10 * time.Second

// Lock implements netlayer.Doorkeeper.
func (h *Home) Lock(id [16]byte) (netlayer.Lock, bool) { return h.registry.Lock(id) }

// Admit implements netlayer.Doorkeeper.
func (h *Home) Admit(info netlayer.Info) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.nl == nil {
		return netlayer.ErrRefused
	}
	if h.cfg.Door.Closed && info.AdmittedBy == ([16]byte{}) && (info.Anonymous || !h.known(info.Remote.ID())) {
		return netlayer.ErrRefused
	}
	if h.crosses(info) {
		return netlayer.ErrCrossed
	}
	return nil
}

// known reports whether the door is open to a peer for who it is.
func (h *Home) known(id sturdyref.PeerID) bool { return slices.Contains(h.cfg.Door.Known, id) }

// crosses reports whether an incoming connection has to give way to one that we are dialling, or have just dialled, to
// the same peer: the connection stays that was dialled by the one with the higher static key. Called with mu held.
func (h *Home) crosses(info netlayer.Info) bool {
	p := h.peers[info.Remote.ID()]
	if p == nil || !info.Authenticated || info.Anonymous || !higher(h.nl.Location().Designator, info.Remote.Designator) {
		return false
	}
	if p.dial != nil {
		return true
	}
	return p.live != nil && p.live.info().Outbound && time.Since(p.live.since) < crossingWindow
}

// higher compares two designators by the static keys they spell; other designators, as they are.
func higher(a, b string) bool {
	ka, errA := sturdyref.DesignatorKey(a)
	kb, errB := sturdyref.DesignatorKey(b)
	if errA != nil || errB != nil {
		return a > b
	}
	return slices.Compare(ka[:], kb[:]) > 0
}
