package websocket_test

import (
	"fmt"
	"testing"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/websocket"
)

// pair connects two netlayers.
func pair(b *testing.B) (out, in netlayer.Conn) {
	server, client := open(b, &websocket.Config{}), open(b, &websocket.Config{})
	accepted := make(chan netlayer.Conn, 1)
	go func() {
		in, err := server.Accept(b.Context())
		if err != nil {
			close(accepted)
			return
		}
		c, _ := in.Accept(nil)
		accepted <- c
	}()
	out, err := client.Connect(b.Context(), netlayer.Dial{Peer: server.Location()})
	if err != nil {
		b.Fatal(err)
	}
	return out, <-accepted
}

func BenchmarkRoundTrip(b *testing.B) {
	out, in := pair(b)
	go func() {
		for {
			f, err := in.Read()
			if err != nil || in.Write([][]byte{f.Bytes}) != nil {
				return
			}
		}
	}()
	b.ReportAllocs()
	frames := [][]byte{make([]byte, 100)}
	for b.Loop() {
		if err := out.Write(frames); err != nil {
			b.Fatal(err)
		}
		if _, err := out.Read(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStream(b *testing.B) {
	for _, batch := range []int{1, 64} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			out, in := pair(b)
			go func() {
				frames := make([][]byte, batch)
				for i := range frames {
					frames[i] = make([]byte, 100)
				}
				for out.Write(frames) == nil {
				}
			}()
			b.SetBytes(100)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := in.Read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
