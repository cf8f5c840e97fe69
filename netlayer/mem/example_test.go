package mem_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
)

func Example() {
	ctx := context.Background()
	network := mem.New(&mem.Config{Seed: 1, Delay: time.Millisecond})
	defer network.Close()
	alice := network.Host(mem.HostConfig{Name: "alice"})
	bob := network.Host(mem.HostConfig{Name: "bob"})

	left := make(chan struct{})
	go func() {
		defer close(left)
		incoming, err := bob.Accept(ctx)
		if err != nil {
			return
		}
		conn, err := incoming.Accept([][]byte{[]byte("welcome, " + incoming.Info.Remote.Designator)})
		if err != nil {
			return
		}
		defer conn.Close("nothing more to say")
		for {
			frame, err := conn.Read()
			if err != nil {
				return
			}
			fmt.Printf("bob reads %q\n", frame.Bytes)
			frame.Done()
		}
	}()

	conn, err := alice.Connect(ctx, netlayer.Dial{Peer: bob.Location()})
	if err != nil {
		fmt.Println(err)
		return
	}
	frame, err := conn.Read()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("alice reads %q\n", frame.Bytes)
	frame.Done()
	if err := conn.Write([][]byte{[]byte("hello"), []byte("goodbye")}); err != nil {
		fmt.Println(err)
	}
	conn.Close("done")

	<-left // what was written before Close arrives
	// Output:
	// alice reads "welcome, alice"
	// bob reads "hello"
	// bob reads "goodbye"
}
