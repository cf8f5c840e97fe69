package home_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// A gifter that has dialled is nowhere in particular: it may have come by a proxy on this machine.
func TestDiallersAreNotThere(t *testing.T) {
	for _, source := range []string{"127.0.0.1/32", "::/64", "fe80::/64", "169.254.7.7/32", "203.0.113.5/32"} {
		scene(t, func(t *testing.T, n *mem.Network) {
			r := join(t, n, "r", identity(t), nil)
			defer r.leave()
			r.layer.sourced = func(i *netlayer.Info) { i.Source = source }
			asked := 0
			r.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
				asked++
				for _, a := range []string{"127.0.0.1", "::1", "::", "0.0.0.0", "fe80::1", "169.254.169.254"} {
					if d.Allow(netip.MustParseAddr(a)) {
						t.Errorf("a dialler from %s sends us to %s", source, a)
					}
				}
				return nil, netlayer.ErrUnreachable
			}
			g := scripted(t, n, "gifter", r.Location())
			g.tell("no-method", g.give(g.greeting.PublicKey, n.Host(mem.HostConfig{Name: "e"}).Location(), giftID(1), nil))
			time.Sleep(time.Second)
			synctest.Wait()
			if asked != 1 {
				t.Errorf("%d dials, want 1", asked)
			}
		})
	}
}

// A receiver on this machine lets us send it to this machine. An exporter from elsewhere must not get that by our word: what
// it has is forwarded.
func TestWhereReceiversAreSent(t *testing.T) {
	const here, onLink, elsewhere = "127.0.0.1/32", "fe80::/64", "203.0.113.5/32"
	for _, c := range []struct {
		receiver, exporter string
		given              bool
	}{
		{here, here, true},
		{here, "::/64", true},
		{here, onLink, false},
		{here, elsewhere, false},
		{here, "", false},
		{onLink, here, true},
		{onLink, onLink, true},
		{onLink, elsewhere, false},
		{onLink, "", false},
		{elsewhere, here, true},
		{elsewhere, onLink, true},
		{elsewhere, elsewhere, true},
		{"", elsewhere, true},
	} {
		t.Run(c.receiver+" "+c.exporter, func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				g, r, e := join(t, n, "g", identity(t), nil), join(t, n, "r", identity(t), nil), join(t, n, "e", identity(t), nil)
				for _, p := range []*party{g, r, e} {
					defer p.leave()
				}
				g.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
					conn, err := next(ctx, d)
					return sourced{conn, c.exporter}, err
				}
				g.layer.accept = func(first [][]byte, next acceptor) (netlayer.Conn, error) {
					conn, err := next(first)
					return sourced{conn, c.receiver}, err
				}
				far, err := g.Enliven(e.publish("echo")).Await(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				ref, err := r.Enliven(g.publishShelf(far)).Send(t.Context(), "get").Await(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				works(t, "what is given", ref)
				if d := r.layer.dialled.Load(); (d == 2) != c.given {
					t.Errorf("the receiver has dialled %d times, given is %v", d, c.given)
				}
			})
		})
	}
}

// What a peer has that only says where it is, is forwarded: a certificate would lead to whoever is there. It is given where
// claims are taken, and when we have dialled the peer and so know it.
func TestClaimedExportersAreNotGiven(t *testing.T) {
	for name, c := range map[string]struct {
		trusting, dialled, given bool
		elsewhere                bool // it says that it is on another network
		words                    int  // that it says it with
	}{
		"a dialler that proves nothing":    {},
		"one that is believed":             {trusting: true, given: true},
		"one that is, but not of all that": {trusting: true, elsewhere: true},
		"one that we have dialled":         {dialled: true, given: true},
		"one with something to say":        {dialled: true, given: true, words: 3000},
		"one with too much to say":         {dialled: true, words: 5000},
	} {
		t.Run(name, func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				g, open := twofoldOver(t, n, "g", func(open *mem.Host) home.Layer {
					return home.Layer{Netlayer: listening{claiming{open}}, Dialect: &wire.Hawser, TrustClaims: c.trusting}
				})
				defer g.leave()
				obj, err := vat.Do(t.Context(), g.vat, func(ctx context.Context) (vat.Ref, error) { return pocketFacet.Spawn(ctx, &keep{}), nil })
				if err == nil {
					_, err = g.PublishAs(t.Context(), "pocket", sturdyref.SwissNumOf([]byte("pocket")), obj)
				}
				if err != nil {
					t.Fatal(err)
				}
				host := n.Host(mem.HostConfig{Name: "e"})
				defer host.Close()
				at := renamed(host.Location(), claimed)
				if c.elsewhere {
					at.Transport = "another"
				}
				at.Hints["words"] = strings.Repeat("w", c.words)
				var e *script
				if c.dialled {
					g.Enliven(sturdyref.Ref{Peer: at, Swiss: sturdyref.SwissNumOf([]byte("anything"))})
					in, err := host.Accept(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					conn, err := in.Accept(nil)
					if err != nil {
						t.Fatal(err)
					}
					e = speak(t, conn, at, newKey())
				} else {
					e = claims(t, n, open, at, nil)
				}
				defer e.hangUp()
				e.ask("fetch", []byte("pocket"))
				e.send(&msg.Deliver{To: msg.Desc{Kind: msg.Answer, Pos: 1}, Selector: "put", Args: []any{msg.Desc{Kind: msg.ImportObject, Pos: 7}}})
				time.Sleep(time.Second)
				r := claims(t, n, open, renamed(n.Host(mem.HostConfig{Name: "r"}).Location(), at.Transport), nil)
				defer r.hangUp()
				comesTo(t, "fetched", "", r.settled(r.ask("fetch", []byte("pocket"))))
				r.send(&msg.Deliver{To: msg.Desc{Kind: msg.Answer, Pos: 1}, Selector: "get", Resolve: msg.Desc{Kind: msg.ImportObject, Pos: 1000}, HasResolve: true})
				for answered := false; !answered; {
					switch op := r.next().(type) {
					case nil:
						t.Fatal("no answer")
					case *msg.Deliver:
						if answered = op.To.Pos == 1000; !answered {
							continue
						}
						if _, given := op.Args[0].(*msg.SigEnvelope); given != c.given {
							t.Errorf("the answer is %v, want a certificate: %v", op.Args[0], c.given)
						}
					}
				}
			})
		})
	}
}
