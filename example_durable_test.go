package hawser_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/vat"
)

// list is a shopping list. Its exported fields are its state.
type list struct {
	Items []string
}

func (l *list) Add(item string) (int, error) {
	l.Items = append(l.Items, item)
	return len(l.Items), nil
}

func (l *list) All() []string { return l.Items }

type List interface {
	Add(item string) (int, error)
	All() []string
}

var (
	ListFacet = vat.FacetOf[List]("example.List")
	ListKind  = vat.KindOf("example.list", func() *list { return new(list) }, ListFacet)
)

// ListRef is what others hold.
type ListRef struct{ vat.Ref }

// An object of a durable vat is there again after its process has ended, however it did.
func ExampleNode_DurableVat() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, item := range []string{"bread", "salt"} {
		// Each time round is a start of the program.
		node, err := hawser.Open(ctx, &hawser.Config{Dir: dir, Kinds: []vat.Kind{ListKind}})
		if err != nil {
			log.Fatal(err)
		}
		v, err := node.DurableVat("lists")
		if err != nil {
			log.Fatal(err)
		}
		ref, err := vat.Root(ctx, v, "shopping", func(ctx context.Context) (ListRef, error) {
			return vat.As[ListRef](ListFacet.Spawn(ctx, new(list))), nil
		})
		if err != nil {
			log.Fatal(err)
		}
		n, err := vat.Result[int](ref.Send(ctx, "add", item)).Await(ctx)
		fmt.Println(n, err)
		if err := node.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
}
