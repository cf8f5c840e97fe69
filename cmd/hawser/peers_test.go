package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/vat"
)

// clerkNode opens a node with a durable clerk.
func clerkNode(t *testing.T, dir string) (*hawser.Node, clerkRef) {
	t.Helper()
	ctx := context.Background()
	n, err := hawser.Open(ctx, &hawser.Config{Dir: dir, Listen: "127.0.0.1:0", Kinds: []vat.Kind{clerkKind}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	v, err := n.DurableVat("office")
	if err != nil {
		t.Fatal(err)
	}
	r, err := vat.Root(ctx, v, "clerk", func(ctx context.Context) (clerkRef, error) {
		return clerkRef{clerkFacet.Spawn(ctx, new(clerk))}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n, r
}

// Peers whose sessions outlive a node are listed when it is not running, and one that is to be forgotten is gone when it has been
// started.
func TestPeers(t *testing.T) {
	ctx := context.Background()
	hostDir, guestDir := t.TempDir(), t.TempDir()
	host, at := clerkNode(t, hostDir)
	guest, own := clerkNode(t, guestDir)
	uri, err := host.Publish(ctx, "clerk", at.Ref)
	if err != nil {
		t.Fatal(err)
	}
	far, err := guest.Enliven(uri).Await(ctx)
	if err == nil {
		_, err = vat.Result[any](own.Send(ctx, "meet", far)).Await(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	name := host.Location().ID().String()
	if got := guest.Lasting(); len(got) != 1 || got[0].String() != name {
		t.Errorf("%v lasts, want the session with %s", got, name)
	}
	hawser := func(status int, want string, args ...string) {
		t.Helper()
		var out, bad bytes.Buffer
		if got := run(args, &out, &bad); got != status || !strings.Contains(out.String()+bad.String(), want) {
			t.Errorf("hawser %v: status %d, %s%s; want %d and %q", args, got, out.String(), bad.String(), status, want)
		}
	}
	hawser(2, "another process has this store open", "peers", guestDir)
	if err := guest.Close(); err != nil {
		t.Fatal(err)
	}
	hawser(0, name, "peers", guestDir)
	hawser(0, "1 sessions that outlive", "store", "check", guestDir)
	hawser(1, "there is no session with", "peers", "forget", guestDir, "somebody.else")
	hawser(0, "1 sessions end", "peers", "forget", guestDir, name)
	hawser(0, "to be forgotten", "peers", guestDir)
	hawser(2, "usage", "peers")
	hawser(2, "usage", "peers", "forget", guestDir)
	hawser(2, "there is no store", "peers", t.TempDir())
	if run([]string{"peers", "-h"}, io.Discard, io.Discard) != 0 {
		t.Error("-h is refused")
	}
	guest, _ = clerkNode(t, guestDir)
	for end := time.Now().Add(20 * time.Second); len(guest.Lasting())+len(host.Lasting()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%v and %v last yet", guest.Lasting(), host.Lasting())
		}
	}
	if err := guest.Close(); err != nil {
		t.Fatal(err)
	}
	hawser(0, "there are no sessions", "peers", guestDir)
	hawser(0, "sound", "store", "check", guestDir)
	if err := host.Forget(guest.Location().ID()); err == nil {
		t.Error("forgot a peer with which there is no session")
	}
}
