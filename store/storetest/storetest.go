// Package storetest is the suite that every backend of package store passes.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/store"
)

// Run runs the suite. open opens the store at a place, which is a new one for each test, as a process does that begins.
func Run(t *testing.T, place func(t *testing.T) (open func() (*store.Store, error))) {
	for name, test := range map[string]func(*testing.T, func() (*store.Store, error)){
		"empty": testEmpty, "written": testWritten, "order": testOrder, "bad batches": testBad, "epochs": testEpochs,
		"scan": testScan, "many writers": testMany, "model": testModel, "closed": testClosed,
	} {
		t.Run(name, func(t *testing.T) { test(t, place(t)) })
	}
}

func opened(t *testing.T, open func() (*store.Store, error)) *store.Store {
	t.Helper()
	s, err := open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func reopened(t *testing.T, s *store.Store, open func() (*store.Store, error)) *store.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return opened(t, open)
}

// put returns a batch of one write.
func put(bucket, key, value string) *store.Batch {
	b := new(store.Batch)
	b.Put(bucket, []byte(key), []byte(value))
	return b
}

func has(t *testing.T, s *store.Store, bucket, key string, want []byte) {
	t.Helper()
	got, err := s.Get(bucket, []byte(key))
	if err != nil || !bytes.Equal(got, want) || (got == nil) != (want == nil) {
		t.Errorf("%s/%s is %q, %v; want %q", bucket, key, got, err, want)
	}
}

func testEmpty(t *testing.T, open func() (*store.Store, error)) {
	s := opened(t, open)
	has(t, s, "none", "x", nil)
	err := s.View(func(r store.Reader) error {
		r.Scan("none", nil, func(_, _ []byte) bool { t.Error("an empty bucket has a key"); return true })
		if b := r.Buckets(); len(b) != 0 {
			t.Errorf("an empty store has the buckets %q", b)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := s.Write(new(store.Batch)); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
}

func testWritten(t *testing.T, open func() (*store.Store, error)) {
	s := opened(t, open)
	var b store.Batch
	b.Put("a", []byte("1"), []byte("one"))
	b.Put("a", []byte("2"), nil)
	b.Put("b", []byte("1"), []byte("first"))
	b.Put("b", []byte("1"), []byte("last"))
	b.Put("a", []byte("gone"), []byte("x"))
	b.Delete("a", []byte("gone"))
	b.Delete("c", []byte("never"))
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		has(t, s, "a", "1", []byte("one"))
		has(t, s, "a", "2", []byte{})
		has(t, s, "b", "1", []byte("last"))
		has(t, s, "a", "gone", nil)
		s = reopened(t, s, open)
	}
}

// What was submitted is seen at once, is written in order, and said to be in order.
func testOrder(t *testing.T, open func() (*store.Store, error)) {
	s := opened(t, open)
	const n = 2000
	var said []int // by one goroutine
	for i := range n {
		if err := s.Submit(put("a", "x", fmt.Sprint(i)), func(err error) {
			if err != nil {
				t.Error(err)
			}
			said = append(said, i)
		}); err != nil {
			t.Fatal(err)
		}
		has(t, s, "a", "x", []byte(fmt.Sprint(i)))
	}
	s = reopened(t, s, open)
	if len(said) != n || !slices.IsSorted(said) {
		t.Errorf("%d of %d were said to be written, in order: %v", len(said), n, slices.IsSorted(said))
	}
	has(t, s, "a", "x", []byte(fmt.Sprint(n-1)))
}

func testBad(t *testing.T, open func() (*store.Store, error)) {
	s := opened(t, open)
	for what, b := range map[string]*store.Batch{
		"no bucket": put("", "x", ""), "no key": put("a", "", ""),
		"a long key": put("a", string(make([]byte, store.MaxKey+1)), ""), "a long value": put("a", "x", string(make([]byte, store.MaxValue+1))),
		"the store's own bucket": put("hawser", "epoch", ""),
	} {
		b.Put("a", []byte("beside"), []byte("x"))
		if err := s.Write(b); !errors.Is(err, store.ErrBadBatch) {
			t.Errorf("%s: %v", what, err)
		}
	}
	has(t, s, "a", "beside", nil)
	if err := s.Write(put("a", string(make([]byte, store.MaxKey)), string(make([]byte, store.MaxValue)))); err != nil {
		t.Errorf("the largest there may be: %v", err)
	}
}

func testEpochs(t *testing.T, open func() (*store.Store, error)) {
	s := opened(t, open)
	id := s.ID()
	for want := uint64(1); want < 5; want++ {
		if s.Epoch() != want || s.ID() != id || id == [16]byte{} {
			t.Errorf("opening %d: epoch %d, id %x, was %x", want, s.Epoch(), s.ID(), id)
		}
		s = reopened(t, s, open)
	}
}

func testScan(t *testing.T, open func() (*store.Store, error)) {
	s := opened(t, open)
	var b store.Batch
	for _, k := range []string{"b", "a\x00", "a", "\xff", "c"} {
		b.Put("x", []byte(k), []byte("v"+k))
	}
	b.Put("y", []byte("other"), nil)
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string][]string{
		"": {"a", "a\x00", "b", "c", "\xff"}, "a\x00": {"a\x00", "b", "c", "\xff"}, "d": {"\xff"}, "\xff\xff": nil,
	} {
		var got []string
		if err := s.View(func(r store.Reader) error {
			r.Scan("x", []byte(from), func(k, v []byte) bool {
				if string(v) != "v"+string(k) {
					t.Errorf("%q has %q", k, v)
				}
				got = append(got, string(k))
				return true
			})
			if names := r.Buckets(); !slices.Equal(names, []string{"x", "y"}) {
				t.Errorf("buckets %q", names)
			}
			return nil
		}); err != nil || !slices.Equal(got, want) {
			t.Errorf("from %q: %q, %v; want %q", from, got, err, want)
		}
	}
	stop := errors.New("enough")
	n := 0
	if err := s.View(func(r store.Reader) error {
		r.Scan("x", nil, func(_, _ []byte) bool { n++; return false })
		return stop
	}); n != 1 || !errors.Is(err, stop) {
		t.Errorf("%d keys were shown to who wanted one; %v", n, err)
	}
}

// Batches of many goroutines are whole, and each goroutine's in order.
func testMany(t *testing.T, open func() (*store.Store, error)) {
	s := opened(t, open)
	const writers, each = 8, 200
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				var b store.Batch
				for part := range 3 {
					b.Put("a", fmt.Append(nil, w, "-", part), fmt.Append(nil, i))
				}
				if err := s.Submit(&b, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 50 { // whole at each moment
		if err := s.View(func(r store.Reader) error {
			for w := range writers {
				first := r.Get("a", fmt.Append(nil, w, "-", 0))
				for part := range 3 {
					if v := r.Get("a", fmt.Append(nil, w, "-", part)); !bytes.Equal(v, first) {
						return fmt.Errorf("writer %d: part %d is %q, the first %q", w, part, v, first)
					}
				}
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	writing.Wait()
	s = reopened(t, s, open)
	for w := range writers {
		has(t, s, "a", fmt.Sprint(w, "-", 2), fmt.Append(nil, each-1))
	}
}

func testClosed(t *testing.T, open func() (*store.Store, error)) {
	s := opened(t, open)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	_, err := s.Get("a", []byte("x"))
	for what, err := range map[string]error{
		"get": err, "view": s.View(func(store.Reader) error { return nil }), "write": s.Write(put("a", "x", "")), "err": s.Err(),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// testModel compares a store with maps, through openings and closings.
func testModel(t *testing.T, open func() (*store.Store, error)) {
	s := opened(t, open)
	model := map[string]map[string]string{"a": {}, "b": {}}
	rapid.Check(t, func(rt *rapid.T) {
		key := rapid.SampledFrom([]string{"1", "2", "3", "4"})
		bucket := rapid.SampledFrom([]string{"a", "b"})
		rt.Repeat(map[string]func(*rapid.T){
			"write": func(rt *rapid.T) {
				var b store.Batch
				for range rapid.IntRange(0, 4).Draw(rt, "writes") {
					k, in := key.Draw(rt, "key"), bucket.Draw(rt, "bucket")
					if rapid.IntRange(0, 9).Draw(rt, "drop") == 0 {
						clear(model[in])
						b.Drop(in)
						continue
					}
					if rapid.Bool().Draw(rt, "delete") {
						delete(model[in], k)
						b.Delete(in, []byte(k))
						continue
					}
					v := rapid.StringN(0, 5, -1).Draw(rt, "value")
					model[in][k] = v
					b.Put(in, []byte(k), []byte(v))
				}
				if err := s.Submit(&b, nil); err != nil {
					rt.Fatal(err)
				}
			},
			"open again": func(rt *rapid.T) {
				if rapid.IntRange(0, 9).Draw(rt, "rarely") > 0 {
					return
				}
				s = reopened(t, s, open)
			},
			"": func(rt *rapid.T) {
				for in, keys := range model {
					for _, k := range []string{"1", "2", "3", "4"} {
						got, err := s.Get(in, []byte(k))
						want, ok := keys[k]
						if err != nil || ok != (got != nil) || string(got) != want {
							rt.Fatalf("%s/%s is %q, %v; want %q, %v", in, k, got, err, want, ok)
						}
					}
				}
			},
		})
	})
}
