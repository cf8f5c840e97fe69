package captp

import (
	"errors"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/vat"
)

// lastWordsTimeout bounds how long an ended session tries to tell the peer.
const lastWordsTimeout = 5 * time.Second

// leaveBehind is how many bytes of the peer's messages, and of what its promises have come to, may go on waiting for their
// turn when a session ends. If there are more, messages that wait on promises are refused: those may never settle, and the
// next session would leave as many.
const leaveBehind = 1 << 20

// fail ends the session, once.
func (s *Session) fail(end *EndError) {
	var left leftovers
	first, started := false, false
	var rows []entry
	var lasting netlayer.Lasting
	s.withLock(func(l *locked) {
		if l.state == closed || l.state == moved {
			return
		}
		first, started = true, l.state == live
		rows, lasting = l.inStore(end)
		left = l.takeAll(end)
		if started {
			// A peer that does not read must not keep the writer for ever.
			l.deadline.Stop()
			conn := l.conn
			l.deadline = time.AfterFunc(lastWordsTimeout, func() { _ = conn.Close("") })
		}
	})
	if !first {
		return
	}
	close(s.stop)
	if s.cfg.Ledger != nil {
		s.cfg.Ledger.over(s)
	}
	if lasting != nil {
		s.erase(rows, lasting)
	}
	left.end(end)
	s.follow(left.then)
	s.trace()
	s.log.Debug("session ended", "peer", end.Peer, "kind", end.Kind.String(), "reason", end.Reason, "error", end.Err)
	if started {
		s.partDone()
	} else {
		close(s.ended)
	}
}

// inStore returns what of a session that ends for good is in the store, nil for what is not.
func (l *locked) inStore(end *EndError) (rows []entry, conn netlayer.Lasting) {
	if l.t == nil || l.t.journal == nil || end.Kind == Suspended {
		return nil, nil
	}
	l.t.touchAll()
	for e, stored := range l.t.journal.touched {
		if stored {
			rows = append(rows, e)
		}
	}
	return rows, l.lasting
}

// erase takes a session that has ended out of the store.
func (s *Session) erase(rows []entry, conn netlayer.Lasting) {
	err := s.cfg.Ledger.depot.Update(func(tx *vat.Tx) {
		for _, e := range rows {
			eraseRow(tx, s.name, e)
		}
		tx.Batch().Delete(bucketSessions, s.name[:])
		tx.Batch().Delete(bucketDoomed, s.name[:])
		conn.Forget(tx.Batch())
	}, nil)
	switch {
	case errors.Is(err, vat.ErrVatClosed): // the node is closing: at the next start it ends once more
		s.log.Debug("a session that has ended stays in the store until the next start", "peer", s.peer())
	case err != nil:
		s.log.Error("a session that has ended stays in the store", "peer", s.peer(), "error", err)
	}
}

// ending returns why nothing can be sent any more.
func (l *locked) ending() error {
	if l.err != nil {
		return l.err
	}
	return &EndError{Peer: l.s.peer(), Kind: Closed, Reason: "the session has ended"}
}

// leftovers is what an ended session leaves to be broken.
type leftovers struct {
	promises []*far
	crowded  []*vat.Vow // on which more waits than may be left behind
	refused  []refusal
	watches  []*watch
	then     sequel
	given    []*Withdrawal
}

// takeAll empties the tables of a session that ends.
func (l *locked) takeAll(end *EndError) leftovers {
	var left leftovers
	calls := 0
	if l.t != nil {
		for i := range l.t.exports.entries {
			if q := l.t.exports.entries[i].v.res; q != nil && !q.settled {
				q.settled = true
				left.promises = append(left.promises, q)
			}
		}
		calls = l.t.questions.len() - 1
		if l.s.inflow.size.Load()+l.s.promised.bytes.Load() > leaveBehind {
			for _, a := range l.t.answers {
				left.crowded = append(left.crowded, a.vow)
			}
			for ref := range l.t.byRef {
				if w, promise := ref.Target().(*vat.Vow); promise {
					left.crowded = append(left.crowded, w)
				}
			}
		}
		if left.then = l.follows(); end.Kind == Suspended {
			left.then.owed = nil // neither have the certificates gone out, nor is it known that others have come in
			left.given, left.then.start = left.then.start, nil
		}
		out, ends := l.t.out, l.t.ends
		l.t = newTables(l.s, l.t.info)
		if end.Kind == Closed || end.Kind == Violated {
			// The peer gets what was said so far, and is told why there is no more.
			l.t.out, l.t.ends = out, ends
			_ = l.t.append(&msg.Abort{Reason: end.Reason})
		}
	}
	for i := range l.opening {
		o := &l.opening[i]
		if o.q != nil {
			calls++
		}
		left.refused = append(left.refused, refusal{o.m, end})
	}
	l.s.budget.Release(calls)
	for w := range l.watches {
		left.watches = append(left.watches, w)
	}
	l.state, l.err = closed, end
	l.s.inflow.ended.Store(end)
	if l.given.timer != nil {
		l.given.timer.Stop()
	}
	l.given = given{}
	l.opening, l.attempt, l.watches = nil, nil, nil
	l.s.graves.take()
	return left
}

// end breaks, once each, everything that can no longer be answered.
func (left leftovers) end(end *EndError) {
	for _, q := range left.promises {
		q.vow.Settle(nil, end, true, nil)
	}
	refuseAll(left.refused)
	for _, w := range left.crowded {
		w.Thin()
	}
	for _, w := range left.watches {
		w.fire(end)
	}
	for _, w := range left.given {
		w.Settle(vat.Ref{}, end)
	}
}
