package home_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer/mem"
)

// exporting is a Home and two scripted peers of it, a gifter and a receiver, who have spoken to each other elsewhere, where
// the receiver's key is key.
type exporting struct {
	e    *party
	g, r *script
	key  ed25519.PrivateKey
}

func exporter(t *testing.T, fn func(t *testing.T, n *mem.Network, x *exporting)) {
	t.Helper()
	scene(t, func(t *testing.T, n *mem.Network) {
		x := &exporting{e: join(t, n, "e", identity(t), nil), key: newKey()}
		defer x.e.leave()
		x.g, x.r = scripted(t, n, "gifter", x.e.Location()), scripted(t, n, "receiver", x.e.Location())
		fn(t, n, x)
	})
}

func (x *exporting) public() [32]byte { return [32]byte(x.key.Public().(ed25519.PublicKey)) }

func (x *exporting) give(id any) *msg.SigEnvelope {
	return x.g.give(x.public(), x.e.Location(), id, nil)
}

// something is a reference of the exporter's that every peer has.
var something = msg.Desc{Kind: msg.Export}

func giftID(n int) []byte { return binary.BigEndian.AppendUint64(make([]byte, 24), uint64(n)) }

func comesTo(t *testing.T, what, want, got string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

const refusedGift = "home.handoff"

func TestGiftsInEitherOrder(t *testing.T) {
	exporter(t, func(t *testing.T, _ *mem.Network, x *exporting) {
		x.g.tell("deposit-gift", giftID(1), something)
		synctest.Wait()
		time.Sleep(time.Second)
		first := x.r.receive(x.key, 0, x.give(giftID(1)), nil)
		comesTo(t, "deposited first", "", x.r.settled(x.r.ask("withdraw-gift", first)))
		a := x.r.ask("withdraw-gift", x.r.receive(x.key, 1, x.give(giftID(2)), nil))
		time.Sleep(time.Second)
		x.g.tell("deposit-gift", giftID(2), something)
		comesTo(t, "withdrawn first", "", x.r.settled(a))
		if n := x.e.Gifts(); n != 0 {
			t.Errorf("%d gifts are left", n)
		}
		// What was withdrawn once, with that count, is not again, also if there is another gift.
		x.g.tell("deposit-gift", giftID(1), something)
		time.Sleep(time.Second)
		comesTo(t, "replayed", refusedGift, x.r.settled(x.r.ask("withdraw-gift", first)))
	})
}

func TestGiftIsTakenOnce(t *testing.T) {
	exporter(t, func(t *testing.T, _ *mem.Network, x *exporting) {
		x.g.tell("deposit-gift", giftID(1), something)
		time.Sleep(time.Second)
		comesTo(t, "once", "", x.r.settled(x.r.ask("withdraw-gift", x.r.receive(x.key, 0, x.give(giftID(1)), nil))))
		second := x.r.ask("withdraw-gift", x.r.receive(x.key, 1, x.give(giftID(1)), nil))
		time.Sleep(time.Second)
		x.g.hangUp()
		comesTo(t, "twice", refusedGift, x.r.settled(second))
	})
}

// Who is given one thing twice may ask for it twice before it has been deposited.
func TestGiftAskedForTwice(t *testing.T) {
	exporter(t, func(t *testing.T, _ *mem.Network, x *exporting) {
		a := x.r.ask("withdraw-gift", x.r.receive(x.key, 0, x.give(giftID(1)), nil))
		x.r.ask("withdraw-gift", x.r.receive(x.key, 1, x.give(giftID(1)), nil))
		time.Sleep(time.Second)
		x.g.tell("deposit-gift", giftID(1), something)
		comesTo(t, "first", "", x.r.settled(a))
		comesTo(t, "second", "", x.r.settled(a+1))
	})
}

func TestWrongCertificates(t *testing.T) {
	exporter(t, func(t *testing.T, _ *mem.Network, x *exporting) {
		id := giftID(1)
		give := x.give(id)
		forged := func(env *msg.SigEnvelope) *msg.SigEnvelope {
			c := *env
			c.Signature[3] ^= 1
			return &c
		}
		for what, bad := range map[string]any{
			"another receiver": x.r.receive(newKey(), 0, give, nil),
			"another session":  x.r.receive(x.key, 0, give, func(r *msg.HandoffReceive) { r.Session[0] ^= 1 }),
			"another side":     x.r.receive(x.key, 0, give, func(r *msg.HandoffReceive) { r.Side = x.r.theirs() }),
			"a forged receive": forged(x.r.receive(x.key, 0, give, nil)),
			"a forged give":    x.r.receive(x.key, 0, forged(give), nil),
			"another gifter's session": x.r.receive(x.key, 0, x.g.give(x.public(), x.e.Location(), id, func(g *msg.HandoffGive) {
				g.Session = x.r.id()
			}), nil),
			"a session that is not": x.r.receive(x.key, 0, x.g.give(x.public(), x.e.Location(), id, func(g *msg.HandoffGive) {
				g.Session[0] ^= 1
			}), nil),
			"the other side of the gift": x.r.receive(x.key, 0, x.g.give(x.public(), x.e.Location(), id, func(g *msg.HandoffGive) {
				g.GifterSide = x.g.theirs()
			}), nil),
			"its own gift":   x.r.receive(x.key, 0, x.r.give(x.public(), x.e.Location(), id, func(g *msg.HandoffGive) { g.Session = x.g.id() }), nil),
			"a long gift-id": x.r.receive(x.key, 0, x.give(bytes.Repeat([]byte{1}, 1<<16)), nil),
		} {
			x.g.tell("deposit-gift", id, something)
			time.Sleep(time.Second)
			comesTo(t, what, refusedGift, x.r.settled(x.r.ask("withdraw-gift", bad)))
		}
		comesTo(t, "no receive", "hawser.bad-args", x.r.settled(x.r.ask("withdraw-gift", give)))
		comesTo(t, "no certificate", "hawser.bad-args", x.r.settled(x.r.ask("withdraw-gift", int64(7))))
		comesTo(t, "after all of these", "", x.r.settled(x.r.ask("withdraw-gift", x.r.receive(x.key, 0, give, nil))))
	})
}

func TestGiftsEndWithTheirSession(t *testing.T) {
	exporter(t, func(t *testing.T, n *mem.Network, x *exporting) {
		x.g.tell("deposit-gift", giftID(1), something)
		waits := x.r.ask("withdraw-gift", x.r.receive(x.key, 0, x.give(giftID(2)), nil))
		time.Sleep(time.Second)
		if n := x.e.Gifts(); n != 2 {
			t.Errorf("%d gifts and waiters, want 2", n)
		}
		x.g.hangUp()
		comesTo(t, "the gifter gone", refusedGift, x.r.settled(waits))
		if n := x.e.Gifts(); n != 0 {
			t.Errorf("%d are left without the gifter", n)
		}
	})
}

// A receiver whose session is lost finds the gift where it was when it comes again.
func TestGiftSurvivesItsReceiversSession(t *testing.T) {
	exporter(t, func(t *testing.T, n *mem.Network, x *exporting) {
		x.r.ask("withdraw-gift", x.r.receive(x.key, 0, x.give(giftID(1)), nil))
		time.Sleep(time.Second)
		x.r.hangUp()
		time.Sleep(time.Second)
		if n := x.e.Gifts(); n != 0 {
			t.Errorf("%d wait whose session is over", n)
		}
		x.g.tell("deposit-gift", giftID(1), something)
		time.Sleep(time.Second)
		x.r = scripted(t, n, "receiver again", x.e.Location())
		a := x.r.ask("withdraw-gift", x.r.receive(x.key, 0, x.give(giftID(1)), nil))
		defer time.AfterFunc(time.Minute, x.r.hangUp).Stop()
		comesTo(t, "come again", "", x.r.settled(a))
	})
}

// A thing that was mentioned twice can be withdrawn twice, by a receiver that has lost what it had of the first.
func TestGiftGivenTwice(t *testing.T) {
	exporter(t, func(t *testing.T, n *mem.Network, x *exporting) {
		x.g.tell("deposit-gift", giftID(1), something)
		x.g.tell("deposit-gift", giftID(1), something)
		time.Sleep(time.Second)
		if n := x.e.Gifts(); n != 1 {
			t.Errorf("%d gifts, want 1", n)
		}
		comesTo(t, "first", "", x.r.settled(x.r.ask("withdraw-gift", x.r.receive(x.key, 0, x.give(giftID(1)), nil))))
		x.r.hangUp()
		x.r = scripted(t, n, "receiver again", x.e.Location())
		defer time.AfterFunc(time.Minute, x.r.hangUp).Stop()
		comesTo(t, "second", "", x.r.settled(x.r.ask("withdraw-gift", x.r.receive(x.key, 0, x.give(giftID(1)), nil))))
		if n := x.e.Gifts(); n != 0 {
			t.Errorf("%d gifts are left", n)
		}
	})
}

func TestGiftsAreBounded(t *testing.T) {
	exporter(t, func(t *testing.T, n *mem.Network, x *exporting) {
		const many = 1 << 14
		for i := range 100_000 {
			x.g.tell("deposit-gift", giftID(i), something)
			if i%1000 == 0 {
				time.Sleep(time.Second)
			}
		}
		x.g.tell("deposit-gift", bytes.Repeat([]byte{1}, 257), something)
		time.Sleep(time.Second)
		if n := x.e.Gifts(); n != many {
			t.Errorf("%d gifts, want %d", n, many)
		}
		comesTo(t, "a waiter too many", "home.overloaded", x.r.settled(x.r.ask("withdraw-gift", x.r.receive(x.key, 0, x.give(giftID(many+1)), nil))))
		time.Sleep(10*time.Minute + time.Second)
		if n := x.e.Gifts(); n != 0 {
			t.Errorf("%d gifts after ten minutes", n)
		}
		late := x.r.ask("withdraw-gift", x.r.receive(x.key, 1, x.give(giftID(1)), nil))
		start := time.Now()
		comesTo(t, "never deposited", refusedGift, x.r.settled(late))
		if d := time.Since(start); d < 5*time.Minute || d > 11*time.Minute {
			t.Errorf("waited %v", d)
		}
	})
}

// A gift is bounded in every dimension, and so are the names of those that a receiver remembers.
func TestLongGiftIDs(t *testing.T) {
	exporter(t, func(t *testing.T, n *mem.Network, x *exporting) {
		comesTo(t, "a long id", "hawser.bad-args", x.g.settled(x.g.ask("deposit-gift", bytes.Repeat([]byte{1}, 257), something)))
		comesTo(t, "data", "hawser.bad-args", x.g.settled(x.g.ask("deposit-gift", giftID(1), int64(1))))
		comesTo(t, "a strange id", "hawser.bad-args", x.g.settled(x.g.ask("deposit-gift", true, something)))
	})
}
