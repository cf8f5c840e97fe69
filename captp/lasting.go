package captp

import (
	"slices"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/vat"
)

// Design.
//
// A session lasts from the moment that something durable names what is at its far end, or is named there. From then on what it
// says and what it knows go into the node's store together: a frame goes out when the transaction is on the disk that has
// the frame, the rows of the tables that it changed, the end of the stored message that it carries, and to where the peer's
// frames have been handed back. So a restart finds tables in which each of the peer's frames has been seen to its end, or not
// at all.
//
// For that the reader holds step from the beginning of a frame to its end, and so does whoever records. A frame that brings a
// message for a durable vat is recorded in the transaction that stores the message, and one that settles a promise in that which
// stores the outcome. If what was sent down the promise has to come through first, that is stored before the frame is recorded: it may
// come once more.
//
// Lock order: step, the depot's mutex, mu, the connection's.

// FeatureLasts is announced by peers whose sessions may outlive their process.
const FeatureLasts = "lasts"

// mayLast finds out whether the session can be stored, once its peer is known. It is called with mu held.
func (l *locked) mayLast() {
	s := l.s
	conn, ok := l.conn.(netlayer.Lasting)
	info := l.t.info
	if !ok || l.lasting != nil || s.cfg.Ledger == nil || s.cfg.Ledger.depot.Err() != nil || s.cfg.Dialect != nil ||
		!info.Authenticated || s.caller.Load().Anonymous || s.cfg.Location.Designator == "" ||
		!slices.Contains(info.Features, FeatureLasts) || !s.moves.Load() {
		return
	}
	s.name = conn.Name()
	l.lasting = conn
	s.lasts.Store(uint32(vat.LastsYet))
}

// lastable says whether what is at the far end can be stored.
func (s *Session) lastable() vat.Lasts { return vat.Lasts(s.lasts.Load()) }

// want has the session last soon, if it can. It is called with any lock held.
func (s *Session) want() {
	if s.lastable() == vat.LastsYet && !s.wanted.Swap(true) {
		s.poke()
	}
}

// last has the session last from now on, if it can.
func (s *Session) last() {
	s.step.Lock()
	defer s.step.Unlock()
	if s.lastable() == vat.LastsYet {
		s.update(nil, nil)
	}
}

// record has written what there is to be written.
func (s *Session) record() {
	s.step.Lock()
	defer s.step.Unlock()
	stale := false
	s.withLock(func(l *locked) {
		if l.state == live && l.t.journal != nil {
			l.collect()
			l.t.notices()
			stale = l.t.journal.stale
		}
	})
	if stale {
		s.update(nil, nil)
	}
}

// update changes the session's store and the depot in one transaction: with rows, which is called with mu held, or, if that is nil,
// with all that is to be recorded; then with fn, if that is not nil. If the session did not last it does from now on. Step is
// held, unless there are rows.
func (s *Session) update(rows func(*vat.Tx, *locked), fn func(*vat.Tx)) {
	var conn netlayer.Lasting
	var mark uint64
	var refused error
	var then sequel
	err := s.cfg.Ledger.depot.Update(func(tx *vat.Tx) {
		var pins []pin
		s.withLock(func(l *locked) {
			if l.state != live {
				return
			}
			switch {
			case rows != nil:
				rows(tx, l)
			default:
				if l.t.journal == nil {
					if refused = l.promote(tx); refused != nil {
						return
					}
				}
				conn, mark = l.lasting, l.record(tx)
				then = l.follows()
			}
			pins, l.pins = l.pins, nil
		})
		for _, p := range pins { // not with mu held, which the depot may want to ask for
			if err := tx.Pin(string(p.key), p.ref, p.awaited); err != nil {
				tx.Unpin(string(p.key))
				s.log.Warn("a reference cannot be stored: it will be lost at a restart", "peer", s.peer(), "error", err)
			}
		}
		then.store(tx)
		if fn != nil {
			fn(tx)
		}
	}, func(err error) {
		switch {
		case err != nil:
			s.leave(err)
		case conn != nil:
			conn.Recorded(mark)
			s.poke()
		}
	})
	switch {
	case err != nil:
		s.leave(err)
	case refused != nil:
		if n := s.cfg.Ledger.refused.Add(1); n&(n-1) == 0 { // a flood must not fill the log
			s.log.Warn("a session will not survive a restart", "peer", s.peer(), "error", refused, "refused so far", n)
		}
		s.withLock(func(l *locked) { then = l.follows() })
	}
	s.follow(then)
}

// promote has the session last, of which so far nothing is stored.
func (l *locked) promote(tx *vat.Tx) error {
	s, t := l.s, l.t
	taken, _, err := l.lasting.Last(tx.Batch())
	if err != nil {
		s.lasts.Store(uint32(vat.LastsNot))
		return err
	}
	t.journal = &journal{touched: make(map[entry]bool), stale: true}
	l.rest(taken)
	t.touchAll()
	l.writeSession(tx)
	s.lasts.Store(uint32(vat.LastsNow))
	for _, e := range t.imports {
		if ref, ok := e.weak.Ref(); ok {
			if f, ok := ref.Target().(*far); ok {
				tx.Lasts(f)
			}
		}
	}
	tx.Lasts(s.boot)
	return nil
}

// rest has the frames of a Write under way, of which the connection has taken some, recorded with those that wait.
func (l *locked) rest(taken uint64) {
	t := l.t
	left := l.flying[min(uint64(len(l.flying)), taken-min(taken, l.handed)):]
	if len(left) == 0 {
		return
	}
	var out []byte
	var ends []int
	for _, f := range left {
		out = append(out, f...)
		ends = append(ends, len(out))
	}
	for i := range t.ends {
		ends = append(ends, len(out)+t.ends[i])
	}
	t.out, t.ends = append(out, t.out...), ends
}

// record writes everything that has changed, and the frames that wait, and returns the connection's mark.
func (l *locked) record(tx *vat.Tx) (mark uint64) {
	t := l.t
	l.collect()
	t.notices()
	for e, stored := range t.journal.touched {
		l.writeRow(tx, e, stored)
	}
	clear(t.journal.touched)
	if t.journal.met {
		t.journal.met = false
		l.writeSession(tx)
	}
	for i := range t.taken {
		tx.Take(&t.taken[i])
	}
	clear(t.taken)
	t.taken = t.taken[:0]
	frames := make([][]byte, len(t.ends))
	start := 0
	for i, end := range t.ends {
		frames[i], start = t.out[start:end:end], end
	}
	mark = l.lasting.Record(tx.Batch(), frames)
	t.out, t.ends = t.out[:0], t.ends[:0]
	if cap(t.out) > 1<<20 {
		t.out = nil
	}
	l.flying, t.journal.stale = nil, false
	l.s.budget.full.Store(l.unsent() > l.s.cfg.Limits.MaxUnsent)
	return mark
}

// unsent returns the bytes that wait for the network, or for the peer.
func (l *locked) unsent() int {
	n := len(l.t.out)
	if l.t.journal != nil && l.lasting != nil {
		n += l.lasting.Held()
	}
	return n
}

// received is called when a frame of the peer's has been seen to its end: it need not come again once that is recorded.
func (r *reader) received() {
	if r.done {
		return
	}
	r.done = true
	r.frame.Done()
	if r.s.lastable() != vat.LastsNow {
		return
	}
	r.s.withLock(func(l *locked) {
		if l.state == live {
			l.t.stale()
		}
	})
}

// store has a message of the peer's stored, if it is for a durable vat, with the end of the frame that brought it.
func (r *reader) store(to vat.Ref, m *vat.Message) error {
	s := r.s
	if s.lastable() == vat.LastsNot || to.IsNull() {
		return nil
	}
	if s.lastable() == vat.LastsYet && !vat.IsDurable(to) {
		return nil
	}
	r.received()
	var err error
	s.update(nil, func(tx *vat.Tx) { _, err = tx.Receive(to, m) })
	return err
}

// leave ends the session in this process and not in the store, if it is there: the peer sees a loss.
func (s *Session) leave(err error) {
	s.fail(&EndError{Peer: s.peer(), Kind: Suspended, Err: err})
}

// LastingKey implements vat.Lasting.
func (f *far) LastingKey() []byte {
	s := f.session()
	if s.lastable() != vat.LastsNow || f.kind != farObject && f.kind != farBootstrap {
		return nil
	}
	return entry{rowImport, f.pos}.key(s.name)
}

// Ref implements vat.Lasting.
func (f *far) Ref() vat.Ref {
	if f.vow != nil {
		return f.vow.Ref()
	}
	return f.node.Ref()
}

// Lasts implements vat.Lasting.
func (f *far) Lasts() vat.Lasts {
	s := f.session()
	lasts := s.lastable()
	if lasts != vat.LastsNow || f.kind == farObject || f.kind == farBootstrap {
		return lasts
	}
	s.withLock(func(l *locked) {
		e := l.resolverOf(f)
		switch {
		case l.state != live || f.released:
			lasts = vat.LastsNot
		case f.settled: // and messages are about to go elsewhere; until then the frames take them there
		case e == nil:
			lasts = vat.LastsNot
		case !e.pinned:
			lasts = vat.LastsYet
		}
	})
	return lasts
}

// resolverOf returns the row of f's resolver, nil if there is none.
func (l *locked) resolverOf(f *far) *export {
	if l.state != live || f.res == 0 {
		return nil
	}
	if e := l.t.exports.at(f.res); e != nil && e.res == f {
		return e
	}
	return nil
}

// Last implements vat.Lasting.
func (f *far) Last() {
	s := f.session()
	switch s.lastable() {
	case vat.LastsYet:
		s.last()
	case vat.LastsNow:
		s.record()
	case vat.LastsNot:
	}
}

// Want implements vat.Lasting.
func (f *far) Want() {
	if s := f.session(); s.lastable() == vat.LastsNow {
		s.poke()
	} else {
		s.want()
	}
}

// storeOutcome has the depot know what a promise is about to settle with, if the session lasts: together with the frame that brings the outcome, if
// one does, since what else is in it, promises and certificates, must not be there without the rows that settle those.
func (s *Session) storeOutcome(w *vat.Vow, o outcome, r *reader) {
	if s.lastable() != vat.LastsNow {
		return
	}
	settle := func(tx *vat.Tx) { tx.Settle(w.Ref(), o.value, o.err) }
	if r == nil {
		_ = s.cfg.Ledger.depot.Update(settle, nil)
		return
	}
	r.received()
	s.update(nil, settle)
}
