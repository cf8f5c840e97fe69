package home

import (
	"encoding/binary"

	"github.com/hawser-go/hawser/vat"
)

// countWindow is how far back handoff-counts are remembered; earlier ones count as used.
const countWindow = 1024

// counts remembers which handoff-counts a peer has used in a session, in bounded space.
type counts struct {
	used  map[uint64]struct{}
	floor uint64 // all below count as used
	top   uint64
}

// use marks n as used and reports whether it was not before. forgotten are those that are below the floor now.
func (c *counts) use(n uint64) (fresh bool, forgotten []uint64) {
	if _, used := c.used[n]; used || n < c.floor {
		return false, nil
	}
	if c.used == nil {
		c.used = make(map[uint64]struct{})
	}
	c.used[n] = struct{}{}
	c.top = max(c.top, n)
	if len(c.used) > countWindow {
		c.floor = max(c.floor, c.top-min(c.top, countWindow/2))
		for used := range c.used {
			if used < c.floor {
				delete(c.used, used)
				forgotten = append(forgotten, used)
			}
		}
	}
	return true, forgotten
}

// restore notes a count that was used before a restart.
func (c *counts) restore(n uint64) {
	if c.used == nil {
		c.used = make(map[uint64]struct{})
	}
	c.used[n] = struct{}{}
	c.top = max(c.top, n)
}

// useCount notes that the peer of l has used a handoff-count.
func (h *Home) useCount(tx *vat.Tx, l *link, n uint64) error {
	h.mu.Lock()
	before := l.counts.floor
	fresh, forgotten := l.counts.use(n)
	floor := l.counts.floor
	h.mu.Unlock()
	if !fresh {
		return ErrHandoff
	}
	if tx == nil || !l.session.Lasts() {
		return nil
	}
	id := l.session.ID()
	tx.Batch().Put(bucketCounts, countKey(id, n), []byte{})
	for _, old := range forgotten {
		tx.Batch().Delete(bucketCounts, countKey(id, old))
	}
	if floor != before {
		tx.Batch().Put(bucketCounts, id[:], binary.BigEndian.AppendUint64(nil, floor))
	}
	return nil
}

func countKey(session [32]byte, n uint64) []byte { return binary.BigEndian.AppendUint64(session[:], n) }

// eraseCounts forgets the counts used in a session.
func (h *Home) eraseCounts(tx *vat.Tx, l *link) {
	id := l.session.ID()
	h.mu.Lock()
	defer h.mu.Unlock()
	for n := range l.counts.used {
		tx.Batch().Delete(bucketCounts, countKey(id, n))
	}
	tx.Batch().Delete(bucketCounts, id[:])
}
