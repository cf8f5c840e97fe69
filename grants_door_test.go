package hawser_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// closedNode opens a node that offers a durable account, behind a closed door.
func closedNode(t *testing.T, dir string) *hawser.Node {
	t.Helper()
	ctx := context.Background()
	n, err := hawser.Open(ctx, &hawser.Config{
		Dir: dir, Listen: "127.0.0.1:0", Kinds: []vat.Kind{ListKind, accountKind}, Door: hawser.Door{Closed: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	bank, err := n.DurableVat("bank")
	if err != nil {
		t.Fatal(err)
	}
	own := durableAccount(t, n).Ref
	if _, err := n.Offer(ctx, "account", bank, map[string]hawser.Role{
		"clerk": {Open: func(context.Context, hawser.Holder) (vat.Ref, error) { return own, nil }},
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// A session that a grant has let in at a closed door, and in which a durable object has a reference, goes on after the host's restart, and ends
// when the grant does: revoked before that, or after, or while the host was away, or expired meanwhile.
func TestClosedDoorAfterRestart(t *testing.T) {
	ctx := context.Background()
	revoke := func(t *testing.T, host *hawser.Node, g *grant.Grant) {
		if _, _, err := host.RevokeGrant(ctx, g, ""); err != nil {
			t.Fatal(err)
		}
	}
	for what, c := range map[string]struct {
		expires time.Duration // an hour, if it is 0
		running func(t *testing.T, host *hawser.Node, g *grant.Grant)
		away    func(t *testing.T, hostDir string, holder *hawser.Node, g *grant.Grant)
		after   func(t *testing.T, host *hawser.Node, g *grant.Grant)
	}{
		"never":          {},
		"revoked before": {running: revoke},
		"revoked after":  {after: revoke},
		"renounced meanwhile": {away: func(t *testing.T, hostDir string, holder *hawser.Node, g *grant.Grant) {
			notice, _, err := holder.RevokeGrant(ctx, g, "")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(hostDir, "notices"), []byte(grant.NoticeText(notice)+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		"expired meanwhile": {expires: 3*time.Second - grant.DefaultSkew, away: func(t *testing.T, _ string, _ *hawser.Node, g *grant.Grant) {
			until(t, func() bool { return time.Since(g.Expires()) > grant.DefaultSkew })
		}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			hostDir := t.TempDir()
			host, guest := closedNode(t, hostDir), durableNode(t, t.TempDir())
			terms := termsFor(guest, 0)
			if c.expires != 0 {
				terms.Expires = time.Now().Add(c.expires)
			}
			g, err := host.Issue("account", "clerk", terms)
			if err != nil {
				t.Fatal(err)
			}
			far, err := guest.Redeem(g, nil, host.Location()).Await(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := vat.Result[any](durableAccount(t, guest).Send(ctx, "meet", []accountRef{{far}})).Await(ctx); err != nil {
				t.Fatal(err)
			}
			until(t, func() bool { return len(host.Lasting()) == 1 })
			if c.running != nil {
				c.running(t, host, g)
			}
			if err := host.Close(); err != nil {
				t.Fatal(err)
			}
			if c.away != nil {
				c.away(t, hostDir, guest, g)
			}
			host = closedNode(t, hostDir)
			if what == "never" || c.after != nil {
				if _, err := vat.Result[account](far.Send(ctx, "report")).Await(ctx); err != nil {
					t.Errorf("after the restart: %v", err)
				}
				if len(host.Lasting()) != 1 {
					t.Error("no session goes on")
				}
			}
			if what == "never" {
				return
			}
			if c.after != nil {
				c.after(t, host, g)
			}
			until(t, func() bool { return len(host.Lasting()) == 0 && len(guest.Lasting()) == 0 })
			if _, err := far.Send(ctx, "report").Await(ctx); err == nil {
				t.Error("the reference works")
			}
			if _, err := guest.Redeem(g, nil, host.Location()).Await(ctx); !errors.Is(err, hawser.ErrRefused) {
				t.Errorf("%v, want that the door is closed", err)
			}
		})
	}
}
