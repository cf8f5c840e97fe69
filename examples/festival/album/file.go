package album

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hawser-go/hawser/store"
)

// file is one that is being written, and will have its name when it is whole.
type file struct {
	*os.File
	store *store.Store
	path  string
	done  bool
}

// unfinished is the bucket with the paths of files that are being written: what a process that is killed leaves is removed by the next.
const unfinished = "unfinished"

// newFile begins a file beside the path that it will have, at which there is none.
func newFile(st *store.Store, path string) (*file, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s exists: name a file that does not", path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, plain(path, err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, plain(path, err)
	}
	name := filepath.Join(dir, ".photo-"+rand.Text())
	var b store.Batch
	b.Put(unfinished, []byte(name), []byte{1})
	if err := st.Write(&b); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, errors.Join(plain(filepath.Dir(path), err), finished(st, name))
	}
	return &file{File: f, store: st, path: path}, nil
}

// finished notes that there is no such file any more.
func finished(st *store.Store, name string) error {
	var b store.Batch
	b.Delete(unfinished, []byte(name))
	return st.Write(&b)
}

// sweep removes files that a process that was killed had begun. One that cannot be removed now is tried again the next time.
func sweep(st *store.Store) error {
	var left []string
	err := st.View(func(r store.Reader) error {
		r.Scan(unfinished, nil, func(name, _ []byte) bool {
			left = append(left, string(name))
			return true
		})
		return nil
	})
	for _, name := range left {
		if e := os.Remove(name); e == nil || errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, finished(st, name))
		}
	}
	return err
}

// again empties the file.
func (f *file) again() error {
	if _, err := f.Seek(0, 0); err != nil {
		return err
	}
	return f.Truncate(0)
}

// keep gives the file its name.
func (f *file) keep() error {
	err := f.Sync()
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if _, err := os.Lstat(f.path); err == nil {
		return fmt.Errorf("%s exists by now: name a file that does not", f.path)
	}
	if err := os.Rename(f.Name(), f.path); err != nil {
		return err
	}
	f.done = true
	return finished(f.store, f.Name())
}

// discard removes what was written unless it was kept.
func (f *file) discard() {
	if !f.done {
		_ = f.Close()
		if os.Remove(f.Name()) == nil { // else the next process does
			_ = finished(f.store, f.Name())
		}
	}
}
