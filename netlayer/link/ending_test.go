package link_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
)

// met is connect, with a frame each way after the handshake.
func (w *world) met() (out, in netlayer.Conn) {
	w.t.Helper()
	out, in = w.connect()
	if err := w.both(out, in, 0, 2, nil); err != nil {
		w.t.Fatal(err)
	}
	return out, in
}

// within fails the test unless the links end with want, no sooner than after min and no later than after max.
func within(t testing.TB, least, most time.Duration, want error, links ...netlayer.Conn) {
	t.Helper()
	begin := time.Now()
	var all sync.WaitGroup
	for _, c := range links {
		all.Go(func() {
			ended(t, c, want)
			if took := time.Since(begin); took < least || took > most {
				t.Errorf("the link ended after %v, want %v to %v", took, least, most)
			}
		})
	}
	all.Wait()
}

// TestOutageWithinTheGrace leaves the network away for less than the grace.
func TestOutageWithinTheGrace(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		out, in := w.met()
		done := make(chan error, 1)
		w.all.Go(func() { done <- w.both(out, in, 2, 100, nil) })
		w.net.Partition(w.ah, w.bh)
		time.Sleep(9 * time.Minute)
		w.net.Heal(w.ah, w.bh)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestOutageBeyondTheGrace(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		out, in := w.met()
		w.net.Partition(w.ah, w.bh)
		blocked := make(chan error, 1)
		w.all.Go(func() { blocked <- write(out, 2, 100000, nil) })
		within(t, 10*time.Minute, 10*time.Minute+2*time.Second, link.ErrExpired, out, in)
		if err := <-blocked; !errors.Is(err, link.ErrExpired) {
			t.Errorf("Write in progress: %v", err)
		}
		w.net.Heal(w.ah, w.bh)
	})
}

// TestAnonymousGrace has an anonymous dialler, whose links wait for less long, and go on under the same key.
func TestAnonymousGrace(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		w.ah = w.net.Host(mem.HostConfig{Anonymous: true, Addr: "nobody", Features: []string{netlayer.FeatureResume}})
		named := w.a
		w.a = wrap(t, w.ah, nil)
		defer named.Close()
		out, in := w.met()
		for range 3 {
			w.net.Lose(w.ah, w.bh)
			if err := w.both(out, in, 2, 10, nil); err != nil {
				t.Fatal(err)
			}
		}
		w.net.Partition(w.ah, w.bh)
		within(t, 2*time.Minute, 2*time.Minute+2*time.Second, link.ErrExpired, out, in)
		w.net.Heal(w.ah, w.bh)
	})
}

// TestCloseWhileSuspended closes either end while there is no connection: the other learns it when there is one again.
func TestCloseWhileSuspended(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		out, in := w.met()
		w.net.Lose(w.ah, w.bh)
		synctest.Wait()
		if err := in.Close("enough"); err != nil {
			t.Error(err)
		}
		within(t, 0, time.Second, link.ErrGone, out)
		ended(t, in, net.ErrClosed)

		out, in = w.met()
		w.net.Lose(w.ah, w.bh)
		synctest.Wait()
		if err := out.Close("enough"); err != nil {
			t.Error(err)
		}
		within(t, 0, time.Second, net.ErrClosed, in)
		ended(t, out, net.ErrClosed)
	})
}

// TestLinksAreForgotten ends links in several ways: nothing of them is kept.
func TestLinksAreForgotten(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		for i := range 12 {
			out, in := w.met()
			if i%2 == 0 {
				out, in = in, out
			}
			w.listen(in)
			w.listen(out)
			switch i % 3 {
			case 1:
				w.net.Lose(w.ah, w.bh)
				synctest.Wait()
			case 2:
				w.net.Partition(w.ah, w.bh)
				time.Sleep(11 * time.Minute)
				w.net.Heal(w.ah, w.bh)
			}
			out.Close("")
			time.Sleep(time.Second)
		}
		for _, n := range []*link.Netlayer{w.a, w.b} {
			if links, named, suspended := n.Held(); links+named+suspended != 0 {
				t.Errorf("%d links are left, %d with a name, %d suspended", links, named, suspended)
			}
		}
	})
}

// TestCloseTells says why, in words that fit into a log.
func TestCloseTells(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		out, in := w.met()
		out.Close("one\nline\x1b, \xff and no more than that")
		_, err := in.Read()
		if want := "link: the peer closed the connection: one line ,  and no more than that"; err == nil || err.Error() != want {
			t.Errorf("the peer learns %q, want %q", err, want)
		}
	})
}

// TestTheOtherProcessIsGone restarts either side, which knows nothing of the link then.
func TestTheOtherProcessIsGone(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		out, _ := w.met()
		old := w.b
		w.bh.Close() // as far as the network goes it was killed
		w.bh = w.net.Host(mem.HostConfig{Name: "b", Features: []string{netlayer.FeatureResume}})
		w.b = wrap(t, w.bh, nil)
		w.all.Go(func() { w.admit(w.b) })
		within(t, 0, 2*time.Second, link.ErrGone, out)
		old.Close()
	})
	scene(t, link.Config{}, func(w *world) {
		out, _ := w.met()
		old := w.b
		w.bh.Close()
		w.bh = w.net.Host(mem.HostConfig{Name: "b"}) // restarted, and resumes nothing
		w.b = wrap(t, w.bh, nil)
		w.all.Go(func() { w.admit(w.b) })
		within(t, 0, 10*time.Second, link.ErrGone, out)
		old.Close()
	})
}

// TestLostBeforeItBegan loses the connection before the dialler has heard anything, and before the acceptor has.
func TestLostBeforeItBegan(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		w.all.Go(func() {
			time.Sleep(17 * time.Millisecond) // the admission takes from 15 to 20
			w.net.LoseSilently(w.ah, w.bh)
			w.net.Lose(w.ah, w.bh)
		})
		out, err := w.a.Connect(context.Background(), netlayer.Dial{Peer: w.b.Location()})
		if err != nil {
			t.Fatal(err)
		}
		within(t, 0, 0, link.ErrYoung, out)
		within(t, 5*time.Second, 6*time.Second, link.ErrExpired, <-w.accepted)
	})
}

// TestUnneeded loses connections again and again that nobody needs.
func TestUnneeded(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		out, in := w.met()
		w.all.Go(func() {
			time.Sleep(time.Second)
			w.net.Lose(w.ah, w.bh) // something has passed since there is a connection
			time.Sleep(time.Second)
			w.net.Lose(w.ah, w.bh)
		})
		for _, c := range []netlayer.Conn{out, in} {
			c.(netlayer.KeepAliver).KeepAlive(false)
		}
		within(t, 2*time.Second, 2*time.Second, link.ErrUnneeded, out, in)
	})
}

// TestCrowds suspends more links than may be, and has a suspended link hold more than it may.
func TestCrowds(t *testing.T) {
	scene(t, link.Config{MaxSuspendedPerPeer: 2}, func(w *world) {
		crowded := make(chan bool, 8)
		for range 4 {
			out, in := w.met()
			for _, c := range []netlayer.Conn{out, in} {
				w.all.Go(func() {
					_, err := c.Read()
					crowded <- errors.Is(err, link.ErrCrowded)
				})
			}
		}
		w.net.Partition(w.ah, w.bh)
		time.Sleep(time.Minute)
		if n := len(crowded); n != 4 {
			t.Errorf("of four links %d ended on both sides together, want two on each", n)
		}
		for range 4 {
			if !<-crowded {
				t.Error("one ended for another reason")
			}
		}
		w.net.Heal(w.ah, w.bh)
	})
	scene(t, link.Config{MaxSuspendedBytes: 50 << 10}, func(w *world) {
		out, in := w.met()
		w.listen(in)
		w.net.Partition(w.ah, w.bh)
		blocked := make(chan error, 1)
		w.all.Go(func() { blocked <- write(out, 2, 100000, nil) })
		within(t, time.Second, time.Second+time.Second, link.ErrCrowded, out)
		if err := <-blocked; !errors.Is(err, link.ErrCrowded) {
			t.Error(err)
		}
		w.net.Heal(w.ah, w.bh)
	})
}

// TestNetworkUp has the dialler try at once.
func TestNetworkUp(t *testing.T) {
	scene(t, link.Config{DialTimeout: time.Second}, func(w *world) {
		out, in := w.met()
		w.listen(out)
		for i := 2; i < 12; i++ {
			w.net.Partition(w.ah, w.bh)
			time.Sleep(5 * time.Minute) // by then it waits for up to 15 s between tries of one second
			w.net.Heal(w.ah, w.bh)
			begin := time.Now()
			w.a.NetworkUp(context.Background())
			if err := out.Write([][]byte{frame(i, sizeOf(i))}); err != nil {
				t.Error(err)
			}
			if err := read(in, i, i+1); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took > 200*time.Millisecond {
				t.Errorf("it took %v", took)
			}
		}
	})
}

// TestRefusedForAWhile has the peer refuse everybody for a moment, as one in trouble does.
func TestRefusedForAWhile(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		out, in := w.met()
		w.listen(out)
		w.net.Refuse(w.bh, true)
		w.net.Lose(w.ah, w.bh)
		w.all.Go(func() {
			time.Sleep(150 * time.Millisecond)
			w.net.Refuse(w.bh, false)
		})
		if err := write(out, 2, 3, nil); err != nil {
			t.Error(err)
		}
		if err := read(in, 2, 3); err != nil {
			t.Error(err)
		}
	})
}

// TestPlainPeers has nothing to do with peers that cannot resume.
func TestPlainPeers(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		plain := w.net.Host(mem.HostConfig{Name: "plain"})
		go func() {
			in, err := plain.Accept(context.Background())
			if err == nil {
				_, err = in.Accept([][]byte{[]byte("as it is")})
			}
			if err != nil {
				t.Error(err)
			}
		}()
		c, err := w.a.Connect(context.Background(), netlayer.Dial{Peer: plain.Location()})
		if err != nil {
			t.Fatal(err)
		}
		if f, err := c.Read(); err != nil || string(f.Bytes) != "as it is" {
			t.Errorf("%q, %v", f.Bytes, err)
		}
		if c.Info().Resume != nil || len(c.Info().Features) != 0 {
			t.Errorf("%+v", c.Info())
		}
		plain.Close()
	})
}

func TestBadConfig(t *testing.T) {
	for _, c := range []link.Config{{Grace: -1}, {AnonymousGrace: -1}, {Buffer: -1}, {BufferFrames: -1}, {MaxSuspended: -1}, {Stall: -1}, {DialTimeout: -1}} {
		if _, err := link.New(nil, &c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
