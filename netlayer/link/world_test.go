package link_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
)

func wrap(t testing.TB, inner netlayer.Netlayer, cfg *link.Config) *link.Netlayer {
	t.Helper()
	n, err := link.New(inner, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// world is a simulated network with two netlayers of links on it. b lets everybody in.
type world struct {
	t        testing.TB
	net      *mem.Network
	ah, bh   *mem.Host
	a, b     *link.Netlayer
	accepted chan netlayer.Conn
	all      sync.WaitGroup
}

// scene runs a test in a bubble.
func scene(t *testing.T, cfg link.Config, fn func(w *world)) {
	t.Helper()
	sceneOver(t, cfg, func(n netlayer.Netlayer) netlayer.Netlayer { return n }, fn)
}

// sceneOver is scene with something between a's links and the network.
func sceneOver(t *testing.T, cfg link.Config, over func(netlayer.Netlayer) netlayer.Netlayer, fn func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOver(t, mem.Config{Delay: 5 * time.Millisecond, Timeout: time.Second}, cfg, over)
		fn(w)
		w.close()
	})
}

func newWorld(t testing.TB, on mem.Config, cfg link.Config) *world {
	return newWorldOver(t, on, cfg, func(n netlayer.Netlayer) netlayer.Netlayer { return n })
}

func newWorldOver(t testing.TB, on mem.Config, cfg link.Config, over func(netlayer.Netlayer) netlayer.Netlayer) *world {
	w := &world{t: t, net: mem.New(&on), accepted: make(chan netlayer.Conn, 64)}
	resume := []string{netlayer.FeatureResume}
	w.ah, w.bh = w.net.Host(mem.HostConfig{Name: "a", Features: resume}), w.net.Host(mem.HostConfig{Name: "b", Features: resume})
	cfg.Logger = hclog.New(&hclog.LoggerOptions{Name: "a", Output: t.Output(), Level: hclog.Debug})
	w.a = wrap(t, over(w.ah), &cfg)
	cfg.Logger = cfg.Logger.ResetNamed("b")
	w.b = wrap(t, w.bh, &cfg)
	for _, n := range []*link.Netlayer{w.a, w.b} {
		w.all.Go(func() { w.admit(n) })
	}
	return w
}

// admit lets everybody in.
func (w *world) admit(n *link.Netlayer) {
	for {
		in, err := n.Accept(context.Background())
		if err != nil {
			return
		}
		w.all.Go(func() {
			if c, err := in.Accept([][]byte{frame(0, 7)}); err == nil {
				w.accepted <- c
			}
		})
	}
}

func (w *world) close() {
	w.t.Helper()
	if err := errors.Join(w.a.Close(), w.b.Close()); err != nil {
		w.t.Error(err)
	}
	w.net.Close()
	w.all.Wait()
}

// connect dials b from a. One frame goes along each way.
func (w *world) connect() (out, in netlayer.Conn) {
	w.t.Helper()
	out, err := w.a.Connect(context.Background(), netlayer.Dial{
		Peer: w.b.Location(), Early: func(netlayer.Info, int) [][]byte { return [][]byte{frame(0, 7)} },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	in = <-w.accepted
	for _, c := range []netlayer.Conn{out, in} {
		c.(netlayer.KeepAliver).KeepAlive(true)
	}
	return out, in
}

// toTheEnd has two ends exchange frames up to number n, each way, and go on reading.
func (w *world) toTheEnd(out, in netlayer.Conn, n int, pause func(i int)) error {
	errs := make(chan error, 4)
	for _, c := range []netlayer.Conn{out, in} {
		w.all.Go(func() { errs <- write(c, 1, n, pause) })
		w.all.Go(func() {
			errs <- read(c, 0, n)
			_, _ = c.Read()
		})
	}
	var err error
	for range 4 {
		err = errors.Join(err, <-errs)
	}
	return err
}

// frame is frame i of a stream: its number, and bytes that follow from it.
func frame(i, size int) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 8+size), uint64(i))
	for j := range size {
		b = append(b, byte(i*31+j*7))
	}
	return b
}

func sizeOf(i int) int { return (i*i*37 + i) % 3000 }

// write sends frames from..to of a stream, in batches.
func write(c netlayer.Conn, from, to int, pause func(i int)) error {
	var batch [][]byte
	for i := from; i < to; i++ {
		batch = append(batch, frame(i, sizeOf(i)))
		if len(batch) > i%9 || i == to-1 {
			if err := c.Write(batch); err != nil {
				return fmt.Errorf("writing frame %d: %w", i, err)
			}
			batch = batch[:0]
			if pause != nil {
				pause(i)
			}
		}
	}
	return nil
}

// read takes frames from..to of a stream, each of which must be the next. Frame 0 is the one that went along.
func read(c netlayer.Conn, from, to int) error {
	for i := from; i < to; i++ {
		f, err := c.Read()
		if err != nil {
			return fmt.Errorf("reading frame %d: %w", i, err)
		}
		want := frame(i, sizeOf(i))
		if i == 0 {
			want = frame(0, 7)
		}
		if !bytes.Equal(f.Bytes, want) {
			return fmt.Errorf("frame %d is one of %d bytes that begins with %x", i, len(f.Bytes), f.Bytes[:min(8, len(f.Bytes))])
		}
		f.Done()
	}
	return nil
}

// both has two ends exchange frames up to number n, each way, and reports what went wrong.
func (w *world) both(out, in netlayer.Conn, from, n int, pause func(i int)) error {
	errs := make(chan error, 4)
	for _, c := range []netlayer.Conn{out, in} {
		w.all.Go(func() { errs <- write(c, max(1, from), n, pause) })
		w.all.Go(func() { errs <- read(c, from, n) })
	}
	var err error
	for range 4 {
		err = errors.Join(err, <-errs)
	}
	return err
}

// listen reads whatever comes until the end: an end that nobody reads from does not notice what happens to its connection.
func (w *world) listen(c netlayer.Conn) {
	w.all.Go(func() {
		for {
			f, err := c.Read()
			if err != nil {
				return
			}
			f.Done()
		}
	})
}

// ended fails the test unless a link has ended with an error that is want.
func ended(t testing.TB, c netlayer.Conn, want error) {
	t.Helper()
	for {
		_, err := c.Read()
		if err == nil {
			continue
		}
		if !errors.Is(err, want) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("the link ended with %v, want %v", err, want)
		}
		break
	}
	if err := c.Write([][]byte{nil}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after the end: %v", err)
	}
}
