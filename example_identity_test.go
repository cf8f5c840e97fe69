package hawser_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// publishVisitors publishes an object that says who calls it.
func publishVisitors(ctx context.Context, node *hawser.Node) sturdyref.Ref {
	ref, err := vat.Do(ctx, node.Vat("desk"), func(ctx context.Context) (vat.Ref, error) {
		return vat.SpawnFunc(ctx, func(ctx context.Context, _ []any) (any, error) { return vat.CallerOf(ctx).Designator, nil }), nil
	})
	if err != nil {
		log.Fatal(err)
	}
	invite, err := node.Publish(ctx, "visitors", ref)
	if err != nil {
		log.Fatal(err)
	}
	return invite
}

// One program can be several people. Nothing but the address they come from links them, and references do not pass from
// one to the other.
func ExampleNode_As() {
	ctx := context.Background()
	desk, me := mustOpen(ctx, nil), mustOpen(ctx, nil)
	defer desk.Close()
	defer me.Close()
	invite := publishVisitors(ctx, desk)

	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		log.Fatal(err)
	}
	work, err := me.As(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	a, _ := vat.Result[string](me.Enliven(invite).Apply(ctx)).Await(ctx)
	b, _ := vat.Result[string](work.Enliven(invite).Apply(ctx)).Await(ctx)
	fmt.Println("one person:", a == b)

	mine, _ := me.Enliven(invite).Await(ctx)
	_, err = work.Enliven(invite).Apply(ctx, mine).Await(ctx)
	fmt.Println("passed from one to the other:", !errors.Is(err, captp.ErrOtherIdentity))
	// Output:
	// one person: false
	// passed from one to the other: false
}

// An anonymous node has a new key for every session.
func ExampleNode_Anonymous() {
	ctx := context.Background()
	desk, me := mustOpen(ctx, nil), mustOpen(ctx, nil)
	defer desk.Close()
	defer me.Close()
	invite := publishVisitors(ctx, desk)

	seen := map[string]bool{}
	for range 3 {
		nobody, err := me.Anonymous()
		if err != nil {
			log.Fatal(err)
		}
		who, err := vat.Result[string](nobody.Enliven(invite).Apply(ctx)).Await(ctx)
		if err != nil {
			log.Fatal(err)
		}
		seen[who] = true
		if err := nobody.Close(); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("visitors:", len(seen))
	fmt.Println("me among them:", seen[me.Location().Designator])
	// Output:
	// visitors: 3
	// me among them: false
}

// Behind a closed door strangers do not even get a session. Whoever has a sturdyref does, as do those who are known.
func ExampleDoor() {
	ctx := context.Background()
	friend, stranger := mustOpen(ctx, nil), mustOpen(ctx, nil)
	defer friend.Close()
	defer stranger.Close()

	bank := mustOpen(ctx, &hawser.Config{Door: hawser.Door{Closed: true, Known: []sturdyref.PeerID{friend.Location().ID()}}})
	defer bank.Close()
	invite, err := bank.Publish(ctx, "purse", newPurse(ctx, bank))
	if err != nil {
		log.Fatal(err)
	}
	guess := sturdyref.Ref{Peer: invite.Peer, Swiss: sturdyref.NewSwissNum()}
	_, err = stranger.Enliven(guess).Await(ctx)
	fmt.Println("a stranger without the secret:", errors.Is(err, hawser.ErrRefused), len(bank.Sessions()))

	n, err := vat.As[PurseRef](stranger.Enliven(invite)).Deposit(ctx, 2).Await(ctx)
	fmt.Println("the same with it:", n, err)

	n, err = vat.As[PurseRef](friend.Enliven(invite)).Balance(ctx).Await(ctx)
	fmt.Println("a friend:", n, err)
	// Output:
	// a stranger without the secret: true 0
	// the same with it: 2 <nil>
	// a friend: 2 <nil>
}
