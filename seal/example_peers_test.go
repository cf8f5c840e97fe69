package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// Album is what a peer lets others do with the blobs it keeps. It says which: who can read them is another matter.
type Album interface {
	Piece(ctx context.Context, name []byte, n int) ([]byte, error)
}

var AlbumFacet = vat.FacetOf[Album]("example.Album")

type album struct {
	source seal.Source
}

func (a *album) Piece(ctx context.Context, name []byte, n int) ([]byte, error) {
	if len(name) != len(seal.Name{}) {
		return nil, vat.ErrBadArgs
	}
	return a.source.Piece(ctx, seal.Name(name), n)
}

// AlbumRef is the album of a peer, as a source of blobs.
type AlbumRef struct{ vat.Ref }

func (a AlbumRef) Piece(ctx context.Context, name seal.Name, n int) ([]byte, error) {
	return vat.Result[[]byte](a.Send(ctx, "piece", name[:], n)).Await(ctx)
}

// serve publishes an album on a node of its own.
func serve(ctx context.Context, source seal.Source) (*hawser.Node, sturdyref.Ref) {
	node, err := hawser.Open(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	ref, err := vat.Do(ctx, node.Vat("album"), func(ctx context.Context) (vat.Ref, error) {
		return AlbumFacet.Spawn(ctx, &album{source}), nil
	})
	if err != nil {
		log.Fatal(err)
	}
	invite, err := node.Publish(ctx, "album", ref)
	if err != nil {
		log.Fatal(err)
	}
	return node, invite
}

// A photo of a megabyte, fetched over the network from peers that cannot see it. One of them lies.
func ExampleShelf_Keep() {
	ctx := context.Background()
	shelf := func() *seal.Shelf {
		s, err := seal.NewShelf(memory.New(), "photos")
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	theirs, mine := shelf(), shelf()
	photo := bytes.Repeat([]byte("a sunset "), 120_000)
	blob, err := theirs.Put(ctx, bytes.NewReader(photo))
	if err != nil {
		log.Fatal(err)
	}
	liar, lies := serve(ctx, sourceFunc(func(ctx context.Context, name seal.Name, n int) ([]byte, error) {
		piece, err := theirs.Piece(ctx, name, n)
		if n == 12 {
			piece[0] ^= 1
		}
		return piece, err
	}))
	defer liar.Close()
	friend, serves := serve(ctx, theirs)
	defer friend.Close()

	me, err := hawser.Open(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer me.Close()
	for _, invite := range []sturdyref.Ref{lies, serves} {
		err := mine.Keep(ctx, vat.As[AlbumRef](me.Enliven(invite)), blob.Name(), 0)
		fmt.Println("kept:", err == nil, "bad peer:", errors.Is(err, seal.ErrDamaged))
	}
	var out bytes.Buffer
	n, err := seal.Get(ctx, mine, blob, &out)
	fmt.Println(n, bytes.Equal(out.Bytes(), photo), err)
	// Output:
	// kept: false bad peer: true
	// kept: true bad peer: false
	// 1080000 true <nil>
}
