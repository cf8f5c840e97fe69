package vat

import (
	"context"
	"iter"
)

// A Cell holds one value that is part of a turn's transaction: if the turn fails the value is what it was before. The
// zero Cell holds the zero T. A Cell belongs to one vat and is used only in its turns. What T points to is not watched:
// replace the value, do not change what is inside it.
type Cell[T any] struct {
	v    T
	turn uint64 // the turn that saved v last
}

// NewCell returns a cell that holds v.
func NewCell[T any](v T) Cell[T] { return Cell[T]{v: v} }

// Get returns the value.
func (c *Cell[T]) Get() T { return c.v }

// Set replaces the value. It panics outside a turn.
func (c *Cell[T]) Set(ctx context.Context, v T) {
	t := mustTurn(ctx, "Cell.Set")
	if c.turn != t.f.n {
		old, before := c.v, c.turn
		c.turn = t.f.n
		t.f.undo = append(t.f.undo, func() { c.v, c.turn = old, before })
	}
	c.v = v
}

// A Map is a map that is part of a turn's transaction: if the turn fails it is what it was before. The zero Map is
// empty and ready. A Map belongs to one vat and is used only in its turns. Values are replaced, not changed inside.
type Map[K comparable, V any] struct{ m map[K]V }

// Get returns the value at k and whether there is one.
func (m *Map[K, V]) Get(k K) (V, bool) {
	v, ok := m.m[k]
	return v, ok
}

// Len returns the number of entries.
func (m *Map[K, V]) Len() int { return len(m.m) }

// All iterates over the entries in no particular order.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for k, v := range m.m {
			if !yield(k, v) {
				return
			}
		}
	}
}

// Set puts v at k. It panics outside a turn.
func (m *Map[K, V]) Set(ctx context.Context, k K, v V) {
	m.save(mustTurn(ctx, "Map.Set"), k)
	if m.m == nil {
		m.m = make(map[K]V)
	}
	m.m[k] = v
}

// Delete removes the entry at k, if there is one. It panics outside a turn.
func (m *Map[K, V]) Delete(ctx context.Context, k K) {
	t := mustTurn(ctx, "Map.Delete")
	if _, ok := m.m[k]; ok {
		m.save(t, k)
		delete(m.m, k)
	}
}

// save remembers the entry at k for the turn's failing.
func (m *Map[K, V]) save(t *turn, k K) {
	old, had := m.m[k]
	t.f.undo = append(t.f.undo, func() {
		if had {
			m.m[k] = old
		} else {
			delete(m.m, k)
		}
	})
}
