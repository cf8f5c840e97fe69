package captp

import "sync"

// Handover moves a session that never got a connection of its own into another with the same peer, which was dialled by
// the peer at the same time: its messages go out there, in order, with what depends on the connection made anew.
// It reports whether s was still opening. A Patient session whose peer has not greeted it can be moved, too; it is then
// for the caller to close it.
func (s *Session) Handover(winner *Session) bool {
	h := &handover{from: s, gaps: make(map[stream]error)}
	for begun := false; ; begun = true {
		var batch []outgoing
		over, ok, last := false, true, false
		var severed error
		var watches map[*watch]struct{}
		s.withLock(func(l *locked) {
			if l.state != opening && !(l.state == live && l.patient) || l.leaving != begun {
				over, ok = true, false
				return
			}
			l.leaving = true
			batch, l.opening, l.attempt = l.opening, nil, nil
			for i := range batch {
				if batch[i].q != nil {
					s.budget.Release(1) // the winner has a budget of its own
				}
			}
			if len(batch) > 0 {
				return
			}
			// From here on messages go straight to the winner, after all of those before.
			if over = true; l.state == opening {
				l.state, last = moved, true
			}
			s.movedTo.Store(winner)
			close(s.handed)
			watches, l.watches = l.watches, nil
			severed = winner.watchAll(watches)
		})
		if over {
			if last {
				close(s.stop)
				close(s.ended)
			}
			if severed != nil {
				for w := range watches {
					w.fire(severed)
				}
			}
			h.finish()
			return ok
		}
		for _, o := range batch {
			if err := o.m.Revoked(); err != nil {
				if o.q != nil {
					h.failed(&o, err)
				}
				o.m.Refuse(err)
				continue
			}
			o.over = h
			winner.send(o)
		}
	}
}

// current returns the session that carries what was meant for s: s, or where it was handed over to.
func (s *Session) current() *Session {
	for next := s.movedTo.Load(); next != nil; next = s.movedTo.Load() {
		s = next
	}
	return s
}

// watchAll takes over who is to be told of the session's end. If it has ended it says why instead.
func (s *Session) watchAll(watches map[*watch]struct{}) (err error) {
	s.withLock(func(l *locked) {
		if l.state == closed {
			err = l.ending()
			return
		}
		for w := range watches {
			l.addWatch(w)
		}
	})
	return err
}

// handover is the messages of a session on their way into another.
type handover struct {
	from *Session
	// gaps are what could not go out and nobody waits for. Only the goroutine of Handover looks there.
	gaps map[stream]error

	mu   sync.Mutex
	done bool
	late []lateOutcome // what has come of the questions meanwhile
}

type lateOutcome struct {
	s *Session
	q *far
	outcome
}

// failed sees to it that nothing overtakes a message that could not be handed over. While that goes on the state of where
// it was to go belongs to the session it comes from.
func (h *handover) failed(o *outgoing, err error) {
	if o.q == nil {
		h.gaps[stream{o.to, o.m.From}] = err
	}
	h.from.withLock(func(*locked) { o.failed(err) })
}

// keeps takes an outcome that has come to a question of a message that was handed over, if that is still going on: whoever
// is told could send straight to where it leads, and overtake a message still on its way through Handover.
func (h *handover) keeps(s *Session, q *far, o outcome) bool {
	if h == nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.done {
		h.late = append(h.late, lateOutcome{s, q, o})
	}
	return !h.done
}

// finish lets the answers of the messages that were handed over settle.
func (h *handover) finish() {
	h.mu.Lock()
	late := h.late
	h.late, h.done = nil, true
	h.mu.Unlock()
	for _, x := range late {
		x.s.conclude(x.q, x.outcome, nil)
	}
}
