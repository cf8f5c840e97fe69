package hawser_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// A grant is no secret: only its holder can use it, and only as far as every link of it allows.
func ExampleNode_Redeem() {
	ctx := context.Background()
	bank, ann, bill := mustOpen(ctx, nil), mustOpen(ctx, nil), mustOpen(ctx, nil)
	defer bank.Close()
	defer ann.Close()
	defer bill.Close()

	purse := newPurse(ctx, bank)
	_, err := bank.Offer(ctx, "purse", bank.Vat("bank"), map[string]hawser.Role{
		"owner": {Open: func(context.Context, hawser.Holder) (vat.Ref, error) { return purse, nil }},
	})
	if err != nil {
		log.Fatal(err)
	}
	terms := func(to *hawser.Node) grant.Terms {
		return grant.Terms{Audience: grant.KeyOf(to.Signer()), Expires: time.Now().Add(time.Hour)}
	}

	whole := terms(ann)
	whole.Depth = 1 // it may be passed on once
	anns, err := bank.Issue("purse", "owner", whole)
	if err != nil {
		log.Fatal(err)
	}
	part := terms(bill)
	part.Methods = []string{"balance"}
	bills, err := anns.Delegate(ann.Signer(), part) // for which the bank need not be there
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(vat.As[PurseRef](ann.Redeem(anns, nil, bank.Location())).Deposit(ctx, 7).Await(ctx))
	balance := vat.As[PurseRef](bill.Redeem(bills, nil, bank.Location()))
	fmt.Println(balance.Balance(ctx).Await(ctx))
	_, err = balance.Deposit(ctx, 1).Await(ctx)
	fmt.Println("beyond what was granted:", errors.Is(err, hawser.ErrBeyondGrant))
	// Output:
	// 7 <nil>
	// 7 <nil>
	// beyond what was granted: true
}
