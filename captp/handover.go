package captp

// Handover moves a session that never got a connection of its own into another with the same peer, which was dialled by
// the peer at the same time: its messages go out there, in order, with what depends on the connection made anew.
// It reports whether s was still opening. A Patient session whose peer has not greeted it can be moved, too; it is then
// for the caller to close it.
func (s *Session) Handover(winner *Session) bool {
	var handed []*far
	for {
		var batch []outgoing
		over, ok, last := false, true, false
		var severed error
		var watches map[*watch]struct{}
		s.withLock(func(l *locked) {
			if l.state != opening && !(l.state == live && l.patient) || s.movedTo.Load() != nil {
				over, ok = true, false
				return
			}
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
			winner.release(handed)
			return ok
		}
		for _, o := range batch {
			if err := o.m.Revoked(); err != nil {
				if o.q != nil {
					s.withLock(func(*locked) { o.failed(err) })
				}
				o.m.Refuse(err)
				continue
			}
			if o.q != nil {
				handed = append(handed, o.q)
			}
			o.handed = true
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

// release lets the answers of messages that were handed over settle. Until then they must not: whoever is told could
// send straight to where an answer leads and overtake a message still on its way through Handover.
func (s *Session) release(handed []*far) {
	for _, q := range handed {
		var late *outcome
		s.withLock(func(*locked) {
			late, q.late, q.handing = q.late, nil, false
		})
		if late != nil {
			s.conclude(q, *late)
		}
	}
}
