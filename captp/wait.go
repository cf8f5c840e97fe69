package captp

import (
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/vat"
)

// wait is where messages go that are sent down a promise which has settled, until what was sent down it before has come
// through.
type wait struct {
	q      *far // the promise
	vow    *vat.Vow
	o      outcome // of q
	serial uint64  // in a session that lasts
	res    msg.Pos // where the resolver of what was asked is exported, 0 before it was
	valued bool    // o.value is pinned
	durable
}

// expect has a wait survive a restart, before anything can go there, if its session does.
func (s *Session) expect(w *wait) {
	s.withLock(func(l *locked) {
		if l.t == nil || l.t.journal == nil {
			return
		}
		l.t.waited++
		w.serial = l.t.waited
		w.q.wait = w
		l.t.waits[w.serial] = w
	})
	if w.serial != 0 {
		s.update(func(tx *vat.Tx, l *locked) { l.writeRow(tx, entry{rowWait, w.serial}, false) },
			func(tx *vat.Tx) { tx.Settle(w.q.vow.Ref(), w.vow.Ref(), nil) })
	}
}

// through has a wait settle with what its promise has.
func (s *Session) through(w *wait) {
	s.storeOutcome(w.vow, w.o, nil)
	w.vow.Resolve(w.o.value)
	s.done(w)
}

// done forgets a wait that has settled.
func (s *Session) done(w *wait) {
	if w.serial == 0 {
		return
	}
	s.withLock(func(l *locked) {
		if l.t != nil && l.t.journal != nil {
			delete(l.t.waits, w.serial)
			l.t.touch(rowWait, w.serial, w.stored)
		}
	})
}

// flush resolves w when what was sent down its promise before has come through: with the outcome of that or, if that was
// given, with what the peer answers when it is asked once more. It is called when all that was sent down the promise is in the
// write buffer.
func (s *Session) flush(w *wait) {
	under, q := false, w.q
	var err error
	s.withLock(func(l *locked) {
		switch {
		case !q.used:
		case l.state != live:
			err = l.ending()
		default:
			under = true
			f, to := newFar(s, farFlush, w.vow), s.boot // which is no promise: the peer answers at once
			if w.o.given {
				f.kind, to = farAgain, q
			}
			f.wait = w
			w.res = l.t.exportResolver(f)
			if w.serial != 0 {
				l.t.touch(rowWait, w.serial, w.stored)
			}
			_ = l.t.append(&msg.Listen{To: to.mention(), Resolve: msg.Desc{Kind: msg.ImportObject, Pos: w.res}})
		}
	})
	if !under || !w.o.given {
		s.giveBack(q)
	}
	switch {
	case err != nil:
		w.vow.Break(err)
	case under:
		s.poke()
	default:
		s.through(w)
	}
}
