package album

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/vat"
)

// A Source is a shelf where a photo may be, and whose it is: what the album's owner calls them, empty for the owner.
type Source struct {
	Of string
	seal.Source
}

// A Failure is why a photo was not had from somebody's shelf.
type Failure struct {
	Of  string
	Err error
}

// Lied reports whether what came was not the photo.
func (f *Failure) Lied() bool {
	return errors.Is(f.Err, seal.ErrDamaged) || errors.Is(f.Err, seal.ErrMalformed) || errors.Is(f.Err, seal.ErrTooLong)
}

// Fetched says how a photo was had.
type Fetched struct {
	Photo Photo
	// Here says that it was on this disk already. Otherwise it is from the shelf of whom Of names.
	Here bool
	Of   string
	// Bad are shelves that had something else, or did not serve it to the end.
	Bad []Failure
}

// How long a shelf may take: to answer at all, and for a piece of 64 KiB, of which several are under way at a time.
const (
	patience = 10 * time.Second
	slowest  = 30 * time.Second
)

// ErrNowhere says that nobody who can be reached has a photo.
var ErrNowhere = vat.NewError("photos.nowhere", "no shelf that can be reached has that photo, as it should be")

// gather gets a blob onto a shelf from the first source that has it: all are asked at once, so that those that are away cost no time, and gone
// through in the order of their answers. What one has served rightly before it failed is not fetched again. It returns whose it was in the
// end, and whose turn it was in vain.
func gather(ctx context.Context, to *seal.Shelf, name seal.Name, limit int64, sources []Source) (of string, bad []Failure, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var asked sync.WaitGroup
	defer asked.Wait()
	defer cancel()
	type answer struct {
		from Source
		err  error
	}
	answers := make(chan answer, len(sources))
	for _, each := range sources {
		asked.Go(func() {
			ctx, cancel := context.WithTimeoutCause(ctx, patience, ErrSilent)
			defer cancel()
			_, err := seal.Size(ctx, each.Source, name)
			answers <- answer{each, err}
		})
	}
	for range sources {
		var a answer
		select {
		case a = <-answers:
		case <-ctx.Done():
			return "", bad, context.Cause(ctx)
		}
		if a.err == nil {
			a.err = to.Keep(ctx, a.from, name, limit)
		}
		if a.err == nil {
			return a.from.Of, bad, nil
		}
		if ctx.Err() != nil {
			return "", bad, context.Cause(ctx)
		}
		if errors.Is(a.err, store.ErrFailed) || errors.Is(a.err, store.ErrClosed) {
			return "", bad, a.err // this disk is to blame, and nobody else's
		}
		bad = append(bad, Failure{a.from.Of, a.err})
	}
	return "", bad, ErrNowhere
}

// Fetch writes a photo to a file that is not there yet, whole or not at all: from this disk, or else from one of the sources.
func (b *Blobs) Fetch(ctx context.Context, p Photo, sources []Source, path string) (got Fetched, err error) {
	got.Photo = p
	blob, err := p.Key.Blob()
	if err != nil {
		return got, because(ErrPhoto, "its key is none")
	}
	out, err := newFile(b.store, path)
	if err != nil {
		return got, err
	}
	defer out.discard()
	if _, err = seal.Get(ctx, b, blob, out); err == nil {
		got.Here = true
		return got, out.keep()
	}
	if ctx.Err() != nil || errors.Is(err, seal.ErrKey) {
		return got, opened(err)
	}
	if err := out.again(); err != nil { // what the disk has of it was damaged
		return got, err
	}
	b.fetching.Lock()
	defer b.fetching.Unlock()
	defer func() {
		if e := b.passing.Drop(blob.Name()); err == nil {
			err = e
		}
	}()
	if got.Of, got.Bad, err = gather(ctx, b.passing, blob.Name(), p.Size, sources); err != nil {
		return got, err
	}
	if _, err = seal.Get(ctx, b.passing, blob, out); err != nil {
		return got, opened(err)
	}
	return got, out.keep()
}

// opened says whose fault it is that a photo that came whole does not open.
func opened(err error) error {
	if errors.Is(err, seal.ErrKey) {
		return because(ErrPhoto, "it came whole, but its key does not open it: whoever added it made it so")
	}
	return err
}
