package album

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/vat"
)

// collection is what somebody has: the albums that are at home here, and what is known of those of others. All have numbers, which stay.
type collection struct {
	Last   int
	Own    []own
	Others []other
	// Lent are photos that were sealed here and given to albums of others.
	Lent []lent
}

type own struct {
	Number int
	ID     ID
	Home   homeRef
}

// other is an album of somebody else's.
type other struct {
	Number     int
	Role       Role
	Object     [32]byte // tells albums apart, wherever the invitation is from
	Invitation string
	// Room is how much of it is kept here for others, in bytes, 0 for nothing.
	Room int64
	// Synced is when its home has answered last, Trouble why it did not since.
	Synced  time.Time
	Trouble string
	Copy    copyRef
}

type lent struct {
	Number int // of the album
	Photo  int // its number there, 0 if that is not known
	Blob   [32]byte
}

// copied is an album of somebody else's as its home last said it.
type copied struct {
	Title   string
	Version int
	Photos  []Photo // for readers
	Blobs   []Blob  // in any role
	Shelves []Where
}

type (
	collectionRef struct{ vat.Ref }
	copyRef       struct{ vat.Ref }
)

var (
	collectionFacet = vat.FacetOf[within]("photos.collection")
	collectionKind  = vat.KindOf("photos.collection", func() *collection { return new(collection) }, collectionFacet)
	copyFacet       = vat.FacetOf[within]("photos.copy")
	copyKind        = vat.KindOf("photos.copy", func() *copied { return new(copied) }, copyFacet)
)

// Kinds are the kinds of durable objects of this package, for the node's configuration.
func Kinds() []vat.Kind { return []vat.Kind{collectionKind, copyKind, ledgerKind, homeKind, passKind} }

func (c *collection) number() (int, error) {
	if len(c.Own)+len(c.Others) >= MaxAlbums {
		return 0, because(ErrFull, "there are at most %d albums here, of yours and of others", MaxAlbums)
	}
	c.Last++
	return c.Last, nil
}

// begin makes an album.
func (c *collection) begin(ctx context.Context, title, shelf string) (own, error) {
	if err := checkLine("the title", title, 1, MaxTitle); err != nil {
		return own{}, err
	}
	n, err := c.number()
	if err != nil {
		return own{}, err
	}
	h := &home{Title: title, Version: 1, Own: shelf}
	_, _ = rand.Read(h.ID[:]) // never fails
	o := own{n, h.ID, vat.As[homeRef](homeFacet.Spawn(ctx, h))}
	c.Own = append(c.Own, o)
	return o, nil
}

// follow notes an invitation to an album of somebody else's. One to what is here in that role already takes the place of the one before.
func (c *collection) follow(ctx context.Context, role Role, object [32]byte, invitation string) (int, error) {
	if len(invitation) > maxInvitation {
		return 0, because(ErrText, "an invitation has at most %d bytes", maxInvitation)
	}
	if i := slices.IndexFunc(c.Others, func(o other) bool { return o.Object == object && o.Role == role }); i >= 0 {
		c.Others[i].Invitation, c.Others[i].Trouble = invitation, ""
		return c.Others[i].Number, nil
	}
	n, err := c.number()
	if err != nil {
		return 0, err
	}
	known := vat.As[copyRef](copyFacet.Spawn(ctx, new(copied)))
	c.Others = append(c.Others, other{Number: n, Role: role, Object: object, Invitation: invitation, Copy: known})
	return n, nil
}

func (c *collection) own(number int) (own, error) {
	i := slices.IndexFunc(c.Own, func(o own) bool { return o.Number == number })
	if i < 0 {
		return own{}, ErrNoAlbum
	}
	return c.Own[i], nil
}

// other returns the row of an album, which may be changed.
func (c *collection) other(number int) (*other, error) {
	i := slices.IndexFunc(c.Others, func(o other) bool { return o.Number == number })
	if i < 0 {
		return nil, ErrNoAlbum
	}
	return &c.Others[i], nil
}

// drop forgets an album of somebody else's, and returns what was given to it.
func (c *collection) drop(number int) (given []seal.Name, err error) {
	if _, err := c.other(number); err != nil {
		return nil, err
	}
	c.Others = slices.DeleteFunc(slices.Clone(c.Others), func(o other) bool { return o.Number == number })
	var left []lent
	for _, l := range c.Lent {
		if l.Number == number {
			given = append(given, l.Blob)
		} else {
			left = append(left, l)
		}
	}
	c.Lent = left
	return given, nil
}

// maxLent is how many photos are with albums of others, at the most.
const maxLent = 512

// lend notes that a photo is given to somebody else's album, and unlend that it is not.
func (c *collection) lend(number int, name seal.Name) error {
	if len(c.Lent) >= maxLent {
		return because(ErrFull, "at most %d photos of yours are in albums of others", maxLent)
	}
	c.Lent = append(c.Lent, lent{Number: number, Blob: name})
	return nil
}

// taken notes under which number a photo is in an album of somebody else's.
func (c *collection) taken(name seal.Name, photo int) {
	for i := range c.Lent {
		if c.Lent[i].Blob == name {
			c.Lent[i].Photo = photo
		}
	}
}

func (c *collection) unlend(name seal.Name) {
	c.Lent = slices.DeleteFunc(slices.Clone(c.Lent), func(l lent) bool { return l.Blob == name })
}

// used returns the photos that are on a list, of those that were sealed here.
func (c *collection) used(ctx context.Context) (map[seal.Name]bool, error) {
	all := make(map[seal.Name]bool)
	for _, l := range c.Lent {
		all[l.Blob] = true
	}
	for _, o := range c.Own {
		h, err := near[home](ctx, o.Home.Ref)
		if err != nil {
			return nil, err
		}
		for i := range h.Photos {
			all[h.Photos[i].Photo.Key.Name()] = true
		}
	}
	return all, nil
}
