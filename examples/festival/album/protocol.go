package album

import (
	"context"
	"time"
)

// The interfaces are what others can reach of our objects. The reference types they mention, and how to call them, are in
// album_ocap.go.

// A Reader sees the photos of an album, with the keys that open them.
type Reader interface {
	// Photos returns photos from that number on, in the order of their numbers: 64 at the most.
	Photos(ctx context.Context, from int) (Photos, error)
}

// A Keeper sees which sealed photos an album has, and can open none of them.
type Keeper interface {
	// Sealed returns the names of sealed photos from that number on, in the order of their numbers: 64 at the most.
	Sealed(ctx context.Context, from int) (Sealed, error)
	// Serve has readers told where the holder's shelf is: its sturdyref, one for each holder, as long as the grant lasts. An empty one takes that
	// back.
	Serve(ctx context.Context, shelf string) error
}

// A Contributor is a reader who may add photos. They lie on the contributor's shelf, until the album's home has fetched them.
type Contributor interface {
	Reader
	// Serve is that of Keeper.
	Serve(ctx context.Context, shelf string) error
	// Add adds a photo, and returns its number. The number and the name of who adds it are not taken from p.
	Add(ctx context.Context, p Photo) (int, error)
	// Remove takes out a photo that the same holder has added.
	Remove(ctx context.Context, number int) error
}

// A Shelf serves sealed photos to anybody who asks for one by its name, which says nothing but who has seen an album's list knows. It cannot open
// those that are somebody else's.
type Shelf interface {
	// Piece returns a piece of a sealed photo: see seal.Source.
	Piece(ctx context.Context, name []byte, n int) ([]byte, error)
}

// A Photo is a photo on an album's list, as its readers see it. Who has it can read the photo wherever its sealed bytes lie.
type Photo struct {
	// Number is the photo's in the album, from 1.
	Number int
	// Name is that of the file it was.
	Name    string
	Caption string
	// Taken is when the file was last changed, before it was added.
	Taken time.Time
	// Size is how long it is, in bytes.
	Size int64
	// By is what the album's owner calls who has added it, empty for the owner.
	By string
	// Key names and opens it.
	Key Key
}

// A Blob is a photo on an album's list, as its keepers see it.
type Blob struct {
	Number int
	// Name is that of the sealed bytes: seal.Name.
	Name [32]byte
	// Size is how long the photo is, in bytes.
	Size int64
}

// Where says where sealed photos are served.
type Where struct {
	// Of is what the album's owner calls whose shelf it is, empty for the owner's own.
	Of string
	// Shelf is its sturdyref.
	Shelf string
}

// Photos is a part of an album's list, for readers.
type Photos struct {
	Title string
	// Version counts what became of the photos. A list has come whole if all its parts have the same.
	Version int
	Photos  []Photo
	// More says that there are more, with higher numbers.
	More    bool
	Shelves []Where
}

// Sealed is a part of an album's list, for keepers.
type Sealed struct {
	Version int
	Blobs   []Blob
	More    bool
	Shelves []Where
}

// A Role is one of the ways in which an album can be seen.
type Role string

// The roles there are.
const (
	AsReader      Role = "reader"
	AsKeeper      Role = "keeper"
	AsContributor Role = "contributor"
)

// An ID names an album for good, at its home. It is drawn at random.
type ID [16]byte

// A Holder is who acts by a facet of an album: a public key, what the album's owner calls it, and until when its grant is good.
type Holder struct {
	Key   [32]byte
	Name  string
	Until time.Time
}
