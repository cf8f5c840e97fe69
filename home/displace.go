package home

import (
	"errors"
	"time"

	"github.com/hawser-go/hawser/captp"
)

const (
	// maxDisplacing is how often a dial is tried again that the exporter aborts.
	maxDisplacing = 3
	// displacing is how long the exporter's own connection is waited for before each.
	displacing = 100 * time.Millisecond
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
// know whom it speaks to.
func (d *redemption) displace() {
	pause := time.NewTimer(displacing)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-d.h.ctx.Done():
	}
	var claimed []*link
	d.h.mu.Lock()
	for l := range d.h.links {
		if g := l.greeting; g != nil && !l.info().Authenticated && g.Peer.ID() == d.give.Exporter.ID() {
			claimed = append(claimed, l)
		}
	}
	d.h.mu.Unlock()
	for _, l := range claimed {
		l.session.Close(errDisplaced.Error())
	}
	d.start()
}
