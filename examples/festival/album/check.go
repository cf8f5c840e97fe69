package album

import (
	"context"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/examples/festival/legible"
	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// What others can cost.
const (
	// MaxPhoto is how long a photo may be, in bytes.
	MaxPhoto = 64 << 20
	// MaxPhotos is how many an album has, and MaxContributed how many of one contributor.
	MaxPhotos, MaxContributed = 256, 64
	// MaxTitle and MaxCaption are lengths in bytes: of titles and names, and of captions.
	MaxTitle, MaxCaption = 120, 500
	// MaxShelves is how many shelves an album tells of besides the owner's own, one of each holder.
	MaxShelves = 8
	// MaxAlbums is how many albums somebody has, their own and those of others.
	MaxAlbums = 64

	maxNames      = 1024
	maxShelfText  = 4 << 10 // bytes of a sturdyref: they may have many addresses
	maxInvitation = 12 << 10
	atOnce        = 64 // photos in an answer
	maxVersion    = 1 << 50
)

// Errors of albums, by code.
var (
	ErrText    = vat.NewError("photos.text", "that text cannot be taken")
	ErrPhoto   = vat.NewError("photos.photo", "that is no photo that an album can have")
	ErrFull    = vat.NewError("photos.full", "there is no room for more")
	ErrTwice   = vat.NewError("photos.twice", "the album has that photo already")
	ErrGone    = vat.NewError("photos.gone", "there is no such photo")
	ErrNoAlbum = vat.NewError("photos.no-album", "there is no such album here")
	ErrMayNot  = vat.NewError("photos.may-not", "that is not yours to do")
	ErrAbsent  = vat.NewError("photos.absent", "that is not on this shelf")
	ErrSilent  = vat.NewError("photos.silent", "there is no answer: whoever is asked cannot be reached at the moment")
	ErrLong    = vat.NewError("photos.long", "it takes long: what is missing is fetched the next time")
	ErrList    = vat.NewError("photos.list", "what came as the album's list cannot be one")
)

// because returns an error of the same code that says more.
func because(e *vat.Error, format string, args ...any) error {
	return vat.NewError(e.Code, e.Message+": "+fmt.Sprintf(format, args...))
}

func checkLine(what, text string, min, max int) error {
	if err := legible.Line(text, min, max); err != nil {
		return because(ErrText, "%s %v", what, err)
	}
	return nil
}

// check returns why this cannot be a photo of an album's, or nil.
func (p *Photo) check() error {
	if err := checkLine("the name", p.Name, 1, MaxTitle); err != nil {
		return err
	}
	if err := legible.Text(p.Caption, MaxCaption); err != nil {
		return because(ErrText, "the caption %v", err)
	}
	if y := p.Taken.Year(); y < 1800 || y > 9999 {
		return because(ErrPhoto, "it was taken in the year %d", y)
	}
	if err := checkSize(p.Size); err != nil {
		return err
	}
	if _, err := p.Key.Blob(); err != nil {
		return because(ErrPhoto, "its key is none")
	}
	return nil
}

func checkSize(n int64) error {
	if n < 1 || n > MaxPhoto {
		return because(ErrPhoto, "it has from 1 byte to %d MiB", MaxPhoto>>20)
	}
	return nil
}

// checkShelf returns why a text is not where a shelf could be, or nil.
func checkShelf(text string) error {
	if len(text) > maxShelfText {
		return because(ErrText, "the place of a shelf is longer than %d bytes", maxShelfText)
	}
	if ref, err := sturdyref.Parse(text); err != nil || ref.Peer.Transport != sturdyref.Transport {
		return because(ErrText, "the place of a shelf is no sturdyref")
	}
	return nil
}

// checkWhere takes what an album's home says of shelves: what cannot be is left out.
func checkWhere(all []Where) (sound []Where) {
	for _, each := range all[:min(len(all), 1+MaxShelves)] {
		if checkShelf(each.Shelf) == nil && legible.Line(each.Of, 0, MaxTitle) == nil {
			sound = append(sound, each)
		}
	}
	return sound
}

// near returns the object of this vat that a reference leads to.
func near[T any](ctx context.Context, r vat.Ref) (*T, error) {
	o, ok := vat.Near[*T](ctx, r)
	if !ok {
		return nil, ErrNoAlbum
	}
	return o, nil
}

// name returns a blob's as what it is.
func (b *Blob) name() seal.Name { return seal.Name(b.Name) }

func (h *Holder) over(now time.Time) bool { return !h.Until.IsZero() && !now.Before(h.Until) }
