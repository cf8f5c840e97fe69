package album

import (
	"context"
	"time"

	"github.com/hawser-go/hawser/vat"
)

// pass is what somebody holds of an album: a role, made for a holder. What it can do is the facet it was made under.
type pass struct {
	Holder Holder
	Album  homeRef
}

var (
	// ReaderFacet, KeeperFacet and ContributorFacet are what holders of the roles see.
	ReaderFacet      = vat.FacetOf[Reader]("photos.Reader")
	KeeperFacet      = vat.FacetOf[Keeper]("photos.Keeper")
	ContributorFacet = vat.FacetOf[Contributor]("photos.Contributor")

	passKind = vat.KindOf("photos.pass", func() *pass { return new(pass) }, ReaderFacet, KeeperFacet, ContributorFacet)
)

// A Maker makes a facet of an album for the owner of a key, whose grant is good until then. It is called in a turn of the album's vat.
type Maker func(ctx context.Context, key [32]byte, until time.Time) (vat.Ref, error)

// makers returns what makes the facets of an album, by role.
func makers(album homeRef) map[Role]Maker {
	return map[Role]Maker{
		AsReader:      maker[Reader](album, ReaderFacet),
		AsKeeper:      maker[Keeper](album, KeeperFacet),
		AsContributor: maker[Contributor](album, ContributorFacet),
	}
}

func maker[I any](album homeRef, facet vat.Facet[I]) Maker {
	return func(ctx context.Context, key [32]byte, until time.Time) (vat.Ref, error) {
		h, err := near[home](ctx, album.Ref)
		if err != nil {
			return vat.Ref{}, err
		}
		impl, ok := any(&pass{Holder: Holder{key, h.named(key), until.UTC()}, Album: album}).(I)
		if !ok {
			return vat.Ref{}, ErrMayNot
		}
		return facet.Spawn(ctx, impl), nil
	}
}

// Photos implements Reader.
func (p *pass) Photos(ctx context.Context, from int) (Photos, error) {
	h, err := near[home](ctx, p.Album.Ref)
	if err != nil {
		return Photos{}, err
	}
	list := Photos{Title: h.Title, Version: h.Version, Shelves: h.where(time.Now())}
	for i := range h.Photos {
		each := h.Photos[i].Photo
		if each.Number < from {
			continue
		}
		if list.More = len(list.Photos) == atOnce; list.More {
			break
		}
		list.Photos = append(list.Photos, each)
	}
	return list, nil
}

// Sealed implements Keeper.
func (p *pass) Sealed(ctx context.Context, from int) (Sealed, error) {
	list, err := p.Photos(ctx, from)
	if err != nil {
		return Sealed{}, err
	}
	bare := Sealed{Version: list.Version, More: list.More, Shelves: list.Shelves}
	for _, each := range list.Photos {
		bare.Blobs = append(bare.Blobs, Blob{each.Number, each.Key.Name(), each.Size})
	}
	return bare, nil
}

// Serve implements Keeper and Contributor.
func (p *pass) Serve(ctx context.Context, shelf string) error {
	h, err := near[home](ctx, p.Album.Ref)
	if err != nil {
		return err
	}
	return h.serve(p.Holder, shelf, time.Now())
}

// Add implements Contributor.
func (p *pass) Add(ctx context.Context, photo Photo) (int, error) {
	h, err := near[home](ctx, p.Album.Ref)
	if err != nil {
		return 0, err
	}
	added, err := h.add(p.Holder, photo)
	return added.Number, err
}

// Remove implements Contributor.
func (p *pass) Remove(ctx context.Context, number int) error {
	h, err := near[home](ctx, p.Album.Ref)
	if err != nil {
		return err
	}
	_, err = h.remove(p.Holder.Key, number)
	return err
}
