package hawser_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// newPurse makes an object to publish; see the example of the package for what a Purse is.
func newPurse(ctx context.Context, node *hawser.Node) vat.Ref {
	ref, err := vat.Do(ctx, node.Vat("bank"), func(ctx context.Context) (vat.Ref, error) {
		return PurseFacet.Spawn(ctx, &purse{}), nil
	})
	if err != nil {
		log.Fatal(err)
	}
	return ref
}

// mustOpen opens a node in memory.
func mustOpen(ctx context.Context, cfg *hawser.Config) *hawser.Node {
	node, err := hawser.Open(ctx, cfg)
	if err != nil {
		log.Fatal(err)
	}
	return node
}

// What is published is one line of text for whoever is given it.
func ExampleNode_Publish() {
	ctx := context.Background()
	bank, customer := mustOpen(ctx, nil), mustOpen(ctx, nil)
	defer bank.Close()
	defer customer.Close()

	invite, err := bank.Publish(ctx, "purse", newPurse(ctx, bank))
	if err != nil {
		log.Fatal(err)
	}
	line := invite.URI() // a secret: whoever reads it has the purse

	invite, err = sturdyref.Parse(line)
	if err != nil {
		log.Fatal(err)
	}
	n, err := vat.As[PurseRef](customer.Enliven(invite)).Deposit(ctx, 7).Await(ctx)
	fmt.Println(n, err)

	_, err = bank.Publish(ctx, "purse", newPurse(ctx, bank))
	fmt.Println("another purse under that name:", errors.Is(err, hawser.ErrPublished))
	// Output:
	// 7 <nil>
	// another purse under that name: true
}

// A reference can be had and used before anything is connected; whether the object is there shows when it answers.
func ExampleNode_Enliven() {
	ctx := context.Background()
	bank, customer := mustOpen(ctx, nil), mustOpen(ctx, nil)
	defer bank.Close()
	defer customer.Close()
	invite, err := bank.Publish(ctx, "purse", newPurse(ctx, bank))
	if err != nil {
		log.Fatal(err)
	}

	purse := vat.As[PurseRef](customer.Enliven(invite))
	balance := purse.Balance(ctx) // leaves with the connection
	fmt.Println(balance.Await(ctx))

	guess := sturdyref.Ref{Peer: invite.Peer, Swiss: sturdyref.NewSwissNum()}
	_, err = customer.Enliven(guess).Await(ctx)
	fmt.Println("refused:", errors.Is(err, hawser.ErrRefused))
	// Output:
	// 0 <nil>
	// refused: true
}

// With a capability key the host learns the public half only, and has nothing it could pass on.
func ExampleNode_PublishKey() {
	ctx := context.Background()
	bank, customer := mustOpen(ctx, nil), mustOpen(ctx, nil)
	defer bank.Close()
	defer customer.Close()

	key, err := sturdyref.NewCapability() // made by the customer, who gives key.Public() to the bank
	if err != nil {
		log.Fatal(err)
	}
	place, err := bank.PublishKey(ctx, "purse of customer 12", key.Public(), newPurse(ctx, bank))
	if err != nil {
		log.Fatal(err)
	}
	n, err := vat.As[PurseRef](customer.EnlivenKey(place, key)).Deposit(ctx, 3).Await(ctx)
	fmt.Println(n, err)
	// Output: 3 <nil>
}

// Revoking breaks what was given out, and nothing else.
func ExampleNode_Revoke() {
	ctx := context.Background()
	bank, customer := mustOpen(ctx, nil), mustOpen(ctx, nil)
	defer bank.Close()
	defer customer.Close()
	object := newPurse(ctx, bank)
	invite, err := bank.Publish(ctx, "purse", object)
	if err != nil {
		log.Fatal(err)
	}
	purse := vat.As[PurseRef](customer.Enliven(invite))
	fmt.Println(purse.Deposit(ctx, 5).Await(ctx))

	if err := bank.Revoke(ctx, "purse"); err != nil {
		log.Fatal(err)
	}
	_, err = purse.Balance(ctx).Await(ctx)
	fmt.Println("the customer:", err)
	n, err := vat.As[PurseRef](object).Balance(ctx).Await(ctx)
	fmt.Println("the bank itself:", n, err)
	// Output:
	// 5 <nil>
	// the customer: vat: the reference was revoked
	// the bank itself: 5 <nil>
}
