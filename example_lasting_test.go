package hawser_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// cook is a durable object that writes on somebody else's shopping list, and remembers how long that was last.
type cook struct {
	Shopping ListRef // at another node
	Length   int
}

func (c *cook) Use(shopping ListRef) { c.Shopping = shopping }

func (c *cook) Want(ctx context.Context, item string) {
	length := vat.Result[int](c.Shopping.Send(ctx, "add", item))
	vat.WhenSettled(ctx, length, vat.As[CookRef](vat.Self(ctx)), CookRef.Added)
}

func (c *cook) Added(length promise.Outcome[int]) error {
	n, err := length.Get()
	if err == nil {
		c.Length = n
	}
	return err
}

func (c *cook) Last() int { return c.Length }

type Cook interface {
	Use(shopping ListRef)
	Want(ctx context.Context, item string)
	Added(length promise.Outcome[int]) error
	Last() int
}

var (
	CookFacet = vat.FacetOf[Cook]("example.Cook")
	CookKind  = vat.KindOf("example.cook", func() *cook { return new(cook) }, CookFacet)
)

// CookRef is what others hold.
type CookRef struct{ vat.Ref }

func (r CookRef) Added(ctx context.Context, length promise.Outcome[int]) vat.Ref {
	return r.Send(ctx, "added", length)
}

// A durable object goes on using an object of another node whatever has become of either process meanwhile: here both end, and
// what the cook wants while the other is away waits, and is done once.
func ExampleNode_DurableVat_twoNodes() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	shop, shopping := openList(ctx, filepath.Join(dir, "shop"))
	kitchen, cook := openCook(ctx, filepath.Join(dir, "kitchen"))
	invite, err := shop.Publish(ctx, "shopping", shopping.Ref)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := vat.Result[any](cook.Send(ctx, "use", kitchen.Enliven(invite))).Await(ctx); err != nil {
		log.Fatal(err)
	}
	_, _ = vat.Result[any](cook.Send(ctx, "want", "bread")).Await(ctx)
	waitFor(ctx, cook, 1)

	_ = shop.Close()
	_, _ = vat.Result[any](cook.Send(ctx, "want", "salt")).Await(ctx) // is stored
	_ = kitchen.Close()

	shop, _ = openList(ctx, filepath.Join(dir, "shop"))
	defer shop.Close()
	kitchen, cook = openCook(ctx, filepath.Join(dir, "kitchen"))
	defer kitchen.Close()
	waitFor(ctx, cook, 2)
	fmt.Println("bread and salt are on the list")
	// Output: bread and salt are on the list
}

// waitFor waits until the cook has heard of so many things on the list.
func waitFor(ctx context.Context, cook CookRef, n int) {
	for {
		last, err := vat.Result[int](cook.Send(ctx, "last")).Await(ctx)
		if err != nil {
			log.Fatal(err)
		}
		if last == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// openList opens a node with a list.
func openList(ctx context.Context, dir string) (*hawser.Node, ListRef) {
	return openWith(ctx, dir, func(ctx context.Context) (ListRef, error) {
		return vat.As[ListRef](ListFacet.Spawn(ctx, new(list))), nil
	})
}

// openCook opens a node with a cook.
func openCook(ctx context.Context, dir string) (*hawser.Node, CookRef) {
	return openWith(ctx, dir, func(ctx context.Context) (CookRef, error) {
		return vat.As[CookRef](CookFacet.Spawn(ctx, new(cook))), nil
	})
}

func openWith[S ~struct{ vat.Ref }](ctx context.Context, dir string, first func(context.Context) (S, error)) (*hawser.Node, S) {
	node, err := hawser.Open(ctx, &hawser.Config{Dir: dir, Listen: "127.0.0.1:0", Kinds: []vat.Kind{ListKind, CookKind}})
	if err != nil {
		log.Fatal(err)
	}
	v, err := node.DurableVat("objects")
	if err != nil {
		log.Fatal(err)
	}
	ref, err := vat.Root(ctx, v, "first", first)
	if err != nil {
		log.Fatal(err)
	}
	return node, ref
}
