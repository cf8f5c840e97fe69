package link

import (
	"bytes"
	"errors"
	"time"

	"github.com/hawser-go/hawser/netlayer"
)

// resume answers a dialler that wants to go on with a link, without keeping Accept.
func (n *Netlayer) resume(in *netlayer.Incoming) {
	select {
	case n.answering <- struct{}{}:
	default:
		in.Refuse(netlayer.ErrRefused)
		return
	}
	done := func() { <-n.answering }
	if !n.spawn(func() { n.answer(in, done) }) {
		done()
		in.Refuse(netlayer.ErrRefused)
	}
}

func (n *Netlayer) answer(in *netlayer.Incoming, done func()) {
	conn, l, apart := n.decide(in)
	done()
	switch {
	case conn == nil:
	case apart != nil:
		l.confirm(conn, apart)
	default:
		l.keep(conn)
		l.goOn()
	}
}

// decide lets a dialler go on with its link, whose new connection it returns, or sends it away. With an error the dialler, who was
// told so, is still to confirm it.
func (n *Netlayer) decide(in *netlayer.Incoming) (netlayer.Conn, *link, error) {
	r, ok := readRequest(in.Info.Resume)
	if !ok || !in.Info.Authenticated {
		in.Refuse(netlayer.ErrRefused)
		return nil, nil, nil
	}
	n.mu.Lock()
	l := n.byID[name{r.id, r.turned}]
	n.mu.Unlock()
	// The peer's static key has been proven. That alone takes over nothing: it may have been stolen since.
	if l == nil || l.info.Remote.ID() != in.Info.Remote.ID() || !l.lk.secret.proves(in.Info.Resume) {
		say(in, gone)
		return nil, nil, nil
	}
	if r.over {
		l.end(closedThere(""))
		say(in, gone)
		return nil, nil, nil
	}
	next, gen, self, fault, err := l.fence(r)
	if err != nil {
		return l.turnAway(in, answer{say: fault, from: self}, err)
	}
	conn, err := in.Accept([][]byte{answer{next: next, from: self}.encode(l.lk.secret, in.Info.Resume)})
	if err != nil {
		n.cfg.Logger.Debug("a peer went away while its session went on", "peer", l.peer(), "error", err)
		return nil, nil, nil
	}
	l.mu.Lock()
	superseded := l.lk.gen != gen || r.next < l.lk.acked // a letter may have come meanwhile: it dials again
	if !superseded {
		l.attach(conn, r.next, next)
	}
	l.mu.Unlock()
	if superseded {
		_ = conn.Close("superseded")
		return nil, nil, nil
	}
	return conn, l, nil
}

// turnAway tells a dialler why it cannot go on.
func (l *link) turnAway(in *netlayer.Incoming, a answer, why error) (netlayer.Conn, *link, error) {
	switch {
	case a.say != sayOn:
		if a.say == sayInUse {
			l.n.cfg.Logger.Warn("a session cannot go on with who would", "peer", l.peer(), "error", why)
		}
		conn, err := in.Accept([][]byte{a.encode(l.lk.secret, in.Info.Resume)})
		switch {
		case err != nil:
		case a.say == sayApart && !l.confirming.Swap(true):
			return conn, l, why
		default:
			_ = conn.Close("")
		}
	case why == error(errStale):
		in.Refuse(netlayer.ErrRefused)
	case why == netlayer.ErrCrossed:
		in.Refuse(why)
	case why == errLater:
		say(in, later)
	default:
		l.end(why)
		say(in, gone)
	}
	return nil, nil, nil
}

// confirm ends the link if the dialler, who has been told that the two do not agree, says so, too, or that this process is the one
// that has no business here. A request that was on its way for long, from a process that is not there any more, ends nothing.
func (l *link) confirm(conn netlayer.Conn, why error) {
	defer l.confirming.Store(false)
	late := time.AfterFunc(confirmWait, func() { _ = conn.Close("") })
	f, err := conn.Read()
	late.Stop()
	if err == nil {
		switch {
		case bytes.Equal(f.Bytes, faultFrame(sayApart)):
			l.n.cfg.Logger.Warn("a session ends, as its two ends do not agree on what was said", "peer", l.peer(), "error", why)
			l.end(why)
		case bytes.Equal(f.Bytes, faultFrame(sayInUse)):
			l.end(errInUseHere)
		}
		f.Done()
	}
	_ = conn.Close("")
}

// errStale says that the dialler has dialled again since.
var errStale = &endError{text: "link: an earlier attempt than one that has come"}

// fence stops reading the connection there is, so that the position returned is where the dialler has to go on.
func (l *link) fence(r request) (next, gen uint64, self incarnation, fault byte, err error) {
	l.mu.Lock()
	lk := &l.lk
	switch {
	case lk.lasts && !lk.forgotten && (lk.closing || errors.Is(lk.ended, ErrIdentityInUse)):
		err = errLater
	case lk.ended != nil:
		err = lk.ended
	case lk.closing:
		err = errClosedHere
	case r.from.process == lk.peer.process && r.attempt <= lk.theirs:
		err = errStale
	case l.info.Outbound && lk.dialling:
		err = netlayer.ErrCrossed // the dial of who dialled first stays, as it does elsewhere
	default:
		fault, err = l.compare(r.from, r.next)
	}
	self = l.self()
	if err != nil {
		l.mu.Unlock()
		return 0, 0, self, fault, err
	}
	l.succeed(r.from)
	lk.theirs = r.attempt
	old, wanted := lk.conn, (lk.to != nil || lk.cancel != nil) && !lk.asleep
	l.detach()
	l.suspend()
	if wanted {
		l.dialAfter(l.n.cfg.DialTimeout) // unless this comes to something
	}
	next, gen = lk.received, lk.gen
	l.mu.Unlock()
	l.dispose(old, "superseded by a new connection")
	return next, gen, self, 0, nil
}

// say gives a dialler an answer after which there is nothing more to say. It does so within the handshake, where nobody else can.
func say(in *netlayer.Incoming, answer []byte) {
	if conn, err := in.Accept([][]byte{answer}); err == nil {
		_ = conn.Close("")
	}
}
