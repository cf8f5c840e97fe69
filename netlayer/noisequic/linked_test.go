package noisequic_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	links "github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/noisequic"
)

// TestLinksOutliveFiftyOutages takes the network away fifty times, mostly for longer than QUIC waits, with frames under way
// in both directions. Each arrives once and in order, of a peer with an identity and of an anonymous one.
func TestLinksOutliveFiftyOutages(t *testing.T) {
	for _, anonymous := range []bool{false, true} {
		t.Run(fmt.Sprintf("anonymous=%v", anonymous), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { outages(t, anonymous) })
		})
	}
}

func outages(t *testing.T, anonymous bool) {
	const drops, frames = 50, 3000
	a := &air{t: t}
	features := []string{netlayer.FeatureResume}
	wrap := func(cfg noisequic.Config) *links.Netlayer {
		inner, err := noisequic.Open(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		l, err := links.New(inner, &links.Config{AnonymousGrace: 10 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	dialler := noisequic.Config{Features: features}
	if !anonymous {
		dialler.Identity = identity(t)
	}
	from, to := wrap(a.on(1, 0, dialler)), wrap(a.on(2, 7777, noisequic.Config{Identity: identity(t), Features: features}))
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
	peer := to.Location()
	peer.Hints = map[string]string{"addr": "10.0.0.2:7777"}
	out, err := from.Connect(context.Background(), netlayer.Dial{Peer: peer})
	if err != nil {
		t.Fatal(err)
	}
	in := <-accepted
	first := out.Info()
	done := make(chan error, 4)
	for _, c := range []netlayer.Conn{out, in} {
		c.(netlayer.KeepAliver).KeepAlive(true)
		all.Go(func() {
			for i := range frames {
				f := binary.BigEndian.AppendUint64(make([]byte, i%700), uint64(i))
				if err := c.Write([][]byte{f}); err != nil {
					done <- fmt.Errorf("writing frame %d: %w", i, err)
					return
				}
				time.Sleep(rand.N(3 * time.Second))
			}
			done <- nil
		})
		all.Go(func() {
			for i := range frames {
				f, err := c.Read()
				if err != nil || len(f.Bytes) != i%700+8 || binary.BigEndian.Uint64(f.Bytes[i%700:]) != uint64(i) {
					done <- fmt.Errorf("reading frame %d: %d bytes, %w", i, len(f.Bytes), err)
					return
				}
				f.Done()
			}
			done <- nil
			_, _ = c.Read() // it is who reads that learns of a loss
		})
	}
	for i := range drops {
		time.Sleep(rand.N(30 * time.Second))
		a.router.down.Store(true)
		if i%5 == 0 {
			time.Sleep(rand.N(20 * time.Second)) // QUIC itself goes on after this
		} else {
			time.Sleep(62*time.Second + rand.N(30*time.Second))
		}
		a.router.down.Store(false)
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if now := out.Info(); now.Binding != first.Binding || now.Local.ID() != first.Local.ID() {
		t.Errorf("Info was %+v and is %+v", first, now)
	}
	if err := from.Close(); err != nil {
		t.Error(err)
	}
	if err := to.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
}
