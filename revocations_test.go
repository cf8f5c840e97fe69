package hawser_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// meets has two nodes exchange what they have heard of a home's grants.
func meets(t *testing.T, a, b *hawser.Node, home grant.Key) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n, err := a.ExchangeNotices(ctx, home, b.Location())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// T24, between real nodes: a festival's home and three others that verify its grants. The home and one of them are cut off from
// the other two; on either side something is revoked, on the other it is used; then one goes away and comes back, and they meet
// again, in whatever order. In the end all refuse what was revoked anywhere, and none of them ever takes back what it has
// heard.
func TestT24NodesConverge(t *testing.T) {
	for name, heal := range map[string][][2]int{
		"by the home":     {{0, 2}, {0, 1}, {3, 0}, {2, 0}},
		"by the others":   {{1, 2}, {2, 3}, {3, 0}, {1, 0}},
		"along a line":    {{3, 2}, {2, 1}, {1, 0}, {1, 2}, {2, 3}},
		"told, not asked": {{1, 3}, {1, 2}, {3, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			dirs := []string{t.TempDir(), t.TempDir(), "", t.TempDir()}
			nodes := make([]*hawser.Node, 4)
			begin := func(i int) {
				if i == 0 {
					nodes[0] = pursed(t, dirs[0], nil)
				} else {
					cfg := quiet()
					cfg.Dir = dirs[i]
					nodes[i] = open(t, cfg)
				}
			}
			for i := range nodes {
				begin(i)
			}
			home := grant.KeyOf(nodes[0].Signer())
			for _, n := range nodes {
				n.ShareNotices(home)
			}
			anna, bill := nodes[1], nodes[3]
			issue := func() *grant.Grant {
				t.Helper()
				g, err := nodes[0].Issue("purse", "owner", termsFor(anna, 2))
				if err != nil {
					t.Fatal(err)
				}
				return g
			}
			byHome, byAnna, stays := issue(), issue(), issue()
			passed, err := byAnna.Delegate(anna.Signer(), termsFor(bill, 0))
			if err != nil {
				t.Fatal(err)
			}
			heard := make([]map[string]bool, 4)
			grants := map[string]*grant.Grant{"what the home has revoked": byHome, "what its holder has renounced": passed, "what was left": stays}
			look := func() {
				t.Helper()
				for i, n := range nodes {
					if heard[i] == nil {
						heard[i] = map[string]bool{}
					}
					for what, g := range grants {
						err := n.VerifyGrant(g)
						if err != nil && !errors.Is(err, grant.Withdrawn) {
							t.Fatal(err)
						}
						if heard[i][what] && err == nil {
							t.Errorf("node %d takes back %s", i, what)
						}
						heard[i][what] = err != nil
					}
				}
			}
			redeems := func(g *grant.Grant, by *hawser.Node) error {
				_, err := vat.As[PurseRef](by.Redeem(g, nil, nodes[0].Location())).Balance(ctx).Await(ctx)
				return err
			}

			// One side: the home revokes, and its neighbour hears of it.
			if _, _, err := nodes[0].RevokeGrant(ctx, byHome, "on this side"); err != nil {
				t.Fatal(err)
			}
			if n := meets(t, nodes[1], nodes[0], home); n != 1 {
				t.Errorf("%d heard", n)
			}
			// The other: what was revoked there is in use, and bill renounces what anna has given him.
			if err := redeems(passed, bill); err != nil {
				t.Errorf("the home does not know yet: %v", err)
			}
			if _, _, err := bill.RevokeGrant(ctx, passed, "on that side"); err != nil {
				t.Fatal(err)
			}
			if n := meets(t, nodes[2], nodes[3], home); n != 1 {
				t.Errorf("%d heard", n)
			}
			look()
			want := []map[string]bool{
				{"what the home has revoked": true},
				{"what the home has revoked": true},
				{"what its holder has renounced": true},
				{"what its holder has renounced": true},
			}
			for i := range nodes {
				for what := range grants {
					if heard[i][what] != want[i][what] {
						t.Errorf("cut off, node %d refuses %s: %v", i, what, heard[i][what])
					}
				}
			}

			// Everybody who has a directory goes away, and is back with what they have heard.
			for _, i := range []int{0, 1, 3} {
				if err := nodes[i].Close(); err != nil {
					t.Fatal(err)
				}
				begin(i)
				nodes[i].ShareNotices(home)
				look()
			}
			for _, m := range heal {
				meets(t, nodes[m[0]], nodes[m[1]], home)
				look()
			}
			for i := range nodes {
				for what := range grants {
					if refused := what != "what was left"; heard[i][what] != refused {
						t.Errorf("in the end node %d refuses %s: %v", i, what, heard[i][what])
					}
				}
			}
			if err := redeems(passed, nodes[3]); !errors.Is(err, hawser.ErrGrantRefused) {
				t.Errorf("redeemed in the end: %v", err)
			}
			for i, a := range nodes {
				if b := nodes[(i+1)%4]; meets(t, a, b, home) != 0 {
					t.Errorf("node %d has something new from the next", i)
				}
			}
		})
	}
}

// What a node with a directory and no durable vats has revoked, or heard, is there when it is back.
func TestRevocationsWithoutKinds(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	begin := func() *hawser.Node {
		cfg := quiet()
		cfg.Dir = dir
		return open(t, cfg)
	}
	n, other := begin(), open(t, quiet())
	g, err := n.Issue("something", "reader", termsFor(other, 0))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := other.Issue("something", "reader", termsFor(n, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "store.db")); err == nil {
		t.Error("there is a store before there is anything to keep")
	}
	if _, _, err := n.RevokeGrant(ctx, g, ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := other.RevokeGrant(ctx, theirs, ""); err != nil {
		t.Fatal(err)
	}
	other.ShareNotices(grant.KeyOf(other.Signer()))
	if learned := meets(t, n, other, grant.KeyOf(other.Signer())); learned != 1 {
		t.Errorf("%d learned", learned)
	}
	for _, what := range []string{"at first", "once more", "and once more"} {
		if what != "at first" {
			n = begin()
		}
		for whose, g := range map[string]*grant.Grant{"its own": g, "another's": theirs} {
			if err := n.VerifyGrant(g); !errors.Is(err, grant.Withdrawn) {
				t.Errorf("%s, %s: %v", what, whose, err)
			}
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A peer takes in what matters to it and no more: what strangers say of homes that do not matter to it it refuses.
func TestNoticesThatDoNotMatter(t *testing.T) {
	ctx := t.Context()
	home, visitor, stranger := open(t, quiet()), open(t, quiet()), open(t, quiet())
	g, err := home.Issue("something", "reader", termsFor(stranger, 0))
	if err != nil {
		t.Fatal(err)
	}
	notice, receipt, err := home.RevokeGrant(ctx, g, "")
	if err != nil {
		t.Fatal(err)
	}
	of, err := grant.ConcernOf(notice)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := grant.ParseReceipt(receipt); err != nil || !r.Confirms(of) {
		t.Errorf("the home's own receipt: %+v, %v", r, err)
	}
	if _, err := stranger.Notify(notice, visitor.Location()).Await(ctx); !errors.Is(err, hawser.ErrGrantRefused) {
		t.Errorf("told who does not care: %v", err)
	}
	if _, err := visitor.Learn(ctx, notice); !errors.Is(err, grant.ErrRefused) {
		t.Errorf("learned by who does not care: %v", err)
	}
	if err := visitor.VerifyGrant(g); err != nil {
		t.Errorf("it was not to be learned: %v", err)
	}
	visitor.ShareNotices(of.Home)
	if receipt, err := stranger.Notify(notice, visitor.Location()).Await(ctx); err != nil || len(receipt) != 0 {
		t.Errorf("told who does: %x, %v", receipt, err)
	}
	if err := visitor.VerifyGrant(g); !errors.Is(err, grant.Withdrawn) {
		t.Error(err)
	}
	nobody, err := visitor.Anonymous()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := nobody.ExchangeNotices(ctx, of.Home, home.Location()); n != 0 || err != nil {
		t.Errorf("nothing is new: %d, %v", n, err)
	}
	if n, err := visitor.ExchangeNotices(ctx, of.Home, visitor.Location()); n != 0 || err != nil {
		t.Errorf("with itself: %d, %v", n, err)
	}
	if _, err := stranger.Notify([]byte("rubbish"), home.Location()).Await(ctx); !errors.Is(err, hawser.ErrGrantRefused) {
		t.Errorf("rubbish: %v", err)
	}
	if err := home.Close(); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeoutCause(ctx, 300*time.Millisecond, errTooLong)
	defer cancel()
	if _, err := stranger.ExchangeNotices(short, of.Home, home.Location()); err == nil {
		t.Error("exchanged with a node that is not there")
	}
}

var errTooLong = fmt.Errorf("it took too long")

// A home that was restored from a backup has forgotten what it revoked since. It hears of it from others, and goes on behind it.
func TestRevocationsAfterARestore(t *testing.T) {
	ctx, dir, backup := t.Context(), t.TempDir(), t.TempDir()
	bank, ann := pursed(t, dir, nil), open(t, quiet())
	home := grant.KeyOf(bank.Signer())
	issue := func() *grant.Grant {
		g, err := bank.Issue("purse", "owner", termsFor(ann, 0))
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	redeems := func(g *grant.Grant) error {
		_, err := vat.As[PurseRef](ann.Redeem(g, nil, bank.Location())).Balance(ctx).Await(ctx)
		return err
	}
	first, second := issue(), issue()
	if err := bank.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"identity", "store.db"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(backup, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	bank = pursed(t, dir, nil)
	if _, _, err := bank.RevokeGrant(ctx, first, ""); err != nil {
		t.Fatal(err)
	}
	bank.ShareNotices(home)
	if n := meets(t, ann, bank, home); n != 1 {
		t.Errorf("%d heard", n)
	}
	if err := bank.Close(); err != nil {
		t.Fatal(err)
	}

	bank = pursed(t, backup, nil)
	if err := redeems(first); err != nil {
		t.Errorf("it was to be forgotten: %v", err)
	}
	if n := meets(t, bank, ann, home); n != 1 {
		t.Errorf("%d heard", n)
	}
	if err := redeems(first); !errors.Is(err, hawser.ErrGrantRefused) {
		t.Errorf("redeemed: %v", err)
	}
	notice, _, err := bank.RevokeGrant(ctx, second, "")
	if err != nil {
		t.Fatal(err)
	}
	if r, err := grant.ParseRevocation(notice); err != nil || r.Seq != 2 {
		t.Errorf("%+v, %v; want number 2", r, err)
	}
}
