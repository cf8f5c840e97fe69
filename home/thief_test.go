package home_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// thief has a peer's static key and none of its secrets. It answers whatever it is asked as nicely as it can, and
// remembers every word.
type thief struct {
	t       *testing.T
	host    *mem.Host
	vat     *vat.Vat
	session *captp.Session

	mu    sync.Mutex
	heard []any
}

// steal makes a thief of the identity's key.
func steal(t *testing.T, n *mem.Network, id sturdyref.Identity, features ...string) *thief {
	t.Helper()
	return &thief{
		t: t, vat: vat.New(nil),
		host: n.Host(mem.HostConfig{Static: id.Public().Static, Addr: "the thief's", Features: features}),
	}
}

// dial opens a session with the victim, in the name of the peer.
func (x *thief) dial(victim *party) {
	x.t.Helper()
	boot, err := vat.Do(context.Background(), x.vat, func(ctx context.Context) (vat.Ref, error) {
		var answer func(ctx context.Context, args []any) (any, error)
		answer = func(ctx context.Context, args []any) (any, error) {
			x.mu.Lock()
			x.heard = append(x.heard, args)
			x.mu.Unlock()
			switch args[0] {
			case selector("challenge"), selector("prove"):
				return make([]byte, 32), nil
			}
			return vat.SpawnFunc(ctx, answer), nil
		}
		return vat.SpawnFunc(ctx, answer), nil
	})
	if err != nil {
		x.t.Fatal(err)
	}
	if x.session, err = captp.New(captp.Config{Bootstrap: boot, Location: x.host.Location(), LazyRelease: true}); err != nil {
		x.t.Fatal(err)
	}
	conn, err := x.host.Connect(context.Background(), netlayer.Dial{Peer: victim.Location(), Early: x.session.Early})
	if err != nil {
		x.t.Fatal(err)
	}
	if err := x.session.Start(conn); err != nil {
		x.t.Fatal(err)
	}
}

func (x *thief) leave() {
	x.session.Close("")
	if err := errors.Join(x.vat.Close(), x.host.Close()); err != nil {
		x.t.Error(err)
	}
}

// knows fails the test if the thief has heard anything but questions for a proof.
func (x *thief) knows() {
	x.t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, words := range x.heard {
		switch words.([]any)[0] {
		case selector("challenge"), selector("prove"):
		default:
			x.t.Errorf("the thief has heard %v", words)
		}
	}
}

// TestAThiefOfTheKeyHearsNothing has a thief of a host's key dial the guest, so that there is a session in the host's
// name when the guest enlivens what the host has published.
func TestAThiefOfTheKeyHearsNothing(t *testing.T) {
	for name, features := range map[string][]string{
		"that takes proofs":         {home.FeatureFetchProof, captp.FeatureMovesQueues},
		"that wants the secret raw": nil,
	} {
		t.Run(name, func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				stolen := identity(t)
				a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", stolen, func(c *home.Config) {
					c.Door.Secret = sturdyref.NewSwissNum()
				})
				defer a.leave()
				defer b.leave()
				ctx := context.Background()
				strong := b.publish("x")
				weak, err := b.PublishAs(ctx, "weak", sturdyref.SwissNumOf([]byte("lobby")), b.spawn())
				if err != nil {
					t.Fatal(err)
				}
				key, _ := sturdyref.NewCapability()
				at, err := b.PublishKey(ctx, "k", key.Public(), b.spawn())
				if err != nil {
					t.Fatal(err)
				}
				x := steal(t, n, stolen, features...)
				x.dial(a)
				for what, enliven := range map[string]func() vat.Ref{
					"a swiss number":          func() vat.Ref { return a.Enliven(strong) },
					"a weak one, by the door": func() vat.Ref { return a.Enliven(weak) },
					"a capability key":        func() vat.Ref { return a.EnlivenKey(at, key) },
				} {
					if v, err := call(enliven(), 1); err == nil {
						t.Errorf("%s: the thief answered %v", what, v)
					}
				}
				x.knows()
				x.leave()
				time.Sleep(time.Second)
				works(t, "the honest host, by a swiss number", a.Enliven(strong))
				works(t, "the honest host, by a weak one", a.Enliven(weak))
				works(t, "the honest host, by a key", a.EnlivenKey(at, key))
			})
		})
	}
}

// TestAThiefOfTheKeyCrossesADial has the thief dial the guest while the guest dials the host, who would win.
func TestAThiefOfTheKeyCrossesADial(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		low, high := pair(t)
		a, b := join(t, n, "a", low, nil), join(t, n, "b", high, nil)
		defer a.leave()
		defer b.leave()
		s := b.publish("x")
		blocked := true
		a.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			if blocked {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return next(ctx, d)
		}
		r := a.Enliven(s)
		answer := r.Send(context.Background(), "echo", 1)
		x := steal(t, n, high, home.FeatureFetchProof)
		x.dial(a)
		if _, err := vat.Result[int](answer).Await(context.Background()); !errors.Is(err, home.ErrRefused) {
			t.Errorf("what was to go out with the dial: %v", err)
		}
		x.knows()
		x.leave()
		time.Sleep(time.Second)
		blocked = false
		works(t, "the honest host", a.Enliven(s))
	})
}

// TestARestoredHostWithoutItsRegistry keeps the key and has forgotten what it published.
func TestARestoredHostWithoutItsRegistry(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		id := identity(t)
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", id, nil)
		defer a.leave()
		s := b.publish("x")
		works(t, "before", a.Enliven(s))
		b.leave()
		b = join(t, n, "b", id, nil)
		defer b.leave()
		time.Sleep(time.Second)
		refused(t, "with a dial", a.Enliven(s))
		works(t, "another of its objects", a.Enliven(b.publish("y")))
		refused(t, "over the open session", a.Enliven(s))
	})
}

// TestWhatIsProvenOnceIsNotAskedAgain shows the price: one round trip for the first use of a secret over a session that
// was not opened with it.
func TestWhatIsProvenOnceIsNotAskedAgain(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		x, y := b.publish("x"), b.publish("y")
		works(t, "x", a.Enliven(x))
		for _, c := range []struct {
			what string
			ref  sturdyref.Ref
			want time.Duration
		}{
			{"the secret it was opened with", x, 100 * time.Millisecond},
			{"another, the first time", y, 200 * time.Millisecond},
			{"and again", y, 100 * time.Millisecond},
		} {
			start := time.Now()
			works(t, c.what, a.Enliven(c.ref))
			if d := time.Since(start); d != c.want {
				t.Errorf("%s: the answer took %v, want %v", c.what, d, c.want)
			}
		}
	})
}

// TestPlainPeersGetTheNumber shows the netlayers on which nothing can be proven: the swiss number itself is sent there,
// and to nobody but the peer it belongs to.
func TestPlainPeersGetTheNumber(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		plain := func(p *party) {
			p.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
				d.Key = nil
				early := d.Early
				d.Early = func(i netlayer.Info, limit int) [][]byte { return early(unbound(i), limit) }
				conn, err := next(ctx, d)
				return plainConn{conn}, err
			}
			p.layer.arrived = func(in *netlayer.Incoming) { in.Info = unbound(in.Info) }
			p.layer.accept = func(first [][]byte, next acceptor) (netlayer.Conn, error) {
				conn, err := next(first)
				return plainConn{conn}, err
			}
		}
		plain(a)
		plain(b)
		x, y := b.publish("x"), b.publish("y")
		works(t, "with the dial", a.Enliven(x))
		works(t, "over the open session", a.Enliven(y))
		refused(t, "an unknown one", a.Enliven(sturdyref.Ref{Peer: x.Peer, Swiss: sturdyref.NewSwissNum()}))
		works(t, "the other way", b.Enliven(a.publish("x")))
	})
}

// plainConn is a connection without a binding, features, or a key that admitted it, as OCapN's other netlayers have.
type plainConn struct{ netlayer.Conn }

func (c plainConn) Info() netlayer.Info { return unbound(c.Conn.Info()) }

func unbound(i netlayer.Info) netlayer.Info {
	i.Binding, i.Features, i.AdmittedBy = [32]byte{}, nil, [16]byte{}
	return i
}
