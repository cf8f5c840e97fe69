package link_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/sturdyref"
)

// comes has somebody dial from an address, who was never seen before, and have the link last; then it is away for ever.
func comes(t *testing.T, w *mem.Network, victim *node, name, addr string) error {
	t.Helper()
	n := &node{t: t, net: w, name: name, addr: addr, dir: new(memory.Backend)}
	n.start()
	out := n.dial(victim)
	in := <-victim.accepted
	time.Sleep(time.Second)
	err := in.last()
	talk(t, out, in, 3)
	n.kill()
	return err
}

// Identities cost nothing. From one source come so many links that last, from one network more, and never all that there may be: also
// after a restart, and until some are forgotten. Whom the node dials itself, and whom it trusts, is not counted.
func TestSourcesShare(t *testing.T) {
	cfg := link.Config{MaxLasting: 24, MaxLastingPerSource: 3, Trust: func(p sturdyref.PeerID) bool { return p.Designator == "friend" }}
	pair(t, cfg, func(w *mem.Network, other, victim *node) {
		made := 0
		want := func(addr string, room bool) {
			t.Helper()
			made++
			if err := comes(t, w, victim, fmt.Sprint("made up ", made), addr); room != (err == nil) || err != nil && !errors.Is(err, link.ErrCrowded) {
				t.Errorf("%d, from %s: %v, want room: %v", made, addr, err, room)
			}
		}
		fill := func(addr string, n int) {
			t.Helper()
			for range n {
				want(addr, true)
			}
			want(addr, false)
			want(addr, false)
		}
		fill("192.0.2.1/32", 3)
		want("198.51.100.1/32", true)
		for host := 2; host <= 4; host++ {
			fill(fmt.Sprintf("192.0.2.%d/32", host), 3)
		}
		fill("192.0.2.5/32", 0) // twelve of its /24 are there
		fill("2001:db8:1:1::/64", 3)
		want("2001:db8:1:2::/64", true)
		victim.kill()
		victim.start()
		fill("192.0.2.1/32", 0)
		fill("192.0.2.5/32", 0)
		fill("2001:db8:1:1::/64", 0)
		if err := comes(t, w, victim, "friend", "192.0.2.1/32"); err != nil {
			t.Errorf("whom the node trusts: %v", err)
		}
		tx := new(store.Batch)
		for _, a := range victim.kept {
			if a.conn.Info().Source == "192.0.2.1/32" {
				a.conn.Forget(tx)
				_ = a.conn.Close("forgotten")
				break
			}
		}
		if err := victim.store.Write(tx); err != nil || tx.Size() == 0 {
			t.Fatal(err, tx.Size())
		}
		fill("192.0.2.1/32", 1)
		fill("203.0.113.1/32", 1) // eighteen of twenty-four are there
		for range 3 {
			last(t, victim.dial(other))
		}
		victim.guard = func(netip.Addr) bool { return true }
		host := &node{t: t, net: w, name: "made up elsewhere", addr: "192.0.2.4/32", dir: new(memory.Backend)}
		host.start()
		if err := victim.dial(host).last(); !errors.Is(err, link.ErrCrowded) {
			t.Errorf("where another has sent the node: %v", err)
		}
		victim.guard = nil
		last(t, victim.dial(host))
		host.stop()
	})
}

// What letters begin counts with the sturdyref that they were sent by, and all letters with each other.
func TestLettersShare(t *testing.T) {
	pair(t, link.Config{MaxLastingPerSource: 1}, func(_ *mem.Network, a, b *node) {
		b.stop()
		b.mail = true
		b.start()
		for i, c := range []struct {
			source string
			room   bool
		}{
			{"mail a", true},
			{"mail a", false},
			{"mail b", true},
			{"mail c", true},
			{"mail d", true},
			{"mail d", false},
			{"mail e", false},
			{"192.0.2.1/32", true},
		} {
			begun := beginning(a, b, false)
			begun.ID, begun.Secret = [32]byte{byte(i)}, [32]byte{byte(i)}
			begun.Info.Remote.Designator, begun.Info.Source = fmt.Sprint("made up ", i), c.source
			conn, err := b.links.Begin(begun)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := conn.Last(new(store.Batch)); c.room != (err == nil) || err != nil && !errors.Is(err, link.ErrCrowded) {
				t.Errorf("%d, from %s: %v, want room: %v", i, c.source, err, c.room)
			}
		}
	})
}
