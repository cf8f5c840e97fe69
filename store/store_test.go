package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
)

// faulty is a backend that waits, and fails when it is told.
type faulty struct {
	memory.Backend
	gate    chan struct{} // Apply waits for it, if there is one
	fail    atomic.Bool
	applied atomic.Int32
	batches atomic.Int32
	closed  atomic.Bool
}

var errDisk = errors.New("no space left on device")

func (f *faulty) Apply(batches []*store.Batch) error {
	if f.gate != nil {
		<-f.gate
	}
	if f.fail.Load() {
		return errDisk
	}
	f.applied.Add(1)
	f.batches.Add(int32(len(batches)))
	return f.Backend.Apply(batches)
}

func (f *faulty) Close() error { f.closed.Store(true); return nil }

func put(key string, value []byte) *store.Batch {
	b := new(store.Batch)
	b.Put("a", []byte(key), value)
	return b
}

// After a write has failed nothing is written any more, everybody is told, once, and what is on disk is as it was.
func TestFailure(t *testing.T) {
	f := new(faulty)
	s, err := store.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(put("x", []byte("good"))); err != nil {
		t.Fatal(err)
	}
	f.fail.Store(true)
	told := make(chan error, 100)
	submitted := 0
	for range 100 {
		if err := s.Submit(put("x", []byte("bad")), func(err error) { told <- err }); err == nil {
			submitted++
		} else if !errors.Is(err, store.ErrFailed) {
			t.Error(err)
		}
	}
	for range submitted {
		if err := <-told; !errors.Is(err, store.ErrFailed) || !errors.Is(err, errDisk) || strings.Contains(err.Error(), "\n") {
			t.Errorf("told %v", err)
		}
	}
	f.fail.Store(false)
	_, err = s.Get("a", []byte("x"))
	for what, err := range map[string]error{"write": s.Write(put("x", nil)), "get": err, "err": s.Err()} {
		if !errors.Is(err, store.ErrFailed) {
			t.Errorf("%s afterwards: %v", what, err)
		}
	}
	if err := s.View(func(r store.Reader) error {
		if v := r.Get("a", []byte("x")); string(v) != "good" {
			t.Errorf("what is written is %q", v)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := s.Close(); !errors.Is(err, errDisk) || !f.closed.Load() || len(told) > 0 {
		t.Errorf("closed: %v; the backend: %v; told once more: %d", err, f.closed.Load(), len(told))
	}
}

// Batches that gather while the disk is busy are written together, and View does not see them before.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{gate: make(chan struct{}, 1)}
		f.gate <- struct{}{} // for Open
		s, err := store.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		var done atomic.Int32
		for i := range 1000 {
			if err := s.Submit(put("x", fmt.Append(nil, i)), func(error) { done.Add(1) }); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if v, err := s.Get("a", []byte("x")); string(v) != "999" || err != nil {
			t.Errorf("Get sees %q, %v", v, err)
		}
		if err := s.View(func(r store.Reader) error {
			if v := r.Get("a", []byte("x")); v != nil || done.Load() != 0 {
				t.Errorf("written is %q, %d are done, and the disk waits", v, done.Load())
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		close(f.gate)
		synctest.Wait()
		if n := f.applied.Load(); done.Load() != 1000 || n > 4 {
			t.Errorf("%d of 1000 are done after %d transactions", done.Load(), n)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Who submits more than the disk can take waits, and goes on when it has; and when the store fails or closes.
func TestPressure(t *testing.T) {
	for _, end := range []string{"written", "failed", "closed"} {
		t.Run(end, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &faulty{gate: make(chan struct{}, 1)}
				f.gate <- struct{}{}
				s, err := store.Open(f)
				if err != nil {
					t.Fatal(err)
				}
				var in atomic.Int32
				var writers sync.WaitGroup
				for i := range 100 {
					writers.Go(func() {
						if err := s.Submit(put(fmt.Sprint(i), make([]byte, 1<<20)), nil); err == nil {
							in.Add(1)
						}
					})
				}
				synctest.Wait()
				waiting := in.Load()
				if waiting < 10 || waiting > 60 {
					t.Errorf("%d MiB are on their way", waiting)
				}
				f.fail.Store(end == "failed")
				if end == "closed" {
					go s.Close()
					synctest.Wait()
				}
				close(f.gate)
				writers.Wait()
				if got := in.Load(); (end == "written") != (got == 100) || end != "written" && got != waiting {
					t.Errorf("%d were taken, %d before", got, waiting)
				}
				_ = s.Close()
				synctest.Wait()
				if n := f.batches.Load() - 1; end != "failed" && n != in.Load() {
					t.Errorf("%d of %d were written", n, in.Load())
				}
			})
		})
	}
}

// A backend that cannot begin an epoch is closed, and nobody gets a store.
func TestOpenFails(t *testing.T) {
	f := new(faulty)
	f.fail.Store(true)
	if _, err := store.Open(f); !errors.Is(err, errDisk) || !f.closed.Load() {
		t.Errorf("opened: %v, closed %v", err, f.closed.Load())
	}
}
