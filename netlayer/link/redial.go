package link

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Reach has the link go on with its peer there, too, if it has no connection: for who wants something of a peer that has
// dialled, and could be dialled as well.
func (l *link) Reach(peer sturdyref.Peer, allow func(netip.Addr) bool) {
	if peer.ID() != l.info.Remote.ID() || l.info.Anonymous && !l.info.Outbound {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lk := &l.lk
	lk.also = &target{peer: peer.Clone(), allow: allow}
	l.noteSoon(false)
	switch {
	case lk.conn != nil || lk.ended != nil || lk.closing || lk.asleep:
	case lk.cancel == nil:
		l.dialAfter(0)
	default:
		l.hasten()
	}
}

// hasten has whoever waits to dial do it now.
func (l *link) hasten() {
	select {
	case l.hurry <- struct{}{}:
	default:
	}
}

// dialAfter begins to dial after a while. Called with mu held.
func (l *link) dialAfter(d time.Duration) {
	ctx, cancel := context.WithCancel(l.n.ctx)
	l.lk.cancel = cancel
	if !l.n.spawn(func() { l.redial(ctx, d) }) {
		cancel()
	}
}

// stopDialling ends it. Called with mu held.
func (l *link) stopDialling() {
	if l.lk.cancel != nil {
		l.lk.cancel()
		l.lk.cancel = nil
	}
	l.lk.dialling = false
}

// redial dials, after a while, until the link has a connection again or has ended.
func (l *link) redial(ctx context.Context, first time.Duration) {
	refusals := 0
	l.pause(ctx, first)
	for wait := firstWait; ; wait = min(2*wait, l.patience()) {
		if !l.pause(ctx, rand.N(wait)) {
			wait = firstWait // the network is back
		}
		l.mu.Lock()
		lk := &l.lk
		if ctx.Err() != nil {
			l.mu.Unlock()
			return
		}
		lk.dialling = true
		r, gen := l.request(false), lk.gen
		at, previous := []*target{lk.to, lk.also}, lk.previous
		l.mu.Unlock()
		conn, err := l.dial(ctx, r, at, previous)
		done := false
		if err == nil {
			done, err = l.answered(ctx, conn, r, gen)
		}
		l.mu.Lock()
		if done = done || ctx.Err() != nil; !done {
			lk.dialling = false
		}
		l.mu.Unlock()
		if done {
			return
		}
		if !errors.Is(err, netlayer.ErrRefused) {
			refusals = 0
		} else if refusals++; refusals == maxRefusals && !l.lasting.Load() {
			l.fail(gen, because(ErrGone, "it refuses"))
			return
		}
		l.n.cfg.Logger.Debug("the peer was not reached again", "peer", l.peer(), "error", err)
	}
}

// patience is how long it waits at most before it dials again: the longer the peer has been away, the less it matters.
func (l *link) patience() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.lk.lasts {
		return lastWait
	}
	return min(max(lastWait, time.Since(l.lk.suspended)/awayPart), longestWait)
}

// request is what the next dial says. Called with mu held.
func (l *link) request(over bool) []byte {
	lk := &l.lk
	lk.attempt++
	lk.asked, lk.granted = lk.received, lk.acked
	return request{id: lk.secret.id(), attempt: lk.attempt, next: lk.received, over: over, turned: !l.info.Outbound, from: l.self()}.encode(lk.secret)
}

// pause waits, and reports whether it was for as long as that.
func (l *link) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.hurry:
		return false
	case <-ctx.Done():
		return true
	}
}

// dial tries to reach the peer where it was dialled before, and where Reach has said, then where it is said to be.
func (l *link) dial(ctx context.Context, r []byte, at []*target, previous netlayer.Conn) (conn netlayer.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.n.cfg.DialTimeout)
	defer cancel()
	d := netlayer.Dial{Resume: r, Previous: previous}
	for _, to := range at {
		if to == nil {
			continue
		}
		d.Peer, d.Allow = to.peer.Clone(), to.allow
		if conn, err = l.n.Netlayer.Connect(ctx, d); err == nil || !errors.Is(err, netlayer.ErrUnreachable) {
			return conn, err
		}
	}
	if l.n.cfg.Locate == nil {
		return nil, err
	}
	hints, lerr := l.n.cfg.Locate(ctx, d.Peer.ID())
	if lerr != nil {
		return nil, fmt.Errorf("%w (and locating it failed: %w)", err, lerr)
	}
	d.Peer = sturdyref.Peer{Transport: d.Peer.Transport, Designator: d.Peer.Designator, Hints: maps.Clone(hints)}
	return l.n.Netlayer.Connect(ctx, d)
}

var (
	errImpostor = errors.New("link: whoever answers does not have the secret of the session")
	errLater    = errors.New("link: the peer cannot go on with the session now")
)

// answered goes on with a connection, if that is what the peer has said in answer to the request r, or ends the link. It
// returns done false if it was not the peer, or the peer is to be dialled again.
func (l *link) answered(ctx context.Context, conn netlayer.Conn, r []byte, gen uint64) (done bool, err error) {
	a, ok := readAnswer(conn.Info().Resume, l.lk.secret, r)
	if !ok || a.say == sayLater {
		l.dispose(conn, "")
		if ok {
			return false, errLater
		}
		return false, errImpostor
	}
	var why error
	fault, again := byte(0), false
	l.mu.Lock()
	switch lk := &l.lk; {
	case lk.gen != gen || ctx.Err() != nil:
		why = errClosedHere // the peer's own dial came first
	case a.say == sayApart && lk.received > lk.asked, a.say == sayOn && a.next < lk.acked && a.next >= lk.granted:
		again = true // a letter has come meanwhile, and is what they do not agree on
	case a.say == sayGone && l.unheard():
		again = true // the letter is still on its way
	case a.say == sayGone:
		why = because(ErrGone, "")
	case a.say != sayOn && !errors.Is(lk.peer.succeeds(a.from), ErrIdentityInUse):
		why = l.fault(a.say)
		if a.say == sayApart {
			fault = sayApart // which confirms it
		}
	default:
		if fault, why = l.compare(a.from, a.next); why == nil {
			l.succeed(a.from)
			l.attach(conn, a.next, lk.asked)
		}
	}
	l.mu.Unlock()
	if again {
		l.dispose(conn, "")
		return false, errLater
	}
	if why == nil {
		l.keep(conn)
		l.goOn()
		return true, nil
	}
	l.sendAway(conn, fault)
	if fault == sayInUse {
		l.n.cfg.Logger.Warn("a session cannot go on with who answers", "peer", l.peer(), "error", why)
		return false, why // that is not the one we know
	}
	l.fail(gen, why)
	return true, nil
}

// compare returns why the link cannot go on with somebody who says that it is peer and expects the frame with number next:
// nil if it can, or what to say of it. Called with mu held.
func (l *link) compare(peer incarnation, next uint64) (fault byte, why error) {
	lk := &l.lk
	why = lk.peer.succeeds(peer)
	switch {
	case errors.Is(why, ErrIdentityInUse):
		return sayInUse, why
	case why != nil:
	case next < lk.acked:
		why = l.apart(fmt.Sprintf("the peer expects frame %d, and has acknowledged %d", next, lk.acked))
	case next > lk.sent:
		why = l.apart(fmt.Sprintf("the peer expects frame %d, of %d that were ever sent", next, lk.sent))
	default:
		return 0, nil
	}
	return sayApart, why
}

// sendAway closes a connection after having said why, if there is something to say.
func (l *link) sendAway(conn netlayer.Conn, fault byte) {
	l.n.spawn(func() {
		if fault != 0 {
			late := time.AfterFunc(closeLinger, func() { _ = conn.Close("") })
			_ = conn.Write([][]byte{faultFrame(fault)})
			late.Stop()
		}
		_ = conn.Close("")
	})
}

// tellOver dials to say that the link is over: once, or for a while if it was to last, as the peer would wait for long.
func (l *link) tellOver() {
	begin := time.Now()
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		l.mu.Lock()
		r, at, previous, lasts := l.request(true), []*target{l.lk.to, l.lk.also}, l.lk.previous, l.lk.lasts
		l.mu.Unlock()
		conn, err := l.dial(l.n.ctx, r, at, previous)
		if err == nil {
			_ = conn.Close("")
			return
		}
		if !lasts || time.Since(begin) > l.n.cfg.Grace || l.n.ctx.Err() != nil {
			return
		}
		l.pause(l.n.ctx, rand.N(wait))
	}
}
