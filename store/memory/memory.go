// Package memory keeps a store in memory: for nodes without a directory, and for tests.
package memory

import (
	"bytes"
	"maps"
	"slices"
	"sync"

	"github.com/hawser-go/hawser/store"
)

// New returns an empty store, which is gone when it is closed.
func New() *store.Store {
	s, err := store.Open(new(Backend))
	if err != nil {
		panic(err) // an empty one has nothing that could be wrong
	}
	return s
}

// A Backend is a store.Backend in memory. The zero Backend is empty. What it holds outlives Close, so that a test can open
// it again, as if its process had been killed.
type Backend struct {
	mu      sync.RWMutex
	buckets map[string]map[string][]byte
}

// Apply implements store.Backend.
func (b *Backend) Apply(batches []*store.Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buckets == nil {
		b.buckets = make(map[string]map[string][]byte)
	}
	for _, batch := range batches {
		for _, op := range batch.Ops() {
			keys := b.buckets[op.Bucket]
			switch {
			case op.Key == nil:
				delete(b.buckets, op.Bucket)
				continue
			case op.Value == nil:
				delete(keys, string(op.Key))
				continue
			case keys == nil:
				keys = make(map[string][]byte)
				b.buckets[op.Bucket] = keys
			}
			keys[string(op.Key)] = op.Value
		}
	}
	return nil
}

// View implements store.Backend. Apply waits for it.
func (b *Backend) View(fn func(store.Reader) error) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return fn(reader{b})
}

// Close implements store.Backend; there is nothing to free.
func (b *Backend) Close() error { return nil }

type reader struct{ b *Backend }

func (r reader) Get(bucket string, key []byte) []byte { return r.b.buckets[bucket][string(key)] }

func (r reader) Scan(bucket string, from []byte, fn func(key, value []byte) bool) {
	keys := r.b.buckets[bucket]
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if key := []byte(k); bytes.Compare(key, from) >= 0 && !fn(key, keys[k]) {
			return
		}
	}
}

func (r reader) Buckets() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(r.b.buckets)), store.IsOwn)
}
