package home_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
)

// keeping is a site and two scripted peers of it with which its sessions last, a gifter, who has the site's durable object at a position, and a receiver, who
// have spoken to each other elsewhere, where the receiver's key is key.
type keeping struct {
	e    *site
	g, r *script
	at   msg.Desc
	key  ed25519.PrivateKey
}

func stored(t *testing.T, fn func(t *testing.T, x *keeping)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := mem.New(&mem.Config{Delay: 5 * time.Millisecond, Timeout: time.Second})
		x := &keeping{e: newSite(t, net, "e"), key: newKey()}
		at, err := x.e.home.Publish(context.Background(), "actor", x.e.actor())
		if err != nil {
			t.Fatal(err)
		}
		var ends []func()
		x.g, ends = x.peer(net, ends)
		x.r, ends = x.peer(net, ends)
		defer func() {
			for _, end := range ends {
				end()
			}
			x.e.stop()
			net.Close()
		}()
		x.at = x.g.fetched(at)
		x.r.fetched(at)
		time.Sleep(time.Second)
		fn(t, x)
	})
}

// peer returns a scripted peer whose connection survives restarts of the site.
func (x *keeping) peer(net *mem.Network, ends []func()) (*script, []func()) {
	t := x.e.t
	features := []string{netlayer.FeatureResume, home.FeatureFetchProof, captp.FeatureMovesQueues, captp.FeatureLasts}
	host := net.Host(mem.HostConfig{Static: identity(t).Public().Static, Features: features})
	links, err := link.New(host, &link.Config{Grace: 365 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := links.Connect(context.Background(), netlayer.Dial{Peer: x.e.home.Location()})
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := conn.(netlayer.KeepAliver); ok {
		k.KeepAlive(true)
	}
	p := &pumped{Conn: conn, frames: make(chan netlayer.Frame, 1<<16)}
	go p.pump()
	return speak(t, p, host.Location(), newKey()), append(ends, func() { _ = links.Close() })
}

// pumped is a connection that is always being read, and so seen to.
type pumped struct {
	netlayer.Conn
	frames chan netlayer.Frame
	err    error
}

func (p *pumped) pump() {
	defer close(p.frames)
	for {
		f, err := p.Conn.Read()
		if err != nil {
			p.err = err
			return
		}
		f.Bytes = bytes.Clone(f.Bytes)
		p.frames <- f
	}
}

func (p *pumped) Read() (netlayer.Frame, error) {
	f, ok := <-p.frames
	if !ok {
		return netlayer.Frame{}, p.err
	}
	return f, nil
}

// fetched returns where the peer knows what a sturdyref is of.
func (s *script) fetched(at sturdyref.Ref) msg.Desc {
	s.t.Helper()
	resolver := s.ask("fetch", at.Swiss.Reveal())
	for {
		switch op := s.next().(type) {
		case nil:
			s.t.Fatal("the connection has ended")
		case *msg.Deliver:
			if d, ok := op.Args[0].(msg.Desc); ok && op.To.Pos == resolver {
				return msg.Desc{Kind: msg.Export, Pos: d.Pos}
			}
		}
	}
}

func (x *keeping) give(id any) *msg.SigEnvelope {
	return x.g.give([32]byte(x.key.Public().(ed25519.PublicKey)), x.e.home.Location(), id, nil)
}

func (x *keeping) withdraw(count uint64, id any) (resolver uint64) {
	return x.r.ask("withdraw-gift", x.r.receive(x.key, count, x.give(id), nil))
}

// A gift of a session that lasts can be withdrawn as often as it was deposited, whenever the exporter is killed; no handoff-count serves twice, and a
// receiver waits for what has not come.
func TestStoredGifts(t *testing.T) {
	stored(t, func(t *testing.T, x *keeping) {
		x.g.tell("deposit-gift", giftID(1), x.at)
		x.g.tell("deposit-gift", giftID(1), x.at)
		time.Sleep(time.Second)
		x.e.crash()
		time.Sleep(20 * 24 * time.Hour)
		if n := x.e.home.Gifts(); n != 1 {
			t.Fatalf("%d gifts, want 1", n)
		}
		comesTo(t, "first", "", x.r.settled(x.withdraw(5, giftID(1))))
		x.e.crash()
		time.Sleep(time.Minute)
		comesTo(t, "a count once more", refusedGift, x.r.settled(x.withdraw(5, giftID(1))))
		comesTo(t, "second", "", x.r.settled(x.withdraw(6, giftID(1))))
		x.e.crash()
		third := x.withdraw(7, giftID(1))
		other := x.withdraw(8, giftID(2))
		time.Sleep(time.Minute)
		x.e.crash()
		time.Sleep(20 * 24 * time.Hour)
		if n := x.e.home.Gifts(); n != 2 {
			t.Fatalf("%d are waited for, want 2", n)
		}
		x.g.tell("deposit-gift", giftID(2), x.at)
		comesTo(t, "deposited after a restart", "", x.r.settled(other))
		x.e.crash()
		x.g.tell("deposit-gift", giftID(1), x.at)
		comesTo(t, "deposited after two restarts", "", x.r.settled(third))
		time.Sleep(time.Minute)
		x.nothing(t)
	})
}

// nothing fails the test if a gift is left.
func (x *keeping) nothing(t *testing.T) {
	t.Helper()
	if n := x.e.home.Gifts(); n != 0 {
		t.Errorf("%d gifts are left", n)
	}
	if rows := x.e.rows("gifts"); len(rows) > 0 {
		t.Errorf("gifts are left: %q", rows)
	}
	for _, row := range x.e.rows("pins") {
		if row[:6] == `"gift/` {
			t.Errorf("a gift is pinned: %s", row)
		}
	}
}

// Who asks for a gift several times before it has come waits for the first deposit, and those that follow are spoken for.
func TestStoredGiftsAhead(t *testing.T) {
	stored(t, func(t *testing.T, x *keeping) {
		first, second := x.withdraw(1, giftID(1)), x.withdraw(2, giftID(1))
		time.Sleep(time.Second)
		x.e.crash()
		x.g.tell("deposit-gift", giftID(1), x.at)
		comesTo(t, "first", "", x.r.settled(first))
		comesTo(t, "second", "", x.r.settled(second))
		x.e.crash()
		if n := x.e.home.Gifts(); n != 1 {
			t.Errorf("%d, want 1 that is to come", n)
		}
		third := x.withdraw(3, giftID(1))
		time.Sleep(time.Second)
		x.e.crash()
		x.g.tell("deposit-gift", giftID(1), x.at)
		comesTo(t, "third", "", x.r.settled(third))
		x.g.tell("deposit-gift", giftID(1), x.at)
		time.Sleep(time.Second)
		x.nothing(t)
	})
}

// What nobody fetches, or deposits, is over after thirty days, restarts or not.
func TestStoredGiftsExpire(t *testing.T) {
	stored(t, func(t *testing.T, x *keeping) {
		x.g.tell("deposit-gift", giftID(1), x.at)
		waits := x.withdraw(1, giftID(2))
		time.Sleep(29 * 24 * time.Hour)
		x.e.crash()
		time.Sleep(12 * time.Hour)
		if n := x.e.home.Gifts(); n != 2 {
			t.Errorf("%d are there before their time is over", n)
		}
		x.e.kill()
		time.Sleep(24 * time.Hour)
		x.e.start()
		start := time.Now()
		comesTo(t, "never deposited", refusedGift, x.r.settled(waits))
		if d := time.Since(start); d > 11*time.Minute {
			t.Errorf("it takes %v to be seen", d)
		}
		x.nothing(t)
	})
}

// So many gifts are stored for one session, and no more.
func TestStoredGiftsAreBounded(t *testing.T) {
	stored(t, func(t *testing.T, x *keeping) {
		const many = 1 << 12
		for i := range many + 500 {
			x.g.tell("deposit-gift", giftID(i), x.at)
			if i%500 == 0 {
				time.Sleep(time.Second)
			}
		}
		time.Sleep(time.Second)
		if n := len(x.e.rows("gifts")); n != many || x.e.home.Gifts() != many {
			t.Errorf("%d gifts are stored, %d are there, want %d", n, x.e.home.Gifts(), many)
		}
		comesTo(t, "a waiter too many", "home.overloaded", x.r.settled(x.withdraw(1, giftID(1<<20))))
		x.e.crash()
		if n := x.e.home.Gifts(); n != many {
			t.Errorf("%d gifts after a restart, want %d", n, many)
		}
		comesTo(t, "one of them", "", x.r.settled(x.withdraw(2, giftID(17))))
	})
}

// Counts are remembered in bounded space.
func TestStoredCounts(t *testing.T) {
	stored(t, func(t *testing.T, x *keeping) {
		for i := range 3000 {
			x.g.tell("deposit-gift", giftID(1), x.at)
			x.r.tell("withdraw-gift", x.r.receive(x.key, uint64(i), x.give(giftID(1)), nil))
			if i%200 == 0 {
				time.Sleep(time.Second)
			}
		}
		time.Sleep(time.Second)
		x.nothing(t)
		if n := len(x.e.rows("handoff counts")); n > 1025 {
			t.Errorf("%d counts are stored", n)
		}
		x.e.crash()
		x.g.tell("deposit-gift", giftID(1), x.at)
		for _, count := range []uint64{0, 1000, 2999} {
			comesTo(t, "a count that was used", refusedGift, x.r.settled(x.withdraw(count, giftID(1))))
		}
		comesTo(t, "a new one", "", x.r.settled(x.withdraw(3000, giftID(1))))
	})
}

// What was given in a session ends with it, in the store, too; so do its counts.
func TestStoredGiftsEndWithTheirSession(t *testing.T) {
	for _, crash := range []bool{false, true} {
		stored(t, func(t *testing.T, x *keeping) {
			x.g.tell("deposit-gift", giftID(1), x.at)
			x.g.tell("deposit-gift", giftID(2), x.at)
			comesTo(t, "one", "", x.r.settled(x.withdraw(1, giftID(2))))
			waits := x.withdraw(2, giftID(3))
			time.Sleep(time.Second)
			if crash {
				x.e.crash()
				time.Sleep(time.Second)
			}
			x.g.send(&msg.Abort{Reason: "that is all"})
			comesTo(t, "the gifter gone", refusedGift, x.r.settled(waits))
			x.nothing(t)
			if n := len(x.e.rows("handoff counts")); n == 0 {
				t.Error("no counts are stored")
			}
			x.r.send(&msg.Abort{Reason: "that is all"})
			time.Sleep(time.Minute)
			if rows := x.e.rows("handoff counts"); len(rows) > 0 {
				t.Errorf("counts are left: %q", rows)
			}
		})
	}
}
