package home_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

func closed(known ...sturdyref.PeerID) func(*home.Config) {
	return func(c *home.Config) { c.Door = home.Door{Closed: true, Known: known} }
}

func TestClosedDoor(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		b := join(t, n, "b", identity(t), closed())
		a, c := join(t, n, "a", identity(t), nil), join(t, n, "c", identity(t), nil)
		defer a.leave()
		defer b.leave()
		defer c.leave()
		good := b.publish("x")
		works(t, "the swiss number admits", a.Enliven(good))
		refused(t, "a wrong one does not", c.Enliven(sturdyref.Ref{Peer: good.Peer, Swiss: sturdyref.NewSwissNum()}))
		weak, err := b.PublishAs(context.Background(), "weak", sturdyref.SwissNumOf([]byte("lobby")), b.spawn())
		if err != nil {
			t.Fatal(err)
		}
		refused(t, "a weak one is no key", c.Enliven(weak))
		works(t, "but works inside", a.Enliven(weak))
		if c.layer.dialled.Load() != 0 {
			t.Error("c was let in")
		}
	})
}

func TestDoorSecret(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		b := join(t, n, "b", identity(t), func(c *home.Config) { c.Door = home.Door{Closed: true, Secret: sturdyref.NewSwissNum()} })
		a := join(t, n, "a", identity(t), nil)
		defer a.leave()
		defer b.leave()
		weak, err := b.PublishAs(context.Background(), "weak", sturdyref.SwissNumOf([]byte("lobby")), b.spawn())
		if err != nil {
			t.Fatal(err)
		}
		ref, err := sturdyref.Parse(weak.URI())
		if err != nil {
			t.Fatal(err)
		}
		works(t, "by the door's secret in the sturdyref", a.Enliven(ref))
		strong := b.publish("x")
		if _, ok := strong.Peer.Hints["door"]; ok {
			t.Error("a sturdyref that admits by itself gives the door's secret away")
		}
	})
}

func TestKnownPeersAreLetIn(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		friend := identity(t)
		id := sturdyref.PeerID{Transport: mem.Transport, Designator: sturdyref.Designator(friend.Public().Static)}
		b := join(t, n, "b", identity(t), closed(id))
		a, c, anon := join(t, n, "a", friend, nil), join(t, n, "c", identity(t), nil), join(t, n, "anon", nil, nil)
		defer a.leave()
		defer b.leave()
		defer c.leave()
		defer anon.leave()
		weak, err := b.PublishAs(context.Background(), "weak", sturdyref.SwissNumOf([]byte("lobby")), b.spawn())
		if err != nil {
			t.Fatal(err)
		}
		works(t, "known", a.Enliven(weak))
		refused(t, "a stranger", c.Enliven(weak))
		refused(t, "anonymous", anon.Enliven(weak))
	})
}

func TestRevokingWhatAdmittedEndsTheSession(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), closed())
		defer a.leave()
		defer b.leave()
		x, y := b.publish("x"), b.publish("y")
		rx, ry := a.Enliven(x), a.Enliven(y)
		works(t, "x", rx)
		works(t, "y", ry)
		revoke := func(name string) {
			if err := b.Revoke(context.Background(), name); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		revoke("x")
		if _, err := call(rx, 1); err == nil {
			t.Error("x answers after it was revoked")
		}
		works(t, "y still admits", ry)
		revoke("y")
		if len(b.Sessions()) != 0 {
			t.Error("a session is left that nothing admits")
		}
	})
}

func TestRevokeAndPublishAgain(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		keep := &keeper{}
		b := join(t, n, "b", identity(t), func(c *home.Config) { c.Keeper = keep })
		a := join(t, n, "a", identity(t), nil)
		defer a.leave()
		defer b.leave()
		ctx := context.Background()
		first := b.publish("x")
		r := a.Enliven(first)
		works(t, "published", r)
		if _, err := b.Publish(context.Background(), "x", b.spawn()); !errors.Is(err, home.ErrPublished) {
			t.Errorf("a second object under one name: %v", err)
		}
		if err := b.Unpublish(ctx, "x"); err != nil {
			t.Fatal(err)
		}
		refused(t, "unpublished", a.Enliven(first))
		works(t, "what was fetched stays", r)
		if again := b.publish("x"); !again.Swiss.Equal(first.Swiss) {
			t.Error("published again, another sturdyref")
		}
		works(t, "published again", a.Enliven(first))
		if err := b.Revoke(ctx, "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := call(a.Enliven(first), 1); err == nil {
			t.Error("revoked, but fetched")
		}
		if err := b.Revoke(ctx, "x"); !errors.Is(err, home.ErrNotPublished) {
			t.Errorf("revoked twice: %v", err)
		}
		if next := b.publish("x"); next.Swiss.Equal(first.Swiss) {
			t.Error("a revoked secret came back")
		}
		// What cannot be stored is not published, and not revoked.
		keep.err = errors.New("disk full")
		if _, err := b.Publish(context.Background(), "z", b.spawn()); !errors.Is(err, keep.err) {
			t.Errorf("published although not stored: %v", err)
		}
		if err := b.Revoke(ctx, "x"); !errors.Is(err, keep.err) {
			t.Errorf("revoked although not stored: %v", err)
		}
		if len(keep.all) != 1 || keep.all[0].Name != "x" {
			t.Errorf("stored: %v", keep.all)
		}
	})
}

type keeper struct {
	all []home.Publication
	err error
}

func (k *keeper) Load() ([]home.Publication, error) { return k.all, k.err }
func (k *keeper) Save(all []home.Publication) error {
	if k.err == nil {
		k.all = all
	}
	return k.err
}

// rawSession dials p as a peer that speaks CapTP and nothing of home.
func rawSession(t *testing.T, n *mem.Network, id sturdyref.Identity, p *party, features ...string) (*captp.Session, netlayer.Info, func()) {
	t.Helper()
	return keyedSession(t, n, id, p, nil, features...)
}

// passableAdmitted asks a fetch for what admitted the session.
const passableAdmitted = passable.Symbol("admitted")

// keyedSession is rawSession with a key that is shown at the door.
func keyedSession(t *testing.T, n *mem.Network, id sturdyref.Identity, p *party, key netlayer.Key, features ...string) (*captp.Session, netlayer.Info, func()) {
	t.Helper()
	host := n.Host(mem.HostConfig{Static: id.Public().Static, Addr: sturdyref.Designator(id.Public().Static), Features: features})
	v := vat.New(nil)
	boot, err := vat.Do(t.Context(), v, func(ctx context.Context) (vat.Ref, error) { return echoFacet.Spawn(ctx, echoer{}), nil })
	if err != nil {
		t.Fatal(err)
	}
	s, err := captp.New(captp.Config{Bootstrap: boot, Location: host.Location(), LazyRelease: true})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := host.Connect(t.Context(), netlayer.Dial{Peer: p.Location(), Key: key, Early: s.Early})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(conn); err != nil {
		t.Fatal(err)
	}
	return s, conn.Info(), func() {
		s.Close("")
		if err := errors.Join(v.Close(), host.Close()); err != nil {
			t.Error(err)
		}
	}
}

// TestFetchProofs tries proofs everywhere but where they belong.
func TestFetchProofs(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		b := join(t, n, "b", identity(t), nil)
		defer b.leave()
		s := b.publish("x")
		keys, err := s.Swiss.Keys()
		if err != nil {
			t.Fatal(err)
		}
		alice, mallory := identity(t), identity(t)
		one, info1, over1 := rawSession(t, n, alice, b, home.FeatureFetchProof)
		two, info2, over2 := rawSession(t, n, mallory, b, home.FeatureFetchProof)
		defer over1()
		defer over2()
		proof := func(info netlayer.Info, role sturdyref.Role) []byte {
			p, err := keys.ProofKey().Fetch(info.Binding, role)
			if err != nil {
				t.Fatal(err)
			}
			return p[:]
		}
		fetch := func(s *captp.Session, arg any) vat.Ref {
			return s.Bootstrap().Send(context.Background(), "fetch", arg)
		}
		mine := proof(info1, sturdyref.Dialler)
		works(t, "on its session", fetch(one, mine))
		works(t, "again on its session: it proves a secret, it is no ticket", fetch(one, mine))
		refused(t, "by another party on its own session", fetch(two, mine))
		refused(t, "reflected: made by the acceptor", fetch(one, proof(info1, sturdyref.Acceptor)))
		tampered := append([]byte(nil), mine...)
		tampered[len(tampered)-1] ^= 1
		refused(t, "tampered with", fetch(one, tampered))
		refused(t, "cut short", fetch(one, mine[:55]))
		unknown := append([]byte(nil), mine...)
		unknown[10] ^= 1
		refused(t, "of an unknown secret", fetch(one, unknown))
		// The public name alone, the derived keys, the proof of another binding.
		id := keys.ID()
		refused(t, "the public name", fetch(one, id[:]))
		psk := keys.PSK()
		refused(t, "the derived key", fetch(one, psk[:]))
		refused(t, "for another session", fetch(one, proof(info2, sturdyref.Dialler)))
		works(t, "the number itself, from a peer without proofs", fetch(one, s.Swiss.Reveal()))
		refused(t, "what admitted a session that nothing admitted", fetch(one, "admitted"))
		// A later session of the same party.
		over1()
		three, _, over3 := rawSession(t, n, identity(t), b, home.FeatureFetchProof)
		defer over3()
		refused(t, "in a later session", fetch(three, mine))
	})
}

// TestTheOtherSideProvesItself shows the answer of prove: whoever made the sturdyref can give it, and nobody else.
func TestTheOtherSideProvesItself(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		b := join(t, n, "b", identity(t), nil)
		defer b.leave()
		s := b.publish("x")
		keys, _ := s.Swiss.Keys()
		one, info, over := rawSession(t, n, identity(t), b, home.FeatureFetchProof)
		defer over()
		prove := func(id [16]byte) []byte {
			mac, err := vat.Result[[]byte](one.Bootstrap().Send(context.Background(), "prove", id[:])).Await(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return mac
		}
		if !keys.ProofKey().CheckServe(prove(keys.ID()), info.Binding, sturdyref.Acceptor) {
			t.Error("the proof of the one who made the sturdyref does not check")
		}
		other, _ := sturdyref.NewSwissNum().Keys()
		if other.ProofKey().CheckServe(prove(other.ID()), info.Binding, sturdyref.Acceptor) {
			t.Error("proof of a secret it does not have")
		}
		if len(prove(other.ID())) != len(prove(keys.ID())) {
			t.Error("known and unknown names can be told apart")
		}
	})
}

// TestIdentitiesAreNotLinked passes a reference of one identity over a session of another.
func TestIdentitiesAreNotLinked(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a1, a2 := join(t, n, "a1", identity(t), nil), join(t, n, "a2", identity(t), nil)
		b, c := join(t, n, "b", identity(t), nil), join(t, n, "c", identity(t), nil)
		for _, p := range []*party{a1, a2, b, c} {
			defer p.leave()
		}
		atB, atC := b.publish("x"), c.publish("x")
		rb, rc := a1.Enliven(atB), a2.Enliven(atC)
		settledB, err := rb.Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for what, arg := range map[string]vat.Ref{"settled": settledB, "a promise": rb} {
			if _, err := rc.Send(t.Context(), "echo", arg).Await(t.Context()); !errors.Is(err, captp.ErrOtherIdentity) {
				t.Errorf("%s: %v", what, err)
			}
		}
		works(t, "the session is none the worse", rc)
		// Over a session of the same identity it passes, by way of this node.
		works(t, "same identity", a1.Enliven(atC).Send(t.Context(), "echo", settledB))
	})
}

// TestWhoCalls shows what objects learn of their callers.
func TestWhoCalls(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b, anon := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil), join(t, n, "anon", nil, nil)
		defer a.leave()
		defer b.leave()
		defer anon.leave()
		s := b.publish("x")
		who := func(r vat.Ref) string {
			s, err := vat.Result[string](r.Send(t.Context(), "caller")).Await(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		if got, want := who(a.Enliven(s)), a.Location().ID().String(); got != want {
			t.Errorf("caller %q, want %q", got, want)
		}
		if got := who(anon.Enliven(s)); got != "anonymous" {
			t.Errorf("caller %q, want anonymous", got)
		}
		if _, err := anon.Publish(context.Background(), "x", a.spawn()); err == nil {
			t.Error("an anonymous node published")
		}
	})
}

func TestCapabilityKeys(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b, c := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), closed()), join(t, n, "c", identity(t), nil)
		defer a.leave()
		defer b.leave()
		defer c.leave()
		key, err := sturdyref.NewCapability()
		if err != nil {
			t.Fatal(err)
		}
		at, err := b.PublishKey(context.Background(), "x", key.Public(), b.spawn())
		if err != nil {
			t.Fatal(err)
		}
		works(t, "the key opens a closed door", a.EnlivenKey(at, key))
		works(t, "and proves itself in the open session", a.EnlivenKey(at, key))
		other, _ := sturdyref.NewCapability()
		refused(t, "another key, in the session", a.EnlivenKey(at, other))
		refused(t, "another key, at the door", c.EnlivenKey(at, other))
		if err := b.Revoke(context.Background(), "x"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		refused(t, "revoked", c.EnlivenKey(at, key))
	})
}
