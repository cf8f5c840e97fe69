package seal

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/hawser-go/hawser/internal/conceal"
	"github.com/hawser-go/hawser/store"
)

// Shelf keeps sealed blobs in a bucket of a store: its owner's, and those of others, which it cannot read. It is a [Source].
// It may be used by several goroutines.
//
// A blob has an entry, whose key is its name, and its pieces from 1, whose keys are the id in the entry and their number.
type Shelf struct {
	store  *store.Store
	bucket string
	mu     sync.Mutex // held from reading an entry to writing it
}

// entry is what a shelf stores beside the pieces of a blob.
type entry struct {
	whole bool
	id    [32]byte
	list  []byte // encoded
}

func (e *entry) encode() []byte {
	b := make([]byte, 0, 1+len(e.id)+len(e.list))
	b = append(b, 0)
	if e.whole {
		b[0] = 1
	}
	return append(append(b, e.id[:]...), e.list...)
}

func decodeEntry(b []byte) (e entry, ok bool) {
	if len(b) < 1+len(e.id) {
		return e, false
	}
	e.whole = b[0] == 1
	copy(e.id[:], b[1:])
	e.list = b[1+len(e.id):]
	return e, true
}

// pieceKey is the key of chunk i, from 0.
func pieceKey(id *[32]byte, i int) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(id[:]), uint32(i+1))
}

// NewShelf returns the shelf in that bucket, which nothing else may use. What was left there without an entry, by a Put that the
// end of a process cut short, is removed.
func NewShelf(st *store.Store, bucket string) (*Shelf, error) {
	ids := make(map[[32]byte]bool)
	var orphans store.Batch
	err := st.View(func(r store.Reader) error {
		r.Scan(bucket, nil, func(key, value []byte) bool {
			if e, ok := decodeEntry(value); ok && len(key) == len(Name{}) {
				ids[e.id] = true
			}
			return true
		})
		r.Scan(bucket, nil, func(key, _ []byte) bool {
			if len(key) == len(Name{})+4 && !ids[[32]byte(key)] {
				orphans.Delete(bucket, bytes.Clone(key))
			}
			return true
		})
		return nil
	})
	if err == nil {
		err = st.Write(&orphans)
	}
	if err != nil {
		return nil, fmt.Errorf("seal: the shelf %q: %w", bucket, err)
	}
	return &Shelf{store: st, bucket: bucket}, nil
}

// Put seals what r has, at most MaxBlob bytes, to a fresh key, keeps it, and returns the capability to read it. It is on the
// disk when Put has returned. The same content put twice makes two blobs, which nobody can see to be the same.
func (s *Shelf) Put(ctx context.Context, r io.Reader) (Blob, error) {
	var key [keySize]byte
	rand.Read(key[:])
	return s.put(ctx, r, &key)
}

func (s *Shelf) put(ctx context.Context, r io.Reader, key *[keySize]byte) (_ Blob, err error) {
	e := entry{whole: true}
	rand.Read(e.id[:])
	l := list{Version: 1}
	defer func() {
		if err != nil {
			_ = s.remove(nil, &e.id, l.chunks()) // else the next NewShelf does it
		}
	}()
	cipher, cut := newCipher(key), cutter{from: r}
	for last := false; !last; {
		i := l.chunks()
		var n int
		data := make([]byte, ChunkSize+tagSize)
		if n, last, err = cut.next(data[:ChunkSize+1]); err != nil {
			return Blob{}, err
		}
		if !last && i == maxChunks-1 {
			return Blob{}, fmt.Errorf("%w: more than %d bytes are put there", ErrTooLong, MaxBlob)
		}
		chunk := cipher.seal(data[:n], uint64(i), last)
		sum := sha256.Sum256(chunk)
		l.Length += uint64(n)
		l.Hashes = append(l.Hashes, sum[:]...)
		if err = s.submit(ctx, pieceKey(&e.id, i), chunk); err != nil {
			return Blob{}, err
		}
	}
	b := &blob{key: *key}
	if b.name, e.list, err = l.encode(); err != nil {
		return Blob{}, err
	}
	if err = s.write(b.name, &e); err != nil {
		return Blob{}, err
	}
	return Blob{conceal.Secret(b)}, nil
}

// Keep gets a blob from a source and keeps it, without being able to read it, if it is not longer than limit bytes; 0 means
// MaxBlob. It is whole, and on the disk, when Keep has returned. Each piece is verified when it comes. What has come before an
// error is kept, served, and not fetched again by another Keep, from the same source or another; Drop removes it.
func (s *Shelf) Keep(ctx context.Context, from Source, blob Name, limit int64) error {
	l, encoded, err := fetchList(ctx, from, blob)
	if err != nil {
		return err
	}
	if limit > 0 && l.Length > uint64(limit) {
		return fmt.Errorf("%w: blob %v has %d bytes, at most %d are to be kept", ErrTooLong, blob, l.Length, limit)
	}
	e, err := s.begin(blob, encoded)
	if err != nil {
		return err
	}
	var missing []int
	for i := range l.chunks() {
		b, err := s.store.Get(s.bucket, pieceKey(&e.id, i))
		if err != nil {
			return err
		}
		if !l.is(i, b) {
			missing = append(missing, i)
		}
	}
	err = l.fetch(ctx, from, blob, missing, func(i int, chunk []byte) error {
		return s.submit(ctx, pieceKey(&e.id, i), chunk)
	})
	if err != nil {
		return err
	}
	return s.end(blob, &e)
}

// begin returns the entry of a blob whose pieces are to be kept, made now if there is none.
func (s *Shelf) begin(blob Name, list []byte) (entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok, err := s.entry(blob)
	if err != nil || ok && bytes.Equal(e.list, list) {
		return e, err
	}
	if !ok {
		rand.Read(e.id[:])
	}
	e.whole, e.list = false, list
	return e, s.write(blob, &e)
}

// end notes that all pieces are there, unless the entry they belong to was dropped meanwhile.
func (s *Shelf) end(blob Name, e *entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, ok, err := s.entry(blob)
	if err != nil {
		return err
	}
	if !ok || now.id != e.id {
		return fmt.Errorf("%w: blob %v was dropped while it was fetched", ErrAbsent, blob)
	}
	e.whole = true
	return s.write(blob, e)
}

// Piece implements Source.
func (s *Shelf) Piece(_ context.Context, blob Name, n int) ([]byte, error) {
	absent := func() ([]byte, error) { return nil, fmt.Errorf("%w: piece %d of blob %v", ErrAbsent, n, blob) }
	if n < 0 || n > maxChunks {
		return absent()
	}
	e, ok, err := s.entry(blob)
	if err != nil {
		return nil, err
	}
	if !ok {
		return absent()
	}
	if n == 0 {
		return e.list, nil
	}
	b, err := s.store.Get(s.bucket, pieceKey(&e.id, n-1))
	if err != nil {
		return nil, err
	}
	if b == nil {
		return absent()
	}
	return b, nil
}

// Kept is a blob on a shelf.
type Kept struct {
	Name Name
	// Size is how long what is in it is, in bytes.
	Size int64
	// Whole reports whether all of it is there.
	Whole bool
}

// All returns the blobs on the shelf, in the order of their names.
func (s *Shelf) All() (all []Kept, err error) {
	err = s.store.View(func(r store.Reader) error {
		r.Scan(s.bucket, nil, func(key, value []byte) bool {
			if len(key) != len(Name{}) {
				return true
			}
			name := Name(key)
			if e, ok := decodeEntry(value); ok {
				if l, err := readList(name, e.list); err == nil {
					all = append(all, Kept{name, int64(l.Length), e.whole})
				}
			}
			return true
		})
		return nil
	})
	return all, err
}

// Drop removes a blob; it need not be there. What is being read of it may end with ErrAbsent.
func (s *Shelf) Drop(blob Name) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok, err := s.entry(blob)
	if err != nil || !ok {
		return err
	}
	chunks := maxChunks
	if l, err := readList(blob, e.list); err == nil {
		chunks = l.chunks()
	}
	return s.remove(blob[:], &e.id, chunks)
}

// remove deletes an entry, if there is one, and chunks.
func (s *Shelf) remove(name []byte, id *[32]byte, chunks int) error {
	var b store.Batch
	if name != nil {
		b.Delete(s.bucket, name)
	}
	for i := range chunks {
		b.Delete(s.bucket, pieceKey(id, i))
	}
	return s.store.Write(&b)
}

func (s *Shelf) entry(name Name) (e entry, ok bool, err error) {
	b, err := s.store.Get(s.bucket, name[:])
	if err != nil || b == nil {
		return e, false, err
	}
	e, ok = decodeEntry(b)
	return e, ok, nil
}

// submit has a piece written before anything that is submitted later, and does not wait for that.
func (s *Shelf) submit(ctx context.Context, key, piece []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var b store.Batch
	b.Put(s.bucket, key, piece)
	return s.store.Submit(&b, nil)
}

// write has an entry written, and waits until it is, and so is all that was submitted before.
func (s *Shelf) write(name Name, e *entry) error {
	var b store.Batch
	b.Put(s.bucket, name[:], e.encode())
	return s.store.Write(&b)
}
