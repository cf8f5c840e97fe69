package hawser_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

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

// payer is somebody at the bank who pays into a purse by way of a grant.
type payer struct{ Purse vat.Ref }

func (p *payer) Take(_ context.Context, purse vat.Ref) error { p.Purse = purse; return nil }
func (p *payer) Pay(ctx context.Context, amount int) error {
	return p.Purse.SendOnly(ctx, "deposit", amount)
}

type paying interface {
	Take(ctx context.Context, purse vat.Ref) error
	Pay(ctx context.Context, amount int) error
}

var (
	payerFacet = vat.FacetOf[paying]("test.Payer")
	payerKind  = vat.KindOf("payer", func() *payer { return new(payer) }, payerFacet)
)

// A process dies while calls by two grants wait for their turn, and one of the grants is revoked in its directory before it is back. Then the calls by
// that one do not run, and those by the other do, in a depot that delivers what waited once it is started: what the notices end is ended after that.
func TestNoticesBeforeWhatWaited(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	kinds := func(c *hawser.Config) { c.Kinds, c.Logger = append(c.Kinds, payerKind), hclog.NewNullLogger() }
	bank := pursed(t, dir, kinds)
	payers, err := bank.DurableVat("payers")
	if err != nil {
		t.Fatal(err)
	}
	type ref struct{ vat.Ref }
	var grants [2]*grant.Grant
	var all [2]ref
	for i := range all {
		if grants[i], err = bank.Issue("purse", "owner", termsFor(bank, 0)); err != nil {
			t.Fatal(err)
		}
		purse, err := bank.Redeem(grants[i], nil, bank.Location()).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		all[i], err = vat.Root(ctx, payers, []string{"ann", "bill"}[i], func(ctx context.Context) (ref, error) {
			return ref{payerFacet.Spawn(ctx, new(payer))}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := vat.Result[any](all[i].Send(ctx, "take", purse)).Await(ctx); err != nil {
			t.Fatal(err)
		}
	}
	vault, err := bank.DurableVat("bank")
	if err != nil {
		t.Fatal(err)
	}
	hold, held, free := make(chan bool), make(chan bool), make(chan error, 1)
	go func() {
		_, err := vat.Do(context.Background(), vault, func(context.Context) (int, error) {
			close(held)
			<-hold
			return 0, nil
		})
		free <- err
	}()
	<-held
	for i, amount := range []int{1, 10} {
		for range 3 {
			if _, err := vat.Result[any](all[i].Send(ctx, "pay", amount)).Await(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	crashed := map[bool]string{true: t.TempDir(), false: t.TempDir()} // what a process that dies now leaves behind
	for _, to := range crashed {
		for _, name := range []string{"identity", "store.db"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err == nil {
				err = os.WriteFile(filepath.Join(to, name), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	close(hold)
	if err := errors.Join(<-free, bank.Close()); err != nil {
		t.Fatal(err)
	}
	id, err := hawser.IdentityIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	notice, err := grants[0].Revoke(grant.SignerOf(id), grant.Withdrawal{Link: grants[0].ID()}, grant.Feed{})
	if err == nil {
		err = os.WriteFile(filepath.Join(crashed[true], "notices"), []byte(grant.NoticeText(notice)+"\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for revoked, want := range map[bool]int{true: 30, false: 33} {
		for _, when := range []string{"at first", "again"} {
			bank := pursed(t, crashed[revoked], kinds)
			purse := vat.As[PurseRef](bank.Redeem(grants[1], nil, bank.Location()))
			n, err := purse.Balance(ctx).Await(ctx)
			for began := time.Now(); n < want && err == nil && time.Since(began) < 20*time.Second; { // after a crash they come one by one, those that were sent first before
				n, err = purse.Balance(ctx).Await(ctx)
			}
			if n != want || err != nil {
				t.Errorf("revoked %v, %s: %d, %v; want %d", revoked, when, n, err, want)
			}
			if _, err := bank.Redeem(grants[0], nil, bank.Location()).Await(ctx); errors.Is(err, hawser.ErrGrantRefused) != revoked {
				t.Errorf("revoked %v, %s: %v", revoked, when, err)
			}
			if err := bank.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
