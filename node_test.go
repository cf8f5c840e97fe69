package hawser_test

import (
	"context"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

type greeter interface {
	Greet(ctx context.Context, name string) (string, error)
	WhoAmI(ctx context.Context) (string, error)
}

var greeterFacet = vat.FacetOf[greeter]("test.Greeter")

type english struct{}

func (english) Greet(_ context.Context, name string) (string, error) { return "hello " + name, nil }
func (english) WhoAmI(ctx context.Context) (string, error) {
	c := vat.CallerOf(ctx)
	if c.Anonymous {
		return "", nil
	}
	return c.Designator, nil
}

func open(t *testing.T, cfg *hawser.Config) *hawser.Node {
	t.Helper()
	n, err := hawser.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func spawnGreeter(t *testing.T, n *hawser.Node) vat.Ref {
	t.Helper()
	ref, err := vat.Do(t.Context(), n.Vat("greeters"), func(ctx context.Context) (vat.Ref, error) {
		return greeterFacet.Spawn(ctx, english{}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestTwoNodes(t *testing.T) {
	ctx := t.Context()
	host := open(t, &hawser.Config{Dir: t.TempDir()})
	guest := open(t, nil)
	invite, err := host.Publish(ctx, "greeter", spawnGreeter(t, host))
	if err != nil {
		t.Fatal(err)
	}
	ref, err := sturdyref.Parse(invite.URI())
	if err != nil {
		t.Fatal(err)
	}
	g := guest.Enliven(ref)
	if s, err := vat.Result[string](g.Send(ctx, "greet", "Ada")).Await(ctx); s != "hello Ada" || err != nil {
		t.Fatal(s, err)
	}
	if s, err := vat.Result[string](g.Send(ctx, "whoAmI")).Await(ctx); s != guest.Location().Designator || err != nil {
		t.Fatal(s, err)
	}
	anon, err := guest.Anonymous()
	if err != nil {
		t.Fatal(err)
	}
	if s, err := vat.Result[string](anon.Enliven(ref).Send(ctx, "whoAmI")).Await(ctx); s != "" || err != nil {
		t.Fatal(s, err)
	}
	if err := host.Revoke(ctx, "greeter"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Send(ctx, "greet", "Ada").Await(ctx); err == nil {
		t.Fatal("revoked, but answered")
	}
	if _, err := guest.Enliven(ref).Await(ctx); err == nil {
		t.Fatal("revoked, but fetched")
	}
}

func TestCapabilityKey(t *testing.T) {
	ctx := t.Context()
	host, guest := open(t, nil), open(t, nil)
	key, err := sturdyref.NewCapability()
	if err != nil {
		t.Fatal(err)
	}
	at, err := host.PublishKey(ctx, "greeter", key.Public(), spawnGreeter(t, host))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // with the dial, then over the open session
		if s, err := vat.Result[string](guest.EnlivenKey(at, key).Send(ctx, "greet", "Ada")).Await(ctx); s != "hello Ada" || err != nil {
			t.Fatal(s, err)
		}
	}
	other, _ := sturdyref.NewCapability()
	if _, err := guest.EnlivenKey(at, other).Await(ctx); err == nil {
		t.Fatal("another key was accepted")
	}
}

func TestNetworkUp(t *testing.T) {
	ctx := t.Context()
	host, guest := open(t, nil), open(t, nil)
	anon, err := guest.Anonymous()
	if err != nil {
		t.Fatal(err)
	}
	invite, err := host.Publish(ctx, "greeter", spawnGreeter(t, host))
	if err != nil {
		t.Fatal(err)
	}
	up := func(n *hawser.Node) {
		// The probes may go unanswered; how long they are tried is the caller's to say.
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		n.NetworkUp(ctx)
	}
	for _, n := range []*hawser.Node{guest, anon} {
		up(n) // with no session
		g := n.Enliven(invite)
		for range 2 {
			if s, err := vat.Result[string](g.Send(ctx, "greet", "Ada")).Await(ctx); s != "hello Ada" || err != nil {
				t.Fatal(s, err)
			}
			up(n)
		}
	}
}
