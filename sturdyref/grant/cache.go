package grant

import "sync"

// Cache remembers links whose signatures were checked and good, by the hash of all their bytes, signature included. It is
// bounded, and safe for concurrent use. The zero Cache has room for some thousands; it must not be copied.
type Cache struct {
	mu sync.Mutex
	// A link is in the young half or the old one. When the young half is full it becomes the old one, and what is used
	// there moves on to the young.
	young, old map[[32]byte]struct{}
}

// cacheHalf is how many links fit into half of a Cache, with about 50 bytes each.
const cacheHalf = 4096

func (c *Cache) has(hash [32]byte) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.young[hash]; ok {
		return true
	}
	_, ok := c.old[hash]
	if ok {
		c.put(hash)
	}
	return ok
}

func (c *Cache) add(hash [32]byte) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(hash)
}

func (c *Cache) put(hash [32]byte) {
	if c.young == nil || len(c.young) >= cacheHalf {
		c.young, c.old = make(map[[32]byte]struct{}), c.young
	}
	c.young[hash] = struct{}{}
}
