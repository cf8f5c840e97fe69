package hawser_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/vat"
)

// saver is a durable object that keeps a live reference.
type saver struct {
	Purse vat.Ref
	Saved int
}

type Saver interface {
	Keep(purse vat.Ref)
	Save(ctx context.Context, amount int) vat.Ref
}

var (
	saverFacet = vat.FacetOf[Saver]("test.Saver")
	saverKind  = vat.KindOf("test.saver", func() *saver { return new(saver) }, saverFacet)
)

func (s *saver) Keep(purse vat.Ref) { s.Purse = purse }

func (s *saver) Save(ctx context.Context, amount int) vat.Ref {
	s.Saved += amount
	return s.Purse.Send(ctx, "deposit", amount)
}

// TestLiveKeptByADurableObject restarts both ends: the object has the live reference still, and what it sends arrives when the
// peer has published its object again.
func TestLiveKeptByADurableObject(t *testing.T) {
	ctx := context.Background()
	open := func(cfg *hawser.Config) *hawser.Node {
		t.Helper()
		n, err := hawser.Open(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	atBank := &hawser.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"}
	atHome := &hawser.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Kinds: []vat.Kind{saverKind}}
	for round := range 3 {
		bank, guest := open(atBank), open(atHome)
		v, err := guest.DurableVat("savings")
		if err != nil {
			t.Fatal(err)
		}
		type ref struct{ vat.Ref }
		root, err := vat.Root(ctx, v, "saver", func(ctx context.Context) (ref, error) {
			return vat.As[ref](saverFacet.Spawn(ctx, new(saver))), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var first vat.Ref
		if round > 0 {
			first = root.Send(ctx, "save", 1) // the bank is there and has nothing to show yet
		}
		invite, err := bank.Publish(ctx, "purse", newPurse(ctx, bank))
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			if _, err := vat.Result[any](root.Send(ctx, "keep", guest.Live(invite))).Await(ctx); err != nil {
				t.Fatal(err)
			}
			first = root.Send(ctx, "save", 1)
		}
		if n, err := vat.Result[int](first).Await(ctx); n != 1 || err != nil {
			t.Errorf("round %d: %d, %v", round, n, err)
		}
		if n, err := vat.Result[int](root.Send(ctx, "save", 5)).Await(ctx); n != 6 || err != nil {
			t.Errorf("round %d: %d, %v", round, n, err)
		}
		// The bank goes and comes back: the durable vat is told of that by a turn, and goes on.
		if err := bank.Close(); err != nil {
			t.Error(err)
		}
		bank = open(atBank)
		if _, err := bank.Publish(ctx, "purse", newPurse(ctx, bank)); err != nil {
			t.Fatal(err)
		}
		broken := 0
		for n, err := 0, net.ErrClosed; err != nil; broken++ {
			if n, err = vat.Result[int](root.Send(ctx, "save", 3)).Await(ctx); err == nil && n != 3 {
				t.Errorf("round %d: %d", round, n)
			}
			if broken == 1000 {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if err := errors.Join(guest.Close(), bank.Close()); err != nil {
			t.Error(err)
		}
	}
}

// TestLiveOfAnObjectThatDidNotLast restarts a peer with which the session outlives that, because of a durable object, while
// what the live reference leads to does not.
func TestLiveOfAnObjectThatDidNotLast(t *testing.T) {
	ctx := context.Background()
	hostDir := t.TempDir()
	host, guest := durableNode(t, hostDir), durableNode(t, t.TempDir())
	account, err := host.Publish(ctx, "account", durableAccount(t, host).Ref)
	if err != nil {
		t.Fatal(err)
	}
	lasts, err := guest.Enliven(account).Await(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := vat.Result[any](durableAccount(t, guest).Send(ctx, "meet", []accountRef{{lasts}})).Await(ctx); err != nil {
		t.Fatal(err)
	}
	invite, err := host.Publish(ctx, "purse", newPurse(ctx, host))
	if err != nil {
		t.Fatal(err)
	}
	live := guest.Live(invite)
	deposit := func(n int) (int, error) { return vat.Result[int](live.Send(ctx, "deposit", n)).Await(ctx) }
	if n, err := deposit(7); n != 7 || err != nil {
		t.Fatal(n, err)
	}
	for range 2 {
		if err := host.Close(); err != nil {
			t.Fatal(err)
		}
		host = durableNode(t, hostDir)
		if _, err := host.Publish(ctx, "purse", newPurse(ctx, host)); err != nil {
			t.Fatal(err)
		}
		until(t, func() bool {
			n, err := deposit(5)
			if err == nil && n != 5 {
				t.Errorf("the new purse has %d", n)
			}
			return err == nil
		})
		if _, err := vat.Result[any](lasts.Send(ctx, "report")).Await(ctx); err != nil {
			t.Errorf("the session has not outlived the restart: %v", err)
		}
	}
}
