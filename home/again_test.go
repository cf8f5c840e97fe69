package home_test

import (
	"context"
	"runtime"
	"testing"
	"weak"

	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// edition is an object that is published for a while.
type edition struct {
	echoer
	pages []byte
}

// TestEditionsNobodyHasAreForgotten publishes one object after the other under a name. Those that nobody holds any more
// are garbage, and the one that a peer holds is severed with the name.
func TestEditionsNobodyHasAreForgotten(t *testing.T) {
	n := mem.New(nil) // not in a bubble, which the collector may not enter
	defer n.Close()
	a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
	defer a.leave()
	defer b.leave()
	ctx := context.Background()
	key := capability(t)
	var editions []weak.Pointer[edition]
	publish := func() sturdyref.Ref {
		e := &edition{pages: make([]byte, 1<<16)}
		editions = append(editions, weak.Make(e))
		ref, err := vat.Do(ctx, b.vat, func(ctx context.Context) (vat.Ref, error) { return echoFacet.Spawn(ctx, e), nil })
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"x", "k"} {
			if len(editions) > 1 {
				if err := b.Unpublish(ctx, name); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := b.PublishKey(ctx, "k", key.Public(), ref); err != nil {
			t.Fatal(err)
		}
		s, err := b.Publish(ctx, "x", ref)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := a.Enliven(publish())
	works(t, "the first edition", first)
	opened := a.EnlivenKey(b.Location(), key)
	works(t, "the first edition, by key", opened)
	for range 20 {
		publish()
		runtime.GC()
	}
	left := 0
	for range 20 {
		runtime.GC()
		left = 0
		for _, e := range editions {
			if e.Value() != nil {
				left++
			}
		}
		if left <= 3 {
			break
		}
	}
	// The first, that of now, and the one before, which is looked at when the next one comes.
	if left > 3 {
		t.Errorf("%d of %d editions are still there", left, len(editions))
	}
	works(t, "the first edition, still", first)
	for _, name := range []string{"x", "k"} {
		if err := b.Revoke(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	severed(t, "the first edition", first)
	severed(t, "the first edition, by key", opened)
}

// TestManySecretsOverOneSession shows one secret after the other over a session that lasts. Neither side remembers those
// that are no more, nor any number of those that are.
func TestManySecretsOverOneSession(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		stays := b.publish("stays")
		works(t, "what stays", a.Enliven(stays))
		object := b.spawn()
		const many = 5000
		for range many {
			s, err := b.Publish(context.Background(), "x", object)
			if err != nil {
				t.Fatal(err)
			}
			works(t, "x", a.Enliven(s))
			if err := b.Revoke(context.Background(), "x"); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(a.Sessions()); n != 1 {
			t.Fatalf("%d sessions", n)
		}
		if shown, _ := b.Credentials(); shown != 1 {
			t.Errorf("the host remembers %d secrets that were shown, of which one is good", shown)
		}
		if _, proven := a.Credentials(); proven >= many {
			t.Errorf("the guest remembers %d secrets that were proven", proven)
		}
		works(t, "what stays, after all that", a.Enliven(stays))
	})
}
