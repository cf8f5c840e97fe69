package websocket_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/websocket"
)

// A server has a key; whoever dials it needs none, and knows who answers.
func ExampleOpen() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	server, err := websocket.Open(&websocket.Config{Key: key, Listen: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client, err := websocket.Open(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	done := make(chan struct{})
	go func() {
		defer close(done)
		incoming, err := server.Accept(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("the server knows who comes:", incoming.Info.Authenticated)
		c, err := incoming.Accept([][]byte{[]byte("hello")})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer c.Close("that was all")
		f, err := c.Read()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("the server reads %q\n", f.Bytes)
	}()

	c, err := client.Connect(ctx, netlayer.Dial{Peer: server.Location()})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the client knows who answers:", c.Info().Authenticated)
	if err := c.Write([][]byte{[]byte("good day")}); err != nil {
		fmt.Println(err)
		return
	}
	<-done
	f, err := c.Read()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("the client reads %q\n", f.Bytes)
	_, err = c.Read()
	fmt.Println(err)
	// Unordered output:
	// the server knows who comes: false
	// the client knows who answers: true
	// the server reads "good day"
	// the client reads "hello"
	// websocket: the connection is closed: the peer closed it: that was all
}
