package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// A grant that the command has issued, while the node runs, opens the object there; once the node was notified it does no more.
func TestGrantAtANode(t *testing.T) {
	ctx, dir, files := context.Background(), t.TempDir(), t.TempDir()
	host, at := clerkNode(t, dir)
	offer := func(n *hawser.Node, at clerkRef) {
		t.Helper()
		_, err := n.Offer(ctx, "clerk", n.Vat("office"), map[string]hawser.Role{
			"guest": {Open: func(context.Context, hawser.Holder) (vat.Ref, error) { return at.Ref, nil }},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	offer(host, at)
	hawserRuns := func(status int, want string, args ...string) string {
		t.Helper()
		var out, bad bytes.Buffer
		if got := run(args, &out, &bad); got != status || !strings.Contains(out.String()+bad.String(), want) {
			t.Fatalf("hawser %v: status %d, %s%s; want %d and %q", args, got, out.String(), bad.String(), status, want)
		}
		return strings.TrimSpace(out.String())
	}
	key := filepath.Join(files, "guest.key")
	guest := hawserRuns(0, "", "grant", "key", key)
	text := hawserRuns(0, "hawser-grant:", "grant", "issue", "-dir", dir, "-object", "clerk", "-role", "guest", "-to", guest, "-for", "1h")

	id, err := readIdentity(key)
	if err != nil {
		t.Fatal(err)
	}
	g := new(grant.Grant)
	if err := g.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if g.Object() != host.ObjectID("clerk") || g.Subject() != grant.KeyOf(host.Signer()) {
		t.Errorf("%s of %s, want the node's object", g, g.Subject())
	}
	visitor, err := hawser.Open(ctx, &hawser.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = visitor.Close() })
	redeemed := visitor.Redeem(g, grant.SignerOf(id), host.Location())
	if _, err := redeemed.Await(ctx); err != nil {
		t.Fatal(err)
	}

	notice := hawserRuns(0, "if it runs, tell it now", "grant", "revoke", "-dir", dir, text)
	if _, err := visitor.Redeem(g, grant.SignerOf(id), host.Location()).Await(ctx); err != nil {
		t.Errorf("the node has not been told yet: %v", err)
	}
	where := host.Location().URI()
	hawserRuns(1, "the node has refused the notice", "grant", "notify", "-at", visitor.Location().URI(), notice)
	homeKey := grant.KeyOf(host.Signer()).String()
	for range 2 { // it says so as often as it is told
		receipt := hawserRuns(0, "what was given by the grant has ended", "grant", "notify", "-at", where, notice)
		hawserRuns(0, "home     "+homeKey, "grant", "show", receipt)
		hawserRuns(0, "good: the revocation of "+g.ID().String()+" has had effect since ", "grant", "verify", "-home", homeKey, "-of", notice, receipt)
		hawserRuns(1, "(of another home)", "grant", "verify", "-home", guest, receipt)
		hawserRuns(1, "bad signature", "grant", "verify", receipt[:len(receipt)-20]+strings.Repeat("A", 20))
		hawserRuns(2, "-at and -revoked are about grants", "grant", "verify", "-at", "1h", receipt)
		hawserRuns(2, "-of is about receipts", "grant", "verify", "-of", notice, text)
	}
	other := filepath.Join(files, "other.notice")
	second := hawserRuns(0, "", "grant", "issue", "-dir", dir, "-object", "clerk", "-role", "guest", "-to", guest, "-for", "1h")
	if err := os.WriteFile(other, []byte(hawserRuns(0, "", "grant", "revoke", "-key", key, "-record", filepath.Join(files, "record"), second)), 0o600); err != nil {
		t.Fatal(err)
	}
	receipt := hawserRuns(0, "", "grant", "notify", "-at", where, notice)
	hawserRuns(1, "(of another notice)", "grant", "verify", "-of", other, receipt)
	// A receipt does not say by itself that anything was revoked: it may be of a head.
	head, err := new(grant.Set).Head(host.Signer(), g, g.ID(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	headReceipt, err := visitor.Notify(head, host.Location()).Await(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ofHead := grant.ReceiptText(headReceipt)
	if got := hawserRuns(0, "has known notice ", "grant", "verify", ofHead); strings.Contains(got, "effect") {
		t.Errorf("of a head: %q", got)
	}
	if got := hawserRuns(0, "has known how far the revocations by "+homeKey, "grant", "verify", "-of", grant.NoticeText(head), ofHead); strings.Contains(got, "effect") {
		t.Errorf("of a head: %q", got)
	}
	visitor.ShareNotices(grant.KeyOf(host.Signer()))
	if got := hawserRuns(0, "gives no receipt", "grant", "notify", "-at", visitor.Location().URI(), notice); got != "" {
		t.Errorf("printed by who is not the home: %q", got)
	}
	if _, err := visitor.Redeem(g, grant.SignerOf(id), host.Location()).Await(ctx); err == nil {
		t.Error("a grant that was revoked is redeemed")
	}

	// The node is not disturbed, nor its directory by anything but the notices.
	left, err := filepath.Glob(filepath.Join(dir, "*notices*"))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	hawserRuns(2, "not answered within", "grant", "notify", "-timeout", "500ms", "-at", where, notice)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("gave up after %v", took)
	}

	// While it is off it can be revoked, too, and the node knows when it is back.
	later := hawserRuns(0, "", "grant", "issue", "-dir", dir, "-object", "clerk", "-role", "guest", "-to", guest, "-for", "1h")
	kept := hawserRuns(0, "", "grant", "issue", "-dir", dir, "-object", "clerk", "-role", "guest", "-to", guest, "-for", "1h")
	hawserRuns(0, "good", "grant", "verify", later)
	hawserRuns(0, "from its next start on", "grant", "revoke", "-dir", dir, later)
	host, at = clerkNode(t, dir)
	offer(host, at)
	for text, want := range map[string]bool{later: false, kept: true} {
		if err := g.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := visitor.Redeem(g, grant.SignerOf(id), host.Location()).Await(ctx); (err == nil) != want {
			t.Errorf("redeemed after the restart: %v, want %v", err, want)
		}
	}
}
