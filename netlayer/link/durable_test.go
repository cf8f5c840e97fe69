package link_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/store"
)

// TestRestarts kills one side after the other, and both, while frames are under way both ways.
func TestRestarts(t *testing.T) {
	pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
		out := a.dial(b)
		in := <-b.accepted
		if err := out.write(100); err != nil {
			t.Fatal(err)
		}
		last(t, out, in)
		time.Sleep(time.Second)
		for i := 1; i < 9; i++ {
			for _, c := range []*actor{out, in} {
				if err := c.write(i * 500); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Duration(i) * time.Millisecond)
			for _, n := range [][]*node{{a}, {b}, {a, b}}[i%3] {
				n.kill()
			}
			time.Sleep(time.Duration(i) * time.Second)
			for _, n := range [][]*node{{a}, {b}, {a, b}}[i%3] {
				n.start()
				if len(n.kept) != 1 {
					t.Fatalf("%d links were kept", len(n.kept))
				}
				if n == a {
					out = n.kept[0]
				} else {
					in = n.kept[0]
				}
			}
		}
		for _, c := range []*actor{out, in} {
			if err := c.write(5000); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []*actor{out, in} {
			if err := c.await(5000); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestRestartedOneAfterTheOther kills a side soon after its peer was restarted, when what has been consumed of the peer's is on
// the disk, and who the peer is now is not yet.
func TestRestartedOneAfterTheOther(t *testing.T) {
	for _, turned := range []bool{false, true} {
		pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
			out := a.dial(b)
			in := <-b.accepted
			last(t, out, in)
			time.Sleep(2 * time.Second)
			first, second := a, b
			if turned {
				first, second = b, a
			}
			speak := func(n, to int) {
				t.Helper()
				if err := first.kept[0].write(to); err != nil {
					t.Fatal(err)
				}
				if err := second.all[0].await(to); err != nil {
					t.Error(n, err)
				}
			}
			for i := 1; i < 4; i++ {
				first.kill()
				first.start()
				speak(i, 5*i)
				time.Sleep(100 * time.Millisecond)
				second.kill()
				second.start()
				speak(i, 5*i+2)
			}
		})
	}
}

// TestPromotedBeforeAnythingWasHeard kills a side that was dialled before it has heard of the dialler: the dialler knows of the
// link, and is waited for.
func TestPromotedBeforeAnythingWasHeard(t *testing.T) {
	for _, both := range []bool{false, true} {
		pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
			out := a.dial(b)
			in := <-b.accepted
			last(t, out, in)
			time.Sleep(100 * time.Millisecond)
			a.kill()
			if both {
				b.kill()
				b.start()
				in = b.kept[0]
			}
			time.Sleep(time.Hour)
			a.start()
			if err := a.kept[0].write(9); err != nil {
				t.Fatal(err)
			}
			if err := in.await(9); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestForgotten has either side forget a link: the other learns at once, or when it comes, also if it was restarted.
func TestForgotten(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		for _, connected := range []bool{false, true} {
			for i := range 4 {
				turned, late := i&1 != 0, i&2 != 0 // late: it is closed before it is forgotten
				pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
					out := a.dial(b)
					in := <-b.accepted
					last(t, out, in)
					time.Sleep(2 * time.Second)
					n, other, c := a, b, out
					if turned {
						n, other, c = b, a, in
					}
					if restarted {
						n.kill()
						n.start()
						c = n.kept[0]
						time.Sleep(2 * time.Second)
					}
					if !connected {
						w.Partition(a.host, b.host)
						time.Sleep(3 * time.Second)
					}
					if late {
						_ = c.conn.Close("enough")
					}
					tx := new(store.Batch)
					c.conn.Forget(tx)
					if err := n.store.Write(tx); err != nil {
						t.Fatal(err)
					}
					for bucket := range n.dump() {
						if strings.HasPrefix(bucket, "links-frames") {
							t.Error("its frames are still stored")
						}
					}
					_ = c.conn.Close("enough")
					if !connected {
						time.Sleep(10 * time.Second)
						w.Heal(a.host, b.host)
					}
					begin := time.Now()
					other.all[0].over(t, net.ErrClosed)
					if took := time.Since(begin); took > time.Minute {
						t.Errorf("it has learned that after %v", took)
					}
					if got := other.dump(); got["links"] != 1 {
						t.Errorf("one that was not forgotten is stored as %v", got)
					}
					n.stop()
					n.start()
					if got := n.dump(); len(n.kept) > 0 || len(got) > 0 {
						t.Errorf("%d links are kept, %v", len(n.kept), got)
					}
				})
			}
		}
	}
}

// TestDialsAreCountedAnew has the side that was dialled dial often, and be restarted. Its first dial after that is one that is
// answered, though the other has meanwhile dialled it.
func TestDialsAreCountedAnew(t *testing.T) {
	pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
		var d *deaf
		a.stop()
		a.over = func(n netlayer.Netlayer) netlayer.Netlayer {
			d = &deaf{Netlayer: n}
			return d
		}
		a.start()
		out, in := meet(t, a, b)
		for i := range 8 {
			d.on.Store(true)
			in.conn.(netlayer.Reacher).Reach(a.links.Location(), nil)
			w.Lose(a.host, b.host)
			time.Sleep(10 * time.Second)
			talk(t, out, in, 10+i)
		}
		d.on.Store(false)
		b.kill()
		b.start()
		talk(t, out, b.kept[0], 30) // by its dial
		d.on.Store(true)
		w.Lose(a.host, b.host)
		begin := time.Now()
		talk(t, out, b.kept[0], 40)
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
