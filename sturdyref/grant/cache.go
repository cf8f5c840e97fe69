package grant

import (
	"crypto/sha256"
	"sync"
)

// Cache remembers links whose signatures were checked and good, by the hash of all their bytes, signature included, and the
// grants made of such links that were shown last. It is bounded, and safe for concurrent use. The zero Cache has room for some
// thousands of links and a quarter of a megabyte of grants; it must not be copied.
type Cache struct {
	mu     sync.Mutex
	links  halves[struct{}]
	grants halves[*Grant]
}

const (
	// halfLinks is how many links fit into half of a Cache, with about 50 bytes each.
	halfLinks = 4096
	// halfGrants is how many bytes of grants do, which take about ten times as much when they are read.
	halfGrants = 128 << 10
)

// Parse is [Parse], which a Cache spares for the bytes of a grant that was parsed by it and verified before. A nil Cache
// remembers nothing.
func (c *Cache) Parse(b []byte) (*Grant, error) {
	if c == nil || len(b) > MaxBytes {
		return Parse(b)
	}
	hash := sha256.Sum256(b)
	c.mu.Lock()
	g, ok := c.grants.get(hash, halfGrants)
	c.mu.Unlock()
	if ok {
		return g, nil
	}
	g, err := Parse(b)
	if err == nil {
		g.cached = hash
	}
	return g, err
}

// knows reports whether g was verified, as the grant that it is.
func (c *Cache) knows(g *Grant) bool {
	if c == nil || g.cached == ([32]byte{}) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.grants.get(g.cached, halfGrants)
	return ok
}

// keep remembers a grant that Parse has returned, if all its signatures are good.
func (c *Cache) keep(g *Grant) {
	if c == nil || g.cached == ([32]byte{}) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grants.put(g.cached, entry[*Grant]{g, len(g.bytes)}, halfGrants)
}

func (c *Cache) has(hash [32]byte) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.links.get(hash, halfLinks)
	return ok
}

func (c *Cache) add(hash [32]byte) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.links.put(hash, entry[struct{}]{size: 1}, halfLinks)
}

// halves is a bounded memory. What is in it is in the young half or the old one. When the young half is full it becomes the old
// one, and what is used there moves on to the young.
type halves[V any] struct {
	young, old map[[32]byte]entry[V]
	size       int // of the young half
}

type entry[V any] struct {
	value V
	size  int
}

func (h *halves[V]) get(hash [32]byte, room int) (V, bool) {
	if e, ok := h.young[hash]; ok {
		return e.value, true
	}
	e, ok := h.old[hash]
	if ok {
		h.put(hash, e, room)
	}
	return e.value, ok
}

func (h *halves[V]) put(hash [32]byte, e entry[V], room int) {
	if h.young == nil || h.size >= room {
		h.young, h.old, h.size = make(map[[32]byte]entry[V]), h.young, 0
	}
	if _, ok := h.young[hash]; !ok {
		h.size += e.size
	}
	h.young[hash] = e
}
