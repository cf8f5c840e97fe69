package noisetcp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
)

// air is a network without delay in a bubble of virtual time.
type air struct {
	mu    sync.Mutex
	hosts map[string]*host
	dead  atomic.Bool // everything that is sent is lost
}

// on puts a netlayer on a host.
func (a *air) on(number byte, cfg noisetcp.Config) noisetcp.Config {
	addr := &net.TCPAddr{IP: net.IPv4(10, 0, 0, number), Port: 4711}
	noisetcp.SetNetwork(&cfg, func(string) (net.Listener, error) {
		h := &host{addr: addr, calls: make(chan net.Conn), over: make(chan struct{})}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.hosts == nil {
			a.hosts = make(map[string]*host)
		}
		a.hosts[addr.String()] = h
		return h, nil
	}, func(ctx context.Context, address string) (net.Conn, error) { return a.dial(ctx, addr, address) })
	return cfg
}

func (a *air) dial(ctx context.Context, from net.Addr, address string) (net.Conn, error) {
	a.mu.Lock()
	h := a.hosts[address]
	a.mu.Unlock()
	if h == nil {
		return nil, syscall.ECONNREFUSED
	}
	near, far := net.Pipe()
	select {
	case h.calls <- &plane{far, a, h.addr, from}:
		return &plane{near, a, from, h.addr}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-h.over:
		return nil, syscall.ECONNREFUSED
	}
}

type host struct {
	addr  net.Addr
	calls chan net.Conn
	over  chan struct{}
	once  sync.Once
}

func (h *host) Addr() net.Addr { return h.addr }

func (h *host) Accept() (net.Conn, error) {
	select {
	case c := <-h.calls:
		return c, nil
	case <-h.over:
		return nil, net.ErrClosed
	}
}

func (h *host) Close() error {
	h.once.Do(func() { close(h.over) })
	return nil
}

// plane is one end of a connection.
type plane struct {
	net.Conn
	air           *air
	local, remote net.Addr
}

func (p *plane) LocalAddr() net.Addr  { return p.local }
func (p *plane) RemoteAddr() net.Addr { return p.remote }

func (p *plane) Write(b []byte) (int, error) {
	if p.air.dead.Load() {
		return len(b), nil
	}
	return p.Conn.Write(b)
}

func keepAlive(c netlayer.Conn, on bool) { c.(netlayer.KeepAliver).KeepAlive(on) }

// inBubble runs f with two ends of a connection.
func inBubble(t *testing.T, f func(a *air, out, in netlayer.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := &air{}
		from, to := open(t, a.on(1, noisetcp.Config{})), open(t, a.on(2, noisetcp.Config{}))
		out, in := connect(t, from, to, netlayer.Dial{})
		f(a, out, in)
		out.Close("")
		in.Close("")
	})
}

// carries checks that a connection still carries frames both ways.
func carries(t *testing.T, when string, out, in netlayer.Conn) {
	t.Helper()
	for _, c := range []struct{ from, to netlayer.Conn }{{out, in}, {in, out}} {
		if err := c.from.Write([][]byte{[]byte(when)}); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if f, err := c.to.Read(); err != nil || string(f.Bytes) != when {
			t.Fatalf("%s: read %q, %v", when, f.Bytes, err)
		}
	}
}

// A connection that somebody needs stays, whoever that is; one that nobody needs ends after a minute.
func TestKeepAlive(t *testing.T) {
	for name, who := range map[string]func(out, in netlayer.Conn) netlayer.Conn{
		"dialler":  func(out, _ netlayer.Conn) netlayer.Conn { return out },
		"acceptor": func(_, in netlayer.Conn) netlayer.Conn { return in },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(_ *air, out, in netlayer.Conn) {
				c := who(out, in)
				keepAlive(c, true)
				time.Sleep(10 * time.Minute)
				carries(t, "after ten minutes", out, in)
				keepAlive(c, false)
				begin := time.Now()
				_, err := in.Read()
				if took := time.Since(begin); !errors.Is(err, net.ErrClosed) || took < 59*time.Second || took > 81*time.Second {
					t.Errorf("ended after %v: %v", took, err)
				}
				if _, err := out.Read(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("the other end: %v", err)
				}
			})
		})
	}
}

// A connection on which one end writes and the other only reads is not idle for either.
func TestOneWay(t *testing.T) {
	inBubble(t, func(_ *air, out, in netlayer.Conn) {
		for range 100 {
			if err := out.Write([][]byte{[]byte("news")}); err != nil {
				t.Fatal(err)
			}
			if _, err := in.Read(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(7 * time.Second)
		}
		carries(t, "after twelve minutes", out, in)
	})
}

// Somebody who does not read for long, and so cannot hear the peer either, is not taken for dead, nor takes the peer for it.
func TestSlowReader(t *testing.T) {
	inBubble(t, func(_ *air, out, in netlayer.Conn) {
		keepAlive(out, true)
		const many = 40
		written := make(chan error, 1)
		go func() {
			for range many {
				if err := out.Write([][]byte{make([]byte, 60_000)}); err != nil {
					written <- err
					return
				}
			}
			written <- nil
		}()
		time.Sleep(10 * time.Minute)
		for i := range many {
			if f, err := in.Read(); err != nil || len(f.Bytes) != 60_000 {
				t.Fatalf("frame %d: %d bytes, %v", i, len(f.Bytes), err)
			}
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		carries(t, "after ten minutes", out, in)
	})
}

// A peer that is gone without a word is missed after a minute, though somebody needs it, and whatever is being said to it.
func TestPeerVanishes(t *testing.T) {
	inBubble(t, func(a *air, out, in netlayer.Conn) {
		keepAlive(out, true)
		keepAlive(in, true)
		time.Sleep(5 * time.Minute)
		a.dead.Store(true)
		begin := time.Now()
		_, err := out.Read()
		_, other := in.Read() // which may learn it from the end of the pipe
		if took := time.Since(begin); !strings.Contains(fmt.Sprint(err, other), "nothing was heard") || took > 61*time.Second {
			t.Errorf("ended after %v: %v, %v", took, err, other)
		}
	})
}

// A dialler about which nobody decides is refused in time, and hears it.
func TestNobodyDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{}
		from, to := open(t, a.on(1, noisetcp.Config{})), open(t, a.on(2, noisetcp.Config{}))
		begin := time.Now()
		d := netlayer.Dial{Peer: to.Location(), Early: early("x")}
		_, err := from.Connect(t.Context(), d)
		if took := time.Since(begin); !errors.Is(err, netlayer.ErrRefused) || took != 10*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// Somebody who takes a connection and says nothing is not reached, within five seconds for all of these together.
func TestSilentAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{}
		from := open(t, a.on(1, noisetcp.Config{}))
		d := netlayer.Dial{Peer: identity(t).Public().Peer()}
		d.Peer.Hints = make(map[string]string)
		for i := byte(2); i < 6; i++ {
			addr := &net.TCPAddr{IP: net.IPv4(10, 0, 0, i), Port: 4711}
			a.hosts[addr.String()] = &host{addr: addr, calls: make(chan net.Conn, 1), over: make(chan struct{})}
			d.Peer.Hints[fmt.Sprintf("tcp%d", i)] = addr.String()
		}
		begin := time.Now()
		_, err := from.Connect(t.Context(), d)
		if took := time.Since(begin); !errors.Is(err, netlayer.ErrUnreachable) || took > 6*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// A dialler that says a byte now and then has as long as any other.
func TestSlowloris(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{}
		to := open(t, a.on(2, noisetcp.Config{}))
		c, err := a.dial(t.Context(), &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}, "10.0.0.2:4711")
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		for i := 0; err == nil; i++ {
			_, err = c.Write([]byte{0})
			if time.Sleep(time.Second); i > 20 {
				break
			}
		}
		if took := time.Since(begin); took > 7*time.Second {
			t.Errorf("the connection was kept for %v", took)
		}
		// One that has said its first message well has no longer.
		acceptor := keyOf(t, to)
		if c, err = a.dial(t.Context(), &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}, "10.0.0.2:4711"); err != nil {
			t.Fatal(err)
		}
		begin = time.Now()
		x := noisetest.New(noisetest.FreshKey(), noisetest.FreshKey(), acceptor[:], noisetest.Prologue(noisetest.TCP, 0, nil))
		c.Write(noisetest.Join([]byte{0}, noisetest.WithLength(x.Write1(noisetest.Hello([16]byte{})))))
		io.Copy(io.Discard, c)
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("the connection was kept for %v", took)
		}
		c.Close()
	})
}

// A ping that was cut by the end of the connection is not followed by a farewell that would look like a forgery.
func TestCutPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{}
		to := open(t, a.on(2, noisetcp.Config{}))
		c, err := a.dial(t.Context(), &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}, "10.0.0.2:4711")
		if err != nil {
			t.Fatal(err)
		}
		accepted := make(chan netlayer.Conn, 1)
		go func() {
			defer close(accepted)
			if in, err := to.Accept(t.Context()); err == nil {
				if c, err := in.Accept(nil); err == nil {
					accepted <- c
				}
			}
		}()
		message := func() []byte {
			var head [2]byte
			io.ReadFull(c, head[:])
			b := make([]byte, int(head[0])<<8|int(head[1]))
			io.ReadFull(c, b)
			return b
		}
		acceptor := keyOf(t, to)
		x := noisetest.New(noisetest.FreshKey(), noisetest.FreshKey(), acceptor[:], noisetest.Prologue(noisetest.TCP, 0, nil))
		c.Write(noisetest.Join([]byte{0}, noisetest.WithLength(x.Write1(noisetest.Hello([16]byte{})))))
		if _, err := x.Read2(message()); err != nil {
			t.Fatal(err)
		}
		c.Write(noisetest.WithLength(x.Write3(noSecret(acceptor), noisetest.Anonymous())))
		message()
		in := <-accepted
		keepAlive(in, true)
		time.Sleep(30 * time.Second) // the ping stands still, as nobody reads
		go in.Close("bye")
		synctest.Wait()
		if b, _ := io.ReadAll(c); len(b) > 0 {
			t.Errorf("after the ping was cut came %x", b)
		}
		c.Close()
	})
}

// short is a listener of a system that is short of something for a while.
type short struct {
	net.Listener
	fails int
}

func (s *short) Accept() (net.Conn, error) {
	if s.fails--; s.fails >= 0 {
		return nil, syscall.EMFILE
	}
	return s.Listener.Accept()
}

// TestSystemIsShort: a system that cannot give us connections for a while is asked again, and the log says so once.
func TestSystemIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		a := &air{}
		cfg := a.on(2, noisetcp.Config{Logger: hclog.New(&hclog.LoggerOptions{Output: &log})})
		noisetcp.WrapListener(&cfg, func(l net.Listener) net.Listener { return &short{l, 8} })
		from, to := open(t, a.on(1, noisetcp.Config{})), open(t, cfg)
		out, in := connect(t, from, to, netlayer.Dial{})
		carries(t, "afterwards", out, in)
		if n := strings.Count(log.String(), "no connection can be accepted"); n != 1 {
			t.Errorf("the log says %d times that there are no connections:\n%s", n, log.String())
		}
	})
}
