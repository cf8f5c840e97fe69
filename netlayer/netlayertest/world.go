package netlayertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hawser-go/hawser/netlayer"
)

// A world is what one test works in: netlayers that are closed at its end, and goroutines that are joined.
type world struct {
	*testing.T
	subject Subject
	lacks   Lacks
	ctx     context.Context
	open    func(Host) netlayer.Netlayer
	group   sync.WaitGroup
}

func newWorld(t *testing.T, s Subject) *world {
	w := &world{T: t, subject: s, lacks: s.Lacks}
	ctx, cancel := context.WithTimeout(context.Background(), s.Patience)
	w.ctx = ctx
	watchdog := time.AfterFunc(s.Patience+s.Patience/4, func() {
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
		panic(fmt.Sprintf("netlayertest: %s hangs, its goroutines are above", t.Name()))
	})
	t.Cleanup(func() {
		w.group.Wait()
		cancel()
		watchdog.Stop()
	})
	w.open = s.Open(t)
	return w
}

// noLeaks fails the test if goroutines begun in it are still there at its end.
func noLeaks(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(before); err != nil {
			t.Errorf("after everything was closed: %v", err)
		}
	})
}

// host opens a netlayer that is closed at the end of the test.
func (w *world) host(h Host) netlayer.Netlayer {
	w.Helper()
	n := w.open(h)
	w.Cleanup(func() {
		if err := n.Close(); err != nil {
			w.Errorf("closing the netlayer: %v", err)
		}
	})
	return n
}

// hosts opens two.
func (w *world) hosts() (a, b netlayer.Netlayer) {
	w.Helper()
	return w.host(Host{}), w.host(Host{})
}

// spawn runs f in a goroutine that the test waits for.
func (w *world) spawn(f func()) {
	w.group.Go(f)
}

// dial describes a dial to a netlayer.
func dial(to netlayer.Netlayer) netlayer.Dial {
	return netlayer.Dial{Peer: to.Location()}
}

// connect dials and accepts, and returns both ends.
func (w *world) connect(from, to netlayer.Netlayer, d netlayer.Dial, first ...[]byte) (out, in netlayer.Conn) {
	w.Helper()
	accepted := make(chan netlayer.Conn, 1)
	w.spawn(func() {
		incoming, err := to.Accept(w.ctx)
		if err != nil {
			w.Errorf("Accept: %v", err)
			close(accepted)
			return
		}
		c, err := incoming.Accept(first)
		if err != nil {
			w.Errorf("Incoming.Accept: %v", err)
		}
		accepted <- c
	})
	out, err := from.Connect(w.ctx, d)
	if err != nil {
		w.Fatalf("Connect: %v", err)
	}
	if in = <-accepted; in == nil {
		w.Fatal("Connect succeeded although nobody was accepted")
	}
	return out, in
}

// pair opens two netlayers and connects them.
func (w *world) pair() (out, in netlayer.Conn) {
	w.Helper()
	a, b := w.hosts()
	return w.connect(a, b, dial(b))
}

// write sends frames from a goroutine of its own, as Write may wait for the reader.
func (w *world) write(c netlayer.Conn, frames ...[]byte) {
	w.spawn(func() {
		if err := c.Write(frames); err != nil {
			w.Errorf("Write: %v", err)
		}
	})
}

// read returns the next frame, which must be there.
func (w *world) read(c netlayer.Conn) netlayer.Frame {
	w.Helper()
	f, err := c.Read()
	if err != nil {
		w.Fatalf("Read: %v", err)
	}
	return f
}

// expect reads frames that must be these.
func (w *world) expect(c netlayer.Conn, want ...string) {
	w.Helper()
	for i, text := range want {
		f := w.read(c)
		if string(f.Bytes) != text {
			w.Fatalf("frame %d is %s, want %s", i, show(f.Bytes), show([]byte(text)))
		}
		f.Done()
	}
}

// ended checks that a connection has ended for its reader, after which it has ended for its writer too.
func (w *world) ended(c netlayer.Conn) {
	w.Helper()
	for range 2 {
		if f, err := c.Read(); !errors.Is(err, net.ErrClosed) {
			w.Fatalf("Read after the end: frame %s, error %v, want net.ErrClosed", show(f.Bytes), err)
		}
	}
	if err := c.Write([][]byte{[]byte("late")}); !errors.Is(err, net.ErrClosed) {
		w.Fatalf("Write after the end: %v, want net.ErrClosed", err)
	}
	if !c.More() {
		w.Fatal("More after the end is false, though Read returns at once")
	}
}

// eventually waits for something that the contract promises but announces nowhere.
func (w *world) eventually(what string, ok func() bool) {
	w.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			w.Fatalf("never happened: %s", what)
		}
	}
}

func (w *world) mustBe(what string, err error, targets ...error) {
	w.Helper()
	for _, target := range targets {
		if errors.Is(err, target) {
			return
		}
	}
	w.Fatalf("%s: error %v, want one that matches %v", what, err, targets)
}

// pattern is the content of frame i, of n bytes.
func pattern(i, n int) []byte {
	b := make([]byte, n)
	x := uint32(i)*2654435761 + uint32(n)
	for j := range b {
		x = x*1664525 + 1013904223
		b[j] = byte(x >> 24)
	}
	return b
}

func show(b []byte) string {
	if len(b) > 40 {
		return fmt.Sprintf("%q... (%d bytes)", b[:40], len(b))
	}
	return fmt.Sprintf("%q", b)
}
