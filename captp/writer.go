package captp

import (
	"errors"
	"runtime"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/vat"
)

// write sends what gathers in the write buffer until the session ends, then closes the connection.
func (s *Session) write(conn netlayer.Conn) {
	defer s.partDone()
	w := &writer{s: s, conn: conn}
	for {
		select {
		case <-s.wake:
			// Let those who are about to send add to this write: one system call for many messages.
			runtime.Gosched()
			if err := w.flush(); err != nil {
				s.lose(err)
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
		if w.s.wanted.Load() && w.s.lastable() == vat.LastsYet {
			w.s.last()
		}
		if w.s.lastable() == vat.LastsNow {
			return w.flushLasting()
		}
		var out []byte
		var ends []int
		lasts := false
		w.s.withLock(func(l *locked) {
			if l.state != live {
				return
			}
			if lasts = l.t.journal != nil; lasts {
				return // since a moment ago: what is not recorded now goes nowhere
			}
			l.handed += uint64(len(l.flying))
			l.flying = nil
			l.collect()
			l.t.notices()
			out, ends = l.t.out, l.t.ends
			l.t.out, l.t.ends = w.spare[:0], w.ends[:0]
			l.flying = w.cut(out, ends)
			w.s.budget.full.Store(false)
		})
		if lasts {
			return w.flushLasting()
		}
		if len(ends) == 0 {
			w.keep(out, ends)
			w.s.keepAlive()
			return nil
		}
		err := w.conn.Write(w.frames)
		if errors.Is(err, netlayer.ErrLasts) {
			w.spare, w.ends, w.frames = nil, nil, nil // what was not taken has been recorded
			continue
		}
		w.keep(out, ends)
		if err != nil {
			return err
		}
	}
}

// flushLasting has everything recorded that has gathered, and writes what may go out by now.
func (w *writer) flushLasting() error {
	w.s.record()
	err := w.conn.(netlayer.Lasting).Flush()
	w.s.withLock(func(l *locked) {
		if l.state != live {
			return
		}
		full := l.unsent() > w.s.cfg.Limits.MaxUnsent
		w.s.budget.full.Store(full)
		switch {
		case !full:
		case l.relief == nil:
			l.relief = time.AfterFunc(reliefAfter, w.s.poke)
		default:
			l.relief.Reset(reliefAfter)
		}
	})
	w.s.keepAlive()
	return err
}

// reliefAfter is how often it is looked whether the peer has taken enough for there to be room again.
const reliefAfter = time.Second

// keep lends the arrays to the next round, unless one burst made them huge.
func (w *writer) keep(out []byte, ends []int) {
	const huge = 1 << 20
	if cap(out) > huge {
		out = nil
	}
	w.spare, w.ends = out, ends
}

// cut returns the frames in a write buffer. They are valid until the next call.
func (w *writer) cut(out []byte, ends []int) [][]byte {
	clear(w.frames)
	w.frames = w.frames[:0]
	start := 0
	for _, end := range ends {
		w.frames = append(w.frames, out[start:end:end])
		start = end
	}
	return w.frames
}

// farewell writes what an ended session still has to say and closes the connection.
func (w *writer) farewell() {
	var out []byte
	var ends []int
	var deadline *time.Timer
	reason := ""
	w.s.withLock(func(l *locked) {
		out, ends, deadline = l.t.out, l.t.ends, l.deadline
		l.t.out, l.t.ends = nil, nil
		for _, t := range []*time.Timer{l.release, l.relief} {
			if t != nil {
				t.Stop()
			}
		}
		var end *EndError
		if errors.As(l.err, &end) && (end.Kind == Closed || end.Kind == Violated) {
			reason = end.Reason
		}
	})
	if len(ends) > 0 {
		_ = w.conn.Write(w.cut(out, ends))
	}
	_ = w.conn.Close(reason)
	deadline.Stop()
	// What still waits for a promise of ours holds the session: all but its name may go.
	w.s.withLock(func(l *locked) { l.t = nil })
}
