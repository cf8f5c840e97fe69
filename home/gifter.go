package home

// queuedPerDial is how many certificates wait for each dial that a gifter may cause.
const queuedPerDial = 4

// gifter is a peer whose certificates want dials, over whichever sessions it has had: one that comes again and again
// causes no more of them. Who has not said who it is counts with all who come from the same source. It is there while
// there are such dials, and guarded by the Home's mu.
type gifter struct {
	key       any
	redeeming int           // dials under way
	queued    []*redemption // that wait for one of these to end
}

// gifterOf returns whoever is at the other end of l. Called with mu held.
func (h *Home) gifterOf(l *link) *gifter {
	var key any = l
	if info := l.info(); identified(info) {
		key = l.peer
	} else if info.Source != "" {
		key = info.Source
	}
	g := h.gifters[key]
	if g == nil {
		g = &gifter{key: key}
		h.gifters[key] = g
	}
	return g
}

// queue counts d among the dials that its gifter may cause, or has it wait until one of them has come to its end, which
// it reports. It does neither if too many wait already.
func (d *redemption) queue() (queued bool) {
	h, most := d.h, d.h.cfg.Handoffs.MaxDials
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.gifterOf(d.from)
	switch {
	case g.redeeming >= most:
		if queued = len(g.queued) < queuedPerDial*most; queued {
			g.queued = append(g.queued, d)
		}
	case h.redeeming < maxDials/2:
		d.dials = g
		g.redeeming++
		h.redeeming++
	}
	h.forget(g)
	return queued
}

// dialled counts d out again, and returns the gifter, nil if it did not count.
func (d *redemption) dialled() *gifter {
	g := d.dials
	if g == nil {
		return nil
	}
	d.dials = nil
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	g.redeeming--
	d.h.redeeming--
	return g
}

// redeemQueued starts what waits for one of a gifter's dials to end.
func (h *Home) redeemQueued(g *gifter) {
	for g != nil {
		var next *redemption
		h.mu.Lock()
		if len(g.queued) > 0 && g.redeeming < h.cfg.Handoffs.MaxDials {
			next, g.queued = g.queued[0], g.queued[1:]
		}
		h.forget(g)
		h.mu.Unlock()
		if next == nil {
			return
		}
		next.start()
	}
}

// forget drops a gifter that causes no dials. Called with mu held.
func (h *Home) forget(g *gifter) {
	if g.redeeming == 0 && len(g.queued) == 0 && h.gifters[g.key] == g {
		delete(h.gifters, g.key)
	}
}
