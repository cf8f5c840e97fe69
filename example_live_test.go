package hawser_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/vat"
)

// A live reference outlasts the process at the other end.
func ExampleNode_Live() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "bank")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cfg := &hawser.Config{Dir: dir, Listen: "127.0.0.1:0"}
	customer := mustOpen(ctx, nil)
	defer customer.Close()

	bank := mustOpen(ctx, cfg)
	invite, err := bank.Publish(ctx, "purse", newPurse(ctx, bank))
	if err != nil {
		log.Fatal(err)
	}
	purse := vat.As[PurseRef](customer.Live(invite))
	fmt.Println(purse.Deposit(ctx, 7).Await(ctx))

	// Functions given to OnSever and OnRestore are turns of the vat that watches.
	lost, back := make(chan error, 10), make(chan bool, 10)
	_, err = vat.Do(ctx, customer.Vat("till"), func(ctx context.Context) (int, error) {
		vat.OnSever(ctx, purse.Ref, func(_ context.Context, reason error) { lost <- reason })
		vat.OnRestore(ctx, purse.Ref, func(context.Context) { back <- true })
		return 0, nil
	})
	if err != nil {
		log.Fatal(err)
	}
	bank.Close()
	fmt.Println("lost:", errors.Is(<-lost, net.ErrClosed))
	deposit := purse.Deposit(ctx, 5) // waits until the bank is open again

	bank = mustOpen(ctx, cfg)
	defer bank.Close()
	if _, err = bank.Publish(ctx, "purse", newPurse(ctx, bank)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(deposit.Await(ctx))
	fmt.Println("back:", <-back)
	// Output:
	// 7 <nil>
	// lost: true
	// 5 <nil>
	// back: true
}
