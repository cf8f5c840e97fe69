package captp

import "github.com/hawser-go/hawser/netlayer"

// keepAlive tells the connection whether there is anything to keep it for, if that has changed. It is called without
// mu, by any goroutine.
func (s *Session) keepAlive() {
	changed := func(set bool) (conn netlayer.KeepAliver, on bool) {
		s.withLock(func(l *locked) {
			if l.state != live {
				return
			}
			if on = l.t.inUse(); on == l.alive {
				return
			}
			conn, _ = l.conn.(netlayer.KeepAliver)
			if set {
				l.alive = on
			}
		})
		return conn, on
	}
	if conn, _ := changed(false); conn == nil {
		return
	}
	// The connection must hear of the last change last.
	s.keeping.Lock()
	defer s.keeping.Unlock()
	if conn, on := changed(true); conn != nil {
		conn.KeepAlive(on)
	}
}

// inUse reports whether anything would be lost with the connection.
func (t *tables) inUse() bool {
	return t.exports.len() > 1 || len(t.imports) > 0 || t.questions.len() > 1 || len(t.answers) > 0
}
