package home_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

var granted = grant.ObjectID{7}

// granting is a Home at which grants are taken, about an echo object.
type granting struct {
	*party
	office *warden.Office
	opened int
}

func grantingAt(t *testing.T, n *mem.Network, change func(*home.Config)) *granting {
	t.Helper()
	g, id := new(granting), identity(t)
	g.office = warden.New(warden.Config{Signer: grant.SignerOf(id)})
	g.party = join(t, n, "e", id, func(c *home.Config) {
		c.Office = g.office
		if change != nil {
			change(c)
		}
	})
	g.office.Start()
	if err := g.office.Offer(granted, g.vat, map[string]warden.Role{"echo": {Open: func(ctx context.Context, _ warden.Holder) (vat.Ref, error) {
		g.opened++
		return echoFacet.Spawn(ctx, echoer{}), nil
	}}}); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *granting) leave() {
	g.office.Close()
	g.party.leave()
}

func (g *granting) issue(to ed25519.PrivateKey, change ...func(*grant.Terms)) *grant.Grant {
	g.t.Helper()
	terms := grant.Terms{Audience: grant.KeyOf(to), Expires: time.Now().Add(time.Hour), Depth: 2}
	for _, c := range change {
		c(&terms)
	}
	made, err := grant.Issue(grant.SignerOf(g.id), grant.Root{Object: granted, Role: "echo"}, terms)
	if err != nil {
		g.t.Fatal(err)
	}
	return made
}

// present proves in the session of a script that key is the holder of g.
func (g *granting) present(s *script, shown *grant.Grant, key ed25519.PrivateKey, n uint64) []byte {
	g.t.Helper()
	p, err := grant.Present(key, shown, s.conn.Info().Binding, g.office.Host(), n)
	if err != nil {
		g.t.Fatal(err)
	}
	return p
}

// T6, T7: a presentation is good in one session, once, for who made it.
func TestT06T07Presentations(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		e := grantingAt(t, n, nil)
		defer e.leave()
		ann, bob := newKey(), newKey()
		a, b := scripted(t, n, "a", e.Location()), scripted(t, n, "b", e.Location())
		shown := e.issue(ann)
		p := e.present(a, shown, ann, 5)
		if code := b.settled(b.ask("redeem", shown.Bytes(), p)); code != "grant.refused" {
			t.Errorf("T6: a presentation made for another session: %q", code)
		}
		if code := a.settled(a.ask("redeem", shown.Bytes(), p)); code != "" {
			t.Errorf("the holder: %q", code)
		}
		for what, p := range map[string][]byte{
			"T7: the same bytes": p, "T7: a lower number": e.present(a, shown, ann, 4), "T7: the same number": e.present(a, shown, ann, 5),
		} {
			if code := a.settled(a.ask("redeem", shown.Bytes(), p)); code != "grant.refused" {
				t.Errorf("%s: %q", what, code)
			}
		}
		if code := a.settled(a.ask("redeem", shown.Bytes(), e.present(a, shown, ann, 6))); code != "" {
			t.Errorf("a higher number: %q", code)
		}
		bobs, err := shown.Delegate(ann, grant.Terms{Audience: grant.KeyOf(bob), Expires: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if code := a.settled(a.ask("redeem", bobs.Bytes(), e.present(a, shown, ann, 7))); code != "grant.refused" {
			t.Errorf("T6: a presentation of another grant: %q", code)
		}
		a.hangUp()
		again := scripted(t, n, "a again", e.Location())
		if code := again.settled(again.ask("redeem", shown.Bytes(), p)); code != "grant.refused" {
			t.Errorf("T7: after reconnecting: %q", code)
		}
		if e.opened != 1 {
			t.Errorf("opened %d times, want once", e.opened)
		}
		again.hangUp()
		b.hangUp()
	})
}

// T30: whatever is wrong with a grant, the answer is the same: what it says, and in how many frames and bytes.
func TestT30OneRefusal(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		e := grantingAt(t, n, nil)
		defer e.leave()
		var frames, size atomic.Int64
		e.layer.accept = func(first [][]byte, next acceptor) (netlayer.Conn, error) {
			conn, err := next(first)
			return weighed{conn, &frames, &size}, err
		}
		ann, bob := newKey(), newKey()
		s := scripted(t, n, "s", e.Location())
		good := e.issue(ann)
		forged := good.Bytes()
		forged[len(forged)-1] ^= 1
		other, err := grant.Issue(bob, grant.Root{Object: granted, Role: "echo"}, grant.Terms{Audience: grant.KeyOf(ann), Expires: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		unknown, err := grant.Issue(grant.SignerOf(e.id), grant.Root{Object: grant.ObjectID{9}, Role: "echo"}, grant.Terms{Audience: grant.KeyOf(ann), Expires: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		parse := func(b []byte) *grant.Grant {
			g, err := grant.Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		var number uint64
		answers := make(map[string][]string)
		for what, args := range map[string]func() []any{
			"rubbish":         func() []any { return []any{[]byte("rubbish"), []byte("rubbish")} },
			"no presentation": func() []any { return []any{good.Bytes(), []byte{}} },
			"forged":          func() []any { return []any{forged, e.present(s, parse(forged), ann, number)} },
			"another subject": func() []any { return []any{other.Bytes(), e.present(s, other, ann, number)} },
			"unknown object":  func() []any { return []any{unknown.Bytes(), e.present(s, unknown, ann, number)} },
			"too early": func() []any {
				g := e.issue(ann, func(t *grant.Terms) { t.NotBefore, t.Expires = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour) })
				return []any{g.Bytes(), e.present(s, g, ann, number)}
			},
			"revoked": func() []any {
				g := e.issue(ann)
				if _, _, err := e.office.Revoke(t.Context(), grant.SignerOf(e.id), g, grant.Withdrawal{Link: g.ID()}); err != nil {
					t.Fatal(err)
				}
				return []any{g.Bytes(), e.present(s, g, ann, number)}
			},
			"a forged presentation": func() []any {
				p := e.present(s, good, ann, number)
				p[len(p)-1] ^= 1
				return []any{good.Bytes(), p}
			},
			"shown before": func() []any { return []any{good.Bytes(), e.present(s, good, ann, 0)} },
		} {
			number++
			shown := args()
			synctest.Wait()
			frames.Store(0)
			size.Store(0)
			resolver := s.ask("redeem", shown...)
			for {
				op := s.next()
				if op == nil {
					t.Fatalf("%s: the session ended", what)
				}
				if d, ok := op.(*msg.Deliver); ok && d.To.Pos == resolver {
					synctest.Wait()
					answer := fmt.Sprintf("%s %#v, %d frames, %d bytes", d.Selector, d.Args, frames.Load(), size.Load())
					answers[answer] = append(answers[answer], what)
					break
				}
			}
		}
		if len(answers) != 1 {
			t.Errorf("the answers differ: %q", answers)
		}
		s.hangUp()
	})
}

// showing dials with a grant to be shown at the door.
func showing(t *testing.T, n *mem.Network, name string, to sturdyref.Peer, show func(netlayer.Info) []any) (netlayer.Conn, sturdyref.Peer, error) {
	t.Helper()
	host := n.Host(mem.HostConfig{Name: name})
	t.Cleanup(func() { _ = host.Close() })
	conn, err := host.Connect(t.Context(), netlayer.Dial{Peer: to, Credential: func(info netlayer.Info) []byte {
		b, err := wire.NewEncoder(wire.Hawser).Append(nil, &msg.Deliver{To: msg.Desc{Kind: msg.Export}, Selector: passable.Symbol("redeem"), Args: show(info)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}})
	return conn, host.Location(), err
}

// A grant admits its holder at a closed door, for as long as it is good; whoever shows it and does nothing more is shown out.
func TestGrantAtClosedDoor(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		e := grantingAt(t, n, func(c *home.Config) { c.Door.Closed = true })
		defer e.leave()
		ann, bob := newKey(), newKey()
		shown := e.issue(ann)
		present := func(key ed25519.PrivateKey, g *grant.Grant, n uint64) func(netlayer.Info) []any {
			return func(info netlayer.Info) []any {
				p, err := grant.Present(key, g, info.Binding, e.office.Host(), n)
				if err != nil {
					return []any{g.Bytes(), []byte("cannot")}
				}
				return []any{g.Bytes(), p}
			}
		}
		for what, show := range map[string]func(netlayer.Info) []any{
			"nothing":              func(netlayer.Info) []any { return nil },
			"no presentation":      func(netlayer.Info) []any { return []any{shown.Bytes()} },
			"another's grant":      present(bob, shown, 1),
			"for another session":  func(netlayer.Info) []any { return present(ann, shown, 1)(netlayer.Info{Binding: [32]byte{1}}) },
			"not what it might be": func(netlayer.Info) []any { return []any{"grant", int64(7)} },
		} {
			if conn, _, err := showing(t, n, "thief "+what, e.Location(), show); err == nil {
				t.Errorf("%s: admitted", what)
				_ = conn.Close("")
			}
		}
		if _, _, err := showing(t, n, "nobody", e.Location(), present(ann, e.issue(ann, func(t *grant.Terms) { t.Expires = time.Now().Add(time.Second) }), 1)); err != nil {
			t.Errorf("one that is good for a second: %v", err)
		}
		conn, at, err := showing(t, n, "ann", e.Location(), present(ann, shown, 1))
		if err != nil {
			t.Fatal(err)
		}
		s := speak(t, conn, at, newKey())
		if code := s.settled(s.ask("redeem", shown.Bytes(), e.present(s, shown, ann, 2))); code != "" {
			t.Fatalf("redeemed: %q", code)
		}
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if n := len(e.Sessions()); n != 1 {
			t.Errorf("%d sessions, want the one that has redeemed a grant", n)
		}
		time.Sleep(32 * time.Minute)
		synctest.Wait()
		if n := len(e.Sessions()); n != 0 {
			t.Errorf("%d sessions stay after the grant has expired", n)
		}
		s.hangUp()
	})
}

// Who is known stays, also when they show a grant at the door that they do not redeem.
func TestKnownPeerWithAGrant(t *testing.T) {
	for _, known := range []bool{false, true} {
		scene(t, func(t *testing.T, n *mem.Network) {
			e := grantingAt(t, n, func(c *home.Config) {
				c.Door.Closed = true
				if known {
					c.Door.Known = []sturdyref.PeerID{{Transport: mem.Transport, Designator: "ann"}}
				}
			})
			defer e.leave()
			ann := newKey()
			g := e.issue(ann)
			conn, at, err := showing(t, n, "ann", e.Location(), func(info netlayer.Info) []any {
				p, err := grant.Present(ann, g, info.Binding, e.office.Host(), 1)
				if err != nil {
					t.Error(err)
				}
				return []any{g.Bytes(), p}
			})
			if err != nil {
				t.Fatal(err)
			}
			s := speak(t, conn, at, newKey())
			time.Sleep(4 * time.Minute)
			synctest.Wait()
			if n := len(e.Sessions()); n != 1 {
				t.Errorf("%d sessions, want 1", n)
			}
			time.Sleep(30 * time.Minute)
			synctest.Wait()
			if there := len(e.Sessions()) == 1; there != known {
				t.Errorf("whether it is known is %v, and whether it is there %v", known, there)
			}
			s.hangUp()
		})
	}
}

// A sturdyref from anybody is never taken for a grant, whatever its secret spells: who holds the grant would send what is for the one to the other.
func TestLiveSecretIsNoGrant(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		e := grantingAt(t, n, nil)
		defer e.leave()
		a := join(t, n, "a", identity(t), nil)
		defer a.leave()
		ann := newKey()
		g := e.issue(ann)
		live := a.LiveGrant(g, ann, e.Location())
		id := g.ID()
		crafted := sturdyref.Ref{Peer: e.Location(), Swiss: sturdyref.SwissNumOf(append([]byte("grant\x00"), id[:]...))}
		if a.Live(crafted) == live {
			t.Error("a sturdyref leads to what a grant stands for")
		}
	})
}
