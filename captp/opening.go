package captp

import (
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/vat"
)

// attempt is what went out with the last message of a handshake whose outcome is not known yet: tables of its own, and
// how many of the opening messages they cover. If the handshake comes to nothing it never happened.
type attempt struct {
	binding [32]byte
	t       *tables
	n       int
	frames  uint64 // they are
}

// Early encodes op:start-session and as many of the waiting messages as fit, for netlayer.Dial.Early. What it returns
// counts as sent only if Start is then called with the connection of the same binding.
func (s *Session) Early(info netlayer.Info, limit int) [][]byte {
	var frames [][]byte
	hello, err := s.hello(info)
	if err != nil {
		return nil // Start says so
	}
	s.withLock(func(l *locked) {
		if l.state != opening || l.leaving {
			return
		}
		l.attempt = nil
		a := &attempt{binding: info.Binding, t: newTables(s, info)}
		size := func() int { return len(a.t.out) + 4*len(a.t.ends) }
		if a.t.append(hello) != nil || size() > limit {
			return
		}
		for ; a.n < len(l.opening) && !s.cfg.Patient; a.n++ {
			o := &l.opening[a.n]
			out, ends := len(a.t.out), len(a.t.ends)
			if o.m.Revoked() != nil || a.t.put(o) != nil {
				break // what to make of it is for Start to say
			}
			if size() > limit {
				a.t.out, a.t.ends = a.t.out[:out], a.t.ends[:ends]
				a.t.takeBack()
				a.t.unask(o)
				break
			}
		}
		start := 0
		for _, end := range a.t.ends {
			frames = append(frames, append([]byte(nil), a.t.out[start:end]...))
			start = end
		}
		a.t.out, a.t.ends, a.frames = a.t.out[:0], a.t.ends[:0], uint64(len(frames))
		l.attempt = a
	})
	return frames
}

// stream is all that one sender sends to one reference.
type stream struct {
	to   *far
	from *vat.Caller
}

// connect makes the tables for the connection and encodes what has waited. It returns what could not be.
func (l *locked) connect(info netlayer.Info, hello *msg.StartSession) (refused []refusal, err error) {
	early := 0
	if a := l.attempt; a != nil && a.binding == info.Binding {
		l.t, early, l.handed = a.t, a.n, a.frames
		l.t.info = info
	} else {
		t := newTables(l.s, info)
		if cfg := &l.s.cfg; cfg.Reticent && cfg.Patient && !info.Outbound {
			l.hello = hello
		} else if err := t.append(hello); err != nil {
			return nil, err
		}
		l.t = t
	}
	l.attempt = nil
	if l.s.cfg.Patient {
		l.patient = true
		return nil, nil
	}
	return l.catchUp(early), nil
}

// catchUp encodes what has waited, but for the messages that went out early. It returns what could not be.
func (l *locked) catchUp(early int) (refused []refusal) {
	gaps := make(map[stream]error)
	for i := range l.opening {
		o := &l.opening[i]
		if i >= early {
			if err := l.late(o, gaps); err != nil {
				refused = append(refused, refusal{o.m, err})
				continue
			}
		}
		l.sent(o)
	}
	l.opening = nil
	return refused
}

// late encodes a message that has waited for the connection.
func (l *locked) late(o *outgoing, gaps map[stream]error) error {
	revoked := o.m.Revoked()
	err := revoked
	if err == nil {
		err = gaps[stream{o.to, o.m.From}]
	}
	if err == nil {
		err = l.t.put(o)
	}
	switch {
	case err == nil:
	case o.q != nil:
		l.s.budget.Release(1)
		o.failed(err)
	case revoked == nil:
		gaps[stream{o.to, o.m.From}] = err
		o.failed(err)
	}
	return err
}
