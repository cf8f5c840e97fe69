package captp

import (
	"github.com/hawser-go/hawser/netlayer"
)

// attempt is what went out with the last message of a handshake whose outcome is not known yet: tables of its own, and
// how many of the opening messages they cover. If the handshake comes to nothing it never happened.
type attempt struct {
	binding [32]byte
	t       *tables
	n       int
}

// Early encodes op:start-session and as many of the waiting messages as fit, for netlayer.Dial.Early. What it returns
// counts as sent only if Start is then called with the connection of the same binding.
func (s *Session) Early(info netlayer.Info, limit int) [][]byte {
	var frames [][]byte
	var refused []refusal
	s.withLock(func(l *locked) {
		if l.state != opening {
			return
		}
		a := &attempt{binding: info.Binding, t: l.freshTables(info)}
		size := func() int { return len(a.t.out) + 4*len(a.t.ends) }
		if a.t.append(s.hello(info)) != nil || size() > limit {
			return
		}
		kept := l.opening[:0]
		full := false
		for _, o := range l.opening {
			if full {
				kept = append(kept, o)
				continue
			}
			out, ends := len(a.t.out), len(a.t.ends)
			if err := a.t.encode(&o); err != nil {
				refused = append(refused, refusal{o.m, err})
				continue
			}
			if size() > limit {
				a.t.out, a.t.ends = a.t.out[:out], a.t.ends[:ends]
				a.t.takeBack()
				full = true
			} else {
				a.n++
			}
			kept = append(kept, o)
		}
		clear(l.opening[len(kept):])
		l.opening = kept
		start := 0
		for _, end := range a.t.ends {
			frames = append(frames, append([]byte(nil), a.t.out[start:end]...))
			start = end
		}
		a.t.out, a.t.ends = a.t.out[:0], a.t.ends[:0]
		l.attempt = a
	})
	refuseAll(refused)
	return frames
}

// freshTables returns tables in which the opening messages' answers have the positions they were given.
func (l *locked) freshTables(info netlayer.Info) *tables {
	t := newTables(l.s, info)
	for range l.answers {
		t.questions.put(struct{}{})
	}
	for i := range l.opening {
		if q := l.opening[i].q; q != nil {
			q.asked = false
		}
	}
	return t
}

// connect makes the tables for the connection and encodes what has waited. It returns what could not be.
func (l *locked) connect(info netlayer.Info) (refused []refusal) {
	n := 0
	if a := l.attempt; a != nil && a.binding == info.Binding {
		l.t, n = a.t, a.n
		l.t.info = info
		// Questions that came after the attempt.
		for l.t.questions.len() <= int(l.answers) {
			l.t.questions.put(struct{}{})
		}
	} else {
		l.t = l.freshTables(info)
		_ = l.t.append(l.s.hello(info))
	}
	for i := range l.opening {
		o := &l.opening[i]
		if i >= n {
			if err := l.t.encode(o); err != nil {
				if o.q != nil {
					l.t.questions.free(o.q.pos)
				}
				refused = append(refused, refusal{o.m, err})
				continue
			}
		}
		if o.q != nil {
			_ = l.s.budget.Reserve(1)
			o.q.asked = true
		}
		o.m.Taken()
	}
	l.opening, l.attempt = nil, nil
	return refused
}

// Handover moves a session that never got a connection of its own into another with the same peer, which was dialled by
// the peer at the same time: its messages go out there, in order, with what depends on the connection made anew.
// It reports whether s was still opening.
func (s *Session) Handover(winner *Session) bool {
	var handed []*far
	for {
		var batch []outgoing
		over, ok := false, true
		s.withLock(func(l *locked) {
			if l.state != opening {
				over, ok = true, false
				return
			}
			batch, l.opening, l.attempt = l.opening, nil, nil
			if len(batch) == 0 {
				// From here on messages go straight to the winner, after all of those before.
				l.state, over = moved, true
				s.movedTo.Store(winner)
			}
		})
		if over {
			if ok {
				close(s.stop)
				close(s.ended)
			}
			winner.release(handed)
			return ok
		}
		for _, o := range batch {
			if o.to == s.boot {
				o.to = winner.boot
			}
			if o.q != nil {
				handed = append(handed, o.q)
			}
			o.handed = true
			winner.send(o)
		}
	}
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
