package home

import (
	"errors"
	"slices"
	"time"

	"github.com/hawser-go/hawser/captp"
)

const (
	// maxDisplacing is how often a dial is tried again that the exporter aborts.
	maxDisplacing = 3
	// displacing is how long the exporter's own connection is waited for before each.
	displacing = 100 * time.Millisecond
	// owing is how long answers are waited for that the exporter has asked for over its own connection.
	owing = time.Second
)

var errDisplaced = errors.New("home: this side dials, so that it knows whom it speaks to")

// aborted reports whether a dial was aborted by the exporter before it said who it is. Peers that prove nothing when they
// dial, as Endo, have one session with a location, whichever it is, and abort every other: also ours, if theirs is there.
func (d *redemption) aborted(err error) bool {
	end, ok := errors.AsType[*captp.EndError](err)
	layer, _ := d.h.layerOf(d.give.Exporter.Transport)
	return ok && end.Kind == captp.Aborted && layer.Dialect != nil && !layer.TrustClaims
}

// displace dials again, after the sessions have ended that say they are the exporter's: they are of no use to who wants to
// know whom it speaks to. What the exporter has asked there is answered first, if that is soon; what is not is lost with
// the session, as with any that ends, and what it held over it has to be had anew.
func (d *redemption) displace() {
	pause := time.NewTicker(displacing)
	defer pause.Stop()
	owes := func(l *link) bool { return l.session.Tables().Replies > 0 }
	for patience := owing / displacing; ; patience-- {
		select {
		case <-pause.C:
		case <-d.h.ctx.Done():
			patience = 0
		}
		claimed := d.claimed()
		if patience > 0 && slices.ContainsFunc(claimed, owes) {
			continue
		}
		for _, l := range claimed {
			l.session.Close(errDisplaced.Error())
		}
		break
	}
	d.start()
}

// claimed returns the sessions of those who say that they are the exporter.
func (d *redemption) claimed() (all []*link) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	for l := range d.h.links {
		if g := l.greeting; g != nil && !l.info().Authenticated && g.Peer.ID() == d.give.Exporter.ID() {
			all = append(all, l)
		}
	}
	return all
}
