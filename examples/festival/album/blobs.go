package album

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hawser-go/hawser/examples/festival/legible"
	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/store"
)

// Blobs are the sealed photos on a disk: one's own, and those kept for others. It is a seal.Source of both. Its methods may be called by
// several goroutines.
type Blobs struct {
	store               *store.Store
	mine, kept, passing *seal.Shelf

	fetching sync.Mutex // held while something is on the shelf passing
	mu       sync.Mutex
	whole    map[seal.Name]bool // what is on the shelf kept, and whether all of it is known to be as it should be
}

// OpenBlobs returns the blobs in a store, of which nothing else uses the buckets "mine", "kept", "passing" and "unfinished". What a process that
// was killed has left half fetched, in the store and in files, is removed.
func OpenBlobs(st *store.Store) (*Blobs, error) {
	b := &Blobs{store: st, whole: make(map[seal.Name]bool)}
	var err error
	open := func(bucket string) *seal.Shelf {
		s, e := seal.NewShelf(st, bucket)
		err = errors.Join(err, e)
		return s
	}
	b.mine, b.kept, b.passing = open("mine"), open("kept"), open("passing")
	if err != nil {
		return nil, err
	}
	if err := sweep(st); err != nil {
		return nil, err
	}
	left, err := b.passing.All()
	if err != nil {
		return nil, err
	}
	for _, each := range left {
		if err := b.passing.Drop(each.Name); err != nil {
			return nil, err
		}
	}
	kept, err := b.kept.All()
	for _, each := range kept {
		b.whole[each.Name] = false // until it was looked at: disks change
	}
	return b, err
}

// Piece implements seal.Source, with what is one's own and what is kept.
func (b *Blobs) Piece(ctx context.Context, name seal.Name, n int) ([]byte, error) {
	piece, err := b.mine.Piece(ctx, name, n)
	if errors.Is(err, seal.ErrAbsent) {
		return b.kept.Piece(ctx, name, n)
	}
	return piece, err
}

// Put seals the photo in a file to a fresh key. What it returns has no number and no caption yet.
func (b *Blobs) Put(ctx context.Context, path string) (Photo, error) {
	name := filepath.Base(path)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return Photo{}, plain(path, err)
	case info.IsDir():
		return Photo{}, fmt.Errorf("%s is a directory: name a file in it", path)
	case !info.Mode().IsRegular():
		return Photo{}, fmt.Errorf("%s is no file but a device, a pipe or the like", path)
	case info.Size() == 0:
		return Photo{}, fmt.Errorf("%s is empty", path)
	case info.Size() > MaxPhoto:
		return Photo{}, tooLarge(path)
	}
	if err := legible.Line(name, 1, MaxTitle); err != nil {
		return Photo{}, fmt.Errorf("the name of that file %w: call it something else", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return Photo{}, plain(path, err)
	}
	defer f.Close()
	in := &io.LimitedReader{R: f, N: MaxPhoto + 1} // it may grow meanwhile
	blob, err := b.mine.Put(ctx, in)
	if err != nil {
		return Photo{}, err
	}
	p := Photo{Name: name, Taken: info.ModTime().UTC().Truncate(time.Second), Size: MaxPhoto + 1 - in.N, Key: KeyOf(blob)}
	if p.Size > MaxPhoto {
		return Photo{}, errors.Join(tooLarge(path), b.mine.Drop(blob.Name()))
	}
	return p, nil
}

func tooLarge(path string) error {
	return fmt.Errorf("%s is too large: a photo has at most %d MiB", path, MaxPhoto>>20)
}

// plain returns what the system says of a file, in one short sentence.
func plain(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file %s", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be used by you", path)
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Keep gets a sealed photo from one of the sources and keeps it, if it is as long as limit at most. It need not, and cannot, be opened here. It
// returns who had something else than the photo, or did not serve it to the end, also if another did.
func (b *Blobs) Keep(ctx context.Context, name seal.Name, limit int64, sources []Source) (bad []Failure, err error) {
	if size, e := seal.Size(ctx, b.kept, name); e == nil && size <= limit && b.has(name) {
		return nil, nil
	}
	b.mu.Lock()
	b.whole[name] = false // so that what has come of it is dropped, too
	b.mu.Unlock()
	// What is there from before is looked through, and only what is missing or damaged fetched.
	if err = b.kept.Keep(ctx, b.kept, name, limit); err != nil {
		_, bad, err = gather(ctx, b.kept, name, limit, sources)
	}
	if err == nil {
		b.mu.Lock()
		b.whole[name] = true
		b.mu.Unlock()
	}
	return bad, err
}

// has reports whether a photo is kept here, and was found whole since the program was started.
func (b *Blobs) has(name seal.Name) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.whole[name]
}

// own reports whether a photo was sealed here.
func (b *Blobs) own(ctx context.Context, name seal.Name) bool {
	_, err := b.mine.Piece(ctx, name, 0)
	return err == nil
}

// Retain drops everything that is kept for others but what is wanted, if that is as long as it is said there to be, or shorter.
func (b *Blobs) Retain(ctx context.Context, wanted map[seal.Name]int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.whole {
		if room, ok := wanted[name]; ok {
			if size, err := seal.Size(ctx, b.kept, name); err != nil || size <= room {
				continue // if it is damaged it is fetched again
			}
		}
		if err := b.kept.Drop(name); err != nil {
			return err
		}
		delete(b.whole, name)
	}
	return nil
}

// Drop removes a photo that was sealed here.
func (b *Blobs) Drop(name seal.Name) error { return b.mine.Drop(name) }
