package seal_test

import (
	"bytes"
	"testing"

	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/storetest"
)

// A process dies at every write there is while it puts a blob, keeps one of another's and drops one. Afterwards what was done is
// there, what is called whole can be read, what was being kept can be kept, and nothing lies around that belongs to nothing.
func TestKilled(t *testing.T) {
	other := newShelf(t)
	want := content(3*chunk + 1)
	theirs := put(t, other, want)
	died, finished := 0, false
	for at := int64(1); !finished; at++ {
		var disk storetest.Disk
		begin := func() (*store.Store, *seal.Shelf) {
			st, err := store.Open(disk.Process())
			if err != nil {
				t.Fatal(err)
			}
			return st, shelfIn(t, st)
		}
		st, s := begin()
		first := put(t, s, want)
		disk.DieAt.Store(disk.Writes.Load() + at)
		second, errPut := s.Put(t.Context(), bytes.NewReader(want))
		errKeep := s.Keep(t.Context(), other, theirs.Name(), 0)
		errDrop := s.Drop(first.Name())
		if finished = errDrop == nil; !finished {
			died++
		}
		_ = st.Close() // it says that it has failed

		st, s = begin()
		all, err := s.All()
		if err != nil {
			t.Fatal(err)
		}
		pieces, whole := 0, make(map[seal.Name]bool)
		for _, k := range all {
			whole[k.Name] = k.Whole
			pieces++
			for n := 1; n <= 4; n++ {
				if _, err := s.Piece(t.Context(), k.Name, n); err == nil {
					pieces++
				}
			}
		}
		if n := keysIn(t, st); n != pieces {
			t.Errorf("killed at %d: %d keys for %d entries and pieces", at, n, pieces)
		}
		for name, b := range map[string]seal.Blob{"first": first, "second": second, "theirs": theirs} {
			if !whole[b.Name()] {
				continue
			}
			if got, err := get(t.Context(), s, b); err != nil || !bytes.Equal(got, want) {
				t.Errorf("killed at %d: %s is whole, but reads as %d bytes, %v", at, name, len(got), err)
			}
		}
		if whole[first.Name()] == finished || errPut == nil != whole[second.Name()] || errKeep == nil && !whole[theirs.Name()] {
			t.Errorf("killed at %d: put %v, keep %v, drop %v, but there is %v", at, errPut, errKeep, errDrop, all)
		}
		if err := s.Keep(t.Context(), other, theirs.Name(), 0); err != nil {
			t.Errorf("killed at %d: %v", at, err)
		}
		if got, err := get(t.Context(), s, theirs); err != nil || !bytes.Equal(got, want) {
			t.Errorf("killed at %d, and kept again: %d bytes, %v", at, len(got), err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
	if died != 12 { // five writes to put, six to keep, one to drop
		t.Errorf("the process died at %d writes, expected 12", died)
	}
}
