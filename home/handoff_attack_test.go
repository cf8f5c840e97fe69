package home_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
)

// sourced is a connection whose other end is said to be elsewhere.
type sourced struct {
	netlayer.Conn
	source string
}

func (c sourced) Info() netlayer.Info {
	i := c.Conn.Info()
	i.Source = c.source
	return i
}

// Certificates lead to this machine and to its neighbours only if the gifter is there.
func TestHandoffAddresses(t *testing.T) {
	addresses := []string{"127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "169.254.1.1", "fe80::1", "224.0.0.1", "192.168.1.2", "2001:db8::1"}
	loopback := []bool{true, true, true, true, true, false, false, false, true, true}
	elsewhere := []bool{false, false, false, false, false, false, false, false, true, true}
	linkLocal := []bool{false, false, false, false, false, true, true, false, true, true}
	for source, want := range map[string][]bool{
		"127.0.0.1/32": loopback, "::/64": loopback, "203.0.113.5/32": elsewhere, "2001:db8::/64": elsewhere, "": elsewhere, "::/0": elsewhere,
		"fe80::/64": linkLocal, "169.254.7.7/32": linkLocal,
	} {
		t.Run(source, func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				w := threesome(t, n, nil, nil)
				defer w.leave()
				w.r.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
					if d.Allow == nil {
						c, err := next(ctx, d)
						return sourced{c, source}, err
					}
					for i, a := range addresses {
						if got := d.Allow(netip.MustParseAddr(a)); got != want[i] {
							t.Errorf("%s allowed: %v", a, got)
						}
					}
					return next(ctx, d)
				}
				n.Lose(w.r.host(), w.g.host())
				synctest.Wait()
				if err := w.g.Unpublish(t.Context(), "shelf"); err != nil {
					t.Fatal(err)
				}
				if err := w.g.Revoke(t.Context(), "shelf"); err != nil {
					t.Fatal(err)
				}
				shelf := w.r.Enliven(w.g.publishShelf(w.echo))
				ref, err := shelf.Send(t.Context(), "get").Await(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				works(t, "handed off", ref)
				if d := w.r.layer.dialled.Load(); d != 3 {
					t.Errorf("the receiver dialled %d times, want 3", d)
				}
			})
		})
	}
}

// receiving is a Home that is given certificates by a scripted gifter, and a peer it has to do with besides.
func receiving(t *testing.T, fn func(t *testing.T, n *mem.Network, r, e *party, g *script)) {
	t.Helper()
	scene(t, func(t *testing.T, n *mem.Network) {
		r, e := join(t, n, "r", identity(t), nil), join(t, n, "e", identity(t), nil)
		defer r.leave()
		defer e.leave()
		fn(t, n, r, e, scripted(t, n, "gifter", r.Location()))
	})
}

// misled has a gifter send r as many times to places where e is not, and where nothing ever answers.
func misled(r, e *party, g *script, times int) {
	r.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
		if d.Peer.Hints["addr"] != "e" {
			<-ctx.Done()
			return nil, fmt.Errorf("%w: %w", netlayer.ErrUnreachable, ctx.Err())
		}
		return next(ctx, d)
	}
	for i := range times {
		wrong := e.Location().Clone()
		wrong.Hints["addr"] = fmt.Sprint("black hole ", i)
		g.tell("no-method", g.give(g.greeting.PublicKey, wrong, giftID(i), nil))
	}
}

// Where a gifter says that a peer is must not keep the node itself from finding it.
func TestGiftersDoNotDelayOurDials(t *testing.T) {
	receiving(t, func(t *testing.T, n *mem.Network, r, e *party, g *script) {
		misled(r, e, g, 20)
		time.Sleep(time.Second)
		start := time.Now()
		works(t, "our own", r.Enliven(e.publish("x")))
		if d := time.Since(start); d > time.Second {
			t.Errorf("it took %v", d)
		}
		time.Sleep(time.Minute)
		g.hangUp()
		time.Sleep(time.Minute)
		if _, _, dials, _ := r.Left(); dials != 0 {
			t.Errorf("%d dials are left", dials)
		}
	})
}

// One gifter has so many dials made for it and no more, and they are its own: what another gives is not kept waiting.
func TestDialsOfAGifter(t *testing.T) {
	receiving(t, func(t *testing.T, n *mem.Network, r, e *party, g *script) {
		var dials atomic.Int32
		r.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			dials.Add(1)
			<-ctx.Done()
			return nil, fmt.Errorf("%w: %w", netlayer.ErrUnreachable, ctx.Err())
		}
		for i := range 100 {
			g.tell("no-method", g.give(g.greeting.PublicKey, n.Host(mem.HostConfig{Name: fmt.Sprint("nobody", i)}).Location(), giftID(i), nil))
		}
		time.Sleep(time.Second)
		if d := dials.Load(); d != 16 {
			t.Errorf("%d dials, want 16", d)
		}
		other := scripted(t, n, "another gifter", r.Location())
		other.tell("no-method", other.give(other.greeting.PublicKey, n.Host(mem.HostConfig{Name: "nobody"}).Location(), giftID(1), nil))
		time.Sleep(time.Second)
		if d := dials.Load(); d != 17 {
			t.Errorf("%d dials, want 17", d)
		}
		time.Sleep(3 * time.Minute)
		if d := dials.Load(); d != 16+4*16+1 {
			t.Errorf("%d dials in the end, want 81", d)
		}
		if peers, _, left, _ := r.Left(); left != 0 || peers != 2 {
			t.Errorf("left: %d dials, %d peers, want 0 and 2", left, peers)
		}
	})
}

// Many certificates for one exporter want one dial, and all of them are redeemed.
func TestManyCertificatesForOne(t *testing.T) {
	receiving(t, func(t *testing.T, n *mem.Network, r, e *party, g *script) {
		atE := scripted(t, n, "gifter there", e.Location())
		const many = 16 + 4*16
		for i := range many {
			atE.tell("deposit-gift", giftID(i), something)
		}
		for i := range many {
			g.tell("no-method", atE.give(g.greeting.PublicKey, e.Location(), giftID(i), nil))
		}
		time.Sleep(5 * time.Second)
		if _, waiting := r.Redeemed(); waiting != 0 || e.Gifts() != 0 || r.layer.dialled.Load() != 1 {
			t.Errorf("%d wait, %d gifts are left, %d dials", waiting, e.Gifts(), r.layer.dialled.Load())
		}
	})
}

// A certificate for somebody else, or over transports that are not there, dials nothing.
func TestHandoffsThatDialNothing(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		r := join(t, n, "r", identity(t), func(c *home.Config) { c.Handoffs.Transports = []string{"another"} })
		defer r.leave()
		g := scripted(t, n, "gifter", r.Location())
		nobody := n.Host(mem.HostConfig{Name: "nobody"}).Location()
		g.tell("no-method", g.give([32]byte{1}, nobody, giftID(1), nil))
		g.tell("no-method", g.give(g.greeting.PublicKey, nobody, giftID(2), nil))
		g.tell("no-method", g.give(g.greeting.PublicKey, sturdyref.Peer{Transport: "unknown", Designator: "x"}, giftID(3), nil))
		a := g.ask("challenge")
		comesTo(t, "after them", "", g.settled(a))
		if d := r.layer.dialled.Load(); d != 0 {
			t.Errorf("%d dials", d)
		}
	})
}

// A certificate that is too long is not taken: many may wait.
func TestLongCertificates(t *testing.T) {
	receiving(t, func(t *testing.T, n *mem.Network, r, e *party, g *script) {
		var dials atomic.Int32
		r.layer.connect = func(context.Context, netlayer.Dial, connector) (netlayer.Conn, error) {
			dials.Add(1)
			return nil, netlayer.ErrUnreachable
		}
		for i, want := range []int32{1, 1, 1} {
			at := e.Location().Clone()
			id := giftID(i)
			switch i {
			case 1:
				at.Hints["words"] = strings.Repeat("w", 9000)
			case 2:
				id = make([]byte, 9000)
			}
			g.tell("no-method", g.give(g.greeting.PublicKey, at, id, nil))
			time.Sleep(time.Second)
			if d := dials.Load(); d != want {
				t.Errorf("certificate %d: %d dials, want %d", i, d, want)
			}
		}
	})
}

// claiming makes of a simulated host one of a network where nobody can be authenticated.
type claiming struct{ *mem.Host }

const claimed = "claims"

func (claiming) Transport() string { return claimed }

func renamed(p sturdyref.Peer, transport string) sturdyref.Peer {
	p = p.Clone()
	p.Transport = transport
	return p
}

func (c claiming) Location() sturdyref.Peer { return renamed(c.Host.Location(), claimed) }

type unproven struct {
	netlayer.Conn
	info netlayer.Info
}

func (u unproven) Info() netlayer.Info { return u.info }

func unprove(i netlayer.Info) netlayer.Info {
	i.Authenticated, i.Anonymous, i.Binding, i.Local = false, false, [32]byte{}, renamed(i.Local, claimed)
	if i.Outbound {
		i.Remote = renamed(i.Remote, claimed)
	} else {
		i.Remote = sturdyref.Peer{Transport: claimed}
	}
	return i
}

func (c claiming) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	d.Peer, d.Key, d.Credential = renamed(d.Peer, mem.Transport), nil, nil
	early := d.Early
	d.Early = func(i netlayer.Info, limit int) [][]byte { return early(unprove(i), limit) }
	conn, err := c.Host.Connect(ctx, d)
	if err != nil {
		return nil, err
	}
	return unproven{conn, unprove(conn.Info())}, nil
}

func (c claiming) Accept(ctx context.Context) (*netlayer.Incoming, error) {
	in, err := c.Host.Accept(ctx)
	if err != nil {
		return nil, err
	}
	accept := in.Accept
	in.Info = unprove(in.Info)
	in.Accept = func(first [][]byte) (netlayer.Conn, error) {
		conn, err := accept(first)
		if err != nil {
			return nil, err
		}
		return unproven{conn, unprove(conn.Info())}, nil
	}
	return in, nil
}
