package link_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
	"github.com/hawser-go/hawser/sturdyref"
)

// ends returns the two ends of a connection, as links or bare: on a simulated network without delay, or over loopback.
func ends(b *testing.B, carrier string, linked bool) (out, in netlayer.Conn, close func()) {
	b.Helper()
	n := mem.New(nil)
	var features []string
	if linked {
		features = []string{netlayer.FeatureResume}
	}
	var hosts [2]netlayer.Netlayer
	for i := range hosts {
		id, err := sturdyref.GenerateIdentity(time.Now())
		if err != nil {
			b.Fatal(err)
		}
		switch carrier {
		case "mem":
			hosts[i] = n.Host(mem.HostConfig{Static: id.Public().Static, Features: features})
		case "tcp":
			hosts[i], err = noisetcp.Open(&noisetcp.Config{Identity: id, Listen: "127.0.0.1:0", Features: features})
		case "quic":
			hosts[i], err = noisequic.Open(&noisequic.Config{Identity: id, Listen: "127.0.0.1:0", Features: features})
		}
		if err != nil {
			b.Fatal(err)
		}
		if linked {
			hosts[i] = wrap(b, hosts[i], nil)
		}
	}
	accepted := make(chan netlayer.Conn, 1)
	go func() {
		if i, err := hosts[1].Accept(context.Background()); err == nil {
			c, _ := i.Accept(nil)
			accepted <- c
		}
	}()
	out, err := hosts[0].Connect(context.Background(), netlayer.Dial{Peer: hosts[1].Location()})
	if err != nil {
		b.Fatal(err)
	}
	return out, <-accepted, func() {
		_, _ = hosts[0].Close(), hosts[1].Close()
		n.Close()
	}
}

var ways = []struct {
	name   string
	linked bool
}{{"bare", false}, {"link", true}}

// BenchmarkOneWay is one frame of a stream in one direction, batches of 32 per Write.
func BenchmarkOneWay(b *testing.B) {
	for _, r := range []struct {
		carrier string
		size    int
	}{{"mem", 100}, {"mem", 1000}, {"mem", 16 << 10}, {"tcp", 100}, {"tcp", 1000}, {"quic", 100}, {"quic", 1000}} {
		size := r.size
		for _, w := range ways {
			b.Run(fmt.Sprintf("%s/size=%d/%s", r.carrier, size, w.name), func(b *testing.B) {
				out, in, done := ends(b, r.carrier, w.linked)
				defer done()
				const batch = 32
				frames := make([][]byte, batch)
				for i := range frames {
					frames[i] = make([]byte, size)
				}
				var all sync.WaitGroup
				for _, c := range []netlayer.Conn{out, in} {
					all.Go(func() {
						for {
							f, err := c.Read()
							if err != nil {
								return
							}
							f.Done()
						}
					})
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if i%batch == 0 {
						if err := out.Write(frames); err != nil {
							b.Fatal(err)
						}
					}
				}
				b.StopTimer()
				_ = out.Close("")
				_ = in.Close("")
				all.Wait()
			})
		}
	}
}

// BenchmarkPingPong is a frame there and one back.
func BenchmarkPingPong(b *testing.B) {
	for _, w := range ways {
		b.Run(w.name, func(b *testing.B) {
			out, in, done := ends(b, "mem", w.linked)
			defer done()
			frame := [][]byte{make([]byte, 100)}
			var all sync.WaitGroup
			all.Go(func() {
				for {
					f, err := in.Read()
					if err != nil {
						return
					}
					f.Done()
					_ = in.Write(frame)
				}
			})
			b.ReportAllocs()
			for b.Loop() {
				if err := out.Write(frame); err != nil {
					b.Fatal(err)
				}
				f, err := out.Read()
				if err != nil {
					b.Fatal(err)
				}
				f.Done()
			}
			b.StopTimer()
			_ = out.Close("")
			_ = in.Close("")
			all.Wait()
		})
	}
}
