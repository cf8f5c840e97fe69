package home_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// scene runs a test with a network in a bubble.
func scene(t *testing.T, fn func(t *testing.T, n *mem.Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := mem.New(&mem.Config{Delay: 50 * time.Millisecond})
		defer n.Close()
		fn(t, n)
	})
}

func TestDialsCoalesce(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		s := b.publish("x")
		var refs []vat.Ref
		for range 10 {
			refs = append(refs, a.Enliven(s))
		}
		for _, r := range refs {
			works(t, "one of ten", r)
		}
		works(t, "over the open session", a.Enliven(s))
		if d := a.layer.dialled.Load(); d != 1 {
			t.Errorf("%d connections, want 1", d)
		}
		first, _ := refs[0].Await(t.Context())
		last, _ := a.Enliven(s).Await(t.Context())
		if first != last {
			t.Error("one object, two references")
		}
	})
}

func TestFirstAnswerTakesNoExtraRoundTrip(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		s := b.publish("x")
		start := time.Now()
		works(t, "enlivened and called", a.Enliven(s))
		// The simulated dial takes two round trips, and the call goes with its second.
		if d := time.Since(start); d != 200*time.Millisecond {
			t.Errorf("the first answer took %v, want 200ms", d)
		}
	})
}

func TestARefusedSecretBreaksOnlyItsOwn(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		good := b.publish("x")
		bad := sturdyref.Ref{Peer: good.Peer, Swiss: sturdyref.NewSwissNum()}
		r1, r2, r3 := a.Enliven(bad), a.Enliven(good), a.Enliven(bad)
		works(t, "waited behind a refused dial", r2)
		refused(t, "first, its own dial", r1)
		refused(t, "third, over the session of the second", r3)
	})
}

func TestRefusalsAreAlike(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		live, gone := b.publish("live"), b.publish("gone")
		works(t, "before", a.Enliven(gone))
		if err := b.Revoke(context.Background(), "gone"); err != nil {
			t.Fatal(err)
		}
		said := map[string]bool{}
		for _, s := range []sturdyref.Ref{
			gone,
			{Peer: live.Peer, Swiss: sturdyref.NewSwissNum()},
			{Peer: live.Peer, Swiss: sturdyref.SwissNumOf([]byte("weak"))},
			{Peer: live.Peer, Swiss: sturdyref.SwissNumOf(make([]byte, 32))},
		} {
			_, err := call(a.Enliven(s), 1)
			said[fmt.Sprint(err)] = true
			_, err = call(a.Enliven(s), 1)
			said[fmt.Sprint(err)] = true
		}
		if len(said) != 1 {
			t.Errorf("refusals differ: %v", said)
		}
	})
}

func TestReconnectsAtTheNextUse(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		s := b.publish("x")
		r := a.Enliven(s)
		works(t, "first", r)
		n.Lose(a.host(), b.host())
		synctest.Wait()
		if _, err := call(r, 1); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a lost reference: %v", err)
		}
		works(t, "second", a.Enliven(s))
		if d := a.layer.dialled.Load(); d != 2 {
			t.Errorf("%d connections, want 2", d)
		}
	})
}

func TestARestartedPeerSupersedesItsOldSession(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		id := identity(t)
		a, b := join(t, n, "a", id, nil), join(t, n, "b", identity(t), nil)
		defer b.leave()
		s := b.publish("x")
		works(t, "before", a.Enliven(s))
		// a is cut off, dies, and starts again with its key and nothing else.
		n.Partition(a.host(), b.host())
		go a.leave()
		time.Sleep(11 * time.Second) // virtual
		n.Heal(a.host(), b.host())
		a = join(t, n, "a2", id, nil)
		defer a.leave()
		works(t, "after", a.Enliven(s))
	})
}

// TestCrossedDials lets two peers dial each other with every offset around the time a dial takes, and either of them
// the one with the higher key. Both get their answer, once, and one connection is left.
func TestCrossedDials(t *testing.T) {
	for _, swap := range []bool{false, true} {
		for offset := -260 * time.Millisecond; offset <= 260*time.Millisecond; offset += 10 * time.Millisecond {
			t.Run(fmt.Sprintf("swap=%v,offset=%v", swap, offset), func(t *testing.T) {
				scene(t, func(t *testing.T, n *mem.Network) {
					x, y := identity(t), identity(t)
					px, py := x.Public().Static, y.Public().Static
					if (string(px[:]) > string(py[:])) != swap {
						x, y = y, x
					}
					a, b := join(t, n, "a", x, nil), join(t, n, "b", y, nil)
					defer a.leave()
					defer b.leave()
					atA, atB := a.publish("x"), b.publish("x")
					done := make(chan error, 2)
					enliven := func(p *party, s sturdyref.Ref, delay time.Duration) {
						time.Sleep(delay)
						r := p.Enliven(s)
						for i := range 5 {
							if v, err := call(r, i); v != i || err != nil {
								done <- fmt.Errorf("%s, call %d: %v, %w", p.name, i, v, err)
								return
							}
						}
						done <- nil
					}
					go enliven(a, atB, max(0, offset))
					go enliven(b, atA, max(0, -offset))
					if err := errors.Join(<-done, <-done); err != nil {
						t.Fatal(err)
					}
					// Both still have a session, and it is one.
					ra, rb := a.Enliven(atB), b.Enliven(atA)
					works(t, "a again", ra)
					works(t, "b again", rb)
					if n := a.Sessions(); len(n) != 1 {
						t.Errorf("a has sessions %v", n)
					}
					if n := b.Sessions(); len(n) != 1 {
						t.Errorf("b has sessions %v", n)
					}
				})
			})
		}
	}
}

func TestSelf(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a := join(t, n, "a", identity(t), nil)
		defer a.leave()
		s := a.publish("x")
		works(t, "own object", a.Enliven(s))
		refused(t, "own, unknown", a.Enliven(sturdyref.Ref{Peer: s.Peer, Swiss: sturdyref.NewSwissNum()}))
		if a.layer.dialled.Load() != 0 {
			t.Error("dialled itself")
		}
	})
}

func TestCloseBreaksWhatWaits(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer b.leave()
		s1, s2 := b.publish("x"), b.publish("y")
		n.Partition(a.host(), b.host())
		r1, r2 := a.Enliven(s1), a.Enliven(s2)
		time.Sleep(time.Second)
		a.leave()
		for _, r := range []vat.Ref{r1, r2, a.Enliven(s1)} {
			if _, err := call(r, 1); !errors.Is(err, net.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
	})
}

func TestUnreachable(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		s := b.publish("x")
		b.leave()
		if _, err := call(a.Enliven(s), 1); !errors.Is(err, netlayer.ErrUnreachable) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("nobody there: %v", err)
		}
		other := s
		other.Peer.Transport = "carrier-pigeon"
		if _, err := call(a.Enliven(other), 1); err == nil {
			t.Error("no such netlayer, but answered")
		}
	})
}

type locate map[sturdyref.PeerID]map[string]string

func (l locate) Locate(_ context.Context, id sturdyref.PeerID) (map[string]string, error) {
	if h := l[id]; h != nil {
		return h, nil
	}
	return nil, errors.New("not found")
}

func TestLocator(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		book := locate{}
		a := join(t, n, "a", identity(t), func(c *home.Config) { c.Locator = book })
		b, c := join(t, n, "b", identity(t), nil), join(t, n, "c", identity(t), nil)
		defer a.leave()
		defer b.leave()
		defer c.leave()
		s := b.publish("x")
		stale := s
		stale.Peer.Hints = map[string]string{"addr": "nowhere"}
		if _, err := call(a.Enliven(stale), 1); !errors.Is(err, netlayer.ErrUnreachable) {
			t.Errorf("unknown to the locator: %v", err)
		}
		book[s.Peer.ID()] = s.Peer.Hints
		works(t, "located", a.Enliven(stale))
	})
	scene(t, func(t *testing.T, n *mem.Network) {
		// A locator that lies costs reachability and nothing else.
		b, c := join(t, n, "b", identity(t), nil), join(t, n, "c", identity(t), nil)
		s := b.publish("x")
		a := join(t, n, "a", identity(t), func(cfg *home.Config) { cfg.Locator = locate{s.Peer.ID(): c.Location().Hints} })
		defer a.leave()
		defer b.leave()
		defer c.leave()
		stale := s
		stale.Peer.Hints = map[string]string{"addr": "nowhere"}
		if _, err := call(a.Enliven(stale), 1); err == nil {
			t.Error("spoke to the wrong peer")
		}
		if c.layer.admitted.Load() != 0 {
			t.Error("the wrong peer admitted us")
		}
	})
}
