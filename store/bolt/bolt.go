// Package bolt keeps a store in one file, a B+ tree (bbolt). A power cut at any instant leaves what some transaction left.
package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/hawser-go/hawser/store"
)

// Open opens the store in a file, which is made with the rights of its owner only if it is not there. It fails with
// store.ErrLocked if another process has it open, with store.ErrForeign if it is no store or damaged, and with
// store.ErrNewer if a later version has written it; the file is not touched then.
func Open(path string) (*store.Store, error) {
	b, err := OpenBackend(path)
	if err != nil {
		return nil, err
	}
	return store.Open(b)
}

// OpenBackend opens what Open makes a store of, and fails as it does, for those who put something between the file and its store. It is
// the caller's to close until it is given to store.Open.
func OpenBackend(path string) (store.Backend, error) {
	if err := inspect(path); err != nil {
		return nil, err
	}
	db, err := open(path, &bbolt.Options{Timeout: lockTime, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	return &backend{db}, nil
}

// lockTime is how long another process is waited for, which may just be closing the file.
const lockTime = 2 * time.Second

// open opens the file, and says what is wrong for people.
func open(path string, o *bbolt.Options) (db *bbolt.DB, err error) {
	defer guard(&err, path)()
	switch db, err = bbolt.Open(path, 0o600, o); {
	case err == nil:
		return db, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s: end that process first", store.ErrLocked, path)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		return nil, foreign(path, err.Error())
	}
	return nil, fmt.Errorf("store: cannot open %s: %w", path, cause(err))
}

func foreign(path, why string) error {
	return fmt.Errorf("%w: %s: %s: restore it from a backup, or name another directory", store.ErrForeign, path, why)
}

// cause leaves out the path, which is named already.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

type backend struct{ db *bbolt.DB }

func (b *backend) Apply(batches []*store.Batch) (err error) {
	defer guard(&err, b.db.Path())()
	return b.db.Update(func(tx *bbolt.Tx) error {
		buckets := make(map[string]*bbolt.Bucket)
		for _, batch := range batches {
			for _, op := range batch.Ops() {
				if err := apply(tx, buckets, op); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func apply(tx *bbolt.Tx, buckets map[string]*bbolt.Bucket, op store.Op) (err error) {
	if op.Key == nil {
		delete(buckets, op.Bucket)
		if err := tx.DeleteBucket([]byte(op.Bucket)); !errors.Is(err, berrors.ErrBucketNotFound) {
			return err
		}
		return nil
	}
	b := buckets[op.Bucket]
	if b == nil {
		if b = tx.Bucket([]byte(op.Bucket)); b == nil {
			if op.Value == nil {
				return nil
			}
			if b, err = tx.CreateBucket([]byte(op.Bucket)); err != nil {
				return err
			}
		}
		buckets[op.Bucket] = b
	}
	if op.Value == nil {
		return b.Delete(op.Key)
	}
	return b.Put(op.Key, op.Value)
}

func (b *backend) View(fn func(store.Reader) error) (err error) {
	defer guard(&err, b.db.Path())()
	err = b.db.View(func(tx *bbolt.Tx) error { return fn(reader{tx}) })
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return store.ErrClosed
	}
	return err
}

func (b *backend) Close() error { return b.db.Close() }

type reader struct{ tx *bbolt.Tx }

func (r reader) Get(bucket string, key []byte) []byte {
	if b := r.tx.Bucket([]byte(bucket)); b != nil {
		return b.Get(key)
	}
	return nil
}

func (r reader) Scan(bucket string, from []byte, fn func(key, value []byte) bool) {
	b := r.tx.Bucket([]byte(bucket))
	if b == nil {
		return
	}
	c := b.Cursor()
	for k, v := c.Seek(from); k != nil; k, v = c.Next() {
		if v != nil && !fn(k, v) {
			return
		}
	}
}

func (r reader) Buckets() (names []string) {
	_ = r.tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		if !store.IsOwn(string(name)) {
			names = append(names, string(name))
		}
		return nil
	})
	return names
}

// Check reads the whole of the store in a file, which nobody has open, and returns what is wrong with it, nil if nothing. If
// the file is sound each function in also then reads what the store holds, and its error is joined to the others'. The file
// is not changed. It fails as [Open] does, and if there is no file.
func Check(path string, also ...func(store.Reader) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("store: cannot open %s: %w", path, cause(err))
	}
	if err := inspect(path); err != nil {
		return err
	}
	if info.Size() == 0 { // a process was killed before it wrote anything
		return nil
	}
	db, err := open(path, &bbolt.Options{Timeout: lockTime, ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		return err
	}
	return errors.Join(check(db, also), db.Close())
}

func check(db *bbolt.DB, also []func(store.Reader) error) (err error) {
	defer guard(&err, db.Path())()
	return db.View(func(tx *bbolt.Tx) error {
		var first error
		for err := range tx.Check() {
			if first == nil {
				first = foreign(db.Path(), err.Error())
			}
		}
		if first == nil {
			first = store.Check(reader{tx})
		}
		if first != nil {
			return first
		}
		var found []error
		for _, look := range also {
			found = append(found, look(reader{tx}))
		}
		return errors.Join(found...)
	})
}
