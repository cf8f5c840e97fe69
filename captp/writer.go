package captp

import (
	"errors"
	"runtime"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer"
)

// lastWordsTimeout bounds how long an ended session tries to tell the peer.
const lastWordsTimeout = 5 * time.Second

// write sends what gathers in the write buffer until the session ends, then closes the connection.
func (s *Session) write(conn netlayer.Conn) {
	defer s.half()
	w := &writer{s: s, conn: conn}
	for {
		select {
		case <-s.wake:
			// Let those who are about to send add to this write: one system call for many messages.
			runtime.Gosched()
			if err := w.flush(); err != nil {
				s.fail(lost(s, err))
			}
		case <-s.stop:
			w.farewell()
			return
		}
	}
}

type writer struct {
	s      *Session
	conn   netlayer.Conn
	spare  []byte
	ends   []int
	frames [][]byte
}

// flush writes everything that has gathered, and what gathers meanwhile.
func (w *writer) flush() error {
	for {
		var out []byte
		var ends []int
		w.s.withLock(func(l *locked) {
			if l.state != live {
				return
			}
			l.collect()
			l.t.notices()
			l.t.gcPromised = false
			out, ends = l.t.out, l.t.ends
			l.t.out, l.t.ends = w.spare[:0], w.ends[:0]
			w.s.budget.full.Store(false)
		})
		if len(ends) == 0 {
			w.keep(out, ends)
			return nil
		}
		err := w.write(out, ends)
		w.keep(out, ends)
		if err != nil {
			return err
		}
		w.s.keepAlive()
	}
}

// keep lends the arrays to the next round, unless one burst made them huge.
func (w *writer) keep(out []byte, ends []int) {
	const huge = 1 << 20
	if cap(out) > huge {
		out = nil
	}
	w.spare, w.ends = out, ends
}

func (w *writer) write(out []byte, ends []int) error {
	w.frames = w.frames[:0]
	start := 0
	for _, end := range ends {
		w.frames = append(w.frames, out[start:end:end])
		start = end
	}
	err := w.conn.Write(w.frames)
	clear(w.frames)
	return err
}

// farewell writes what an ended session still has to say and closes the connection.
func (w *writer) farewell() {
	var out []byte
	var ends []int
	var deadline *time.Timer
	reason := ""
	w.s.withLock(func(l *locked) {
		out, ends, deadline = l.t.out, l.t.ends, l.deadline
		if l.release != nil {
			l.release.Stop()
		}
		var end *EndError
		if errors.As(l.err, &end) && end.Kind != Lost {
			reason = end.Reason
		}
	})
	if len(ends) > 0 {
		_ = w.write(out, ends)
	}
	_ = w.conn.Close(reason)
	deadline.Stop()
}

// leftovers is what an ended session leaves to be broken.
type leftovers struct {
	promises []*far
	refused  []refusal
	watches  []*watch
}

// takeAll empties the tables of a session that ends.
func (l *locked) takeAll(end *EndError) leftovers {
	var left leftovers
	if l.t != nil {
		for i := range l.t.exports.entries {
			if q := l.t.exports.entries[i].v.res; q != nil && !q.settled {
				q.settled = true
				left.promises = append(left.promises, q)
			}
		}
		out, ends := l.t.out, l.t.ends
		l.t = newTables(l.s, l.t.info)
		if end.Kind == Closed || end.Kind == Violated {
			// The peer gets what was said so far, and is told why there is no more.
			l.t.out, l.t.ends = out, ends
			_ = l.t.append(&msg.Abort{Reason: end.Reason})
		}
	}
	for _, o := range l.opening {
		left.refused = append(left.refused, refusal{o.m, end})
	}
	for w := range l.watches {
		left.watches = append(left.watches, w)
	}
	l.state, l.err = closed, end
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
	for _, w := range left.watches {
		w.fire(end)
	}
}
