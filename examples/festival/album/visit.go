package album

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/hawser-go/hawser/examples/festival/legible"
	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// wait is how long an album's home may take to answer.
const wait = 10 * time.Second

// Read asks an album's home what is on its list, and returns the album as it is known then. With an error, it is what was known before: when the
// home is away, or refuses; what was read cannot be unread.
func (p *Peer) Read(ctx context.Context, number int) (Album, error) {
	before, err := p.Album(ctx, number)
	if err != nil || before.Own() {
		return before, err
	}
	list, failed := p.ask(ctx, before)
	if err := context.Cause(ctx); err != nil {
		return before, err
	}
	now, err := turn(ctx, p, func(ctx context.Context, c *collection) (Album, error) {
		o, err := c.other(number)
		if err != nil {
			return Album{}, err
		}
		if failed != nil {
			o.Trouble = Trouble(failed)
			return c.album(ctx, number)
		}
		o.Trouble, o.Synced = "", time.Now().UTC()
		s, err := near[copied](ctx, o.Copy.Ref)
		if err != nil {
			return Album{}, err
		}
		*s = list
		return c.album(ctx, number)
	})
	if err == nil {
		err = failed
	}
	return now, err
}

// ask gets the list of an album from its home. Whoever has that may say anything: what comes back is bounded, and safe to show.
func (p *Peer) ask(ctx context.Context, a Album) (copied, error) {
	return asked(ctx, wait, func(ctx context.Context) (list copied, err error) {
		for range 3 {
			var ref vat.Ref
			if ref, err = p.reach.Redeem(a.Invitation); err != nil {
				return list, err
			}
			whole := false
			list, whole, err = ask(ctx, ref, a.Role)
			switch {
			case whole, ctx.Err() != nil:
				return list, err
			case err == nil:
				err = because(ErrList, "it changes all the time")
			case !errors.Is(err, net.ErrClosed): // else the session was lost, perhaps with a program that is there again
				return list, err
			}
		}
		return list, err
	})
}

// ask gets a list, part by part; it is not whole if it has changed meanwhile.
func ask(ctx context.Context, ref vat.Ref, role Role) (list copied, whole bool, err error) {
	for last, more := 0, true; more; {
		var part Photos
		if role == AsKeeper {
			sealed, err := vat.As[KeeperRef](ref).Sealed(ctx, last+1).Await(ctx)
			if err != nil {
				return list, false, err
			}
			part = Photos{Version: sealed.Version, More: sealed.More, Shelves: sealed.Shelves}
			list.Blobs = append(list.Blobs, sealed.Blobs...)
		} else {
			if part, err = vat.As[ReaderRef](ref).Photos(ctx, last+1).Await(ctx); err != nil {
				return list, false, err
			}
			for _, each := range part.Photos {
				list.Blobs = append(list.Blobs, Blob{each.Number, each.Key.Name(), each.Size})
			}
			list.Photos = append(list.Photos, part.Photos...)
		}
		if list.Version != 0 && list.Version != part.Version {
			return list, false, nil
		}
		list.Title, list.Version, list.Shelves, more = part.Title, part.Version, checkWhere(part.Shelves), part.More
		before := last
		if last, err = list.check(role); err != nil {
			return list, false, err
		}
		if more && last == before {
			return list, false, because(ErrList, "it goes on with nothing")
		}
	}
	return list, true, nil
}

// check returns the last number on a list, or why it cannot be one.
func (l *copied) check(role Role) (last int, err error) {
	switch {
	case l.Version < 1 || l.Version > maxVersion:
		return 0, because(ErrList, "versions count from 1")
	case len(l.Blobs) > MaxPhotos:
		return 0, because(ErrList, "it has more than %d photos", MaxPhotos)
	case role != AsKeeper && legible.Line(l.Title, 1, MaxTitle) != nil:
		return 0, because(ErrList, "its title cannot be shown")
	}
	for _, each := range l.Blobs {
		if each.Number <= last || each.Number > maxVersion {
			return 0, because(ErrList, "its numbers do not ascend")
		}
		if checkSize(each.Size) != nil {
			return 0, because(ErrList, "a photo has %d bytes", each.Size)
		}
		last = each.Number
	}
	for i := range l.Photos {
		p := &l.Photos[i]
		if err := p.check(); err != nil {
			return 0, because(ErrList, "photo %d: %s", p.Number, legible.Reason(err, 4*MaxTitle))
		}
		if legible.Line(p.By, 0, MaxTitle) != nil {
			return 0, because(ErrList, "who has added photo %d cannot be shown", p.Number)
		}
	}
	return last, nil
}

// Trouble says why an album's home did not tell what is on its list, in words that are safe to show.
func Trouble(err error) string {
	switch {
	case Refused(err):
		return "its owner refuses: what you were granted was revoked or has expired, or the album has ended"
	case Away(err):
		return "its owner is away"
	}
	return legible.Reason(err, 4*MaxTitle)
}

// Refused reports whether an error says that what was granted is not good, or not any more.
func Refused(err error) bool {
	return errors.Is(err, warden.ErrRefused) || errors.Is(err, warden.ErrOver)
}

// Away reports whether an error says that somebody cannot be reached, rather than that they refuse.
func Away(err error) bool { return errors.Is(err, ErrSilent) || errors.Is(err, net.ErrClosed) }

// Add seals the photo in a file and puts it into an album: one's own, or one that one contributes to. It returns the photo's number.
func (p *Peer) Add(ctx context.Context, number int, path, caption string) (Photo, error) {
	a, err := p.Album(ctx, number)
	if err != nil {
		return Photo{}, err
	}
	if !a.Own() && a.Role != AsContributor {
		return Photo{}, ErrMayNot
	}
	if err := legible.Text(caption, MaxCaption); err != nil {
		return Photo{}, because(ErrText, "the caption %v", err)
	}
	photo, err := p.blobs.Put(ctx, path)
	if err != nil {
		return Photo{}, err
	}
	photo.Caption = caption
	if a.Own() {
		photo, err = atHome(ctx, p, number, func(h *home) (Photo, error) { return h.add(Holder{}, photo) })
	} else {
		photo.Number, err = p.contribute(ctx, a, photo)
	}
	if err != nil {
		err = errors.Join(err, p.dropUnused(context.WithoutCancel(ctx), photo.Key.Name()))
	}
	return photo, err
}

// contribute gives a photo to somebody else's album, when that has noted where it can be had. If the answer does not come it may have been taken,
// and stays here.
func (p *Peer) contribute(ctx context.Context, a Album, photo Photo) (int, error) {
	ref, err := p.reach.Redeem(a.Invitation)
	if err != nil {
		return 0, err
	}
	album, name := vat.As[ContributorRef](ref), photo.Key.Name()
	if _, err := asked(ctx, wait, func(ctx context.Context) (any, error) { return album.Serve(ctx, p.shelf).Await(ctx) }); err != nil {
		return 0, err
	}
	if _, err := turn(ctx, p, func(_ context.Context, c *collection) (any, error) { return nil, c.lend(a.Number, name) }); err != nil {
		return 0, err
	}
	n, err := asked(ctx, wait, func(ctx context.Context) (int, error) { return album.Add(ctx, photo).Await(ctx) })
	if err != nil && (Away(err) || ctx.Err() != nil) {
		return 0, fmt.Errorf("the album's owner may have taken it or not: read the album later: %w", err)
	}
	_, e := turn(context.WithoutCancel(ctx), p, func(_ context.Context, c *collection) (any, error) {
		if err != nil {
			c.unlend(name)
		} else {
			c.taken(name, n)
		}
		return nil, nil
	})
	return n, errors.Join(err, e)
}

// Remove takes a photo out of an album: any out of one's own, and what one has added oneself out of another. Whoever has read it has it.
func (p *Peer) Remove(ctx context.Context, number, photo int) error {
	a, err := p.Album(ctx, number)
	if err != nil {
		return err
	}
	if a.Own() {
		was, err := atHome(ctx, p, number, func(h *home) (Photo, error) { return h.remove([32]byte{}, photo) })
		if err != nil {
			return err
		}
		return p.dropUnused(ctx, was.Key.Name())
	}
	if a.Role != AsContributor {
		return ErrMayNot
	}
	ref, err := p.reach.Redeem(a.Invitation)
	if err != nil {
		return err
	}
	_, err = asked(ctx, wait, func(ctx context.Context) (any, error) {
		return vat.As[ContributorRef](ref).Remove(ctx, photo).Await(ctx)
	})
	if err != nil {
		return err
	}
	gone, err := turn(ctx, p, func(_ context.Context, c *collection) (gone []seal.Name, err error) {
		for _, l := range c.Lent {
			listed := slices.ContainsFunc(a.Blobs, func(b Blob) bool { return b.Number == photo && b.Name == l.Blob })
			if l.Number == number && (l.Photo == photo || listed) {
				gone = append(gone, l.Blob)
			}
		}
		for _, name := range gone {
			c.unlend(name)
		}
		return gone, nil
	})
	if err != nil {
		return err
	}
	return p.dropUnused(ctx, gone...)
}

// Fetch writes a photo of an album to a file that is not there yet: from this disk, or from whoever has it and can be reached, the album's home
// or another.
func (p *Peer) Fetch(ctx context.Context, number, photo int, path string) (Fetched, error) {
	a, err := p.Album(ctx, number)
	if err != nil {
		return Fetched{}, err
	}
	if a.Role == AsKeeper {
		return Fetched{}, because(ErrMayNot, "you keep that album sealed, and have no keys")
	}
	for _, each := range a.Photos {
		if each.Number == photo {
			return p.blobs.Fetch(ctx, each, p.sources(a.Shelves), path)
		}
	}
	return Fetched{}, ErrGone
}
