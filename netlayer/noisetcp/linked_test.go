package noisetcp_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hawser-go/hawser/netlayer"
	links "github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
)

// cutter passes TCP connections on to a target, until it cuts them.
type cutter struct {
	front net.Listener
	to    string
	all   sync.WaitGroup
	mu    sync.Mutex
	open  []*net.TCPConn
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{front: l, to: to}
	c.all.Go(c.run)
	return c
}

func (c *cutter) run() {
	for {
		in, err := c.front.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", c.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		pair := []*net.TCPConn{in.(*net.TCPConn), out.(*net.TCPConn)}
		c.mu.Lock()
		c.open = append(c.open, pair...)
		c.mu.Unlock()
		for i := range pair {
			c.all.Go(func() {
				_, _ = io.Copy(pair[i], pair[1-i])
				_ = pair[i].CloseWrite()
			})
		}
	}
}

// cut resets every connection.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.open {
		_ = conn.SetLinger(0)
		_ = conn.Close()
	}
	c.open = nil
}

func (c *cutter) close() {
	_ = c.front.Close()
	c.cut()
	c.all.Wait()
}

// TestLinksOutliveFiftyCuts resets the TCP connection fifty times with frames under way in both directions, over real
// sockets. Each arrives once and in order.
func TestLinksOutliveFiftyCuts(t *testing.T) {
	for _, anonymous := range []bool{false, true} {
		t.Run(fmt.Sprintf("anonymous=%v", anonymous), func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			cuts(t, anonymous)
			if err := goleak.Find(before); err != nil {
				t.Error(err)
			}
		})
	}
}

func cuts(t *testing.T, anonymous bool) {
	const drops = 50
	wrap := func(cfg noisetcp.Config) *links.Netlayer {
		cfg.Features, cfg.Linger = []string{netlayer.FeatureResume}, 500*time.Millisecond
		cfg.Limits.RatePerSource = 1e6
		inner, err := noisetcp.Open(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		l, err := links.New(inner, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	dialler := noisetcp.Config{}
	if !anonymous {
		dialler.Identity, dialler.Listen = identity(t), "127.0.0.1:0"
	}
	from, to := wrap(dialler), wrap(noisetcp.Config{Identity: identity(t), Listen: "127.0.0.1:0"})
	accepted := make(chan netlayer.Conn, 1)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			in, err := to.Accept(context.Background())
			if err != nil {
				return
			}
			if c, err := in.Accept(nil); err == nil {
				accepted <- c
			}
		}
	})
	peer := to.Location().Clone()
	relay := newCutter(t, peer.Hints["tcp"])
	defer relay.close()
	peer.Hints = map[string]string{"tcp": relay.front.Addr().String()}
	out, err := from.Connect(context.Background(), netlayer.Dial{Peer: peer})
	if err != nil {
		t.Fatal(err)
	}
	in := <-accepted
	var stop atomic.Bool
	counts, progress := make(chan int, 4), make(chan struct{})
	errs := make(chan error, 4)
	for _, ends := range [][2]netlayer.Conn{{out, in}, {in, out}} {
		written := make(chan int, 1)
		all.Go(func() {
			n := 0
			defer func() { written <- n }()
			for ; !stop.Load(); n++ {
				if err := ends[0].Write([][]byte{binary.BigEndian.AppendUint64(make([]byte, n%900), uint64(n))}); err != nil {
					errs <- fmt.Errorf("writing frame %d: %w", n, err)
					return
				}
			}
			if err := ends[0].Write([][]byte{[]byte("end")}); err != nil {
				errs <- err
			}
		})
		all.Go(func() {
			for n := 0; ; n++ {
				f, err := ends[1].Read()
				if err == nil && string(f.Bytes) == "end" {
					f.Done()
					counts <- n - <-written
					_, _ = ends[1].Read() // acknowledgements, for the other direction
					return
				}
				if err != nil || len(f.Bytes) != n%900+8 || binary.BigEndian.Uint64(f.Bytes[n%900:]) != uint64(n) {
					errs <- fmt.Errorf("reading frame %d: %d bytes, %w", n, len(f.Bytes), err)
					counts <- 1
					return
				}
				f.Done()
				if n%1000 == 0 {
					select {
					case progress <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	for range drops {
		<-progress // also since the last time
		relay.cut()
	}
	stop.Store(true)
	for range 2 {
		if n := <-counts; n != 0 {
			t.Errorf("%d frames more were read than written", n)
		}
	}
	if err := from.Close(); err != nil {
		t.Error(err)
	}
	if err := to.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}
