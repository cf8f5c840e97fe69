package link_test

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/store"
)

// TestPromotedInTheMiddleOfAWrite has a link last while a Write of many frames waits for room, half taken, connected or not. Write says
// so; what it had not taken is recorded, and everything arrives.
func TestPromotedInTheMiddleOfAWrite(t *testing.T) {
	for _, connected := range []bool{true, false} {
		pair(t, link.Config{BufferFrames: 10}, func(w *mem.Network, a, b *node) {
			out := a.dial(b)
			in := <-b.accepted
			time.Sleep(time.Second)
			last(t, in)
			time.Sleep(time.Second)
			if connected {
				b.process.slow.Store(int64(time.Hour)) // nothing is acknowledged meanwhile
			} else {
				b.kill()
				time.Sleep(time.Second)
			}
			var frames [][]byte
			for i := 1; i < 40; i++ {
				frames = append(frames, frame(i, sizeOf(i)))
			}
			result := make(chan error, 1)
			w1 := time.Now()
			a.lives.Go(func() { result <- out.conn.Write(frames) })
			time.Sleep(time.Minute)
			if len(result) > 0 {
				t.Fatalf("Write did not wait: %v", <-result)
			}
			tx := new(store.Batch)
			taken, mark, err := out.conn.Last(tx)
			if err != nil || taken < 2 || taken > 20 {
				t.Fatalf("%d frames were taken, %v", taken, err)
			}
			if err := <-result; !errors.Is(err, netlayer.ErrLasts) || time.Since(w1) > time.Minute+time.Second {
				t.Errorf("Write: %v", err)
			}
			if err := out.conn.Write(frames[taken-1:]); !errors.Is(err, netlayer.ErrLasts) {
				t.Errorf("Write afterwards: %v", err)
			}
			out.mu.Lock()
			out.lasts, out.sent = true, int(taken)
			out.submit(tx, mark)
			out.mu.Unlock()
			if err := out.write(40); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if connected {
				b.process.slow.Store(0)
				time.Sleep(2 * time.Hour)
			} else {
				b.start()
				in = b.kept[0]
			}
			talk(t, out, in, 50)
			a.kill()
			a.start()
			talk(t, a.kept[0], in, 60)
		})
	}
}

// TestNothingBeforeTheDisk has a slow disk: frames go out, and acknowledgements, when they are on it.
func TestNothingBeforeTheDisk(t *testing.T) {
	for _, killed := range []bool{false, true} {
		pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
			out, in := meet(t, a, b)
			a.process.slow.Store(int64(time.Hour))
			if err := out.write(10); err != nil {
				t.Fatal(err)
			}
			if err := in.write(10); err != nil {
				t.Fatal(err)
			}
			if err := out.await(10); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Minute)
			in.mu.Lock()
			if in.read != 3 {
				t.Errorf("%d frames have come that were not on the disk", in.read-3)
			}
			in.mu.Unlock()
			held := func() bool { return in.conn.Held() > 0 }
			if !held() {
				t.Error("what is not on the disk of who has read it is acknowledged")
			}
			w.Lose(a.host, b.host) // what has been read by one and must be repeated to it if it is killed is not the same
			time.Sleep(10 * time.Second)
			if !held() {
				t.Error("what is not on the disk of who has read it is taken for acknowledged after a resumption")
			}
			if !killed {
				a.process.slow.Store(0)
				time.Sleep(2 * time.Hour)
				if held() {
					t.Errorf("%d bytes are held that were acknowledged", in.conn.Held())
				}
				talk(t, out, in, 20)
				return
			}
			a.kill()
			a.start()
			talk(t, a.kept[0], in, 20)
		})
	}
}

// TestAcknowledgedAgain loses each connection when frames have been read and it has not been said yet: it is said by the next.
func TestAcknowledgedAgain(t *testing.T) {
	pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
		out, in := meet(t, a, b)
		for i := range 20 {
			if err := out.write(10 + i); err != nil {
				t.Fatal(err)
			}
			if err := in.await(10 + i); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(i) * time.Millisecond)
			w.LoseSilently(b.host, a.host)
			w.Lose(a.host, b.host)
			time.Sleep(5 * time.Second)
			if held := out.conn.Held(); held > 0 {
				t.Errorf("%d: %d bytes are held that were consumed", i, held)
			}
		}
	})
}

// TestPromotedOnASlowDisk has frames sent and not acknowledged while what Last has added is on its way to the disk: if the connection
// is lost then, they are repeated from memory.
func TestPromotedOnASlowDisk(t *testing.T) {
	pair(t, link.Config{MaxSuspended: 1}, func(w *mem.Network, a, b *node) {
		out := a.dial(b)
		in := <-b.accepted
		time.Sleep(time.Second)
		last(t, in)
		time.Sleep(time.Second)
		b.process.slow.Store(int64(time.Hour))
		if err := out.write(200); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		a.process.slow.Store(int64(time.Hour))
		last(t, out)
		time.Sleep(time.Minute)
		b.kill() // which has not stored them
		time.Sleep(time.Second)
		b.start()
		if err := b.kept[0].await(200); err != nil {
			t.Error(err)
		}
		if held := out.conn.Held(); held == 0 {
			t.Error("nothing is held")
		}
		a.process.slow.Store(0)
		time.Sleep(2 * time.Hour)
		talk(t, out, b.kept[0], 300)
		if n, held := link.InMemory(out.conn), out.conn.Held(); n > 0 || held > 0 {
			t.Errorf("%d bytes are in memory, %d held", n, held)
		}
	})
}

// TestMakesRoom promotes a link that is suspended, of which there may be one. Another that is suspended does not drive it out.
func TestMakesRoom(t *testing.T) {
	pair(t, link.Config{MaxSuspended: 1}, func(w *mem.Network, a, b *node) {
		first := a.dial(b)
		in := <-b.accepted
		last(t, in)
		talk(t, first, in, 3)
		w.Partition(a.host, b.host)
		if err := first.write(10); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		last(t, first)
		w.Heal(a.host, b.host)
		talk(t, first, in, 20)
		second := a.dial(b)
		<-b.accepted
		w.Partition(a.host, b.host)
		_ = second.conn.Write([][]byte{{1}})
		if err := first.write(30); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if n := link.InMemory(first.conn); n > 0 {
			t.Errorf("%d bytes are in memory while there is no connection", n)
		}
		w.Heal(a.host, b.host)
		talk(t, first, in, 40)
	})
}

// TestFewInMemory records much for a peer that is connected and reads nothing.
func TestFewInMemory(t *testing.T) {
	const size = 5000
	pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
		b.sizes = func(i int) int { return either(i < 3, sizeOf(i), size) }
		out, _ := meet(t, a, b)
		b.stop()
		b.idle = true
		b.start()
		time.Sleep(time.Minute)
		for i := 3; i < 2003; i++ {
			out.mu.Lock()
			out.sent++
			out.commit([][]byte{frame(i, size)})
			out.mu.Unlock()
			if i%100 == 0 {
				time.Sleep(10 * time.Millisecond)
			}
		}
		time.Sleep(time.Second)
		if n := link.InMemory(out.conn); n > 700<<10 || n == 0 {
			t.Errorf("%d bytes are in memory", n)
		}
		b.kept[0].run()
		if err := b.kept[0].await(2003); err != nil {
			t.Error(err)
		}
	})
}

// TestMuchWaits has one side record much for a peer that is away, or that takes nothing though it is connected. It is in the
// store and not in memory, survives a restart, and arrives.
func TestMuchWaits(t *testing.T) {
	const frames, size = 3000, 5000 // 15 MB
	for _, connected := range []bool{false, true} {
		pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
			out, in := meet(t, a, b)
			if connected {
				w.Partition(a.host, b.host)
			} else {
				b.kill()
				time.Sleep(time.Second)
			}
			record := func(c *actor, from, to int) {
				for i := from; i < to; i += 10 {
					var some [][]byte
					for j := i; j < i+10; j++ {
						some = append(some, frame(j, size))
					}
					c.mu.Lock()
					c.sent += len(some)
					c.commit(some)
					c.mu.Unlock()
					if i%500 == 3 {
						time.Sleep(10 * time.Millisecond)
					}
				}
				time.Sleep(time.Second)
			}
			b.sizes = func(i int) int { return either(i < 3, sizeOf(i), size) }
			record(out, 3, 3+frames/2)
			if held := out.conn.Held(); held != frames/2*(size+8+32) {
				t.Errorf("%d bytes are held", held)
			}
			if n := link.InMemory(out.conn); n > 1<<20 || !connected && n > 0 {
				t.Errorf("%d bytes are in memory", n)
			}
			a.kill()
			a.start()
			out = a.kept[0]
			if held := out.conn.Held(); held != frames/2*(size+8+32) {
				t.Errorf("%d bytes are held after a restart", held)
			}
			record(out, 3+frames/2, 3+frames)
			if n := link.InMemory(out.conn); n > 1<<20 || !connected && n > 0 {
				t.Errorf("%d bytes are in memory after a restart", n)
			}
			if connected {
				w.Heal(a.host, b.host)
			} else {
				b.start()
				in = b.kept[0]
			}
			if err := in.await(3 + frames); err != nil {
				t.Error(err)
			}
			time.Sleep(10 * time.Second)
			if held, got := out.conn.Held(), a.dump(); held != 0 || len(got) != 3 {
				t.Errorf("%d bytes are held, and %v stored", held, got)
			}
		})
	}
}

func either(first bool, a, b int) int {
	if first {
		return a
	}
	return b
}

// TestRecordAfterTheEnd records, forgets and promotes when it is too late.
func TestRecordAfterTheEnd(t *testing.T) {
	pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
		out, in := meet(t, a, b)
		third := a.dial(b)
		other := <-b.accepted
		tx := new(store.Batch)
		in.conn.Forget(tx)
		if err := b.store.Write(tx); err != nil {
			t.Fatal(err)
		}
		_ = in.conn.Close("enough")
		out.over(t, nil)
		tx = new(store.Batch)
		mark := out.conn.Record(tx, [][]byte{{1}})
		if tx.Size() > 0 {
			t.Errorf("%d bytes are recorded after the end", tx.Size())
		}
		out.conn.Recorded(mark)
		if err := out.conn.Flush(); err == nil {
			t.Error("Flush after the end reports nothing")
		}
		_ = other.conn.Close("enough")
		third.over(t, nil)
		if _, _, err := third.conn.Last(tx); err == nil || tx.Size() > 0 {
			t.Errorf("Last after the end: %v", err)
		}
		third.conn.Forget(tx)
		if tx.Size() > 0 || third.conn.Record(tx, nil) != 0 {
			t.Error("something is forgotten that did not last")
		}
		out.conn.Forget(tx)
		if err := a.store.Write(tx); err != nil {
			t.Fatal(err)
		}
		if got := a.dump(); len(got) > 0 {
			t.Errorf("%v are left", got)
		}
	})
}

// TestTooLargeToRecord records a frame that no netlayer carries.
func TestTooLargeToRecord(t *testing.T) {
	pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
		out, in := meet(t, a, b)
		tx := new(store.Batch)
		out.conn.Record(tx, [][]byte{make([]byte, netlayer.MaxFrame+1)})
		out.over(t, netlayer.ErrFrameTooLarge)
		if tx.Size() > 0 {
			t.Error("it is recorded")
		}
		if err := in.write(10); err != nil {
			t.Error(err)
		}
		tx = new(store.Batch)
		out.conn.Forget(tx)
		if err := a.store.Write(tx); err != nil {
			t.Fatal(err)
		}
		_ = out.conn.Close("") // which tells the peer
		in.over(t, net.ErrClosed)
		if strings.Contains(in.end.Error(), "in time") {
			t.Errorf("it has ended with %v", in.end)
		}
	})
}

// TestLargestRecorded records frames of the largest size there is.
func TestLargestRecorded(t *testing.T) {
	pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
		out, in := meet(t, a, b)
		b.sizes = func(i int) int { return either(i < 3, sizeOf(i), netlayer.MaxFrame-8) }
		out.mu.Lock()
		for i := 3; i < 8; i++ {
			out.sent++
			out.commit([][]byte{frame(i, netlayer.MaxFrame-8)})
		}
		out.mu.Unlock()
		if err := in.await(8); err != nil {
			t.Error(err)
		}
		b.kill()
		out.mu.Lock()
		for i := 8; i < 16; i++ {
			out.sent++
			out.commit([][]byte{frame(i, netlayer.MaxFrame-8)})
		}
		out.mu.Unlock()
		b.start()
		if err := b.kept[0].await(16); err != nil {
			t.Error(err)
		}
	})
}

// TestLeavesMemory has frames come to the disk when the connection is lost that they would have gone out on.
func TestLeavesMemory(t *testing.T) {
	pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
		out, _ := meet(t, a, b)
		a.process.slow.Store(int64(time.Minute))
		if err := out.write(10); err != nil {
			t.Fatal(err)
		}
		if link.InMemory(out.conn) == 0 {
			t.Error("nothing is in memory while it is on its way to the disk")
		}
		b.kill()
		time.Sleep(3 * time.Minute)
		if n := link.InMemory(out.conn); n > 0 {
			t.Errorf("%d bytes are in memory that are on the disk", n)
		}
		b.start()
		a.process.slow.Store(0)
		time.Sleep(2 * time.Minute)
		talk(t, out, b.kept[0], 20)
	})
}
