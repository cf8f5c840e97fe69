package album

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/vat"
)

// ShelfFacet is what anybody may ask of a shelf.
var ShelfFacet = vat.FacetOf[Shelf]("photos.Shelf")

// shelf serves what a peer has on its disk.
type shelf struct{ blobs *Blobs }

// Serve returns a shelf, in an ordinary vat, that serves what there is of sealed photos.
func Serve(v *vat.Vat, b *Blobs) vat.Ref { return ShelfFacet.SpawnIn(v, shelf{b}) }

// Piece implements Shelf.
func (s shelf) Piece(ctx context.Context, name []byte, n int) ([]byte, error) {
	if len(name) != len(seal.Name{}) {
		return nil, vat.ErrBadArgs
	}
	piece, err := s.blobs.Piece(ctx, seal.Name(name), n)
	if errors.Is(err, seal.ErrAbsent) {
		return nil, ErrAbsent
	}
	return piece, err
}

// remote is the shelf of a peer, as a source.
type remote struct {
	get func() (ShelfRef, error)

	mu   sync.Mutex
	ref  ShelfRef // null at first
	away error    // why it is not asked any more
}

// Piece implements seal.Source. It asks once more when a session was lost: the peer's program may just have been started again. Who is away,
// or has not answered in time, is not asked again.
func (r *remote) Piece(ctx context.Context, name seal.Name, n int) ([]byte, error) {
	piece, err := asked(ctx, slowest, func(ctx context.Context) ([]byte, error) {
		piece, by, err := r.ask(ctx, ShelfRef{}, name, n)
		if errors.Is(err, net.ErrClosed) {
			piece, _, err = r.ask(ctx, by, name, n)
		}
		return piece, err
	})
	if err != nil && Away(err) {
		r.mu.Lock()
		r.away = err
		r.mu.Unlock()
	}
	return piece, err
}

// ask asks by a reference that is another than the one that was lost, and returns it, too.
func (r *remote) ask(ctx context.Context, lost ShelfRef, name seal.Name, n int) (piece []byte, by ShelfRef, err error) {
	r.mu.Lock()
	if err = r.away; err == nil && r.ref == lost {
		r.ref, err = r.get()
	}
	by = r.ref
	r.mu.Unlock()
	if err == nil {
		piece, err = by.Piece(ctx, name[:], n).Await(ctx)
	}
	return piece, by, err
}

// asked calls ask with a context that ends in a while, and then returns ErrSilent.
func asked[T any](ctx context.Context, most time.Duration, ask func(ctx context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, most, ErrSilent)
	defer cancel()
	v, err := ask(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrSilent) {
		err = ErrSilent
	}
	return v, err
}

// sources returns the shelves that an album tells of, as sources of its photos, without this peer's.
func (p *Peer) sources(all []Where) (sources []Source) {
	for _, each := range all {
		if each.Shelf == p.shelf {
			continue
		}
		sources = append(sources, Source{each.Of, &remote{get: func() (ShelfRef, error) { return p.reach.Shelf(each.Shelf) }}})
	}
	return sources
}
