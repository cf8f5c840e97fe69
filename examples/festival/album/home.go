package album

import (
	"encoding/hex"
	"slices"
	"time"

	"github.com/hawser-go/hawser/vat"
)

// home is an album where it is at home, its owner's durable vat. Nobody but the owner's program sees it whole: others get facets.
type home struct {
	ID      ID
	Title   string
	Version int
	// Last is the number given last.
	Last   int
	Photos []row
	// Own is where the owner's shelf is, and Shelves are those of others.
	Own     string
	Shelves []served
	// Names are what the owner calls those who were given something, by their keys in hexadecimal digits.
	Names map[string]string
	// Ended says that there is no such album any more.
	Ended bool
}

// row is a photo, and the key of who has added it: zeros for the owner.
type row struct {
	Photo Photo
	By    [32]byte
}

// served is the shelf of a holder.
type served struct {
	Holder Holder
	Shelf  string
}

// within is for objects that nobody sends messages to: they are seen in turns of their own vat.
type within interface{}

var (
	homeFacet = vat.FacetOf[within]("photos.home")
	homeKind  = vat.KindOf("photos.home", func() *home { return new(home) }, homeFacet)
)

type homeRef struct{ vat.Ref }

// add puts a photo into the album, for a holder or, with the zero key, for the owner.
func (h *home) add(by Holder, p Photo) (Photo, error) {
	if h.Ended {
		return Photo{}, ErrNoAlbum
	}
	if err := p.check(); err != nil {
		return Photo{}, err
	}
	theirs := 0
	for i := range h.Photos {
		if h.Photos[i].Photo.Key.Name() == p.Key.Name() {
			return Photo{}, ErrTwice
		}
		if h.Photos[i].By == by.Key {
			theirs++
		}
	}
	switch {
	case len(h.Photos) >= MaxPhotos:
		return Photo{}, because(ErrFull, "an album has at most %d photos", MaxPhotos)
	case by.Key != [32]byte{} && theirs >= MaxContributed:
		return Photo{}, because(ErrFull, "a contributor has at most %d photos in an album", MaxContributed)
	}
	h.Last++
	h.Version++
	p.Number, p.By, p.Taken = h.Last, by.Name, p.Taken.UTC().Truncate(time.Second)
	h.Photos = append(h.Photos, row{p, by.Key})
	return p, nil
}

// remove takes a photo out, for whoever has added it or, with the zero key, for the owner.
func (h *home) remove(by [32]byte, number int) (Photo, error) {
	i := slices.IndexFunc(h.Photos, func(r row) bool { return r.Photo.Number == number })
	if i < 0 {
		return Photo{}, ErrGone
	}
	was := h.Photos[i]
	if by != [32]byte{} && was.By != by {
		return Photo{}, ErrMayNot
	}
	h.Version++
	h.Photos = slices.Delete(slices.Clone(h.Photos), i, i+1)
	return was.Photo, nil
}

// serve notes where a holder's shelf is. That is no new version of the album: the parts of its list are read although shelves come and go.
func (h *home) serve(by Holder, shelf string, now time.Time) error {
	if h.Ended {
		return ErrNoAlbum
	}
	left := slices.DeleteFunc(slices.Clone(h.Shelves), func(s served) bool { return s.Holder.Key == by.Key || s.Holder.over(now) })
	if shelf != "" {
		if err := checkShelf(shelf); err != nil {
			return err
		}
		if len(left) >= MaxShelves {
			return because(ErrFull, "an album tells of at most %d shelves", MaxShelves)
		}
		left = append(left, served{by, shelf})
	}
	h.Shelves = left
	return nil
}

// where returns the shelves there are: the owner's, then those of others.
func (h *home) where(now time.Time) []Where {
	var all []Where
	if h.Own != "" {
		all = append(all, Where{Shelf: h.Own})
	}
	for _, each := range h.Shelves {
		if !each.Holder.over(now) {
			all = append(all, Where{each.Holder.Name, each.Shelf})
		}
	}
	return all
}

// call has the owner of a key called by a name, in what is made for it from now on.
func (h *home) call(key [32]byte, name string) error {
	if err := checkLine("the name", name, 1, MaxTitle); err != nil {
		return err
	}
	id := hex.EncodeToString(key[:])
	if _, had := h.Names[id]; !had && len(h.Names) >= maxNames {
		return because(ErrFull, "an album knows at most %d people", maxNames)
	}
	if h.Names == nil {
		h.Names = make(map[string]string)
	}
	h.Names[id] = name
	return nil
}

// named returns what the owner of a key is called: what the album's owner says, or else the beginning of the key.
func (h *home) named(key [32]byte) string {
	if name := h.Names[hex.EncodeToString(key[:])]; name != "" {
		return name
	}
	return hex.EncodeToString(key[:4])
}
