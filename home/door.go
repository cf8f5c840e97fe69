package home

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Door says who may have a session, and how many. An object needs its secret in any case.
type Door struct {
	// Closed admits only diallers that show a secret of this node — a strong swiss number that is published, a capability
	// key, or Secret — or are in Known, or have been handed something of this node's by a peer that has a session. Their
	// session lasts as long as one of these holds. The default admits whoever
	// knows the public key.
	Closed bool
	// Secret, if set, admits by itself; it is part of the sturdyrefs published, where the swiss number cannot be one.
	Secret sturdyref.SwissNum
	// Known are the peers admitted for who they are. The limits below do not keep them out.
	Known []sturdyref.PeerID

	// MaxSessions bounds the sessions dialled by others (default 4096). More are refused as everything is: a dialler
	// does not learn why; the log says so.
	MaxSessions int
	// MaxAnonymous bounds those of them whose dialler does not say who it is (default 1024).
	MaxAnonymous int
	// MaxPerSource bounds those of them that come from one source, an IP address or the /64 of an IPv6 one (default 512), and those that
	// letters sent by one sturdyref open within 30 days, whatever becomes of them.
	MaxPerSource int
	// MaxLastingPerSource bounds the sessions that outlive the process with strangers from one source (default 64): peers that have dialled,
	// that others have handed to this node, or that have sent a letter by one sturdyref. These may be many over the time that they are kept. There may be four times as many from the /24 of
	// an address, or the /48 of an IPv6 one, and by letters.
	// Beyond, a session ends with the process. Who is in Known is not counted.
	MaxLastingPerSource int
}

// maxOfPeer bounds the sessions a peer that says who it is may have while its earlier ones are coming to their ends.
const maxOfPeer = 4

func (d Door) validated() (Door, error) {
	d.Known = slices.Clone(d.Known)
	for _, l := range []struct {
		name  string
		value *int
		usual int
	}{{"MaxSessions", &d.MaxSessions, 4096}, {"MaxAnonymous", &d.MaxAnonymous, 1024}, {"MaxPerSource", &d.MaxPerSource, 512}, {"MaxLastingPerSource", &d.MaxLastingPerSource, 64}} {
		if *l.value < 0 {
			return d, fmt.Errorf("home: Door.%s is %d: give a positive number, or 0 for %d", l.name, *l.value, l.usual)
		}
		if *l.value == 0 {
			*l.value = l.usual
		}
	}
	return d, nil
}

// known reports whether the door is open to a peer for who it is.
func (h *Home) known(id sturdyref.PeerID) bool { return slices.Contains(h.cfg.Door.Known, id) }

// admissible says whether the door is open to a dialler. Called with mu held.
func (h *Home) admissible(info netlayer.Info, introduced bool) error {
	d, known := h.cfg.Door, identified(info) && h.known(info.Remote.ID())
	if d.Closed && !known && !introduced && (info.AdmittedBy == ([16]byte{}) || !h.registry.admits(info.AdmittedBy)) {
		return netlayer.ErrRefused
	}
	if known {
		return nil
	}
	full := h.full(info)
	if full != "" {
		h.excuse()
		full = h.full(info)
	}
	if full != "" {
		return h.crowd.refuse(full)
	}
	return nil
}

// frequent says whether letters with the secret that admits a peer have opened too many sessions already. They count for as long as they
// are remembered, whatever has become of them: each has cost this node room on its disk, and a drop.
func (h *Home) frequent(info netlayer.Info, opened func() (int, error)) error {
	if h.known(info.Remote.ID()) {
		return nil
	}
	n, err := opened()
	if err == nil && n >= h.cfg.Door.MaxPerSource {
		h.mu.Lock()
		err = h.crowd.refuse(fmt.Sprintf("letters have opened %d from %s within 30 days, which is Door.MaxPerSource", n, info.Source))
		h.mu.Unlock()
		h.refusing(err, info.Remote.ID())
	}
	if err != nil {
		return errLeft
	}
	return nil
}

// full says why there is no room for a dialler, "" if there is. Called with mu held.
func (h *Home) full(info netlayer.Info) string {
	d := h.cfg.Door
	// A peer that comes again replaces the session it has.
	p := h.peers[info.Remote.ID()]
	again := identified(info) && p != nil && p.sessions > 0
	switch {
	case again && p.sessions >= maxOfPeer && h.passing(p) >= maxOfPeer:
		return "this peer has too many that are not over yet"
	case again:
	case h.crowd.total >= d.MaxSessions:
		return fmt.Sprintf("there are %d, which is Door.MaxSessions", h.crowd.total)
	case !identified(info) && h.crowd.anonymous >= d.MaxAnonymous:
		return fmt.Sprintf("there are %d anonymous ones, which is Door.MaxAnonymous", h.crowd.anonymous)
	case info.Source != "" && h.crowd.sources[info.Source] >= d.MaxPerSource:
		return fmt.Sprintf("there are %d from %s, which is Door.MaxPerSource", h.crowd.sources[info.Source], info.Source)
	}
	return ""
}

// abides reports whether a session outlives this process, and so takes no room at the door: its peer may be away for months, and how many
// of these there are is bounded by what is stored. One that ends takes room until it is over.
func (l *link) abides() bool { return l.started && l.session.Lasts() && l.session.Err() == nil }

// passing counts the sessions dialled by a peer that do not outlive this process. Called with mu held.
func (h *Home) passing(p *peer) (n int) {
	for l := range h.links {
		if l.peer == p.id && !l.info().Outbound && !l.abides() {
			n++
		}
	}
	return n
}

// excuse has the crowd count those sessions that do not outlive this process, which it cannot know when they begin. Called with mu held.
func (h *Home) excuse() {
	for l := range h.links {
		if abides := l.abides(); abides != l.excused && !l.info().Outbound {
			l.excused = abides
			if abides {
				h.crowd.add(l.info(), -1)
			} else {
				h.crowd.add(l.info(), 1)
			}
		}
	}
}

// crowdedError refuses one session too many. The dialler is told what every other one is told that is refused.
type crowdedError struct {
	why string
	n   uint64 // how many there have been
}

func (e *crowdedError) Error() string { return "home: a session was refused: " + e.why }
func (e *crowdedError) Unwrap() error { return netlayer.ErrRefused }

// refusing logs why somebody was refused, if that says something about this node: the first time, the second, the
// fourth, the eighth, since a flood must not fill the log as well.
func (h *Home) refusing(err error, id sturdyref.PeerID) {
	if e, ok := errors.AsType[*crowdedError](err); ok && e.n&(e.n-1) == 0 {
		h.log.Warn("a session was refused: "+e.why, "peer", id.String(), "refused so far", e.n)
	}
}

// identified reports whether a dialler has proven who it is, and is somebody. Only such a peer stands in the table of
// peers: an unproven claim decides nothing, and an anonymous peer is nobody to be dialled.
func identified(info netlayer.Info) bool { return info.Authenticated && !info.Anonymous }

// crowd counts the sessions that others have dialled. It is guarded by the Home's mu.
type crowd struct {
	total, anonymous int
	sources          map[string]int
	refused          uint64
}

// add counts a session in, or with n = -1 out.
func (c *crowd) add(info netlayer.Info, n int) {
	c.total += n
	if !identified(info) {
		c.anonymous += n
	}
	if info.Source != "" {
		if c.sources[info.Source] += n; c.sources[info.Source] == 0 {
			delete(c.sources, info.Source)
		}
	}
}

// refuse counts a session that is not to be, and says why.
func (c *crowd) refuse(why string) error {
	c.refused++
	return &crowdedError{why, c.refused}
}
