package store

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"sync"
)

// A Store is a backend that is open, with the batches that are on their way there. Its methods may be called by any
// goroutine.
type Store struct {
	backend Backend
	id      [16]byte
	epoch   uint64
	writer  sync.WaitGroup

	mu      sync.Mutex
	changed sync.Cond
	waiting []submission
	unread  map[place]recent // what Get must see before it is written
	pending int              // bytes of batches submitted and not written
	count   uint64           // batches submitted
	err     error            // why nothing is taken any more
	closed  bool
}

type submission struct {
	batch *Batch
	done  func(error)
	n     uint64
}

// place is where a value is; without a key it is the whole bucket, of which a write is that it is dropped.
type place struct{ bucket, key string }

// recent is the value of the last write to a place, nil for none, and which batch that was.
type recent struct {
	value []byte
	n     uint64
}

const (
	// maxPending is how many bytes may wait to be written before Submit waits.
	maxPending = 32 << 20
	// maxGroup is about how many bytes are written in one transaction, so that the first of many waits no longer than needed.
	maxGroup = 8 << 20
)

// The store's own bucket, and what it holds.
const (
	meta   = "hawser"
	format = 1
)

var (
	formatKey = []byte("format")
	idKey     = []byte("id")
	epochKey  = []byte("epoch")
)

// Open makes a store of a backend, which is the store's from then on: it is closed if Open fails. One that was never used
// gets an id. The epoch of this opening is written before Open returns.
func Open(backend Backend) (*Store, error) {
	s := &Store{backend: backend, unread: make(map[place]recent)}
	s.changed.L = &s.mu
	if err := s.begin(); err != nil {
		_ = backend.Close()
		return nil, err
	}
	s.writer.Go(s.write)
	return s, nil
}

// begin reads who the store is and begins an epoch.
func (s *Store) begin() error {
	fresh := false
	err := s.backend.View(func(r Reader) (err error) {
		fresh, err = unused(r)
		copy(s.id[:], r.Get(meta, idKey))
		if epoch := r.Get(meta, epochKey); err == nil && !fresh {
			s.epoch = binary.BigEndian.Uint64(epoch)
		}
		return err
	})
	if err != nil {
		return err
	}
	if fresh {
		_, _ = rand.Read(s.id[:])
	}
	s.epoch++
	b := Batch{ops: []Op{
		{meta, formatKey, binary.BigEndian.AppendUint64(nil, format)},
		{meta, idKey, s.id[:]},
		{meta, epochKey, binary.BigEndian.AppendUint64(nil, s.epoch)},
	}}
	if err := s.backend.Apply([]*Batch{&b}); err != nil {
		return failed(err)
	}
	return nil
}

// unused reports whether there is nothing yet, or why what is there is no store that this version knows.
func unused(r Reader) (bool, error) {
	version, id, epoch := r.Get(meta, formatKey), r.Get(meta, idKey), r.Get(meta, epochKey)
	switch {
	case version == nil && id == nil && epoch == nil && len(r.Buckets()) == 0:
		return true, nil
	case len(version) != 8 || len(id) != len(Store{}.id) || len(epoch) != 8:
		return false, fmt.Errorf("%w: it does not say what it is", ErrForeign)
	case binary.BigEndian.Uint64(version) > format:
		return false, fmt.Errorf("%w: its format is %d, this version knows %d: use the later version", ErrNewer, binary.BigEndian.Uint64(version), format)
	}
	return false, nil
}

// Check returns why what a backend holds is no store that this version knows, nil if it is one or is empty: for those who
// look into a backend that is no open store.
func Check(r Reader) error {
	_, err := unused(r)
	return err
}

// ID returns what tells this store from every other; a copy has the same.
func (s *Store) ID() [16]byte { return s.id }

// Epoch returns the number of this opening, from 1, higher than that of each earlier one.
func (s *Store) Epoch() uint64 { return s.epoch }

// Submit takes a batch, which is written behind all that were submitted before. done, if not nil, is told once, by the
// store's goroutine and in order, that it has been written or why it was not; it must return soon and call neither Submit,
// which may wait for it, nor Close. Submit waits while very much is on its way; it returns an error, and done is not
// called, if the batch cannot be stored or the store takes no more.
func (s *Store) Submit(b *Batch, done func(error)) error {
	if b.err != nil {
		return b.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.pending > maxPending && s.err == nil {
		s.changed.Wait()
	}
	if s.err != nil {
		return s.err
	}
	s.count++
	s.pending += b.size
	for _, op := range b.ops {
		if op.Key == nil {
			maps.DeleteFunc(s.unread, func(p place, _ recent) bool { return p.bucket == op.Bucket })
		}
		s.unread[place{op.Bucket, string(op.Key)}] = recent{op.Value, s.count}
	}
	s.waiting = append(s.waiting, submission{b, done, s.count})
	s.changed.Broadcast()
	return nil
}

// Write submits a batch and waits until it has been written.
func (s *Store) Write(b *Batch) error {
	done := make(chan error, 1)
	if err := s.Submit(b, func(err error) { done <- err }); err != nil {
		return err
	}
	return <-done
}

// Get returns a copy of the value that the last batch submitted leaves at a key, nil if there is none.
func (s *Store) Get(bucket string, key []byte) ([]byte, error) {
	s.mu.Lock()
	last, ok := s.unread[place{bucket, string(key)}]
	if !ok {
		last, ok = s.unread[place{bucket: bucket}] // it is dropped
	}
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if ok {
		return bytes.Clone(last.value), nil
	}
	var value []byte
	err = s.backend.View(func(r Reader) error {
		value = bytes.Clone(r.Get(bucket, key))
		return nil
	})
	return value, err
}

// View calls fn with what has been written at one moment: not what waits. It returns fn's error.
func (s *Store) View(fn func(Reader) error) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return ErrClosed
	}
	return s.backend.View(fn)
}

// Err returns why the store takes nothing any more, nil if it does.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close writes what was submitted and frees the store. It returns why the store had failed, if it had. Views in progress
// are waited for. Later calls return nil at once.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	failure := s.err
	if s.err == nil {
		s.err = ErrClosed
	}
	s.changed.Broadcast()
	s.mu.Unlock()
	s.writer.Wait()
	if err := s.backend.Close(); failure == nil {
		failure = err
	}
	return failure
}
