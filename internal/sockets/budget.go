package sockets

import "sync"

// A Budget bounds something strangers can have many of, in all and from one source.
type Budget struct {
	max, perSource int

	mu      sync.Mutex
	open    int
	sources map[string]int
}

// NewBudget returns a budget of max in all and perSource from each source.
func NewBudget(max, perSource int) *Budget {
	return &Budget{max: max, perSource: perSource, sources: make(map[string]int)}
}

// Take reports whether there may be one more from a source. The function returned gives it back; it may be called more
// than once.
func (b *Budget) Take(source string) (release func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open >= b.max || b.sources[source] >= b.perSource {
		return nil, false
	}
	b.open++
	b.sources[source]++
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.open--
		if b.sources[source]--; b.sources[source] == 0 {
			delete(b.sources, source)
		}
	}), true
}
