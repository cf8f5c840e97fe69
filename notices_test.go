package hawser_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// What was revoked in a node's directory while the node did not run is revoked when it is back, what had been redeemed included,
// and stays so when the file has gone. So is what the node's owner has heard, or said, about grants of others. Remarks do not matter.
func TestNoticesInADir(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	file := filepath.Join(dir, "notices")
	bank, ann, bill, other := pursed(t, dir, nil), open(t, nil), open(t, nil), open(t, nil)
	anns, err := bank.Issue("purse", "owner", termsFor(ann, 0))
	if err != nil {
		t.Fatal(err)
	}
	bills, err := bank.Issue("purse", "owner", termsFor(bill, 0))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := other.Issue("purse", "owner", termsFor(bank, 0))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := other.Issue("purse", "owner", termsFor(bank, 1))
	if err != nil {
		t.Fatal(err)
	}
	deposit := func(n *hawser.Node, g *grant.Grant) error {
		_, err := vat.As[PurseRef](n.Redeem(g, nil, bank.Location())).Deposit(ctx, 1).Await(ctx)
		return err
	}
	if err := errors.Join(deposit(ann, anns), deposit(bill, bills)); err != nil {
		t.Fatal(err)
	}
	if err := bank.Close(); err != nil {
		t.Fatal(err)
	}

	id, err := hawser.IdentityIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	text := "# revoked at a desk\n\n"
	for _, g := range []*grant.Grant{elsewhere, bills} {
		notice, err := g.Revoke(grant.SignerOf(id), grant.Withdrawal{Link: g.ID()}, grant.Feed{})
		if err != nil {
			t.Fatal(err)
		}
		text += grant.NoticeText(notice) + "\n"
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"with the file", "with it again", "without it"} {
		if when == "without it" {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		bank = pursed(t, dir, nil)
		if err := deposit(bill, bills); !errors.Is(err, hawser.ErrGrantRefused) {
			t.Errorf("%s: what was revoked: %v, want %v", when, err, hawser.ErrGrantRefused)
		}
		if err := deposit(ann, anns); err != nil {
			t.Errorf("%s: what was not: %v", when, err)
		}
		if err := bank.VerifyGrant(elsewhere); !errors.Is(err, grant.Withdrawn) {
			t.Errorf("%s: what the bank has renounced: %v", when, err)
		}
		if err := bank.VerifyGrant(kept); err != nil {
			t.Errorf("%s: what it has not: %v", when, err)
		}
		if err := bank.Close(); err != nil {
			t.Fatal(err)
		}
	}

	// The next that the node says of another home follows from what was said at the desk.
	bank = pursed(t, dir, nil)
	longer, err := kept.Delegate(bank.Signer(), termsFor(ann, 0))
	if err != nil {
		t.Fatal(err)
	}
	notice, receipt, err := bank.RevokeGrant(ctx, longer, "")
	if err != nil || receipt != nil {
		t.Fatal(receipt, err)
	}
	if r, err := grant.ParseRevocation(notice); err != nil || r.Seq != 2 {
		t.Errorf("%+v, %v; want number 2", r, err)
	}
	if err := bank.VerifyGrant(longer); !errors.Is(err, grant.Withdrawn) {
		t.Errorf("what the node itself has revoked: %v", err)
	}
	if err := bank.Close(); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(file, []byte(text[:len(text)-9]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := hawser.Open(context.Background(), &hawser.Config{Dir: dir, Listen: "127.0.0.1:0", Kinds: []vat.Kind{safeKind}}); err == nil || !strings.Contains(err.Error(), "line 4 of "+file) {
		t.Errorf("a notice cut short: %v, %v", n, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := pursed(t, dir, nil).Close(); err != nil {
		t.Errorf("after an Open that failed: %v", err)
	}
}
