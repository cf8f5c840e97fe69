package link_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
)

// TestFiftyDrops loses the connection fifty times under load both ways: loudly, or so that only the dialler notices, as
// after a change of network. Every frame arrives once, in order.
func TestFiftyDrops(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		out, in := w.connect()
		done := make(chan error, 1)
		w.all.Go(func() { done <- w.toTheEnd(out, in, 20000, func(int) { time.Sleep(time.Millisecond) }) })
		before := out.Info()
		for i := range 50 {
			time.Sleep(rand.N(100 * time.Millisecond))
			if i%3 == 2 {
				w.net.LoseSilently(w.ah, w.bh)
			} else {
				w.net.Lose(w.ah, w.bh)
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if after := out.Info(); after.Binding != before.Binding || after.Resume != nil {
			t.Errorf("Info has changed to %+v", after)
		}
	})
}

// TestBothDial has both ends dial at the same moment, fifty times.
func TestBothDial(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		out, in := w.connect()
		done := make(chan error, 1)
		w.all.Go(func() { done <- w.toTheEnd(out, in, 20000, func(int) { time.Sleep(time.Millisecond) }) })
		for range 50 {
			time.Sleep(rand.N(100 * time.Millisecond))
			w.net.Lose(w.ah, w.bh)
			time.Sleep(rand.N(100 * time.Millisecond)) // and a dials, too
			in.(netlayer.Reacher).Reach(w.a.Location(), nil)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// deaf is a netlayer that reaches nobody.
type deaf struct {
	netlayer.Netlayer
	on atomic.Bool
}

func (d *deaf) Connect(ctx context.Context, to netlayer.Dial) (netlayer.Conn, error) {
	if d.on.Load() {
		return nil, netlayer.ErrUnreachable
	}
	return d.Netlayer.Connect(ctx, to)
}

// TestReach has a dialler that cannot reach its peer any more, and a peer that can reach it, if it is told where.
func TestReach(t *testing.T) {
	d := new(deaf)
	sceneOver(t, link.Config{}, func(n netlayer.Netlayer) netlayer.Netlayer {
		d.Netlayer = n
		return d
	}, func(w *world) {
		out, in := w.met()
		d.on.Store(true)
		n := 2
		for i := range 5 {
			w.net.Lose(w.ah, w.bh)
			begin := time.Now()
			least := 3 * time.Second // once it is known where the dialler can be, it has that long
			if i == 0 {
				least = time.Minute
				w.all.Go(func() {
					time.Sleep(time.Minute)
					in.(netlayer.Reacher).Reach(w.b.Location(), nil) // somebody else: of no interest
					time.Sleep(time.Second / 2)
					in.(netlayer.Reacher).Reach(w.a.Location(), nil)
				})
			}
			if err := w.both(out, in, n, n+5, nil); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took < least || took > least+time.Second {
				t.Errorf("it took %v", took)
			}
			n += 5
		}
		// The acceptor closes while it has no connection, and can tell.
		w.net.Lose(w.ah, w.bh)
		synctest.Wait()
		in.Close("enough")
		within(t, 0, time.Second, net.ErrClosed, out)
	})
}

// TestTheAcceptorAloneHasLost has the dialler come back by itself, and then notice nothing of a loss that the acceptor has.
func TestTheAcceptorAloneHasLost(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		out, in := w.met()
		w.net.Lose(w.ah, w.bh)
		if err := w.both(out, in, 2, 5, nil); err != nil {
			t.Fatal(err)
		}
		w.net.LoseSilently(w.bh, w.ah)
		w.listen(out)
		w.listen(in)
		synctest.Wait()
		in.(netlayer.Reacher).Reach(w.a.Location(), nil)
		time.Sleep(200 * time.Millisecond)
		if _, _, suspended := w.b.Held(); suspended != 0 {
			t.Error("the acceptor was not let in")
		}
	})
}

// TestWhatIsWrittenStays has the peer acknowledge frames while they are being written. Until that is done their memory is
// nobody else's.
func TestWhatIsWrittenStays(t *testing.T) {
	n := &slow{t: t}
	sceneOver(t, link.Config{}, func(inner netlayer.Netlayer) netlayer.Netlayer {
		n.Netlayer = inner
		return n
	}, func(w *world) {
		var outs [2]netlayer.Conn
		for i := range outs {
			out, in := w.met()
			w.listen(in)
			w.listen(out)
			outs[i] = out
		}
		n.pause.Store(int64(time.Second))
		for round := range 20 {
			w.all.Go(func() { _ = write(outs[0], 2+100*round, 102+100*round, nil) })
			time.Sleep(500 * time.Millisecond) // the frames have come and were acknowledged
			w.all.Go(func() { _ = write(outs[1], 2+100*round, 102+100*round, nil) })
			time.Sleep(2 * time.Second)
		}
	})
}

// slow is a netlayer whose connections take their time to say that something was written, and see to it that it is still
// the same then.
type slow struct {
	netlayer.Netlayer
	t     *testing.T
	pause atomic.Int64
}

type slowConn struct {
	netlayer.Conn
	of *slow
}

func (s *slow) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	c, err := s.Netlayer.Connect(ctx, d)
	if err != nil {
		return nil, err
	}
	return &slowConn{c, s}, nil
}

func (c *slowConn) Write(frames [][]byte) error {
	var copies [][]byte
	for _, f := range frames {
		copies = append(copies, bytes.Clone(f))
	}
	err := c.Conn.Write(frames)
	time.Sleep(time.Duration(c.of.pause.Load()))
	for i, f := range frames {
		if !bytes.Equal(f, copies[i]) {
			c.of.t.Errorf("frame %d of %d changed while it was written", i, len(frames))
			break
		}
	}
	return err
}

// TestReplayUnderLoad has both sides owe each other more than the network holds: who writes what the other lacks while the
// other does the same must not stand still.
func TestReplayUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{Delay: time.Millisecond, Buffer: 64 << 10, Timeout: time.Second}, link.Config{})
		out, in := w.connect()
		if err := w.both(out, in, 0, 10, nil); err != nil {
			t.Fatal(err)
		}
		w.net.Lose(w.ah, w.bh)
		errs := make(chan error, 4)
		for _, c := range []netlayer.Conn{out, in} {
			if err := write(c, 10, 2000, nil); err != nil { // 3 MiB each, into the suspended link
				t.Fatal(err)
			}
			w.all.Go(func() { errs <- read(c, 10, 2000) })
		}
		for range 2 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		w.close()
	})
}

// TestFullBufferWaits writes more than may be unacknowledged while there is no connection.
func TestFullBufferWaits(t *testing.T) {
	scene(t, link.Config{Buffer: 100 << 10}, func(w *world) {
		out, in := w.connect()
		if err := w.both(out, in, 0, 2, nil); err != nil {
			t.Fatal(err)
		}
		w.listen(out)
		w.net.Partition(w.ah, w.bh)
		time.Sleep(1500 * time.Millisecond) // and with it the connection goes
		written := make(chan error, 1)
		w.all.Go(func() { written <- write(out, 2, 500, nil) })
		time.Sleep(time.Minute)
		select {
		case err := <-written:
			t.Fatalf("700 KiB were written into 100: %v", err)
		default:
		}
		w.net.Heal(w.ah, w.bh)
		if err := read(in, 2, 500); err != nil {
			t.Error(err)
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
}

// TestLargestFrames has frames that leave no room for a kind, alone and among others, before a loss and after it.
func TestLargestFrames(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		out, in := w.connect()
		if err := w.both(out, in, 0, 2, nil); err != nil {
			t.Fatal(err)
		}
		w.listen(out)
		sizes := []int{netlayer.MaxFrame, 0, netlayer.MaxFrame - 1, netlayer.MaxFrame, netlayer.MaxFrame, 1}
		send := func() {
			for _, n := range sizes {
				if err := out.Write([][]byte{make([]byte, n)}); err != nil {
					t.Error(err)
				}
			}
		}
		take := func() {
			for i, n := range sizes {
				f, err := in.Read()
				if err != nil || len(f.Bytes) != n {
					t.Fatalf("frame %d: %d bytes, %v, want %d", i, len(f.Bytes), err, n)
				}
				f.Done()
			}
		}
		w.all.Go(send)
		take()
		w.net.Lose(w.ah, w.bh)
		w.all.Go(send)
		time.Sleep(time.Millisecond)
		w.net.Lose(w.ah, w.bh)
		take()
	})
}

// TestAcknowledgedWhenHandedBack reads frames without handing them back: the peer is not told until they are.
func TestAcknowledgedWhenHandedBack(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		r, conn, victim := w.rogueDials()
		told := make(chan uint64, 1000)
		w.all.Go(func() {
			for {
				f, err := conn.Read()
				if err != nil {
					return
				}
				if len(f.Bytes) == 9 && f.Bytes[0] == ack {
					told <- binary.BigEndian.Uint64(f.Bytes[1:])
				}
			}
		})
		var held []netlayer.Frame
		for i := range 300 {
			if err := conn.Write([][]byte{append([]byte{data}, make([]byte, 2000)...)}); err != nil {
				t.Fatal(err)
			}
			f, err := victim.Read()
			if err != nil {
				t.Fatal(i, err)
			}
			held = append(held, f)
		}
		time.Sleep(time.Second)
		if len(told) > 0 {
			t.Errorf("%d frames were acknowledged that nobody had handed back", <-told)
		}
		for i, f := range held {
			f.Done()
			if i == 9 {
				time.Sleep(100 * time.Millisecond)
				if len(told) != 1 || <-told != 10 {
					t.Error("ten frames that were handed back were not acknowledged in time")
				}
			}
		}
		time.Sleep(100 * time.Millisecond)
		last, many := uint64(0), len(told)
		for range many {
			last = max(last, <-told)
		}
		if last != 300 || many > 10 {
			t.Errorf("300 frames were acknowledged up to %d, %d times", last, many)
		}
		r.Close()
	})
}

// needy is a netlayer that records what its connections are told by KeepAlive.
type needy struct {
	netlayer.Netlayer
	mu   sync.Mutex
	told []string
	n    int
}

type needyConn struct {
	netlayer.Conn
	of *needy
	n  int
}

func (n *needy) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	if before, ok := d.Previous.(*needyConn); ok {
		d.Previous = before.Conn
	}
	c, err := n.Netlayer.Connect(ctx, d)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.n++
	return &needyConn{c, n, n.n}, nil
}

func (c *needyConn) KeepAlive(on bool) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.of.told = append(c.of.told, fmt.Sprint(c.n, on))
}

// TestKeepAliveIsPassedOn says once that a link is needed, and later that it is not: each of its connections learns.
func TestKeepAliveIsPassedOn(t *testing.T) {
	n := new(needy)
	sceneOver(t, link.Config{}, func(inner netlayer.Netlayer) netlayer.Netlayer {
		n.Netlayer = inner
		return n
	}, func(w *world) {
		out, in := w.met()
		for i := range 2 {
			w.net.Lose(w.ah, w.bh)
			if err := w.both(out, in, 2+i, 3+i, nil); err != nil {
				t.Fatal(err)
			}
		}
		out.(netlayer.KeepAliver).KeepAlive(false)
		w.net.Lose(w.ah, w.bh)
		if err := w.both(out, in, 4, 5, nil); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(n.told); got != "[1 true 2 true 3 true 3 false]" {
			t.Errorf("the connections were told %s", got)
		}
	})
}

// TestAnySchedule draws what is written, when, and what the network does meanwhile. At the end the network is whole, and
// everything has arrived once and in order.
func TestAnySchedule(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		plan := rapid.SliceOfN(rapid.SampledFrom([]string{
			"out", "in", "read out", "read in", "read out", "read in", "lose", "lose at a", "lose at b", "cut", "heal", "moment", "second", "reach a", "reach b",
		}), 5, 60).Draw(r, "plan")
		counts := rapid.SliceOfN(rapid.IntRange(1, 40), len(plan), len(plan)).Draw(r, "counts")
		seed := rapid.Uint64().Draw(r, "seed")
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, mem.Config{Seed: seed, Delay: 3 * time.Millisecond, Jitter: 2 * time.Millisecond, Timeout: time.Second}, link.Config{})
			out, in := w.connect()
			if err := w.both(out, in, 0, 2, nil); err != nil {
				t.Fatal(err)
			}
			ends := map[string]netlayer.Conn{"out": out, "in": in}
			orders := map[string]chan int{}
			results := make(chan error, 4)
			written := map[string]int{"out": 2, "in": 2}
			for name, c := range ends {
				reads, writes := make(chan int, len(plan)+1), make(chan int, len(plan))
				orders["read "+name], orders[name] = reads, writes
				w.all.Go(func() {
					at := 2
					for n := range reads {
						if err := read(c, at, n); err != nil {
							results <- err
							return
						}
						at = n
					}
					w.listen(c)
					results <- nil
				})
				w.all.Go(func() {
					at := 2
					for n := range writes {
						if err := write(c, at, n, nil); err != nil {
							results <- err
							return
						}
						at = n
					}
					results <- nil
				})
			}
			other := map[string]string{"read out": "in", "read in": "out"}
			taken := map[string]int{"read out": 2, "read in": 2}
			for i, step := range plan {
				switch step {
				case "out", "in":
					written[step] += counts[i]
					orders[step] <- written[step]
				case "read out", "read in":
					// No more than was written, so that the plan goes on.
					taken[step] = min(taken[step]+counts[i], written[other[step]])
					orders[step] <- taken[step]
				case "lose":
					w.net.Lose(w.ah, w.bh)
				case "lose at a":
					w.net.LoseSilently(w.ah, w.bh)
				case "lose at b":
					w.net.LoseSilently(w.bh, w.ah)
				case "reach a":
					in.(netlayer.Reacher).Reach(w.a.Location(), nil)
				case "reach b":
					out.(netlayer.Reacher).Reach(w.b.Location(), nil)
				case "cut":
					w.net.Partition(w.ah, w.bh)
				case "heal":
					w.net.Heal(w.ah, w.bh)
				case "moment":
					time.Sleep(time.Duration(counts[i]) * 300 * time.Microsecond)
				case "second":
					time.Sleep(time.Duration(counts[i]) * 100 * time.Millisecond)
				}
			}
			w.net.Heal(w.ah, w.bh)
			w.net.Lose(w.ah, w.bh) // an end that has not noticed would in time
			orders["read out"] <- written["in"]
			orders["read in"] <- written["out"]
			for _, o := range orders {
				close(o)
			}
			for range 4 {
				if err := <-results; err != nil {
					t.Error(err)
				}
			}
			w.close()
		})
		if t.Failed() {
			r.FailNow()
		}
	})
}
