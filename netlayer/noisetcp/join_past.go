package noisetcp

import (
	"sync"
	"time"
)

// How long QUIC may take to reach a peer before TCP is tried besides (RFC 8305, section 5, has 250 ms): to one of whom
// nothing is known, and to one that was last reached over TCP. Both take the same number of round trips, so that QUIC wins
// wherever UDP goes through, however short its start.
const (
	headStart  = 300 * time.Millisecond
	shortStart = 50 * time.Millisecond
)

const (
	maxPast = 1024             // peers that are remembered
	pastFor = 10 * time.Minute // since a dial has ended over TCP
)

// past holds the peers that were last reached over TCP.
type past struct {
	mu    sync.Mutex
	until map[string]time.Time // by designator
}

// headStart returns how long to wait with TCP.
func (p *past) headStart(designator string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until, ok := p.until[designator]; ok && time.Now().Before(until) {
		return shortStart
	}
	return headStart
}

// note takes down how a peer was reached.
func (p *past) note(designator string, by way) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if by == overQUIC {
		delete(p.until, designator)
		return
	}
	if p.until == nil {
		p.until = make(map[string]time.Time)
	}
	if _, known := p.until[designator]; !known && len(p.until) >= maxPast {
		p.makeRoom()
	}
	p.until[designator] = time.Now().Add(pastFor)
}

// makeRoom forgets whoever is out of date, or else the one that was noted longest ago.
func (p *past) makeRoom() {
	now, first, oldest := time.Now(), "", time.Time{}
	for designator, until := range p.until {
		switch {
		case now.After(until):
			delete(p.until, designator)
		case first == "" || until.Before(oldest):
			first, oldest = designator, until
		}
	}
	if len(p.until) >= maxPast {
		delete(p.until, first)
	}
}

// forget is for a network that has changed.
func (p *past) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.until)
}
