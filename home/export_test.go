package home

// Tally has every operation told of that refusals must have in common.
func (h *Home) Tally(fn func(what string)) { h.tally = fn }

// Left counts what the Home remembers of peers.
func (h *Home) Left() (peers, links, dials, inbound int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.peers), len(h.links), h.dials, h.crowd.total
}
