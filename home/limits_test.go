package home_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// TestSessionsAreBounded fills a Home in each of the ways there are. Those who are in stay, those in Known get in, and
// when somebody leaves there is room again.
func TestSessionsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		door      home.Door
		anonymous bool
		from      string // where all come from
	}{
		"in all":       {door: home.Door{MaxSessions: 3}},
		"anonymous":    {door: home.Door{MaxAnonymous: 3}, anonymous: true},
		"from a place": {door: home.Door{MaxPerSource: 3}, from: "192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				friend := identity(t)
				c.door.Known = []sturdyref.PeerID{{Transport: mem.Transport, Designator: sturdyref.Designator(friend.Public().Static)}}
				var log bytes.Buffer
				b := join(t, n, "b", identity(t), func(cfg *home.Config) {
					cfg.Door = c.door
					cfg.Logger = hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Warn})
				})
				defer b.leave()
				if c.from != "" {
					b.layer.sourced = func(i *netlayer.Info) { i.Source = c.from }
				}
				s := b.publish("x")
				var in []*party
				var refs []vat.Ref
				for i := range 3 {
					var id sturdyref.Identity
					if !c.anonymous {
						id = identity(t)
					}
					p := join(t, n, fmt.Sprint("guest ", i), id, nil)
					in = append(in, p)
					refs = append(refs, p.Enliven(s))
					works(t, p.name, refs[i])
				}
				var late sturdyref.Identity
				if !c.anonymous {
					late = identity(t)
				}
				more := join(t, n, "one more", late, nil)
				defer more.leave()
				for range 3 {
					refused(t, "one more", more.Enliven(s))
				}
				for _, r := range refs {
					works(t, "one who is in", r)
				}
				// The log says so the first time and the second, and then less and less often.
				if n := strings.Count(log.String(), "a session was refused: "); n != 2 || !strings.Contains(log.String(), "there are 3") {
					t.Errorf("%d lines in the log: %s", n, &log)
				}
				known := join(t, n, "known", friend, nil)
				defer known.leave()
				works(t, "known", known.Enliven(s))
				known.leave()
				in[0].leave()
				synctest.Wait()
				time.Sleep(time.Second)
				works(t, "when there is room again", more.Enliven(s))
				for _, p := range in[1:] {
					p.leave()
				}
				more.leave()
				time.Sleep(time.Second)
				synctest.Wait()
				if peers, links, dials, inbound := b.Left(); peers+links+dials+inbound != 0 {
					t.Errorf("left: %d peers, %d links, %d dials, %d counted", peers, links, dials, inbound)
				}
			})
		})
	}
}

// TestAPeerComesBackAtAFullHouse lets a peer that lost its state in, again and again, since it takes the place of itself.
func TestAPeerComesBackAtAFullHouse(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		b := join(t, n, "b", identity(t), func(cfg *home.Config) { cfg.Door.MaxSessions = 1 })
		defer b.leave()
		s := b.publish("x")
		id := identity(t)
		for i := range 10 {
			p := join(t, n, fmt.Sprint("run ", i), id, nil)
			works(t, p.name, p.Enliven(s))
			n.Partition(p.host(), b.host()) // b does not hear that it goes
			p.leave()
			time.Sleep(time.Second)
		}
	})
}

// TestOnePeerCannotHoldManySessions redials faster than what it leaves behind comes to its end.
func TestOnePeerCannotHoldManySessions(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		b := join(t, n, "b", identity(t), nil)
		defer b.leave()
		b.layer.accept = func(first [][]byte, next acceptor) (netlayer.Conn, error) {
			conn, err := next(first)
			if err == nil {
				conn = slowGoodbye{conn}
			}
			return conn, err
		}
		s := b.publish("x")
		id := identity(t)
		in, out := 0, 0
		for i := range 20 {
			p := join(t, n, fmt.Sprint("run ", i), id, nil)
			if _, err := call(p.Enliven(s), 1); err == nil {
				in++
			} else if errors.Is(err, netlayer.ErrRefused) {
				out++
			} else {
				t.Error(err)
			}
			p.leave()
			if _, links, _, _ := b.Left(); links > 4 {
				t.Fatalf("%d sessions of one peer", links)
			}
		}
		if in == 0 || out == 0 {
			t.Errorf("%d let in, %d refused", in, out)
		}
	})
}

func TestDialsAreBounded(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a := join(t, n, "a", identity(t), nil)
		a.layer.connect = func(ctx context.Context, _ netlayer.Dial, _ connector) (netlayer.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		to := func() sturdyref.Ref {
			return sturdyref.Ref{
				Peer:  sturdyref.Peer{Transport: mem.Transport, Designator: sturdyref.Designator(identity(t).Public().Static)},
				Swiss: sturdyref.NewSwissNum(),
			}
		}
		one := to()
		for range 5000 {
			a.Enliven(sturdyref.Ref{Peer: one.Peer, Swiss: sturdyref.NewSwissNum()})
		}
		code := func(r vat.Ref) string {
			_, err := r.Await(context.Background())
			if e, ok := errors.AsType[*vat.Error](err); ok {
				return e.Code
			}
			return fmt.Sprint(err)
		}
		if c := code(a.Enliven(sturdyref.Ref{Peer: one.Peer, Swiss: sturdyref.NewSwissNum()})); c != "home.overloaded" {
			t.Errorf("one more that waits for one peer: %s", c)
		}
		for range 1100 {
			a.Enliven(to())
		}
		if _, _, dials, _ := a.Left(); dials != 1024 {
			t.Errorf("%d dials, want 1024", dials)
		}
		if c := code(a.Enliven(to())); c != "home.overloaded" {
			t.Errorf("one more dial: %s", c)
		}
		a.leave()
		if peers, links, dials, _ := a.Left(); peers+links+dials != 0 {
			t.Errorf("left: %d peers, %d links, %d dials", peers, links, dials)
		}
	})
}

func TestBadConfigurations(t *testing.T) {
	v := vat.New(nil)
	defer func() { _ = v.Close() }()
	for what, cfg := range map[string]home.Config{
		"no vat":             {},
		"a negative limit":   {Vat: v, Identity: identity(t), Door: home.Door{MaxSessions: -1}},
		"a negative time":    {Vat: v, DialTimeout: -1},
		"negative dials":     {Vat: v, Handoffs: home.HandoffPolicy{MaxDials: -1}},
		"a weak door secret": {Vat: v, Identity: identity(t), Door: home.Door{Secret: sturdyref.SwissNumOf([]byte("sesame"))}},
	} {
		if _, err := home.New(cfg, nil); err == nil {
			t.Errorf("%s: accepted", what)
		} else if what == "a weak door secret" && !errors.Is(err, sturdyref.ErrWeak) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
