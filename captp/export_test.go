package captp

import (
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/vat"
)

// FlushLate has a session that lasts say something, and flush as a writer does that has looked before it lasted and was held up since.
func FlushLate(s *Session) error {
	var w *writer
	s.withLock(func(l *locked) {
		w = &writer{s: s, conn: l.conn}
		_ = l.t.say(msg.Desc{Kind: msg.Export}, "lost", []any{})
	})
	s.lasts.Store(uint32(vat.LastsYet))
	defer s.lasts.Store(uint32(vat.LastsNow))
	return w.flush()
}

// Held returns how many bytes of frames the connection of a session that lasts holds.
func Held(s *Session) (n int) {
	s.withLock(func(l *locked) { n = l.lasting.Held() })
	return n
}
