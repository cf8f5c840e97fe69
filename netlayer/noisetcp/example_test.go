package noisetcp_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
	"github.com/hawser-go/hawser/sturdyref"
)

// One identity that is reached over QUIC, and over TCP where UDP is blocked.
func ExampleJoin() {
	open := func() (netlayer.Netlayer, error) {
		id, err := sturdyref.GenerateIdentity(time.Now())
		if err != nil {
			return nil, err
		}
		overQUIC, err := noisequic.Open(&noisequic.Config{Identity: id, Listen: "127.0.0.1:0"})
		if err != nil {
			return nil, err
		}
		overTCP, err := noisetcp.Open(&noisetcp.Config{Identity: id, Listen: "127.0.0.1:0"})
		if err != nil {
			overQUIC.Close()
			return nil, err
		}
		return noisetcp.Join(overQUIC, overTCP), nil
	}
	host, err := open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer host.Close()
	guest, err := open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer guest.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	go func() {
		in, err := host.Accept(ctx)
		if err != nil {
			return
		}
		_, _ = in.Accept([][]byte{[]byte("welcome")})
	}()
	peer := host.Location()
	delete(peer.Hints, "addr") // as if UDP went nowhere
	conn, err := guest.Connect(ctx, netlayer.Dial{Peer: peer})
	if err != nil {
		fmt.Println(err)
		return
	}
	frame, err := conn.Read()
	fmt.Printf("%s %v\n", frame.Bytes, err)
	conn.Close("")
	// Output: welcome <nil>
}
