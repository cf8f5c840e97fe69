package hawser_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// Purse is what others may do with a purse: an interface is the facet of an object that can be reached.
type Purse interface {
	Balance(ctx context.Context) (int, error)
	Deposit(ctx context.Context, amount int) (int, error)
	Sprout(ctx context.Context) (PurseRef, error)
}

var PurseFacet = vat.FacetOf[Purse]("example.Purse")

var ErrNegative = vat.NewError("example.negative", "the amount is negative")

// purse is the object: a plain struct. Its vat runs one turn at a time, so it needs no lock, and if a turn fails the
// Cell is what it was before.
type purse struct{ balance vat.Cell[int] }

func (p *purse) Balance(context.Context) (int, error) { return p.balance.Get(), nil }

func (p *purse) Deposit(ctx context.Context, amount int) (int, error) {
	p.balance.Set(ctx, p.balance.Get()+amount)
	if amount < 0 {
		return 0, ErrNegative // undoes the Set
	}
	return p.balance.Get(), nil
}

func (p *purse) Sprout(ctx context.Context) (PurseRef, error) {
	return vat.As[PurseRef](PurseFacet.Spawn(ctx, &purse{})), nil
}

// PurseRef is a typed stub: a reference, and a method for each message.
type PurseRef struct{ vat.Ref }

func (p PurseRef) Balance(ctx context.Context) promise.Promise[int] {
	return vat.Result[int](p.Send(ctx, "balance"))
}

func (p PurseRef) Deposit(ctx context.Context, amount int) promise.Promise[int] {
	return vat.Result[int](p.Send(ctx, "deposit", amount))
}

func (p PurseRef) Sprout(ctx context.Context) PurseRef {
	return vat.As[PurseRef](p.Send(ctx, "sprout"))
}

// host opens a node, makes an object and returns the line of text that whoever may use the object needs.
func host(ctx context.Context) (*hawser.Node, string, error) {
	node, err := hawser.Open(ctx, nil) // &hawser.Config{Dir: dir} keeps the same URI after a restart
	if err != nil {
		return nil, "", err
	}
	ref, err := vat.Do(ctx, node.Vat("bank"), func(ctx context.Context) (vat.Ref, error) {
		return PurseFacet.Spawn(ctx, &purse{}), nil
	})
	if err != nil {
		return nil, "", err
	}
	invite, err := node.Publish(ctx, "purse", ref)
	return node, invite.URI(), err
}

// guest turns the line back into a reference and uses it.
func guest(ctx context.Context, uri string) error {
	invite, err := sturdyref.Parse(uri)
	if err != nil {
		return err
	}
	node, err := hawser.Open(ctx, nil)
	if err != nil {
		return err
	}
	defer node.Close()
	purse := vat.As[PurseRef](node.Enliven(invite)) // returns at once; nothing is dialled yet

	// Three calls, each on the answer of the one before, in one round trip.
	n, err := purse.Sprout(ctx).Sprout(ctx).Deposit(ctx, 40).Await(ctx)
	fmt.Println("deposited:", n, err)

	_, err = purse.Deposit(ctx, -5).Await(ctx)
	fmt.Println("refused:", errors.Is(err, ErrNegative))

	n, err = purse.Balance(ctx).Await(ctx)
	fmt.Println("balance:", n, err)
	return nil
}

// Two nodes, here in one process: the line of text in between is all they share.
func Example() {
	ctx := context.Background()
	node, uri, err := host(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	if err := guest(ctx, uri); err != nil {
		log.Fatal(err)
	}
	// Output:
	// deposited: 40 <nil>
	// refused: true
	// balance: 0 <nil>
}
