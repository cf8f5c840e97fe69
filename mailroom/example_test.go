package mailroom_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// A server with a box, a peer who leaves a letter there, and the owner who takes it out. The server and the two others would be in
// processes of their own; with a Dir the box survives that of the server.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	open := func(cfg hawser.Config) *hawser.Node {
		cfg.Listen = "127.0.0.1:0"
		n, err := hawser.Open(ctx, &cfg)
		if err != nil {
			log.Fatal(err)
		}
		return n
	}
	check := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}

	server := open(hawser.Config{Kinds: mailroom.Kinds()})
	defer server.Close()
	v, err := server.DurableVat("mailboxes")
	check(err)
	host, err := mailroom.Open(ctx, v)
	check(err)
	publisher := mailroom.PublisherFacet.SpawnIn(server.Vat("publisher"), nodePublisher{server})
	_, err = host.Attach(ctx, vat.As[mailroom.PublisherRef](publisher)).Await(ctx)
	check(err)
	owner, err := host.Office(ctx).NewBox(ctx, "bob", mailroom.Terms{}).Await(ctx)
	check(err)

	// at returns what a URI stands for, seen from a node.
	at := func(n *hawser.Node, uri string) vat.Ref {
		ref, err := sturdyref.Parse(uri)
		check(err)
		return n.Enliven(ref)
	}
	bob := open(hawser.Config{})
	defer bob.Close()
	box := vat.As[mailroom.BoxRef](at(bob, owner))
	forAlice, err := box.NewDrop(ctx, "a", mailroom.Terms{Letters: 1}).Await(ctx)
	check(err)

	alice := open(hawser.Config{})
	defer alice.Close()
	drop := mailroom.NewDropper(vat.As[mailroom.DropRef](at(alice, forAlice)))
	letter := make([]byte, mailbox.MinLetter) // of a mailbox.Sealer
	fmt.Println(drop.Drop(ctx, letter, 14*24*time.Hour))
	fmt.Println(drop.Drop(ctx, letter, 14*24*time.Hour))

	err = mailroom.NewDrainer(bob.Vat("mail"), box).Drain(ctx, func(d mailbox.Delivery) {
		fmt.Println(len(d.Letter), "bytes")
		d.Done()
		stop() // a program goes on
	})
	fmt.Println(err)
	// Output:
	// <nil>
	// mailroom: the box is full: try again later
	// 1024 bytes
	// context canceled
}
