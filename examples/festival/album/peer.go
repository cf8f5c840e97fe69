package album

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/vat"
)

// A Reach is how a peer gets at others: a hawser.Node, as a rule. What it returns may be a promise that breaks.
type Reach interface {
	// Redeem returns what an invitation opens.
	Redeem(invitation string) (vat.Ref, error)
	// Shelf returns the shelf that a sturdyref leads to.
	Shelf(sturdyref string) (ShelfRef, error)
}

// A Peer is what somebody's program has of albums, for code outside turns. Its methods may be called by several goroutines.
type Peer struct {
	vat    *vat.Vat
	root   collectionRef
	ledger ledgerRef
	blobs  *Blobs
	reach  Reach
	shelf  string

	keeping sync.Mutex // held while a photo is fetched that is kept for others, and while what is not wanted is dropped
}

// OpenPeer returns the peer of a durable vat; shelf is the sturdyref of the shelf that it serves blobs at.
func OpenPeer(ctx context.Context, v *vat.Vat, blobs *Blobs, reach Reach, shelf string) (*Peer, error) {
	if err := checkShelf(shelf); err != nil {
		return nil, err
	}
	root, err := vat.Root(ctx, v, "collection", func(ctx context.Context) (collectionRef, error) {
		return vat.As[collectionRef](collectionFacet.Spawn(ctx, new(collection))), nil
	})
	if err != nil {
		return nil, err
	}
	given, err := vat.Root(ctx, v, "given", func(ctx context.Context) (ledgerRef, error) {
		return vat.As[ledgerRef](ledgerFacet.Spawn(ctx, new(ledger))), nil
	})
	if err != nil {
		return nil, err
	}
	p := &Peer{vat: v, root: root, ledger: given, blobs: blobs, reach: reach, shelf: shelf}
	_, err = turn(ctx, p, func(ctx context.Context, c *collection) (any, error) {
		for _, o := range c.Own {
			h, err := near[home](ctx, o.Home.Ref)
			if err != nil {
				return nil, err
			}
			h.Own = shelf
		}
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	return p, p.tidy(ctx)
}

// turn runs fn in a turn of the peer's vat.
func turn[T any](ctx context.Context, p *Peer, fn func(ctx context.Context, c *collection) (T, error)) (T, error) {
	return vat.Do(ctx, p.vat, func(ctx context.Context) (T, error) {
		c, err := near[collection](ctx, p.root.Ref)
		if err != nil {
			var none T
			return none, err
		}
		return fn(ctx, c)
	})
}

// tidy drops photos that were sealed here and are on no list, since the process was killed in between.
func (p *Peer) tidy(ctx context.Context) error {
	all, err := p.blobs.mine.All()
	if err != nil {
		return err
	}
	var names []seal.Name
	for _, each := range all {
		names = append(names, each.Name)
	}
	return p.dropUnused(ctx, names...)
}

// dropUnused drops those of the photos that are on no list.
func (p *Peer) dropUnused(ctx context.Context, names ...seal.Name) error {
	used, err := turn(ctx, p, func(ctx context.Context, c *collection) (map[seal.Name]bool, error) { return c.used(ctx) })
	if err != nil {
		return err
	}
	for _, name := range names {
		if !used[name] {
			if err := p.blobs.Drop(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// An Album is what there is to show of one.
type Album struct {
	Number int
	// Role is as what somebody else's album is seen; it is empty for one's own.
	Role Role
	// ID is that of one's own.
	ID      ID
	Title   string // empty for keepers
	Version int
	// Photos are for owners and readers, Blobs, the same in the same order, for all.
	Photos []Photo
	Blobs  []Blob
	// Shelves are where others say that the photos lie.
	Shelves []Where
	// Invitation is that to somebody else's, Synced when its home has answered last, and Trouble why it did not since.
	Invitation string
	Synced     time.Time
	Trouble    string
	// Room is how much of it is kept here, in bytes.
	Room int64
}

// Own reports whether it is one's own.
func (a *Album) Own() bool { return a.Role == "" }

// Album returns an album as it is known here.
func (p *Peer) Album(ctx context.Context, number int) (Album, error) {
	return turn(ctx, p, func(ctx context.Context, c *collection) (Album, error) { return c.album(ctx, number) })
}

func (c *collection) album(ctx context.Context, number int) (Album, error) {
	if o, err := c.own(number); err == nil {
		h, err := near[home](ctx, o.Home.Ref)
		if err != nil {
			return Album{}, err
		}
		a := Album{Number: number, ID: h.ID, Title: h.Title, Version: h.Version, Shelves: h.where(time.Now())}
		for _, r := range h.Photos {
			a.Photos = append(a.Photos, r.Photo)
			a.Blobs = append(a.Blobs, Blob{r.Photo.Number, r.Photo.Key.Name(), r.Photo.Size})
		}
		return a, nil
	}
	o, err := c.other(number)
	if err != nil {
		return Album{}, err
	}
	s, err := near[copied](ctx, o.Copy.Ref)
	if err != nil {
		return Album{}, err
	}
	return Album{
		Number: number, Role: o.Role, Title: s.Title, Version: s.Version,
		Photos: slices.Clone(s.Photos), Blobs: slices.Clone(s.Blobs), Shelves: slices.Clone(s.Shelves),
		Invitation: o.Invitation, Synced: o.Synced, Trouble: o.Trouble, Room: o.Room,
	}, nil
}

// Albums returns the numbers of one's own albums, and of those of others.
func (p *Peer) Albums(ctx context.Context) (mine, others []int, err error) {
	numbers, err := turn(ctx, p, func(_ context.Context, c *collection) (all [2][]int, err error) { // a turn may run after ctx has ended
		for _, o := range c.Own {
			all[0] = append(all[0], o.Number)
		}
		for _, o := range c.Others {
			all[1] = append(all[1], o.Number)
		}
		return all, nil
	})
	return numbers[0], numbers[1], err
}

// Begin makes an album and returns its number.
func (p *Peer) Begin(ctx context.Context, title string) (int, error) {
	o, err := turn(ctx, p, func(ctx context.Context, c *collection) (own, error) { return c.begin(ctx, title, p.shelf) })
	return o.Number, err
}

// End ends one of one's own albums. Those who read it find it empty, and its photos are dropped, unless others of one's albums have them.
func (p *Peer) End(ctx context.Context, number int) error {
	were, err := turn(ctx, p, func(ctx context.Context, c *collection) (were []seal.Name, err error) {
		o, err := c.own(number)
		if err != nil {
			return nil, err
		}
		h, err := near[home](ctx, o.Home.Ref)
		if err != nil {
			return nil, err
		}
		for i := range h.Photos {
			were = append(were, h.Photos[i].Photo.Key.Name())
		}
		h.Photos, h.Shelves, h.Own, h.Ended = nil, nil, "", true
		h.Version++
		c.Own = slices.DeleteFunc(slices.Clone(c.Own), func(o own) bool { return o.Number == number })
		return were, nil
	})
	if err != nil {
		return err
	}
	if err := p.dropUnused(ctx, were...); err != nil {
		return err
	}
	return p.retain(ctx)
}

// Makers returns what makes the facets of one of one's own albums, by role.
func (p *Peer) Makers(ctx context.Context, number int) (map[Role]Maker, error) {
	o, err := turn(ctx, p, func(_ context.Context, c *collection) (own, error) { return c.own(number) })
	if err != nil {
		return nil, err
	}
	return makers(o.Home), nil
}

// atHome runs fn with one of one's own albums.
func atHome[T any](ctx context.Context, p *Peer, number int, fn func(h *home) (T, error)) (T, error) {
	return turn(ctx, p, func(ctx context.Context, c *collection) (none T, err error) {
		o, err := c.own(number)
		if err != nil {
			return none, err
		}
		h, err := near[home](ctx, o.Home.Ref)
		if err != nil {
			return none, err
		}
		return fn(h)
	})
}

// Call has the owner of a key called by a name in one of one's own albums.
func (p *Peer) Call(ctx context.Context, number int, key [32]byte, name string) error {
	_, err := atHome(ctx, p, number, func(h *home) (any, error) { return nil, h.call(key, name) })
	return err
}

// Forget has readers of one of one's own albums told no more of a holder's shelf: what was granted to the holder was revoked.
func (p *Peer) Forget(ctx context.Context, number int, key [32]byte) error {
	_, err := atHome(ctx, p, number, func(h *home) (any, error) { return nil, h.serve(Holder{Key: key}, "", time.Now()) })
	return err
}

// Follow notes an invitation to an album of somebody else's, in the role that it is for, and returns its number here. object tells albums
// apart: it is the same for all invitations to one.
func (p *Peer) Follow(ctx context.Context, role Role, object [32]byte, invitation string) (int, error) {
	return turn(ctx, p, func(ctx context.Context, c *collection) (int, error) { return c.follow(ctx, role, object, invitation) })
}

// Drop forgets an album of somebody else's, all that is kept of it, and photos of one's own that were given to it.
func (p *Peer) Drop(ctx context.Context, number int) error {
	given, err := turn(ctx, p, func(_ context.Context, c *collection) ([]seal.Name, error) { return c.drop(number) })
	if err != nil {
		return err
	}
	if err := p.dropUnused(ctx, given...); err != nil {
		return err
	}
	return p.retain(ctx)
}
