package home

import (
	"math/rand/v2"
	"time"

	"github.com/hawser-go/hawser/sturdyref"
)

// homecoming is how the live references of one peer come back. Its fields are guarded by the Home's mu.
type homecoming struct {
	id      sturdyref.PeerID
	all     int           // the live references there are
	away    []*living     // those that lead nowhere and are not being tried
	scout   *living       // the one that is tried without a session
	running bool          // there is a goroutine
	wake    chan struct{} // has it look again
	up      bool          // one of them has led somewhere since the last loss,
	since   time.Time     // when the first did
	tries   tries         // that came to nothing, in a row
	last    time.Time     // when there was one
	due     time.Time     // none is made before
}

// tries counts what has come to nothing.
type tries int

const (
	firstPause = 500 * time.Millisecond
	longPause  = time.Minute
	// steady is how long a session must last for its loss not to count as one more try that came to nothing.
	steady = time.Minute
	// refusedFor is how long a peer may turn away what it has let in before: it may have been restarted, and not have
	// published everything yet.
	refusedFor = 2 * time.Minute
	// hastened is how soon after another a try may be made because something has happened.
	hastened = time.Second
)

// pause returns how long to wait before the next try: twice as long each time, up to longest, and by chance between half
// of that and all of it, so that those who have lost one peer do not all come back at once.
func (n *tries) pause(longest time.Duration) time.Duration {
	d := backoff(int(*n), firstPause, longest)
	*n++
	return d/2 + rand.N(d/2+1)
}

// backoff returns how long to wait after so many tries that came to nothing: first, twice as long each time, up to longest.
func backoff(tries int, first, longest time.Duration) time.Duration {
	return min(first<<min(tries, 16), longest)
}

// goesAway has a live reference that leads nowhere be tried, when it is time. Called with mu held, and the Home not closed.
func (h *Home) goesAway(w *living) {
	c := w.home
	c.away = append(c.away, w)
	if c.running {
		c.poke()
		return
	}
	c.running = true
	h.wg.Add(1)
	go h.bringBack(c)
}

// poke has the goroutine look again. Called with the Home's mu held.
func (c *homecoming) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// hasten has the next try made at once, or soon after the last. Called with the Home's mu held.
func (c *homecoming) hasten() {
	if soon := c.last.Add(hastened); soon.Before(c.due) {
		c.due = soon
	}
	c.poke()
}

// cameUp is told of a session with a peer. Called with mu held.
func (h *Home) cameUp(id sturdyref.PeerID) {
	if c := h.homecomings[id]; c != nil {
		c.hasten()
	}
	for up := range h.retries[id] {
		close(up)
	}
	delete(h.retries, id)
}

// bringBack has the live references of a peer tried until none is away.
func (h *Home) bringBack(c *homecoming) {
	defer h.wg.Done()
	for {
		session := h.usableSession(c.id) != nil
		h.mu.Lock()
		if h.closed || len(c.away) == 0 {
			left := c.away
			c.away, c.running = nil, false
			h.mu.Unlock()
			for _, w := range left {
				h.finish(w, errClosed)
			}
			return
		}
		now := time.Now()
		batch, next := c.ready(now, session)
		h.mu.Unlock()
		for _, w := range batch {
			h.try(w)
		}
		if len(batch) > 0 {
			continue
		}
		var timer <-chan time.Time
		if !next.IsZero() {
			timer = time.After(next.Sub(now))
		}
		select {
		case <-c.wake:
		case <-timer:
		case <-h.ctx.Done():
		}
	}
}

// ready takes out those that are to be tried now: all that are due if there is a session, else the first; or says when to
// look again, zero for when something has happened. Called with the Home's mu held.
func (c *homecoming) ready(now time.Time, session bool) (batch []*living, next time.Time) {
	if !session && c.scout != nil {
		return nil, time.Time{}
	}
	later := c.away[:0:0]
	for _, w := range c.away {
		due := w.due
		if due.Before(c.due) {
			due = c.due
		}
		if !due.After(now) && (session || len(batch) == 0) {
			batch = append(batch, w)
			continue
		}
		later = append(later, w)
		if next.IsZero() || due.Before(next) {
			next = due
		}
	}
	c.away = later
	if len(batch) > 0 {
		c.last = now
		if !session {
			c.scout = batch[0]
		}
	}
	return batch, next
}
