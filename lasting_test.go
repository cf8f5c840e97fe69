package hawser_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/vat"
)

// durableNode opens a node with durable lists.
func durableNode(t *testing.T, dir string) *hawser.Node {
	t.Helper()
	n, err := hawser.Open(context.Background(), &hawser.Config{Dir: dir, Listen: "127.0.0.1:0", Kinds: []vat.Kind{ListKind, accountKind}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// durableAccount returns the account of a node.
func durableAccount(t *testing.T, n *hawser.Node) accountRef {
	t.Helper()
	v, err := n.DurableVat("bank")
	if err != nil {
		t.Fatal(err)
	}
	r, err := vat.Root(context.Background(), v, "account", func(ctx context.Context) (accountRef, error) {
		return vat.As[accountRef](accountFacet.Spawn(ctx, &account{Name: "account"})), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A reference that a durable object holds works after both nodes were closed and opened again, and what was published for it can
// still be revoked: also before it is published again.
func TestRevokeAfterRestart(t *testing.T) {
	ctx := context.Background()
	for _, publish := range []bool{false, true} {
		hostDir, guestDir := t.TempDir(), t.TempDir()
		host, guest := durableNode(t, hostDir), durableNode(t, guestDir)
		uri, err := host.Publish(ctx, "account", durableAccount(t, host).Ref)
		if err != nil {
			t.Fatal(err)
		}
		far, err := guest.Enliven(uri).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		meet := func() error {
			_, err := vat.Result[any](durableAccount(t, guest).Send(ctx, "meet", []accountRef{{far}})).Await(ctx)
			return err
		}
		if err := meet(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := errors.Join(host.Close(), guest.Close()); err != nil {
				t.Fatal(err)
			}
			host, guest = durableNode(t, hostDir), durableNode(t, guestDir)
		}
		durableAccount(t, guest).Step(ctx, 0)
		until(t, func() bool {
			r, err := vat.Result[account](durableAccount(t, host).Send(ctx, "report")).Await(ctx)
			return err == nil && len(r.Seen) == 1
		})
		if publish {
			again, err := host.Publish(ctx, "account", durableAccount(t, host).Ref)
			if err != nil || !again.Swiss.Equal(uri.Swiss) {
				t.Error(again, err)
			}
		}
		if err := host.Revoke(ctx, "account"); err != nil {
			t.Fatal(err)
		}
		r, err := vat.Result[account](durableAccount(t, guest).Send(ctx, "report")).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Others[0].Send(ctx, "report").Await(ctx)
		if e, ok := errors.AsType[*vat.Error](err); !ok || e.Code != vat.ErrRevoked.Code {
			t.Errorf("%v, want that it was revoked", err)
		}
	}
}

// until waits for something that other processes, or the network, bring about.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it has not come about")
		}
	}
}
