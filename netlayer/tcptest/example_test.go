package tcptest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/tcptest"
)

// One peer dials another, which sees what was sent but not by whom: nothing on this netlayer proves anything.
func ExampleOpen() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ada, err := tcptest.Open(&tcptest.Config{Designator: "ada"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ada.Close()
	bob, err := tcptest.Open(&tcptest.Config{Designator: "bob"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer bob.Close()

	out, err := ada.Connect(ctx, netlayer.Dial{
		Peer:  bob.Location(),
		Early: func(netlayer.Info, int) [][]byte { return [][]byte{[]byte(`<5'hello3"bob>`)} },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	incoming, err := bob.Accept(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	in, err := incoming.Accept([][]byte{[]byte(`<5'hello3"ada>`)})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range []netlayer.Conn{in, out} {
		f, err := c.Read()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q reads %s from %q\n", c.Info().Local.Designator, f.Bytes, c.Info().Remote.Designator)
	}
	// Output:
	// "bob" reads <5'hello3"bob> from ""
	// "ada" reads <5'hello3"ada> from "bob"
}
