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

// A bearer grant is for whoever has it, as a sturdyref is, but its home keeps nothing for it, and it can be narrowed and revoked as a grant can.
func ExampleNode_Redeem_bearer() {
	ctx := context.Background()
	bank, anybody := mustOpen(ctx, nil), mustOpen(ctx, nil)
	defer bank.Close()
	defer anybody.Close()
	purse := newPurse(ctx, bank)
	id, err := bank.Offer(ctx, "purse", bank.Vat("bank"), map[string]hawser.Role{
		"owner": {Open: func(context.Context, hawser.Holder) (vat.Ref, error) { return purse, nil }},
	})
	if err != nil {
		log.Fatal(err)
	}
	cheque, err := grant.IssueBearer(bank.Signer(), grant.Root{Object: id, Role: "owner"}, grant.Terms{
		Methods: []string{"deposit"}, Caveats: []grant.Caveat{grant.MaxUses(1)}, Expires: time.Now().Add(time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}
	line := cheque.Reveal() // a secret: whoever reads it has the cheque

	cheque, err = grant.ParseBearer(line)
	if err != nil {
		log.Fatal(err)
	}
	held := vat.As[PurseRef](anybody.Redeem(cheque.Grant(), cheque.Signer(), bank.Location()))
	fmt.Println(held.Deposit(ctx, 7).Await(ctx))
	_, err = held.Deposit(ctx, 7).Await(ctx)
	fmt.Println("used up:", errors.Is(err, hawser.ErrBeyondGrant))
	// Output:
	// 7 <nil>
	// used up: true
}

// A call by message can be carried by anybody, and tried until it is certain to have arrived: it is made once. Who has signed it is told what
// it has come to.
func ExampleNode_Answer() {
	ctx := context.Background()
	bank, ann, carrier := mustOpen(ctx, nil), mustOpen(ctx, nil), mustOpen(ctx, nil)
	defer bank.Close()
	defer ann.Close()
	defer carrier.Close()
	purse := newPurse(ctx, bank)
	_, err := bank.Offer(ctx, "purse", bank.Vat("bank"), map[string]hawser.Role{
		"owner": {Open: func(context.Context, hawser.Holder) (vat.Ref, error) { return purse, nil }},
	})
	if err != nil {
		log.Fatal(err)
	}
	g, err := bank.Issue("purse", "owner", grant.Terms{
		Audience: grant.KeyOf(ann.Signer()), Expires: time.Now().Add(time.Hour), Accept: time.Now().Add(2 * time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}

	message, err := ann.SignCall(g, nil, 1, "deposit", 7) // for which nobody need be there
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(carrier.Deliver(g, message, bank.Location()).Await(ctx))
	for range 2 {
		fmt.Println(vat.Result[int](ann.Answer(g, nil, message, bank.Location())).Await(ctx))
	}
	_, err = carrier.Answer(g, carrier.Signer(), message, bank.Location()).Await(ctx)
	fmt.Println("whoever has carried it is told:", err == nil)
	// Output:
	// true <nil>
	// 7 <nil>
	// 7 <nil>
	// whoever has carried it is told: false
}

// Who verifies grants while their home is away hears what was revoked from others who have heard of it.
func ExampleNode_ExchangeNotices() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	festival, vera, zoe := mustOpen(ctx, nil), mustOpen(ctx, nil), mustOpen(ctx, nil)
	defer vera.Close()
	defer zoe.Close()
	home := grant.KeyOf(festival.Signer())
	for _, n := range []*hawser.Node{festival, vera, zoe} {
		n.ShareNotices(home)
	}

	walts, err := festival.Issue("programme", "visitor", grant.Terms{Audience: grant.KeyOf(zoe.Signer()), Expires: time.Now().Add(time.Hour)})
	if err != nil {
		log.Fatal(err)
	}
	_, receipt, err := festival.RevokeGrant(ctx, walts, "he sang")
	if err != nil {
		log.Fatal(err)
	}
	r, err := grant.ParseReceipt(receipt)
	fmt.Println("signed by the festival:", err == nil && r.Home == home && r.Link == walts.ID())
	fmt.Println(vera.ExchangeNotices(ctx, home, festival.Location()))
	festival.Close()

	fmt.Println("zoe has not heard:", zoe.VerifyGrant(walts))
	fmt.Println(zoe.ExchangeNotices(ctx, home, vera.Location()))
	fmt.Println("now she has:", errors.Is(zoe.VerifyGrant(walts), grant.Withdrawn))
	// Output:
	// signed by the festival: true
	// 1 <nil>
	// zoe has not heard: <nil>
	// 1 <nil>
	// now she has: true
}
