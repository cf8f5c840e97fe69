package tcptest_test

import (
	"bytes"
	"testing"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/tcptest"
)

// BenchmarkSplit takes a stream of small calls apart, raw and framed.
func BenchmarkSplit(b *testing.B) {
	call := []byte(`<10'op:deliver<11'desc:export5+>[4'join3"ada<18'desc:import-object7+>]3+<18'desc:import-object8+>>`)
	for _, framing := range []tcptest.Framing{tcptest.Raw, tcptest.Framed} {
		b.Run(framing.String(), func(b *testing.B) {
			stream := bytes.Repeat(tcptest.AppendMessage(nil, framing, call), 600) // what one read returns
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				if n, err := tcptest.Count(stream, netlayer.MaxFrame); n != 600 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func BenchmarkStream(b *testing.B) {
	for _, framing := range []tcptest.Framing{tcptest.Raw, tcptest.Framed} {
		b.Run(framing.String(), func(b *testing.B) {
			server, client := open(b, &tcptest.Config{}), open(b, &tcptest.Config{Framing: framing})
			out, err := client.Connect(b.Context(), netlayer.Dial{Peer: server.Location()})
			if err != nil {
				b.Fatal(err)
			}
			incoming, err := server.Accept(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			in, err := incoming.Accept(nil)
			if err != nil {
				b.Fatal(err)
			}
			go func() {
				frames := bytes.SplitAfter(bytes.Repeat([]byte("<1'a100\""+string(make([]byte, 100))+">"), 64), []byte(">"))[:64]
				for out.Write(frames) == nil {
				}
			}()
			b.SetBytes(109)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := in.Read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
