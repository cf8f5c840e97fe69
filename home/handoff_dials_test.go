package home_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
)

// A certificate is shown to a closed door also if the node is just dialling it with nothing to show.
func TestHandoffBesideARefusedDial(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		g, r := join(t, n, "g", identity(t), nil), join(t, n, "r", identity(t), nil)
		e := join(t, n, "e", identity(t), func(c *home.Config) { c.Door.Closed = true })
		for _, p := range []*party{g, r, e} {
			defer p.leave()
		}
		far, err := g.Enliven(e.publish("echo")).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		shelf, err := r.Enliven(g.publishShelf(far)).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			if d.Credential == nil {
				time.Sleep(time.Second)
			}
			return next(ctx, d)
		}
		own := r.Enliven(sturdyref.Ref{Peer: e.Location(), Swiss: sturdyref.SwissNumOf([]byte("weak"))})
		ref, err := shelf.Send(t.Context(), "get").Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		works(t, "handed off", ref)
		refused(t, "without anything to show", own)
		if c := e.layer.admitted.Load(); c != 2 {
			t.Errorf("%d sessions were let in, want the gifter's and the receiver's: it was not handed off", c)
		}
	})
}

// Where a certificate may not lead, and so does not, the node itself may go.
func TestOwnDialBesideAGiftersThatMayNot(t *testing.T) {
	receiving(t, func(t *testing.T, n *mem.Network, r, e *party, g *script) {
		r.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			if d.Allow != nil {
				time.Sleep(time.Second)
				return nil, netlayer.ErrUnreachable
			}
			return next(ctx, d)
		}
		s := e.publish("x")
		g.tell("no-method", g.give(g.greeting.PublicKey, s.Peer, giftID(1), nil))
		time.Sleep(500 * time.Millisecond)
		works(t, "our own", r.Enliven(s))
	})
}

// A gifter that leads to nowhere again and again does not keep what another gives waiting for all of that.
func TestGiftersTakeTurns(t *testing.T) {
	receiving(t, func(t *testing.T, n *mem.Network, r, e *party, g *script) {
		misled(r, e, g, 16)
		time.Sleep(time.Second)
		atE := scripted(t, n, "another gifter there", e.Location())
		other := scripted(t, n, "another gifter", r.Location())
		atE.tell("deposit-gift", giftID(1), something)
		other.tell("no-method", atE.give(other.greeting.PublicKey, e.Location(), giftID(1), nil))
		time.Sleep(25 * time.Second)
		if e.Gifts() != 0 {
			t.Error("the gift of the other has not been withdrawn")
		}
	})
}

// A gifter that comes again and again has no more dials made for it than one that stays, whether it says who it is or not.
func TestDialsOfAGifterThatComesAgain(t *testing.T) {
	for name, host := range map[string]mem.HostConfig{"named": {Name: "again"}, "nobody": {Anonymous: true, Name: "x", Addr: "again"}} {
		t.Run(name, func(t *testing.T) {
			receiving(t, func(t *testing.T, n *mem.Network, r, e *party, g *script) {
				var dials atomic.Int32
				r.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
					dials.Add(1)
					<-ctx.Done()
					return nil, fmt.Errorf("%w: %w", netlayer.ErrUnreachable, ctx.Err())
				}
				nobody := n.Host(mem.HostConfig{Name: "nobody"}).Location()
				for i := range 10 {
					at := n.Host(host)
					conn, err := at.Connect(t.Context(), netlayer.Dial{Peer: r.Location()})
					if err != nil {
						t.Fatal(err)
					}
					again := speak(t, conn, conn.Info().Local, newKey())
					for k := range 10 {
						nobody.Designator = fmt.Sprint("nobody", i, k)
						again.tell("no-method", again.give(again.greeting.PublicKey, nobody, giftID(k), nil))
					}
					time.Sleep(500 * time.Millisecond)
					again.hangUp()
					_ = at.Close()
					time.Sleep(500 * time.Millisecond)
				}
				if d := dials.Load(); d != 16 {
					t.Errorf("%d dials, want 16", d)
				}
				time.Sleep(5 * time.Minute)
				if _, _, left, _ := r.Left(); left != 0 {
					t.Errorf("%d dials are left", left)
				}
				if _, waiting := r.Redeemed(); waiting != 0 {
					t.Errorf("%d wait", waiting)
				}
			})
		})
	}
}
