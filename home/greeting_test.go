package home_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
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

// twofold opens a Home on the simulated network and on one where everybody is who they say they are.
func twofold(t *testing.T, n *mem.Network, name string) (*party, *mem.Host) {
	t.Helper()
	return twofoldOver(t, n, name, func(open *mem.Host) home.Layer {
		return home.Layer{Netlayer: claiming{open}, Dialect: &wire.Hawser, TrustClaims: true}
	})
}

// twofoldOver opens a Home on the simulated network and on another that over makes of one.
func twofoldOver(t *testing.T, n *mem.Network, name string, over func(*mem.Host) home.Layer) (*party, *mem.Host) {
	t.Helper()
	p := &party{t: t, name: name, id: identity(t), vat: vat.New(nil), own: vat.New(nil)}
	var open *mem.Host
	var err error
	p.Home, err = home.New(home.Config{Identity: p.id, Vat: p.own, LazyRelease: true}, func(door netlayer.Doorkeeper) ([]home.Layer, error) {
		features := []string{home.FeatureFetchProof, captp.FeatureMovesQueues, captp.FeatureRelaysGifts}
		p.layer = &counted{Netlayer: n.Host(mem.HostConfig{Features: features, Static: p.id.Public().Static, Doorkeeper: door, Addr: name})}
		open = n.Host(mem.HostConfig{Name: name + " open", Features: features[1:]})
		return []home.Layer{{Netlayer: p.layer}, over(open)}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, open
}

// claims connects a scripted peer to the open network, where it says to be at.
func claims(t *testing.T, n *mem.Network, to *mem.Host, at sturdyref.Peer, key []byte) *script {
	t.Helper()
	host := n.Host(mem.HostConfig{Name: rand.Text()})
	t.Cleanup(func() { _ = host.Close() })
	conn, err := host.Connect(t.Context(), netlayer.Dial{Peer: to.Location()})
	if err != nil {
		t.Fatal(err)
	}
	if key == nil {
		key = newKey()
	}
	return speak(t, conn, at, key)
}

// ended reads to the end and reports whether an op:abort came.
func (s *script) ended() (aborted bool) {
	aborted = s.aborted
	for {
		switch s.next().(type) {
		case nil:
			return aborted
		case *msg.Abort:
			aborted = true
		}
	}
}

// Whoever is believed on one network is nobody on another: what is for a peer that proves itself never goes there.
func TestAClaimOnAnotherNetworkDecidesNothing(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		h, open := twofold(t, n, "h")
		defer h.leave()
		victim := join(t, n, "victim", identity(t), nil)
		defer victim.leave()
		s := victim.publish("x")
		thief := claims(t, n, open, victim.Location(), nil)
		defer thief.hangUp()
		time.Sleep(time.Second)
		works(t, "the victim", h.Enliven(s))
		if d := h.layer.dialled.Load(); d != 1 {
			t.Errorf("%d dials, want 1", d)
		}
		if !claims(t, n, open, victim.Location(), nil).ended() {
			t.Error("a claim to be somebody who has a session was not aborted")
		}
		works(t, "the victim still", h.Enliven(s))
		if !claims(t, n, open, h.Location(), nil).ended() {
			t.Error("a claim to be the node itself was not aborted")
		}
	})
}

// A peer has one session, and may have the next as soon as it has ended that.
func TestOneSessionOfAClaimedPeer(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		h, open := twofold(t, n, "h")
		defer h.leave()
		me := sturdyref.Peer{Transport: claimed, Designator: "me", Hints: map[string]string{"addr": "nowhere"}}
		for range 3 {
			first := claims(t, n, open, me, nil)
			comesTo(t, "the first", "", first.settled(first.ask("challenge")))
			if !claims(t, n, open, me, nil).ended() {
				t.Error("a second session was not aborted")
			}
			comesTo(t, "the first still", "", first.settled(first.ask("challenge")))
			first.send(&msg.Abort{Reason: "bye"})
			second := claims(t, n, open, me, nil)
			comesTo(t, "after the abort", "", second.settled(second.ask("challenge")))
			second.hangUp()
		}
		again := claims(t, n, open, me, nil)
		comesTo(t, "after the end", "", again.settled(again.ask("challenge")))
	})
}

func TestSecondStartSession(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		h, open := twofold(t, n, "h")
		defer h.leave()
		me := sturdyref.Peer{Transport: claimed, Designator: "me", Hints: map[string]string{"addr": "nowhere"}}
		s := claims(t, n, open, me, nil)
		hello := &msg.StartSession{Version: "1.0", Location: me}
		if err := wire.Hawser.SignHello(hello, s.key); err != nil {
			t.Fatal(err)
		}
		s.send(hello)
		if !s.ended() {
			t.Error("a second op:start-session was not aborted")
		}
	})
}

// The Home and a peer dial each other at once. Whichever connection stays, what waited goes out on it, once; also if
// word that the other is given up comes before the greeting on the one that stays.
func TestCrossedHellos(t *testing.T) {
	for _, c := range []struct {
		name       string
		ours       bool // our connection stays
		abortFirst bool
	}{{"ours stays", true, false}, {"theirs stays", false, false}, {"theirs stays, the abort comes first", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				h, open := twofold(t, n, "h")
				defer h.leave()
				them := n.Host(mem.HostConfig{Name: "them"})
				defer them.Close()
				at := renamed(them.Location(), claimed)
				ref := h.Enliven(sturdyref.Ref{Peer: at, Swiss: sturdyref.SwissNumOf([]byte("weak"))})
				answer := ref.Send(t.Context(), "hello")
				in, err := them.Accept(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				conn, err := in.Accept(nil)
				if err != nil {
					t.Fatal(err)
				}
				first := &script{t: t, conn: conn, enc: wire.NewEncoder(wire.Hawser), dec: wire.NewDecoder(wire.Hawser, wire.Limits{}), key: newKey()}
				first.greeting = first.next().(*msg.StartSession)
				key := newKey()
				for stays := (&script{key: key}).ours(); ; stays = (&script{key: key}).ours() {
					ours := first.theirs()
					if bytes.Compare(ours[:], stays[:]) > 0 == c.ours {
						break
					}
					key = newKey()
				}
				second, err := them.Connect(t.Context(), netlayer.Dial{Peer: open.Location()})
				if err != nil {
					t.Fatal(err)
				}
				if c.abortFirst {
					first.send(&msg.Abort{Reason: "crossed hellos"})
					time.Sleep(20 * time.Millisecond)
				}
				theirs := speak(t, second, at, key)
				stays, goes := theirs, first
				if c.ours {
					stays, goes = first, theirs
				}
				if !goes.ended() && !c.abortFirst {
					t.Error("the other connection was not aborted")
				}
				if c.ours {
					hello := &msg.StartSession{Version: "1.0", Location: at}
					if err := wire.Hawser.SignHello(hello, first.key); err != nil {
						t.Fatal(err)
					}
					first.send(hello)
				}
				var got []string
				for len(got) < 2 {
					switch op := stays.next().(type) {
					case nil:
						t.Fatal("the connection that stays has ended")
					case *msg.Deliver:
						got = append(got, string(op.Selector))
						if op.Selector == "hello" {
							stays.send(&msg.Deliver{To: msg.Desc{Kind: msg.Export, Pos: op.Resolve.Pos}, Selector: "fulfill", Args: []any{int64(5)}})
						}
					}
				}
				if v, err := vat.Result[int](answer).Await(t.Context()); v != 5 || err != nil {
					t.Errorf("%v: %v, %v", got, v, err)
				}
				stays.hangUp()
			})
		})
	}
}

// TestCrossedClaims lets two Homes dial each other, where only their greetings can settle which connection stays, with
// every offset around the time a dial takes. Both get their answers, each message has one turn, and one session is left.
func TestCrossedClaims(t *testing.T) {
	for offset := -400 * time.Millisecond; offset <= 400*time.Millisecond; offset += 10 * time.Millisecond {
		for _, jitter := range []time.Duration{0, 30 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				n := mem.New(&mem.Config{Delay: 50 * time.Millisecond, Jitter: jitter, Seed: uint64(offset)})
				defer n.Close()
				a, atA := twofold(t, n, "a")
				b, atB := twofold(t, n, "b")
				defer a.leave()
				defer b.leave()
				published := func(p *party, host *mem.Host) (sturdyref.Ref, *ledger) {
					rec := &ledger{got: make(map[string][]int)}
					obj, err := vat.Do(t.Context(), p.vat, func(ctx context.Context) (vat.Ref, error) { return vat.Func(ctx, rec.add), nil })
					if err != nil {
						t.Fatal(err)
					}
					s, err := p.Publish(t.Context(), "ledger", obj)
					if err != nil {
						t.Fatal(err)
					}
					s.Peer = claiming{host}.Location()
					return s, rec
				}
				sa, inA := published(a, atA)
				sb, inB := published(b, atB)
				errs := make(chan error, 2)
				talk := func(p *party, s sturdyref.Ref, delay time.Duration) {
					time.Sleep(delay)
					ref := p.Enliven(s)
					var err error
					for i := range 20 {
						_, e := vat.Result[any](ref.Apply(t.Context(), "x", i+1)).Await(t.Context())
						err = errors.Join(err, e)
					}
					errs <- err
				}
				go talk(a, sb, max(0, offset))
				go talk(b, sa, max(0, -offset))
				err := errors.Join(<-errs, <-errs)
				time.Sleep(time.Minute)
				synctest.Wait()
				for _, rec := range []*ledger{inA, inB} {
					rec.mu.Lock()
					if got := fmt.Sprint(rec.got["x"]); err != nil || got != fmt.Sprint(upTo(20)) {
						t.Errorf("offset %v, jitter %v: %v; %s", offset, jitter, err, got)
					}
					rec.mu.Unlock()
				}
				if x, y := len(a.Sessions()), len(b.Sessions()); x != 1 || y != 1 {
					t.Errorf("offset %v, jitter %v: %d and %d sessions", offset, jitter, x, y)
				}
			})
		}
	}
}
