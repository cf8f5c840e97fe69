package noisequic_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
)

// BenchmarkIdle is the memory, heap and stacks, of an idle connection with a reader, both ends together. Its time says
// nothing.
func BenchmarkIdle(b *testing.B) {
	const connections = 300
	used := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapInuse + m.StackInuse)
	}
	measure := func(b *testing.B, dial func() link) {
		before := used()
		for range connections {
			l := dial()
			go func() {
				for {
					if _, err := l.receive(); err != nil {
						return
					}
				}
			}()
		}
		bytes := (used() - before) / connections
		for b.Loop() {
		}
		b.ReportMetric(bytes, "B/conn") // after Loop, which forgets what was reported before
	}
	b.Run("raw", func(b *testing.B) {
		server, client := rawTLS(b)
		str, ctr := rawTransport(b), rawTransport(b)
		l, err := str.Listen(server, nil)
		if err != nil {
			b.Fatal(err)
		}
		go func() {
			for {
				q, err := l.Accept(context.Background())
				if err != nil {
					return
				}
				go func() {
					if s, err := q.AcceptStream(context.Background()); err == nil {
						r := &raw{s: s, in: make([]byte, 2<<10)}
						for {
							f, err := r.receive()
							if err != nil || r.send([][]byte{f}) != nil {
								return
							}
						}
					}
				}()
			}
		}()
		measure(b, func() link {
			q, err := ctr.Dial(context.Background(), str.Conn.LocalAddr(), client, nil)
			if err != nil {
				b.Fatal(err)
			}
			s, err := q.OpenStreamSync(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			r := &raw{s: s, in: make([]byte, 2<<10)}
			if err := r.send([][]byte{payload}); err != nil {
				b.Fatal(err)
			}
			if _, err := r.receive(); err != nil {
				b.Fatal(err)
			}
			return r
		})
	})
	b.Run("noisequic", func(b *testing.B) {
		from, to := open(b, noisequic.Config{}), open(b, noisequic.Config{Limits: noisequic.Limits{RatePerSource: 1e6}})
		measure(b, func() link {
			out, in := connect(b, from, to, netlayer.Dial{})
			go func() {
				for {
					f, err := in.Read()
					if err != nil || in.Write([][]byte{f.Bytes}) != nil {
						return
					}
				}
			}()
			if err := out.Write([][]byte{payload}); err != nil {
				b.Fatal(err)
			}
			if _, err := out.Read(); err != nil {
				b.Fatal(err)
			}
			return ours{out}
		})
	})
}
