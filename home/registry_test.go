package home_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// severed fails the test unless ref breaks with vat.ErrRevoked, as far as that can be seen from afar.
func severed(t *testing.T, what string, ref vat.Ref) {
	t.Helper()
	_, err := call(ref, 7)
	if e, ok := errors.AsType[*vat.Error](err); !ok || e.Code != vat.ErrRevoked.Code {
		t.Errorf("%s: not revoked: %v", what, err)
	}
}

func TestRevokeSeversWhatEarlierPublicationsGaveOut(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		ctx := context.Background()
		s := b.publish("x")
		first := a.Enliven(s)
		works(t, "published", first)
		if err := b.Unpublish(ctx, "x"); err != nil {
			t.Fatal(err)
		}
		b.publish("x") // another object
		second := a.Enliven(s)
		works(t, "published again", second)
		if err := b.Unpublish(ctx, "x"); err != nil {
			t.Fatal(err)
		}
		works(t, "unpublished, but fetched before", first)
		if err := b.Revoke(ctx, "x"); err != nil {
			t.Fatalf("revoked while it is not published: %v", err)
		}
		severed(t, "fetched first", first)
		severed(t, "fetched second", second)
	})
}

func TestRevokeNeedsNoTurnToSucceed(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		r := a.Enliven(b.publish("x"))
		works(t, "published", r)
		failed := errors.New("the turn fails")
		_, err := vat.Do(context.Background(), b.vat, func(ctx context.Context) (int, error) {
			if err := b.Revoke(ctx, "x"); err != nil {
				t.Error(err)
			}
			return 0, failed
		})
		if !errors.Is(err, failed) {
			t.Fatal(err)
		}
		severed(t, "revoked in a turn that failed", r)
	})
}

func TestTheSameObjectAgainIsTheSameReference(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		ctx := context.Background()
		object := b.spawn()
		var refs [2]vat.Ref
		for i := range refs {
			s, err := b.Publish(ctx, "x", object)
			if err != nil {
				t.Fatal(err)
			}
			if refs[i], err = a.Enliven(s).Await(ctx); err != nil {
				t.Fatal(err)
			}
			if err := b.Unpublish(ctx, "x"); err != nil {
				t.Fatal(err)
			}
		}
		if refs[0] != refs[1] {
			t.Error("published again, another reference")
		}
	})
}

// TestPublishRefuses shows what cannot be published, and that nothing changes for what is.
func TestPublishRefuses(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		keep := &keeper{}
		a := join(t, n, "a", identity(t), nil)
		b := join(t, n, "b", identity(t), func(c *home.Config) { c.Keeper = keep })
		c := join(t, n, "c", identity(t), nil)
		defer a.leave()
		defer c.leave()
		ctx := context.Background()
		s := b.publish("x")
		key, _ := sturdyref.NewCapability()
		if _, err := b.PublishKey(ctx, "k", key.Public(), b.spawn()); err != nil {
			t.Fatal(err)
		}
		lobby := sturdyref.SwissNumOf([]byte("lobby"))
		if _, err := b.PublishAs(ctx, "lobby", lobby, b.spawn()); err != nil {
			t.Fatal(err)
		}
		foreign, err := c.Enliven(a.publish("x")).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		other, _ := sturdyref.NewCapability()
		for what, c := range map[string]struct {
			publish func() error
			want    error
		}{
			"another object": {func() error { _, err := b.Publish(ctx, "x", b.spawn()); return err }, home.ErrPublished},
			"another number for a name": {func() error {
				_, err := b.PublishAs(ctx, "x", sturdyref.NewSwissNum(), b.spawn())
				return err
			}, home.ErrPublished},
			"a number in use":            {func() error { _, err := b.PublishAs(ctx, "y", s.Swiss, b.spawn()); return err }, home.ErrPublished},
			"a weak number in use":       {func() error { _, err := b.PublishAs(ctx, "y", lobby, b.spawn()); return err }, home.ErrPublished},
			"a key in use":               {func() error { _, err := b.PublishKey(ctx, "y", key.Public(), b.spawn()); return err }, home.ErrPublished},
			"another key for a name":     {func() error { _, err := b.PublishKey(ctx, "k", other.Public(), b.spawn()); return err }, home.ErrPublished},
			"a number for a key's name":  {func() error { _, err := b.Publish(ctx, "k", b.spawn()); return err }, home.ErrPublished},
			"a key for a number's name":  {func() error { _, err := b.PublishKey(ctx, "x", other.Public(), b.spawn()); return err }, home.ErrPublished},
			"another identity's":         {func() error { _, err := b.Publish(ctx, "y", foreign); return err }, captp.ErrOtherIdentity},
			"another identity's, by key": {func() error { _, err := b.PublishKey(ctx, "y", other.Public(), foreign); return err }, captp.ErrOtherIdentity},
			"with a context that ended":  {func() error { _, err := b.Publish(ended, "y", b.spawn()); return err }, context.Canceled},
			"revoked with such a one":    {func() error { return b.Revoke(ended, "x") }, context.Canceled},
			"unpublished with such":      {func() error { return b.Unpublish(ended, "x") }, context.Canceled},
			"nothing":                    {func() error { return b.Unpublish(ctx, "y") }, home.ErrNotPublished},
		} {
			if err := c.publish(); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", what, err, c.want)
			}
		}
		for what, err := range map[string]error{
			"no name":            func() error { _, err := b.Publish(ctx, "", b.spawn()); return err }(),
			"a null reference":   func() error { _, err := b.Publish(ctx, "y", vat.Ref{}); return err }(),
			"a key of low order": func() error { _, err := b.PublishKey(ctx, "y", [32]byte{}, b.spawn()); return err }(),
		} {
			if err == nil {
				t.Errorf("%s was published", what)
			}
		}
		works(t, "x", a.Enliven(s))
		works(t, "k", a.EnlivenKey(b.Location(), key))
		if len(keep.all) != 2 {
			t.Errorf("stored: %v", keep.all)
		}
		// A closed Home does not touch what may be another's by now.
		b.leave()
		stored := len(keep.all)
		for what, err := range map[string]error{
			"published":   func() error { _, err := b.Publish(ctx, "z", a.spawn()); return err }(),
			"revoked":     b.Revoke(ctx, "x"),
			"unpublished": b.Unpublish(ctx, "x"),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close: %v", what, err)
			}
		}
		if len(keep.all) != stored {
			t.Error("stored after Close")
		}
		if _, err := call(b.Enliven(s), 1); !errors.Is(err, net.ErrClosed) {
			t.Errorf("its own object after Close: %v", err)
		}
	})
}

func TestKeysArePublishedAgain(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		ctx := context.Background()
		key, _ := sturdyref.NewCapability()
		object := b.spawn()
		for range 2 {
			if _, err := b.PublishKey(ctx, "k", key.Public(), object); err != nil {
				t.Fatal(err)
			}
		}
		r := a.EnlivenKey(b.Location(), key)
		works(t, "published", r)
		works(t, "its own", b.EnlivenKey(b.Location(), key))
		if err := b.Unpublish(ctx, "k"); err != nil {
			t.Fatal(err)
		}
		refused(t, "unpublished", a.EnlivenKey(b.Location(), key))
		refused(t, "its own, unpublished", b.EnlivenKey(b.Location(), key))
		if _, err := b.PublishKey(ctx, "k", key.Public(), object); err != nil {
			t.Fatal(err)
		}
		works(t, "published again", a.EnlivenKey(b.Location(), key))
		if err := b.Revoke(ctx, "k"); err != nil {
			t.Fatal(err)
		}
		severed(t, "revoked", r)
	})
}

func TestDamagedPublications(t *testing.T) {
	v := vat.New(nil)
	defer func() { _ = v.Close() }()
	some := sturdyref.NewSwissNum()
	for what, stored := range map[string][]home.Publication{
		"no number": {{Name: "x"}},
		"no name":   {{Swiss: some}},
		"twice":     {{Name: "x", Swiss: some}, {Name: "x", Swiss: sturdyref.NewSwissNum()}},
		"shared":    {{Name: "x", Swiss: some}, {Name: "y", Swiss: some}},
		"the door":  {{Name: "x", Swiss: secretOfTheDoor}},
	} {
		id, n := identity(t), mem.New(nil)
		cfg := home.Config{Identity: id, Vat: v, Keeper: &keeper{all: stored}, Door: home.Door{Secret: secretOfTheDoor}}
		h, err := home.New(cfg, func(door netlayer.Doorkeeper) ([]home.Layer, error) {
			return []home.Layer{{Netlayer: n.Host(mem.HostConfig{Static: id.Public().Static, Doorkeeper: door})}}, nil
		})
		if err == nil {
			t.Errorf("%s: opened", what)
			_ = h.Close()
		}
		n.Close()
	}
}

var secretOfTheDoor = sturdyref.NewSwissNum()

// TestASecretStandsForOneThing publishes under secrets that are in use, if not at present.
func TestASecretStandsForOneThing(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a := join(t, n, "a", identity(t), nil)
		b := join(t, n, "b", identity(t), func(c *home.Config) { c.Door.Secret = secretOfTheDoor })
		defer a.leave()
		defer b.leave()
		ctx := context.Background()
		key := capability(t)
		if _, err := b.PublishKey(ctx, "first", key.Public(), b.spawn()); err != nil {
			t.Fatal(err)
		}
		if err := b.Unpublish(ctx, "first"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.PublishKey(ctx, "second", key.Public(), b.spawn()); !errors.Is(err, home.ErrPublished) {
			t.Errorf("the key of a name that is not published at present: %v", err)
		}
		if _, err := b.PublishAs(ctx, "x", secretOfTheDoor, b.spawn()); !errors.Is(err, home.ErrPublished) {
			t.Errorf("the door's secret: %v", err)
		}
	})
}

// TestRevokedWhileItAdmits revokes a secret between the proof of it and the admission for its sake.
func TestRevokedWhileItAdmits(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), closed())
		defer a.leave()
		defer b.leave()
		x := b.publish("x")
		b.layer.arrived = func(*netlayer.Incoming) {
			if err := b.Revoke(context.Background(), "x"); err != nil {
				t.Error(err)
			}
		}
		refused(t, "revoked meanwhile", a.Enliven(x))
		if len(b.Sessions()) != 0 {
			t.Error("a session is left that nothing admits")
		}
	})
}

// TestRevokedWhileUnpublished ends the session that an unpublished name had admitted when the name is revoked.
func TestRevokedWhileUnpublished(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), closed())
		defer a.leave()
		defer b.leave()
		x := b.publish("x")
		r := a.Enliven(x)
		works(t, "x", r)
		ctx := context.Background()
		if err := b.Unpublish(ctx, "x"); err != nil {
			t.Fatal(err)
		}
		works(t, "unpublished, but fetched before", r)
		if err := b.Revoke(ctx, "x"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(b.Sessions()) != 0 {
			t.Error("a session is left that nothing admits")
		}
	})
}

// TestEveryCredentialCounts has a session admitted by one secret live as long as another that was shown on it, by a
// proof or in clear.
func TestEveryCredentialCounts(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		b := join(t, n, "b", identity(t), closed())
		defer b.leave()
		x, y, z := b.publish("x"), b.publish("y"), b.publish("z")
		weak, err := b.PublishAs(context.Background(), "weak", sturdyref.SwissNumOf([]byte("lobby")), b.spawn())
		if err != nil {
			t.Fatal(err)
		}
		key, _ := x.Key()
		s, info, over := keyedSession(t, n, identity(t), b, key, home.FeatureFetchProof)
		defer over()
		proof := func(of sturdyref.Ref) []byte {
			keys, _ := of.Swiss.Keys()
			p, err := keys.ProofKey().Fetch(info.Binding, sturdyref.Dialler)
			if err != nil {
				t.Fatal(err)
			}
			return p[:]
		}
		fetch := func(arg any) vat.Ref { return s.Bootstrap().Send(context.Background(), "fetch", arg) }
		works(t, "what admitted it", fetch(passableAdmitted))
		works(t, "by proof", fetch(proof(y)))
		works(t, "in clear", fetch(z.Swiss.Reveal()))
		works(t, "a weak number", fetch(weak.Swiss.Reveal()))
		for _, name := range []string{"x", "y", "z"} {
			if len(b.Sessions()) != 1 {
				t.Fatalf("the session has ended before %s was revoked", name)
			}
			if err := b.Revoke(context.Background(), name); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if len(b.Sessions()) != 0 {
			t.Error("a weak number keeps a session")
		}
	})
}
