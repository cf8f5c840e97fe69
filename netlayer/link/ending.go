package link

import (
	"errors"
	"time"
)

// Close tells the peer that the link is over, after what was written, and ends it. Without a connection a peer that was
// dialled from here is told by one dial for the purpose; one that has dialled learns when it dials again.
//
// Of a link that lasts, and was not forgotten, the peer is told nothing: it sees a loss.
func (l *link) Close(reason string) error {
	l.mu.Lock()
	lk := &l.lk
	if lk.closing {
		l.mu.Unlock()
		<-lk.closed
		return nil
	}
	defer close(lk.closed)
	lk.closing = true
	l.changed.Broadcast()
	conn, alive, stays := lk.conn, lk.ended == nil, lk.lasts && !lk.forgotten
	if conn != nil && alive && !stays {
		lk.bye = closeFrame(reason)
	}
	l.mu.Unlock()
	said := make(chan struct{})
	if conn != nil && alive {
		go l.farewell(said)
		late := time.NewTimer(closeLinger)
		select {
		case <-said:
		case <-late.C:
		}
		late.Stop()
	} else {
		close(said)
	}
	l.mu.Lock()
	if stays && alive && !lk.noting && l.onDisk() {
		if conn != nil {
			lk.contact = time.Now()
		}
		lk.noting = true
		_ = l.writeNote()
		lk.noting = false
	}
	tell := !stays && !lk.byeSaid && (alive || lk.forgotten && !isKnownThere(lk.ended)) && l.canTell()
	l.mu.Unlock()
	l.end(errClosedHere)
	if conn != nil {
		_ = conn.Close(reason)
	}
	if tell {
		l.n.spawn(l.tellOver)
	}
	<-said
	return nil
}

// canTell reports whether it is known where the peer may be, to tell it that the link is over. Called with mu held.
func (l *link) canTell() bool { return l.lk.secret != nil && (l.lk.to != nil || l.lk.also != nil) }

// farewell writes what waits, and the farewell.
func (l *link) farewell(said chan<- struct{}) {
	defer close(said)
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.lk.writing && l.lk.ended == nil {
		l.changed.Wait()
	}
	l.flush(everything)
}

// fail ends the link because of what came by a connection, or did not, unless that was taken away meanwhile.
func (l *link) fail(gen uint64, why error) {
	l.mu.Lock()
	stale := l.lk.gen != gen
	l.mu.Unlock()
	if !stale {
		l.end(why)
	}
}

// end ends the link, once. After a Close of this side what had come by then can be read; otherwise nothing more can.
func (l *link) end(why error) {
	l.mu.Lock()
	lk := &l.lk
	if lk.ended != nil {
		l.mu.Unlock()
		return
	}
	lk.ended = why
	conn := lk.conn
	if why == error(errClosedHere) {
		lk.writable, conn = false, nil
	} else {
		l.detach()
	}
	for _, t := range []*time.Timer{lk.expiry, lk.ackTimer, lk.touch} {
		if t != nil {
			t.Stop()
		}
	}
	if lk.cancel != nil {
		lk.cancel()
	}
	if !lk.writing {
		l.out.free()
	}
	l.changed.Broadcast()
	known := lk.lasts && !lk.forgotten && (why == error(errClosedHere) || errors.Is(why, ErrIdentityInUse))
	l.mu.Unlock()
	l.leave()
	l.n.forget(l, known)
	l.dispose(conn, oneLine(why.Error()))
	l.n.cfg.Logger.Debug("session's link ended", "peer", l.peer(), "why", why)
}

// detach takes the connection away: what comes by it from now on counts for nothing. Called with mu held.
func (l *link) detach() {
	l.lk.conn, l.lk.writable = nil, false
	l.lk.gen++
	l.changed.Broadcast()
}

// apart is the end of a link whose two ends do not agree on what was said. Called with mu held, as fault is.
func (l *link) apart(why string) error {
	if !l.lk.lasts && l.lk.peer.store == [16]byte{} {
		return because(ErrPosition, why)
	}
	return because(ErrRolledBack, why)
}

// fault is the end of a link of which the peer has said, with proof, that it cannot go on.
func (l *link) fault(say byte) error {
	if say == sayInUse {
		return errInUseHere
	}
	return l.apart("the peer says so")
}
