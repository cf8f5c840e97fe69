package noisetcp_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
)

// T5: there is nothing below TCP that a handshake could be bound to, so a recorded first message is answered as any is, and the third, which holds the first
// calls, is of no use behind that answer: nobody is admitted, and no frame read twice. Nor does a recorded answer bring a dialler to its third message.
func TestRecordedFlights(t *testing.T) {
	noLeaks(t)
	host := identity(t)
	k := &keeper{}
	to := open(t, noisetcp.Config{Identity: host, Doorkeeper: k})
	acceptor := host.Public().Static
	frames := make(chan string, 8)
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() {
		for {
			in, err := to.Accept(ctx)
			if err != nil {
				return
			}
			if c, err := in.Accept(nil); err == nil {
				if f, err := c.Read(); err == nil {
					frames <- string(f.Bytes)
				}
			}
		}
	})
	w := dialWire(t, address(to))
	x := noisetest.New(noisetest.FreshKey(), noisetest.FreshKey(), acceptor[:], noisetest.Prologue(noisetest.TCP, 0, nil))
	m1 := noisetest.Join([]byte{0}, noisetest.WithLength(x.Write1(noisetest.Hello([16]byte{}))))
	w.send(m1)
	m2, err := w.message()
	if err == nil {
		_, err = x.Read2(m2)
	}
	if err != nil {
		t.Fatal(err)
	}
	m3 := noisetest.WithLength(x.Write3(noSecret(acceptor), noisetest.Anonymous("execute once")))
	w.send(m3)
	verdict, err := w.message()
	if err != nil || <-frames != "execute once" {
		t.Fatalf("the recorded handshake was not good: %v", err)
	}
	for what, flight := range map[string][]byte{"all of it": noisetest.Join(m1, m3), "without the first": m3} {
		again := dialWire(t, address(to))
		again.send(flight)
		_ = again.conn.CloseWrite()
		if data := again.rest(); bytes.Contains(data, m2) || bytes.Contains(data, verdict) || len(data) > len(m2)+36 {
			t.Errorf("%s: %d bytes came, want another second message and the token in it", what, len(data))
		}
	}
	last := dialWire(t, address(to)).hello(noisetest.FreshKey(), acceptor, noisetest.Hello([16]byte{}))
	last.send(m3)
	if data := last.rest(); !bytes.Equal(data, noisetest.WithLength(last.token)) {
		t.Errorf("the last message, behind another's: %x, want the token alone", data)
	}
	cancel()
	served.Wait()
	if k.count() != 1 || len(frames) != 0 {
		t.Errorf("%d diallers were admitted, want the one that was recorded", k.count())
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served.Go(func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Read(make([]byte, 1024))
		_, _ = c.Write(noisetest.Join(noisetest.WithLength(m2), noisetest.WithLength(verdict)))
		_, _ = c.Read(make([]byte, 1024))
		_ = c.Close()
	})
	d := dialAt(host.Public().Peer(), l.Addr().String())
	d.Early = func(netlayer.Info, int) [][]byte {
		t.Error("the dial went on to its last message")
		return [][]byte{[]byte("a call")}
	}
	dialFails(t, open(t, noisetcp.Config{}), d, netlayer.ErrUnreachable)
	_ = l.Close()
	served.Wait()
}
