package mem

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

var (
	errNoResume  = errors.New("mem: this host does not announce netlayer.FeatureResume, so that nothing of its can be resumed")
	errNoEarlier = errors.New("mem: an anonymous host goes on by the key it had: Dial.Previous must be one that it dialled to that peer")
	errEarly     = fmt.Errorf("mem: no frame travels with Dial.Resume: %w", netlayer.ErrFrameTooLarge)
	errAnswer    = errors.New("mem: the answer to who would resume is one frame")
)

// newResumption is newAttempt for a dial that goes on with what an earlier connection began.
func (h *Host) newResumption(to *Host, d netlayer.Dial) (*attempt, error) {
	if !slices.Contains(h.cfg.Features, netlayer.FeatureResume) {
		return nil, errNoResume
	}
	if len(d.Resume) > netlayer.MaxResume {
		return nil, tooLong("Dial.Resume", len(d.Resume))
	}
	dialler := h.self.Clone()
	if h.cfg.Anonymous {
		before, ok := d.Previous.(*conn)
		if !ok || !before.info.Outbound || before.wire.hosts[0] != h || before.info.Remote.ID() != d.Peer.ID() {
			return nil, errNoEarlier
		}
		dialler = before.info.Local.Clone()
	}
	out, in := netlayer.Info{Authenticated: true, Anonymous: h.cfg.Anonymous, Outbound: true}, netlayer.Info{Authenticated: true}
	out.Local, out.Remote = dialler, d.Peer.Clone()
	in.Local, in.Remote = to.self.Clone(), sturdyref.Peer{Transport: Transport, Designator: dialler.Designator}
	out.Features, in.Features = intersect(h.cfg.Features, to.cfg.Features), intersect(h.cfg.Features, to.cfg.Features)
	in.Source, out.Source = h.addr, to.addr
	if d.Early != nil && len(d.Early(out, 0)) > 0 {
		return nil, errEarly
	}
	in.Resume = append([]byte{}, d.Resume...)
	return &attempt{from: h, to: to, infos: [2]netlayer.Info{out, in}, verdict: make(chan verdict, 1)}, nil
}

// resumes reports whether the dialler would go on with something.
func (a *attempt) resumes() bool { return a.infos[1].Resume != nil }

// answer takes the acceptor's only frame as the answer to a dialler who would resume.
func (a *attempt) answer(first [][]byte) error {
	if len(first) != 1 {
		return errAnswer
	}
	if len(first[0]) > netlayer.MaxResume {
		return tooLong("the answer to Dial.Resume", len(first[0]))
	}
	a.infos[0].Resume = append([]byte{}, first[0]...)
	return nil
}

func tooLong(what string, n int) error {
	return fmt.Errorf("mem: %s of %d bytes, at most %d: %w", what, n, netlayer.MaxResume, netlayer.ErrFrameTooLarge)
}
