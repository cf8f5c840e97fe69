package link

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// redial dials until the link has a connection again or has ended.
func (l *link) redial(ctx context.Context) {
	refusals := 0
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		if !l.pause(ctx, rand.N(wait)) {
			wait = firstWait // the network is back
		}
		if ctx.Err() != nil {
			return
		}
		l.mu.Lock()
		l.lk.attempt++
		r := request{id: l.lk.secret.id(), attempt: l.lk.attempt, next: l.lk.received}.encode(l.lk.secret)
		gen, previous := l.lk.gen, l.lk.previous
		l.mu.Unlock()
		conn, err := l.dial(ctx, r, previous)
		switch {
		case ctx.Err() != nil:
			if conn != nil {
				l.dispose(conn, "")
			}
			return
		case err == nil && l.answered(conn, r, gen):
			return
		case err == nil:
			err = errImpostor
		case errors.Is(err, netlayer.ErrRefused):
			if refusals++; refusals == maxRefusals {
				l.fail(gen, because(ErrGone, "it refuses"))
				return
			}
		default:
			refusals = 0
		}
		l.n.cfg.Logger.Debug("the peer was not reached again", "peer", l.peer(), "error", err)
	}
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

// dial tries to reach the peer where it was dialled before, then where it is said to be.
func (l *link) dial(ctx context.Context, r []byte, previous netlayer.Conn) (netlayer.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.n.cfg.DialTimeout)
	defer cancel()
	d := netlayer.Dial{Peer: l.to.peer.Clone(), Allow: l.to.allow, Resume: r, Previous: previous}
	conn, err := l.n.Netlayer.Connect(ctx, d)
	if err == nil || !errors.Is(err, netlayer.ErrUnreachable) || l.n.cfg.Locate == nil {
		return conn, err
	}
	hints, lerr := l.n.cfg.Locate(ctx, l.to.peer.ID())
	if lerr != nil {
		return nil, fmt.Errorf("%w (and locating it failed: %w)", err, lerr)
	}
	d.Peer = sturdyref.Peer{Transport: d.Peer.Transport, Designator: d.Peer.Designator, Hints: maps.Clone(hints)}
	return l.n.Netlayer.Connect(ctx, d)
}

var errImpostor = errors.New("link: whoever answers does not have the secret of the session")

// answered goes on with a connection, if that is what the peer has said in answer to the request r, or ends the link. It
// reports false if it was not the peer.
func (l *link) answered(conn netlayer.Conn, r []byte, gen uint64) bool {
	a, ok := readAnswer(conn.Info().Resume, l.lk.secret, r)
	if !ok {
		l.dispose(conn, "")
		return false
	}
	var why error
	l.mu.Lock()
	switch lk := &l.lk; {
	case lk.gen != gen:
		why = errClosedHere
	case a.gone:
		why = because(ErrGone, "")
	case !l.possible(a.next):
		why = because(ErrPosition, fmt.Sprintf("it expects frame %d, of %d acknowledged and %d sent", a.next, lk.acked, lk.sent))
	default:
		l.attach(conn, a.next)
	}
	l.mu.Unlock()
	if why != nil {
		l.fail(gen, why)
		l.dispose(conn, "")
		return true
	}
	l.keep(conn)
	l.goOn()
	return true
}

// tellOver dials once to say that the link is over.
func (l *link) tellOver() {
	l.mu.Lock()
	l.lk.attempt++
	r := request{id: l.lk.secret.id(), attempt: l.lk.attempt, over: true}.encode(l.lk.secret)
	previous := l.lk.previous
	l.mu.Unlock()
	if conn, err := l.dial(l.n.ctx, r, previous); err == nil {
		_ = conn.Close("")
	}
}
