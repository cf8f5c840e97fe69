package link

import (
	"fmt"

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
	conn, l := n.decide(in)
	done()
	if conn != nil {
		l.keep(conn)
		l.goOn()
	}
}

// decide lets a dialler go on with its link, whose new connection it returns, or sends it away.
func (n *Netlayer) decide(in *netlayer.Incoming) (netlayer.Conn, *link) {
	r, ok := readRequest(in.Info.Resume)
	if !ok || !in.Info.Authenticated {
		in.Refuse(netlayer.ErrRefused)
		return nil, nil
	}
	n.mu.Lock()
	l := n.byID[name{r.id, r.turned}]
	n.mu.Unlock()
	// The peer's static key has been proven. That alone takes over nothing: it may have been stolen since.
	if l == nil || l.info.Remote.ID() != in.Info.Remote.ID() || !l.lk.secret.proves(in.Info.Resume) {
		n.sayGone(in)
		return nil, nil
	}
	if r.over {
		l.end(closedThere(""))
		n.sayGone(in)
		return nil, nil
	}
	next, gen, err := l.fence(r)
	if err != nil {
		switch err {
		case error(errStale):
			in.Refuse(netlayer.ErrRefused)
			return nil, nil
		case netlayer.ErrCrossed:
			in.Refuse(err)
			return nil, nil
		}
		l.end(err)
		n.sayGone(in)
		return nil, nil
	}
	conn, err := in.Accept([][]byte{answer{next: next}.encode(l.lk.secret, in.Info.Resume)})
	if err != nil {
		n.cfg.Logger.Debug("a peer went away while its session went on", "peer", l.peer(), "error", err)
		return nil, nil
	}
	l.mu.Lock()
	superseded := l.lk.gen != gen
	if !superseded {
		l.attach(conn, r.next)
	}
	l.mu.Unlock()
	if superseded {
		_ = conn.Close("superseded")
		return nil, nil
	}
	return conn, l
}

// errStale says that the dialler has dialled again since.
var errStale = &endError{text: "link: an earlier attempt than one that has come"}

// fence stops reading the connection there is, so that the position returned is where the dialler has to go on.
func (l *link) fence(r request) (next, gen uint64, err error) {
	l.mu.Lock()
	lk := &l.lk
	switch {
	case lk.ended != nil:
		err = lk.ended
	case lk.closing:
		err = errClosedHere
	case r.attempt <= lk.theirs:
		err = errStale
	case l.info.Outbound && lk.dialling:
		err = netlayer.ErrCrossed // the dial of who dialled first stays, as it does elsewhere
	case !l.possible(r.next):
		err = because(ErrPosition, fmt.Sprintf("it expects frame %d, of %d acknowledged and %d sent", r.next, lk.acked, lk.sent))
	}
	if err != nil {
		l.mu.Unlock()
		return 0, 0, err
	}
	lk.theirs = r.attempt
	old, wanted := lk.conn, lk.to != nil || lk.cancel != nil
	l.detach()
	l.suspend()
	if wanted {
		l.dialAfter(l.n.cfg.DialTimeout) // unless this comes to something
	}
	next, gen = lk.received, lk.gen
	l.mu.Unlock()
	l.dispose(old, "superseded by a new connection")
	return next, gen, nil
}

// sayGone tells a dialler that there is no link to go on with. It does so within the handshake, where nobody else can.
func (n *Netlayer) sayGone(in *netlayer.Incoming) {
	if conn, err := in.Accept([][]byte{gone}); err == nil {
		_ = conn.Close("")
	}
}
