package main

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
)

// A scribe is a store in memory that notes what batches write.
type scribe struct {
	memory.Backend
	mu      sync.Mutex
	batches []*store.Batch
}

func (s *scribe) Apply(batches []*store.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, batches...)
	return s.Backend.Apply(batches)
}

// shape is which buckets a batch writes to, but for slots, and how much.
func shape(b *store.Batch) (where string, size int) {
	var all []string
	for _, op := range b.Ops() {
		if op.Bucket != "slots" {
			bucket, _, _ := strings.Cut(op.Bucket, "links-frames-") // behind which is the name of a link
			all = append(all, cmp.Or(bucket, "links-frames"))
			size += len(op.Key) + len(op.Value)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " "), size
}

// The floor's batches are what turns write, but for a few bytes that counters take, and for slots: a turn should not have to
// write them.
func TestDurableFloor(t *testing.T) {
	for _, c := range []struct {
		name string
		row  func(open shelf) opener
		want *store.Batch
	}{
		{"turns", durableTells, turnBatch(1)},
		{"chain", func(open shelf) opener { return durableChains(open, 1) }, hopBatch(1)},
	} {
		s := new(scribe)
		w, err := c.row(func() (*store.Store, func() error, error) {
			st, err := store.Open(s)
			if err != nil {
				return nil, nil, err
			}
			return st, st.Close, nil
		})()
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.run(10_000, new(times)), w.close()); err != nil {
			t.Error(err)
		}
		where, size := shape(c.want)
		alike := 0
		for _, b := range s.batches {
			if at, n := shape(b); at == where && max(n-size, size-n) <= 4 {
				alike++
			}
		}
		if alike < 9_000 {
			at, n := shape(s.batches[len(s.batches)/2])
			t.Errorf("%s: %d of 10 000 batches are like the floor's, which writes %d bytes to %q; one writes %d to %q",
				c.name, alike, size, where, n, at)
		}
	}
}
