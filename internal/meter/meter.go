// Package meter keeps a log from being filled by what a peer can bring about as often as it likes.
package meter

import (
	"sync"
	"time"
)

// PerSecond is how many lines a Meter lets through in a second.
const PerSecond = 10

// A Meter counts the lines of one kind. The zero Meter is ready. It may be used by any goroutine.
type Meter struct {
	mu      sync.Mutex
	second  int64
	logged  int32
	omitted int32
}

// Next reports whether one more line may be logged now, and how many were left out since the last that was.
func (m *Meter) Next() (omitted int32, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now().Unix(); now != m.second {
		m.second, m.logged = now, 0
	}
	if m.logged == PerSecond {
		m.omitted++
		return 0, false
	}
	m.logged++
	omitted, m.omitted = m.omitted, 0
	return omitted, true
}
