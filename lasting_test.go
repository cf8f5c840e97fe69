package hawser_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/sturdyref"
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
		transfers(t, host, guest)
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

// copyDir copies a directory that no node has open.
func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(filepath.Join(to, "port"))
	return to
}

// acquainted opens two nodes whose accounts know each other, the guest having dialled.
func acquainted(t *testing.T, hostDir, guestDir string) (host, guest *hawser.Node) {
	t.Helper()
	ctx := context.Background()
	host, guest = durableNode(t, hostDir), durableNode(t, guestDir)
	uri, err := host.Publish(ctx, "account", durableAccount(t, host).Ref)
	if err != nil {
		t.Fatal(err)
	}
	far, err := guest.Enliven(uri).Await(ctx)
	if err != nil {
		t.Fatal(err)
	}
	own := durableAccount(t, guest)
	if _, err := vat.Result[any](own.Send(ctx, "meet", []accountRef{{far}})).Await(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := vat.Result[any](far.Send(ctx, "meet", []accountRef{own})).Await(ctx); err != nil {
		t.Fatal(err)
	}
	transfers(t, host, guest)
	return host, guest
}

// transfers has the guest's account make steps, of which some fail, until the host's has seen more transfers than before.
func transfers(t *testing.T, host, guest *hawser.Node) {
	t.Helper()
	seen := func() (n int64) {
		r, err := vat.Result[account](durableAccount(t, host).Send(context.Background(), "report")).Await(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range r.Seen {
			n += from
		}
		return n
	}
	before := seen()
	until(t, func() bool {
		_, _ = durableAccount(t, guest).Step(context.Background(), 0).Await(context.Background())
		return seen() > before
	})
}

// Of a directory that was copied and runs twice one process is refused by the peer: its durable vats stop, and say why. The other
// goes on.
func TestCopiedDir(t *testing.T) {
	hostDir, guestDir := t.TempDir(), t.TempDir()
	host, guest := acquainted(t, hostDir, guestDir)
	if err := guest.Close(); err != nil {
		t.Fatal(err)
	}
	twin := copyDir(t, guestDir)
	guest = durableNode(t, guestDir)
	transfers(t, host, guest)
	other := durableNode(t, twin)
	until(t, func() bool {
		_, err := storedAccount(other)
		return err != nil
	})
	transfers(t, host, guest)
	if got := guest.Lasting(); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if err := other.Close(); !errors.Is(err, link.ErrIdentityInUse) {
		t.Errorf("closed with %v", err)
	}
}

// storedAccount is durableAccount of a node that may have stopped.
func storedAccount(n *hawser.Node) (accountRef, error) {
	v, err := n.DurableVat("bank")
	if err != nil {
		return accountRef{}, err
	}
	return vat.Root(context.Background(), v, "account", func(context.Context) (accountRef, error) { return accountRef{}, errors.New("it is not there") })
}

// A directory that was put back to an earlier state ends its sessions, on both sides, with an error that says so.
func TestRestoredBackup(t *testing.T) {
	hostDir, guestDir := t.TempDir(), t.TempDir()
	host, guest := acquainted(t, hostDir, guestDir)
	if err := guest.Close(); err != nil {
		t.Fatal(err)
	}
	backup := copyDir(t, guestDir)
	for range 2 { // or it looks like a copy: the peer is told how often the directory was opened
		guest = durableNode(t, guestDir)
		transfers(t, host, guest)
		if err := guest.Close(); err != nil {
			t.Fatal(err)
		}
	}
	guest = durableNode(t, backup)
	until(t, func() bool { return len(host.Lasting()) == 0 && len(guest.Lasting()) == 0 })
	r, err := vat.Result[account](durableAccount(t, guest).Send(context.Background(), "report")).Await(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Others[0].Send(context.Background(), "report").Await(context.Background()); err == nil {
		t.Error("a reference of a session that has ended works")
	}
}

// doorNode opens a node with a door and a published account.
func doorNode(t *testing.T, dir string, door hawser.Door) (*hawser.Node, sturdyref.Ref) {
	t.Helper()
	n, err := hawser.Open(context.Background(), &hawser.Config{
		Dir: dir, Listen: "127.0.0.1:0", Kinds: []vat.Kind{ListKind, accountKind}, Door: door, Logger: hclog.NewNullLogger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	uri, err := n.Publish(context.Background(), "account", durableAccount(t, n).Ref)
	if err != nil {
		t.Fatal(err)
	}
	return n, uri
}

// visits has somebody with a new identity become an acquaintance of a host, so that their session lasts, and go away.
func visits(t *testing.T, uri sturdyref.Ref) {
	t.Helper()
	ctx := context.Background()
	guest := durableNode(t, t.TempDir())
	far, err := guest.Enliven(uri).Await(ctx)
	if err == nil {
		_, err = vat.Result[any](far.Send(ctx, "meet", []accountRef{durableAccount(t, guest)})).Await(ctx)
	}
	if err == nil {
		_, err = vat.Result[any](durableAccount(t, guest).Send(ctx, "meet", []accountRef{{far}})).Await(ctx)
	}
	if err := errors.Join(err, guest.Close()); err != nil {
		t.Fatal(err)
	}
}

// Whoever makes up identities fills no node up: from one place so many have sessions that outlive processes, and the others are served as
// long as theirs last.
func TestLastingPerSource(t *testing.T) {
	dir, door := t.TempDir(), hawser.Door{MaxLastingPerSource: 2}
	host, uri := doorNode(t, dir, door)
	want := func(n int) {
		t.Helper()
		visits(t, uri)
		if got := len(host.Lasting()); got != n {
			t.Errorf("%d sessions are stored, want %d", got, n)
		}
	}
	want(1)
	want(2)
	want(2)
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	host, uri = doorNode(t, dir, door)
	want(2)
	if err := host.Forget(host.Lasting()[0]); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return len(host.Lasting()) == 1 })
	want(2)
	want(2)
}

// Who is away, with a session that outlives processes, takes no room at the door.
func TestAwayAndNotAtTheDoor(t *testing.T) {
	host, uri := doorNode(t, t.TempDir(), hawser.Door{MaxPerSource: 2})
	for range 3 { // one after the other
		visits(t, uri)
	}
	if n := len(host.Lasting()); n != 3 {
		t.Errorf("%d sessions are stored, want 3", n)
	}
	for i := range 3 { // then two get in who have nothing that lasts
		guest, err := hawser.Open(context.Background(), quiet())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = guest.Close() })
		_, err = guest.Enliven(uri).Await(context.Background())
		if i < 2 && err != nil || i == 2 && !errors.Is(err, hawser.ErrRefused) {
			t.Errorf("guest %d: %v", i+1, err)
		}
	}
}
