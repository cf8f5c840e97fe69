package home_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// listening makes of a simulated host one of a network that proves who accepts and not who dials, as websockets do.
type listening struct{ claiming }

func (l listening) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	conn, err := l.claiming.Connect(ctx, d)
	if err != nil {
		return nil, err
	}
	info := conn.Info()
	info.Authenticated = true
	return unproven{conn, info}, nil
}

// jealous is a peer that has one session with a location, whoever has dialled, and aborts every other, as Endo does. It
// has dialled the Home, which does not know that it is the one.
type jealous struct {
	t      *testing.T
	h      *party
	host   *mem.Host
	open   *mem.Host // the Home's place on that network
	at     sturdyref.Peer
	theirs *script      // the session it has dialled
	given  chan vat.Ref // what the Home was handed
}

func jealously(t *testing.T, trusting bool, fn func(t *testing.T, n *mem.Network, x *jealous)) {
	t.Helper()
	scene(t, func(t *testing.T, n *mem.Network) { jealousOn(t, n, trusting, fn) })
}

func jealousOn(t *testing.T, n *mem.Network, trusting bool, fn func(t *testing.T, n *mem.Network, x *jealous)) {
	t.Helper()
	x := &jealous{t: t, host: n.Host(mem.HostConfig{Name: "jealous"}), given: make(chan vat.Ref, 1)}
	defer x.host.Close()
	x.at = renamed(x.host.Location(), claimed)
	x.h, x.open = twofoldOver(t, n, "h", func(open *mem.Host) home.Layer {
		return home.Layer{Netlayer: listening{claiming{open}}, Dialect: &wire.Hawser, TrustClaims: trusting}
	})
	defer x.h.leave()
	conn, err := x.host.Connect(t.Context(), netlayer.Dial{Peer: x.open.Location()})
	if err != nil {
		t.Fatal(err)
	}
	x.theirs = speak(t, conn, x.at, newKey())
	fn(t, n, x)
}

// handed has a gifter hand the Home something of the jealous peer's.
func (x *jealous) handed(n *mem.Network) vat.Ref {
	x.t.Helper()
	hand, err := vat.Do(x.t.Context(), x.h.vat, func(ctx context.Context) (vat.Ref, error) {
		return vat.Func(ctx, func(ref vat.Ref) { x.given <- ref }), nil
	})
	if err == nil {
		_, err = x.h.PublishAs(x.t.Context(), "hand", sturdyref.SwissNumOf([]byte("hand")), hand)
	}
	if err != nil {
		x.t.Fatal(err)
	}
	g := scripted(x.t, n, "gifter", x.h.Location())
	g.ask("fetch", []byte("hand"))
	g.send(&msg.Deliver{To: msg.Desc{Kind: msg.Answer, Pos: g.answers}, Args: []any{g.give(g.greeting.PublicKey, x.at, giftID(1), nil)}})
	return <-x.given
}

// dialled takes the Home's next dial, which says its op:start-session and nothing else.
func (x *jealous) dialled() *script {
	x.t.Helper()
	in, err := x.host.Accept(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	conn, err := in.Accept(nil)
	if err != nil {
		x.t.Fatal(err)
	}
	s := &script{t: x.t, conn: conn, enc: wire.NewEncoder(wire.Hawser), dec: wire.NewDecoder(wire.Hawser, wire.Limits{}), key: newKey()}
	s.greeting, _ = s.next().(*msg.StartSession)
	return s
}

// declines aborts the Home's next dial.
func (x *jealous) declines() {
	x.t.Helper()
	s := x.dialled()
	s.send(&msg.Abort{Reason: "there is an active session"})
	if !x.t.Failed() && s.next() != nil {
		x.t.Error("the Home said something after op:start-session")
	}
}

// serves answers the Home's next dial: the withdrawal, or what is asked for in its place, and a message sent to that.
func (x *jealous) serves(asked string) {
	x.t.Helper()
	s := x.dialled()
	hello := &msg.StartSession{Version: "1.0", Location: x.at}
	if err := wire.Hawser.SignHello(hello, s.key); err != nil {
		x.t.Fatal(err)
	}
	s.send(hello)
	for i, want := range []string{asked, "hello"} {
		d, ok := s.next().(*msg.Deliver)
		if !ok || string(d.Selector) != want {
			x.t.Fatalf("%v came, want %s", d, want)
		}
		outcome := any(msg.Desc{Kind: msg.ImportObject, Pos: 9})
		if i == 1 {
			outcome = int64(5)
		}
		s.send(&msg.Deliver{To: msg.Desc{Kind: msg.Export, Pos: d.Resolve.Pos}, Selector: "fulfill", Args: []any{outcome}})
	}
	x.t.Cleanup(s.hangUp)
}

// A peer that aborts our dial, since it has dialled us, is dialled again once that session has ended, in which it has not
// proven who it is. What was sent to the gift meanwhile arrives.
func TestDisplaced(t *testing.T) {
	jealously(t, false, func(t *testing.T, n *mem.Network, x *jealous) {
		other := x.theirs
		ref := x.handed(n)
		answer := ref.Send(t.Context(), "hello")
		x.declines()
		if !other.ended() {
			t.Error("the session that proves nothing did not end with op:abort")
		}
		x.serves("withdraw-gift")
		if v, err := vat.Result[int](answer).Await(t.Context()); v != 5 || err != nil {
			t.Errorf("%v, %v", v, err)
		}
	})
}

// So it is with what the node itself wants of such a peer.
func TestDisplacedByOurOwnDial(t *testing.T) {
	jealously(t, false, func(t *testing.T, n *mem.Network, x *jealous) {
		ref := x.h.Enliven(sturdyref.Ref{Peer: x.at, Swiss: sturdyref.SwissNumOf([]byte("weak"))})
		answer := ref.Send(t.Context(), "hello")
		x.declines()
		if !x.theirs.ended() {
			t.Error("the session that proves nothing did not end with op:abort")
		}
		x.serves("fetch")
		if v, err := vat.Result[int](answer).Await(t.Context()); v != 5 || err != nil {
			t.Errorf("%v, %v", v, err)
		}
	})
}

// It ends, too.
func TestDisplacingByOurOwnDialEnds(t *testing.T) {
	jealously(t, false, func(t *testing.T, n *mem.Network, x *jealous) {
		answer := x.h.Enliven(sturdyref.Ref{Peer: x.at, Swiss: sturdyref.SwissNumOf([]byte("weak"))}).Send(t.Context(), "hello")
		for range 4 {
			x.declines()
		}
		_, err := vat.Result[int](answer).Await(t.Context())
		if end, ok := errors.AsType[*captp.EndError](err); !ok || end.Kind != captp.Aborted {
			t.Errorf("it came to %v, want what the peer has aborted it with", err)
		}
	})
}

// Only the sessions of whoever has aborted the dial are ended.
func TestDisplacedAreOnlyTheExporters(t *testing.T) {
	jealously(t, false, func(t *testing.T, n *mem.Network, x *jealous) {
		bystander := renamed(n.Host(mem.HostConfig{Name: "bystander"}).Location(), claimed)
		other := claims(t, n, x.open, bystander, nil)
		answer := x.handed(n).Send(t.Context(), "hello")
		x.declines()
		x.theirs.ended()
		x.serves("withdraw-gift")
		if _, err := vat.Result[int](answer).Await(t.Context()); err != nil {
			t.Error(err)
		}
		comesTo(t, "somebody else's", "", other.settled(other.ask("challenge")))
	})
}

// What the peer has asked over the session that is ended is answered first, if that does not take long; if it does, it is
// lost, and asked again by who needs it.
func TestDisplacedAreAnsweredFirst(t *testing.T) {
	for _, c := range []struct {
		name     string
		takes    time.Duration
		answered bool
	}{{"soon", 600 * time.Millisecond, true}, {"late", time.Minute, false}} {
		t.Run(c.name, func(t *testing.T) {
			jealously(t, false, func(t *testing.T, n *mem.Network, x *jealous) {
				done := make(chan struct{})
				slow, err := vat.Do(t.Context(), x.h.vat, func(ctx context.Context) (vat.Ref, error) {
					return vat.Func(ctx, func(ctx context.Context) (vat.Ref, error) {
						w := vat.NewVow(nil)
						go func() {
							defer close(done)
							time.Sleep(c.takes)
							w.Resolve(int64(1))
						}()
						return w.Ref(), nil
					}), nil
				})
				if err == nil {
					_, err = x.h.PublishAs(t.Context(), "slow", sturdyref.SwissNumOf([]byte("slow")), slow)
				}
				if err != nil {
					t.Fatal(err)
				}
				answer := x.handed(n).Send(t.Context(), "hello")
				s := x.theirs
				s.ask("fetch", []byte("slow"))
				s.answers++
				s.send(&msg.Deliver{
					To: msg.Desc{Kind: msg.Answer, Pos: s.answers - 1}, Resolve: msg.Desc{Kind: msg.ImportObject, Pos: 100 + s.answers}, HasResolve: true,
				})
				x.declines()
				start := time.Now()
				if got := s.settled(100 + s.answers); (got == "") != c.answered {
					t.Errorf("what was asked came to %q", got)
				}
				if d := time.Since(start); d > 2*time.Second {
					t.Errorf("the session ended after %v", d)
				}
				x.serves("withdraw-gift")
				if _, err := vat.Result[int](answer).Await(t.Context()); err != nil {
					t.Error(err)
				}
				<-done
				synctest.Wait()
			})
		})
	}
}

// Those who say that they are the peer and do not read delay this for as long as one of them can.
func TestDisplacedWhoDoNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mem.New(&mem.Config{Delay: 50 * time.Millisecond, Buffer: 4096})
		defer n.Close()
		jealousOn(t, n, false, func(t *testing.T, n *mem.Network, x *jealous) {
			for range 5 {
				liar := claims(t, n, x.open, x.at, nil)
				defer liar.hangUp()
				for range 60 {
					liar.ask("challenge")
				}
			}
			answer := x.handed(n).Send(t.Context(), "hello")
			x.declines()
			start := time.Now()
			x.serves("withdraw-gift")
			if d := time.Since(start); d > 8*time.Second {
				t.Errorf("the next dial came after %v", d)
			}
			if _, err := vat.Result[int](answer).Await(t.Context()); err != nil {
				t.Error(err)
			}
		})
	})
}

// A peer that aborts whatever is dialled is dialled so often and no more; where it can be said at once that it will not
// help, not again.
func TestDisplacingEnds(t *testing.T) {
	for name, c := range map[string]struct {
		trusting bool
		dials    int
	}{"on a network that proves who accepts": {false, 4}, "on one where claims are taken": {true, 1}} {
		t.Run(name, func(t *testing.T) {
			jealously(t, c.trusting, func(t *testing.T, n *mem.Network, x *jealous) {
				if c.trusting {
					x.theirs.hangUp() // it would be used
					time.Sleep(time.Second)
				}
				answer := x.handed(n).Send(t.Context(), "hello")
				for range c.dials {
					x.declines()
				}
				if _, err := vat.Result[int](answer).Await(t.Context()); err == nil {
					t.Error("something answered")
				}
				time.Sleep(time.Minute)
				if _, _, dials, _ := x.h.Left(); dials != 0 {
					t.Errorf("%d dials are left", dials)
				}
			})
		})
	}
}

// A Home that is closed meanwhile does not wait.
func TestDisplacingWhileClosing(t *testing.T) {
	jealously(t, false, func(t *testing.T, n *mem.Network, x *jealous) {
		answer := x.handed(n).Send(t.Context(), "hello")
		x.declines()
		if err := x.h.Close(); err != nil {
			t.Error(err)
		}
		if _, err := vat.Result[int](answer).Await(t.Context()); err == nil {
			t.Error("something answered")
		}
	})
}
