package noisequic_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/sturdyref"
)

// One identity listens, another dials it with a frame that travels in the handshake.
func ExampleOpen() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var nodes []*noisequic.Netlayer
	for range 2 {
		id, err := sturdyref.GenerateIdentity(time.Now())
		if err != nil {
			fmt.Println(err)
			return
		}
		n, err := noisequic.Open(&noisequic.Config{Identity: id, Listen: "127.0.0.1:0"})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer n.Close()
		nodes = append(nodes, n)
	}
	ada, bob := nodes[0], nodes[1]

	done := make(chan struct{})
	go func() {
		defer close(done)
		in, err := bob.Accept(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("bob is called by ada:", in.Info.Remote.ID() == ada.Location().ID())
		c, err := in.Accept([][]byte{[]byte("hello ada")})
		if err != nil {
			fmt.Println(err)
			return
		}
		f, err := c.Read()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("bob reads %q\n", f.Bytes)
	}()

	c, err := ada.Connect(ctx, netlayer.Dial{
		Peer:  bob.Location(),
		Early: func(netlayer.Info, int) [][]byte { return [][]byte{[]byte("hello bob")} },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	<-done
	f, err := c.Read()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("ada reads %q\n", f.Bytes)
	c.Close("that was all")
	// Output:
	// bob is called by ada: true
	// bob reads "hello bob"
	// ada reads "hello ada"
}
