package home

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"math"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
)

// restore has the sessions that outlived the last process go on: those whose connections the layers have kept.
func (h *Home) restore() error {
	if h.cfg.Ledger == nil {
		return nil
	}
	var restored []*link
	for _, layer := range h.layers {
		keeper, ok := layer.Netlayer.(netlayer.Keeper)
		if !ok {
			continue
		}
		kept, err := keeper.Kept()
		if err != nil {
			return fmt.Errorf("home: the connections from before: %w", err)
		}
		for _, conn := range kept {
			l, err := h.revive(conn)
			if err != nil {
				return err
			}
			restored = append(restored, l)
		}
	}
	if err := h.restoreGifts(); err != nil {
		return err
	}
	if err := h.restoreCredits(restored); err != nil {
		return err
	}
	for _, l := range restored { // when all are there, since what waits in one may be about another
		if err := l.session.Resume(); err != nil {
			h.log.Error("a session from before does not go on", "peer", l.peer.String(), "error", err)
			continue
		}
		h.receive(l)
	}
	return nil
}

// errNoTables is why a connection from before is of no use.
var errNoTables = errors.New("home: the store has a connection without its session: restore it from a backup, or use a new directory")

// revive makes the link of a connection from before.
func (h *Home) revive(conn netlayer.Lasting) (*link, error) {
	info := conn.Info()
	l := &link{peer: info.Remote.ID(), shown: make(map[[16]byte]struct{}), proven: make(map[[16]byte]struct{})}
	var err error
	if l.session, err = h.cfg.Ledger.Restore(conn, h.sessionConfig(l)); err != nil {
		return nil, err
	}
	if l.session == nil {
		return nil, errNoTables
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	l.excused = true
	h.enter(l, info)
	p := h.peer(l.peer)
	g, met := l.session.Greeting()
	switch {
	case !met && p.posted == nil, met && info.Posted && p.live != nil:
		p.posted = l
	case met:
		if p.live != nil && p.live.info().Posted {
			p.posted = p.live
		}
		p.live = l
	}
	if met {
		l.greeting, h.greeted[g.ID] = &g, l
	}
	l.started = true
	l.reacher, _ = conn.(netlayer.Reacher)
	// What was proven to let the peer in has been proven, unless it is a grant, which ends; and of our own handoff-counts none may be used twice.
	l.withdrew = !info.Outbound && info.AdmittedBy == [16]byte{} && h.grantAtDoor(info) == nil
	l.count = h.cfg.Ledger.Epoch() << 32 & math.MaxInt64
	return l, nil
}

// challengeOf returns the key that the peer of a session that may last binds its proofs to: the same after a restart.
func challengeOf(s *captp.Session) (*ecdh.PrivateKey, error) {
	seed := s.Derive("hawser/challenge/1")
	return ecdh.X25519().NewPrivateKey(seed[:])
}
