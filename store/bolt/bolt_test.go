package bolt_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
	"github.com/hawser-go/hawser/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func() (*store.Store, error) {
		path := filepath.Join(t.TempDir(), "store.db")
		return func() (*store.Store, error) { return bolt.Open(path) }
	})
}

// filled returns the path of a store with something in it.
func filled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := bolt.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		var b store.Batch
		b.Put("a", []byte{byte(i)}, bytes.Repeat([]byte("value"), 100))
		if err := s.Write(&b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRights(t *testing.T) {
	info, err := os.Stat(filled(t))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the rights are %v, %v", info.Mode(), err)
	}
}

func TestLocked(t *testing.T) {
	path := filled(t)
	s, err := bolt.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := bolt.Open(path); !errors.Is(err, store.ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	if err := bolt.Check(path); !errors.Is(err, store.ErrLocked) {
		t.Errorf("checked while open: %v", err)
	}
}

// What is no store of ours, or none any more, is named in one line and not touched.
func TestDamaged(t *testing.T) {
	whole, err := os.ReadFile(filled(t))
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	for what, content := range map[string][]byte{
		"text":              []byte(strings.Repeat("this is a letter\n", 1000)),
		"a byte":            {0},
		"zeros":             make([]byte, len(whole)),
		"cut in the middle": whole[:len(whole)/2/page*page],
		"cut to its head":   whole[:2*page],
		"no head":           append(make([]byte, 2*page), whole[2*page:]...),
		"garbage in it":     append(bytes.Clone(whole[:2*page]), bytes.Repeat([]byte{0xa5}, len(whole)-2*page)...),
	} {
		t.Run(what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			for name, open := range map[string]func() error{
				"open":  func() error { s, err := bolt.Open(path); return errors.Join(err, closed(s)) },
				"check": func() error { return bolt.Check(path) },
			} {
				if err := open(); !errors.Is(err, store.ErrForeign) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: %v", name, err)
				}
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
				t.Errorf("the file was touched: %v", err)
			}
		})
	}
}

func closed(s *store.Store) error {
	if s == nil {
		return nil
	}
	return s.Close()
}

// A damaged page is found by Check, and by whoever reads it.
func TestDamagedWithin(t *testing.T) {
	path := filled(t)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, _ := f.Stat()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 64<<10), info.Size()/2); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := bolt.Check(path, func(store.Reader) error { t.Error("it was looked into"); return nil }); !errors.Is(err, store.ErrForeign) {
		t.Errorf("checked: %v", err)
	}
}

func TestCheck(t *testing.T) {
	path := filled(t)
	before, _ := os.ReadFile(path)
	boom, n := errors.New("boom"), 0
	if err := bolt.Check(path); err != nil {
		t.Error(err)
	}
	if err := bolt.Check(path, func(r store.Reader) error {
		r.Scan("a", nil, func(_, _ []byte) bool { n++; return true })
		return nil
	}, func(store.Reader) error { return boom }); !errors.Is(err, boom) || n != 200 {
		t.Errorf("%v, %d keys seen", err, n)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("Check has changed the file")
	}
	if err := bolt.Check(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := bolt.Check(empty); err != nil {
		t.Errorf("a file that nothing was written to: %v", err)
	}
	if info, err := os.Stat(empty); err != nil || info.Size() != 0 {
		t.Errorf("it was touched: %v", err)
	}
}

// A database of somebody else's is not taken for ours, and one of a later version of ours is named as that.
func TestForeignDatabases(t *testing.T) {
	for what, want := range map[string]error{"somebody's": store.ErrForeign, "a later version's": store.ErrNewer} {
		path := filled(t)
		if what == "somebody's" {
			path += "2"
		}
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(func(tx *bbolt.Tx) error {
			if what == "somebody's" {
				_, err := tx.CreateBucket([]byte("theirs"))
				return err
			}
			return tx.Bucket([]byte("hawser")).Put([]byte("format"), []byte{0, 0, 0, 0, 0, 0, 0, 9})
		}); err != nil {
			t.Fatal(err)
		}
		db.Close()
		before, _ := os.ReadFile(path)
		if s, err := bolt.Open(path); !errors.Is(err, want) {
			t.Errorf("%s: %v", what, errors.Join(err, closed(s)))
		}
		if err := bolt.Check(path, func(store.Reader) error { t.Errorf("%s was looked into", what); return nil }); !errors.Is(err, want) {
			t.Errorf("%s was checked: %v", what, err)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("%s was touched", what)
		}
	}
}

// Who looks at a file that another process writes finds it locked, not damaged.
func TestLockedWhileWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := bolt.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	done := make(chan struct{})
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() {
		defer close(done)
		for i := range 1000 {
			var b store.Batch
			b.Put("a", []byte{byte(i)}, make([]byte, 20_000))
			b.Delete("a", []byte{byte(i * 7)})
			if err := s.Write(&b); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for {
		select {
		case <-done:
			return
		default:
		}
		if err := bolt.Inspect(path); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkTurns(b *testing.B) {
	s, err := bolt.Open(filepath.Join(b.TempDir(), "store.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	value := make([]byte, 100)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var batch store.Batch
		batch.Put("a", []byte{byte(i), byte(i >> 8), byte(i >> 16)}, value)
		if err := s.Submit(&batch, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Write(new(store.Batch)); err != nil {
		b.Fatal(err)
	}
}
