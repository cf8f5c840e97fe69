package link_test

import (
	"context"
	"fmt"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
)

// A frame that was on its way when the connection was lost arrives on the next one.
func Example() {
	network := mem.New(nil)
	var peers [2]*link.Netlayer
	var hosts [2]*mem.Host
	for i, name := range []string{"alice", "bob"} {
		hosts[i] = network.Host(mem.HostConfig{Name: name, Features: []string{netlayer.FeatureResume}})
		n, err := link.New(hosts[i], nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer n.Close()
		peers[i] = n
	}
	alice, bob := peers[0], peers[1]
	ctx := context.Background()
	heard := make(chan string)
	go func() {
		for { // resumptions come by Accept, too
			in, err := bob.Accept(ctx)
			if err != nil {
				return
			}
			conn, err := in.Accept([][]byte{[]byte("welcome")})
			if err != nil {
				continue
			}
			go func() {
				for {
					f, err := conn.Read()
					if err != nil {
						return
					}
					heard <- string(f.Bytes)
					f.Done()
				}
			}()
		}
	}()

	conn, err := alice.Connect(ctx, netlayer.Dial{Peer: bob.Location()})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := conn.Read()
	fmt.Println(string(f.Bytes), err)
	f.Done()
	go func() { _, _ = conn.Read() }() // it is Read that learns of a loss

	network.Lose(hosts[0], hosts[1])
	if err := conn.Write([][]byte{[]byte("are you there?")}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-heard)
	// Output:
	// welcome <nil>
	// are you there?
}
