package home_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
)

// admitting is a Home with a closed door, to which a gifter is known that lets in the receiver.
func admitting(t *testing.T, fn func(t *testing.T, n *mem.Network, x *exporting)) {
	t.Helper()
	scene(t, func(t *testing.T, n *mem.Network) {
		x := &exporting{key: newKey()}
		x.e = join(t, n, "e", identity(t), func(c *home.Config) {
			c.Door.Closed = true
			c.Door.Known = []sturdyref.PeerID{{Transport: mem.Transport, Designator: "gifter"}}
		})
		defer x.e.leave()
		x.g = scripted(t, n, "gifter", x.e.Location())
		host := n.Host(mem.HostConfig{Name: "receiver"})
		defer host.Close()
		conn, err := host.Connect(t.Context(), netlayer.Dial{Peer: x.e.Location(), Credential: func(info netlayer.Info) []byte {
			env, err := wire.Hawser.Sign(&msg.HandoffReceive{Session: info.Binding, Give: x.give(giftID(1))}, x.key)
			if err != nil {
				t.Fatal(err)
			}
			shown, err := wire.NewEncoder(wire.Hawser).Append(nil, &msg.Deliver{To: msg.Desc{Kind: msg.Export}, Selector: "withdraw-gift", Args: []any{env}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return shown
		}})
		if err != nil {
			t.Fatal(err)
		}
		x.r = speak(t, conn, host.Location(), newKey())
		fn(t, n, x)
	})
}

// Whoever was let in to withdraw something stays as long as that may come, and for good once it has.
func TestGuests(t *testing.T) {
	for name, c := range map[string]struct {
		deposited time.Duration // after the withdrawal; 0 is never
		asks      bool
		stays     bool
	}{
		"withdraws nothing":                    {},
		"withdraws what never comes":           {asks: true},
		"withdraws what comes":                 {asks: true, deposited: time.Second, stays: true},
		"withdraws what comes at the last":     {asks: true, deposited: 4 * time.Minute, stays: true},
		"was given something, and never asked": {deposited: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			admitting(t, func(t *testing.T, n *mem.Network, x *exporting) {
				time.Sleep(2 * time.Minute)
				if c.asks {
					x.r.ask("withdraw-gift", x.r.receive(x.key, 0, x.give(giftID(1)), nil))
				}
				if c.deposited > 0 {
					time.Sleep(c.deposited)
					x.g.tell("deposit-gift", giftID(1), something)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if there := len(x.e.Sessions()) == 2; there != c.stays {
					t.Errorf("it is there: %v", there)
				}
			})
		})
	}
}

// A secret that is revoked takes nothing from whoever is there for another reason.
func TestGuestsStayForWhatTheyHave(t *testing.T) {
	for _, has := range []bool{false, true} {
		admitting(t, func(t *testing.T, n *mem.Network, x *exporting) {
			s := x.e.publish("x")
			keys, err := s.Swiss.Keys()
			if err != nil {
				t.Fatal(err)
			}
			proof, err := keys.ProofKey().Fetch(x.r.conn.Info().Binding, sturdyref.RoleOf(true))
			if err != nil {
				t.Fatal(err)
			}
			comesTo(t, "fetched", "", x.r.settled(x.r.ask("fetch", proof[:])))
			if has {
				x.g.tell("deposit-gift", giftID(1), something)
				comesTo(t, "withdrawn", "", x.r.settled(x.r.ask("withdraw-gift", x.r.receive(x.key, 0, x.give(giftID(1)), nil))))
			}
			if err := x.e.Revoke(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if there := len(x.e.Sessions()) == 2; there != has {
				t.Errorf("having something else is %v, and being there %v", has, there)
			}
		})
	}
}
