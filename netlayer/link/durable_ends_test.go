package link_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
)

// TestLease has the peer away for longer than the lease: while the process runs, while it does not, and in part of each.
func TestLease(t *testing.T) {
	const lease = 10 * time.Hour
	for name, c := range map[string]struct{ running, down time.Duration }{
		"running": {running: lease}, "down": {down: lease}, "both": {running: 4 * time.Hour, down: 6*time.Hour + time.Second},
	} {
		pair(t, link.Config{Lease: lease}, func(w *mem.Network, a, b *node) {
			meet(t, a, b)
			time.Sleep(5 * lease) // connected, it is renewed
			a.kill()
			b.kill()
			time.Sleep(lease * 3 / 4)
			a.start()
			b.start()
			out := a.kept[0]
			talk(t, out, b.kept[0], 10)
			time.Sleep(40 * time.Minute)
			b.kill()
			begin := time.Now()
			time.Sleep(c.running)
			if c.down > 0 {
				a.kill()
				time.Sleep(c.down)
				a.start()
				out = a.kept[0]
			}
			out.over(t, link.ErrExpired)
			if took := time.Since(begin); took < lease-time.Second || took > lease+time.Minute {
				t.Errorf("%s: it ended after %v", name, took)
			}
			b.start()
			b.kept[0].over(t, link.ErrExpired)
			if a.dump()["links"] != 1 {
				t.Error("it is not stored any more, though nobody has forgotten it")
			}
		})
	}
}

// TestNotOverTooSoon has the peer away for less than the lease, over restarts.
func TestNotOverTooSoon(t *testing.T) {
	pair(t, link.Config{Lease: 10 * time.Hour}, func(_ *mem.Network, a, b *node) {
		meet(t, a, b)
		b.kill()
		time.Sleep(3 * time.Hour)
		a.kill()
		time.Sleep(3 * time.Hour)
		a.start()
		time.Sleep(3 * time.Hour)
		b.start()
		talk(t, a.kept[0], b.kept[0], 10)
	})
}

// TestTwoGrades has one side last and the other not. If the latter is restarted the link is over, if the former is it goes on.
func TestTwoGrades(t *testing.T) {
	for _, turned := range []bool{false, true} {
		pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
			out := a.dial(b)
			in := <-b.accepted
			time.Sleep(time.Second)
			lasts, other, lc, oc := a, b, out, in
			if turned {
				lasts, other, lc, oc = b, a, in, out
			}
			last(t, lc)
			talk(t, lc, oc, 10)
			lasts.kill()
			time.Sleep(time.Minute)
			lasts.start()
			talk(t, lasts.kept[0], oc, 20)
			other.kill()
			other.start()
			if len(other.kept) != 0 {
				t.Errorf("%d links are kept that were not to last", len(other.kept))
			}
			want := link.ErrGone
			if turned {
				want = link.ErrExpired // nobody dials
			}
			lasts.kept[0].over(t, want)
		})
	}
}

// TestOrderlyClose closes a link that lasts, and only later the netlayer: the peer waits, whatever it asks meanwhile.
func TestOrderlyClose(t *testing.T) {
	for _, turned := range []bool{false, true} {
		for _, lasts := range []bool{false, true} {
			pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
				out := a.dial(b)
				in := <-b.accepted
				time.Sleep(time.Second)
				n, c, oc := a, out, in
				if turned {
					n, c, oc = b, in, out
				}
				last(t, c)
				if lasts {
					last(t, oc)
				}
				talk(t, out, in, 5)
				if err := c.write(50); err != nil {
					t.Fatal(err)
				}
				_ = c.conn.Close("the node is stopped")
				c.over(t, net.ErrClosed)
				time.Sleep(time.Minute)
				n.stop()
				n.start()
				talk(t, n.kept[0], oc, 100)
			})
		}
	}
}

// TestTooManyLast has as many links last as may. Another is refused, and goes on as before; when one is forgotten there is room.
func TestTooManyLast(t *testing.T) {
	for name, cfg := range map[string]link.Config{"per peer": {MaxLastingPerPeer: 2}, "all": {MaxLasting: 2}} {
		pair(t, cfg, func(_ *mem.Network, a, b *node) {
			meet(t, a, b)
			meet(t, a, b)
			third := a.dial(b)
			in := <-b.accepted
			refused := func() {
				t.Helper()
				tx := new(store.Batch)
				if _, _, err := third.conn.Last(tx); !errors.Is(err, link.ErrCrowded) || tx.Size() > 0 || errors.Is(err, net.ErrClosed) {
					t.Errorf("%s: %v, %d bytes", name, err, tx.Size())
				}
			}
			refused()
			talk(t, third, in, 10)
			a.stop()
			a.start() // those that are kept count, too
			third = a.dial(b)
			in = <-b.accepted
			refused()
			tx := new(store.Batch)
			a.kept[0].conn.Forget(tx)
			a.kept[0].conn.Forget(tx)
			if err := a.store.Write(tx); err != nil {
				t.Fatal(err)
			}
			last(t, third)
			talk(t, third, in, 20)
		})
	}
}

// TestWaitsWithoutHaste counts how often a peer is dialled that is away for a month, and how long it takes until it is found.
func TestWaitsWithoutHaste(t *testing.T) {
	pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
		var dials atomic.Int64
		a.stop()
		a.over = func(n netlayer.Netlayer) netlayer.Netlayer { return counting{n, &dials} }
		a.start()
		out, _ := meet(t, a, b)
		b.kill()
		dials.Store(0)
		time.Sleep(30 * 24 * time.Hour)
		if n := dials.Load(); n > 10000 || n < 4000 {
			t.Errorf("the peer was dialled %d times in 30 days", n)
		}
		b.start()
		begin := time.Now()
		talk(t, out, b.kept[0], 10)
		if took := time.Since(begin); took > 11*time.Minute {
			t.Errorf("it was found after %v", took)
		}
		b.kill()
		time.Sleep(time.Minute)
		b.start()
		begin = time.Now()
		talk(t, out, b.kept[0], 20)
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("after a minute it was found after %v", took)
		}
	})
}

type counting struct {
	netlayer.Netlayer
	dials *atomic.Int64
}

func (c counting) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	c.dials.Add(1)
	return c.Netlayer.Connect(ctx, d)
}

// TestSleeps has a link that lasts lose a connection that nobody needs: it does not dial until there is something to say.
func TestSleeps(t *testing.T) {
	pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
		var dials atomic.Int64
		a.stop()
		a.over = func(n netlayer.Netlayer) netlayer.Netlayer { return counting{n, &dials} }
		a.start()
		out, in := meet(t, a, b)
		out.conn.(netlayer.KeepAliver).KeepAlive(false)
		w.Lose(a.host, b.host)
		time.Sleep(time.Minute) // something had passed: it is dialled again
		before := dials.Load()
		w.Lose(a.host, b.host)
		time.Sleep(time.Hour)
		if n := dials.Load(); n != before {
			t.Errorf("it was dialled %d times for nothing", n-before)
		}
		talk(t, out, in, 10)
		w.Lose(a.host, b.host)
		time.Sleep(time.Minute)
		w.Lose(a.host, b.host)
		time.Sleep(time.Minute)
		out.conn.(netlayer.KeepAliver).KeepAlive(true)
		if err := in.write(20); err != nil {
			t.Error(err)
		}
		if err := out.await(20); err != nil {
			t.Error(err)
		}
	})
}

// TestNotBeforeRead has links of an earlier process look for their peer when they are first read from.
func TestNotBeforeRead(t *testing.T) {
	pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
		meet(t, a, b)
		a.stop()
		var dials atomic.Int64
		a.over = func(n netlayer.Netlayer) netlayer.Netlayer { return counting{n, &dials} }
		a.idle = true
		a.start()
		a.kept[0].conn.(netlayer.Reacher).Reach(b.links.Location(), nil)
		a.kept[0].conn.(netlayer.KeepAliver).KeepAlive(true)
		time.Sleep(time.Hour)
		if dials.Load() > 0 {
			t.Error("it was dialled")
		}
		a.kept[0].run()
		talk(t, a.kept[0], b.all[0], 10)
	})
}

// TestGuarded restarts a side that was not allowed to dial everywhere: a function that is given stands in for the one that
// was, or nobody is dialled.
func TestGuarded(t *testing.T) {
	for _, given := range []bool{false, true} {
		var asked atomic.Int64
		cfg := link.Config{}
		if given {
			cfg.Allow = func(netip.Addr) bool { asked.Add(1); return true }
		}
		pair(t, cfg, func(_ *mem.Network, a, b *node) {
			a.guard = func(netip.Addr) bool { return true }
			meet(t, a, b)
			a.stop()
			told := make(chan bool, 1000)
			a.over = func(n netlayer.Netlayer) netlayer.Netlayer { return asking{n, told} }
			a.start()
			time.Sleep(time.Minute)
			if len(told) == 0 || <-told != given || given != (asked.Load() > 0) {
				t.Errorf("with a function given %v it was asked %d times", given, asked.Load())
			}
		})
	}
}

// asking is a netlayer whose addresses are IP addresses, as far as Dial.Allow is concerned.
type asking struct {
	netlayer.Netlayer
	told chan bool
}

func (a asking) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	if d.Allow != nil {
		ok := d.Allow(netip.AddrFrom4([4]byte{192, 0, 2, 1}))
		a.told <- ok
		if !ok {
			return nil, netlayer.ErrUnreachable
		}
	}
	return a.Netlayer.Connect(ctx, d)
}

// TestSameInfo compares what a link knows of its peer before and after a restart, on both sides.
func TestSameInfo(t *testing.T) {
	pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
		info := func(i netlayer.Info) netlayer.Info {
			i.Binding, i.AdmittedBy, i.Credential = [32]byte{1, 2}, [16]byte{3}, []byte("credential")
			i.Local.Hints, i.Remote.Hints = map[string]string{"x": "1", "y": "\xff"}, map[string]string{}
			i.Remote.Hints = nil
			i.Features = append(i.Features, "another")
			i.Source = "192.0.2.0/24"
			keys, _ := sturdyref.GenerateIdentity(time.Now())
			i.Identity, _ = sturdyref.NewRecord(keys, time.Now())
			return i
		}
		for _, n := range []*node{a, b} {
			n.stop()
			n.over = func(inner netlayer.Netlayer) netlayer.Netlayer { return knowing{inner, info} }
			n.start()
		}
		out, in := meet(t, a, b)
		before := []netlayer.Info{out.conn.Info(), in.conn.Info()}
		names := [][16]byte{out.conn.Name(), in.conn.Name()}
		a.kill()
		b.kill()
		a.start()
		b.start()
		for i, c := range []*actor{a.kept[0], b.kept[0]} {
			if after := c.conn.Info(); !reflect.DeepEqual(after, before[i]) || before[i].Identity == nil {
				t.Errorf("Info was\n%+v, is\n%+v", before[i], after)
			}
			if c.conn.Name() != names[i] {
				t.Errorf("the name was %x, is %x", names[i], c.conn.Name())
			}
		}
		talk(t, a.kept[0], b.kept[0], 20)
	})
}

// knowing is a netlayer that knows more of its connections.
type knowing struct {
	netlayer.Netlayer
	info func(netlayer.Info) netlayer.Info
}

type knowingConn struct {
	netlayer.Conn
	info netlayer.Info
}

func (c knowingConn) Info() netlayer.Info { return c.info }

func (k knowing) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	if p, ok := d.Previous.(knowingConn); ok {
		d.Previous = p.Conn
	}
	c, err := k.Netlayer.Connect(ctx, d)
	if err != nil || d.Resume != nil {
		return c, err
	}
	return knowingConn{c, k.info(c.Info())}, nil
}

func (k knowing) Accept(ctx context.Context) (*netlayer.Incoming, error) {
	in, err := k.Netlayer.Accept(ctx)
	if err != nil || in.Info.Resume != nil {
		return in, err
	}
	more := *in
	more.Accept = func(first [][]byte) (netlayer.Conn, error) {
		c, err := in.Accept(first)
		if err != nil {
			return nil, err
		}
		return knowingConn{c, k.info(c.Info())}, nil
	}
	return &more, nil
}

// TestAnonymousLasts has an anonymous dialler, whose own end cannot last. The other end's waits for it over a restart, but no
// longer than for any anonymous dialler.
func TestAnonymousLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := mem.New(&mem.Config{Delay: time.Millisecond, Timeout: time.Second})
		b := &node{t: t, net: w, name: "b", dir: newDir()}
		b.start()
		h := w.Host(mem.HostConfig{Name: "nobody", Anonymous: true, Features: []string{netlayer.FeatureResume}})
		s := newDir()
		own, err := store.Open(s)
		if err != nil {
			t.Fatal(err)
		}
		a := wrap(t, h, &link.Config{Store: own})
		c, err := a.Connect(context.Background(), netlayer.Dial{Peer: b.links.Location()})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := c.(netlayer.Lasting); ok {
			t.Error("the end that has dialled anonymously claims that it can last")
		}
		c.(netlayer.KeepAliver).KeepAlive(true)
		in := <-b.accepted
		time.Sleep(time.Second)
		last(t, in)
		time.Sleep(time.Second)
		b.kill()
		time.Sleep(time.Minute)
		b.start()
		if err := b.kept[0].write(5); err != nil {
			t.Fatal(err)
		}
		if err := read(c, 0, 5); err != nil {
			t.Error(err)
		}
		h.Close()
		begin := time.Now()
		b.kept[0].over(t, link.ErrExpired)
		if took := time.Since(begin); took > 3*time.Minute {
			t.Errorf("it was waited for for %v", took)
		}
		_ = a.Close()
		_ = own.Close()
		b.stop()
		w.Close()
	})
}

// TestDamaged changes what is stored. What is read at the start is an error then, and a frame that is missing ends its link.
func TestDamaged(t *testing.T) {
	for _, bucket := range []string{"links", "links-places", "links-notes"} {
		for name, change := range map[string]func(tx *store.Batch, key, value []byte){
			"missing": func(tx *store.Batch, key, _ []byte) { tx.Delete(bucket, key) },
			"empty":   func(tx *store.Batch, key, _ []byte) { tx.Put(bucket, key, nil) },
			"cut":     func(tx *store.Batch, key, value []byte) { tx.Put(bucket, key, value[:len(value)-1]) },
			"of before": func(tx *store.Batch, key, value []byte) {
				if bucket != "links-places" {
					tx.Delete(bucket, key)
					return
				}
				tx.Put(bucket, key, []byte{0x84, 1, 0x18, 50, 1, 0x40}) // one frame, though more were acknowledged
			},
			"something": func(tx *store.Batch, key, _ []byte) { tx.Put(bucket, key, []byte{0x81, 1}) },
		} {
			pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
				out, _ := meet(t, a, b)
				id := out.conn.Name()
				a.stop()
				tx := new(store.Batch)
				_ = a.dir.View(func(r store.Reader) error {
					change(tx, id[:], r.Get(bucket, id[:]))
					return nil
				})
				good := copied(t, a.dir)
				_ = a.dir.Apply([]*store.Batch{tx})
				s, err := store.Open(a.dir)
				if err != nil {
					t.Fatal(err)
				}
				h := a.net.Host(mem.HostConfig{Name: "a"})
				n := wrap(t, h, &link.Config{Store: s})
				kept, err := n.Kept()
				switch {
				case bucket == "links" && (name == "missing" || name == "of before"):
					if err != nil || len(kept) > 0 {
						t.Errorf("without a link: %d, %v", len(kept), err)
					}
					a.store = s
					if err := s.Write(new(store.Batch)); err != nil || len(a.dump()) > 0 {
						t.Errorf("what nothing leads to is still there: %v, %v", a.dump(), err)
					}
				case !errors.Is(err, link.ErrDamaged) || !strings.Contains(err.Error(), hexOf(id)) || strings.Contains(err.Error(), "\n"):
					t.Errorf("%s, %s: %v", bucket, name, err)
				}
				_ = n.Close()
				_ = s.Close()
				a.dir = good
				a.start()
			})
		}
	}
	pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
		out, _ := meet(t, a, b)
		b.kill()
		if err := out.write(20); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		a.stop()
		id := out.conn.Name()
		tx := new(store.Batch)
		tx.Delete("links-frames-"+hexOf(id), []byte{0, 0, 0, 0, 0, 0, 0, 10})
		_ = a.dir.Apply([]*store.Batch{tx})
		a.start()
		b.start()
		a.kept[0].over(t, link.ErrDamaged)
	})
}

// TestReachIsKept restarts the side that was dialled and had been told where else the dialler is: it dials.
func TestReachIsKept(t *testing.T) {
	pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
		_, in := meet(t, a, b)
		in.conn.(netlayer.Reacher).Reach(a.links.Location(), nil)
		time.Sleep(5 * time.Second)
		b.kill()
		a.stop()
		a.over = func(n netlayer.Netlayer) netlayer.Netlayer {
			d := &deaf{Netlayer: n}
			d.on.Store(true)
			return d
		}
		a.start()
		b.start()
		talk(t, a.kept[0], b.kept[0], 10)
	})
}
