package hawser_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// safe is a purse that can be stored.
type safe struct{ Amount int }

func (s *safe) Balance(context.Context) (int, error) { return s.Amount, nil }
func (s *safe) Deposit(_ context.Context, amount int) (int, error) {
	s.Amount += amount
	return s.Amount, nil
}

func (s *safe) Sprout(context.Context) (PurseRef, error) { return PurseRef{}, nil }

var safeKind = vat.KindOf("safe", func() *safe { return new(safe) }, PurseFacet)

// pursed opens a node in dir that offers a durable purse.
func pursed(t *testing.T, dir string, change func(*hawser.Config)) *hawser.Node {
	t.Helper()
	cfg := &hawser.Config{Dir: dir, Listen: "127.0.0.1:0", Kinds: []vat.Kind{safeKind}}
	if change != nil {
		change(cfg)
	}
	n := open(t, cfg)
	v, err := n.DurableVat("bank")
	if err != nil {
		t.Fatal(err)
	}
	p, err := vat.Root(t.Context(), v, "purse", func(ctx context.Context) (PurseRef, error) {
		return PurseRef{PurseFacet.Spawn(ctx, &safe{})}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Offer(t.Context(), "purse", v, map[string]hawser.Role{
		"owner": {Open: func(context.Context, hawser.Holder) (vat.Ref, error) { return p.Ref, nil }},
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func termsFor(n *hawser.Node, depth int) grant.Terms {
	return grant.Terms{Audience: grant.KeyOf(n.Signer()), Expires: time.Now().Add(time.Hour), Depth: depth}
}

// A grant is redeemed over a network, at a closed door, by its holder and nobody else; it is good after a restart of its home, and what was
// revoked stays revoked.
func TestGrants(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	closed := func(c *hawser.Config) { c.Door.Closed = true }
	bank := pursed(t, dir, closed)
	ann, bill, thief := open(t, nil), open(t, nil), open(t, nil)
	anns, err := bank.Issue("purse", "owner", termsFor(ann, 2))
	if err != nil {
		t.Fatal(err)
	}
	bills, err := anns.Delegate(ann.Signer(), termsFor(bill, 0))
	if err != nil {
		t.Fatal(err)
	}
	deposit := func(n *hawser.Node, g *grant.Grant, amount int) (int, error) {
		return vat.As[PurseRef](n.Redeem(g, nil, bank.Location())).Deposit(ctx, amount).Await(ctx)
	}
	if n, err := deposit(ann, anns, 7); n != 7 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := deposit(bill, bills, 1); n != 8 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := deposit(thief, bills, 1); err == nil {
		t.Error("somebody else has redeemed a grant")
	}
	if _, err := vat.As[PurseRef](thief.Redeem(anns, ann.Signer(), thief.Location())).Deposit(ctx, 1).Await(ctx); err == nil {
		t.Error("a grant was redeemed at a node that is not its subject")
	}
	if _, err := vat.As[PurseRef](ann.Redeem(anns, nil, bill.Location())).Deposit(ctx, 1).Await(ctx); err == nil {
		t.Error("a grant was shown to a node that is not its subject")
	}
	if err := bank.Close(); err != nil {
		t.Fatal(err)
	}

	bank = pursed(t, dir, closed)
	if n, err := deposit(bill, bills, 1); n != 9 || err != nil {
		t.Fatal("after a restart", n, err)
	}
	notice, none, err := ann.RevokeGrant(ctx, bills, "he is gone")
	if err != nil || none != nil {
		t.Fatal(none, err)
	}
	if n, err := deposit(ann, anns, 1); n != 10 || err != nil {
		t.Fatal(n, err)
	}
	held := vat.As[PurseRef](bill.Redeem(bills, nil, bank.Location()))
	if n, err := held.Balance(ctx).Await(ctx); n != 10 || err != nil {
		t.Fatal("nobody has told the bank yet:", n, err)
	}
	asked := time.Now()
	receipt, err := ann.Notify(notice, bank.Location()).Await(ctx)
	if err != nil {
		t.Fatal(err)
	}
	of, err := grant.ConcernOf(notice)
	if err != nil {
		t.Fatal(err)
	}
	r, err := grant.ParseReceipt(receipt)
	if err != nil || !r.Confirms(of) || r.Home != grant.KeyOf(bank.Signer()) || r.Link != bills.ID() || r.AsOf.Before(asked) || r.AsOf.After(time.Now().Add(time.Second)) {
		t.Fatalf("the receipt: %+v, %v", r, err)
	}
	if _, err := held.Balance(ctx).Await(ctx); err == nil {
		t.Error("what was revoked works")
	}
	for range 2 {
		if _, err := deposit(bill, bills, 1); err == nil {
			t.Error("what was revoked was redeemed")
		}
		if n, err := deposit(ann, anns, 1); err != nil {
			t.Error(n, err)
		}
		if err := bank.Close(); err != nil {
			t.Fatal(err)
		}
		bank = pursed(t, dir, func(c *hawser.Config) {})
	}
	if _, err := deposit(bill, bills, 1); !errors.Is(err, hawser.ErrGrantRefused) {
		t.Error(err)
	}
}

// What a durable object has redeemed works after both nodes were closed and opened again, also before the object is offered again, and what was
// sent meanwhile arrives once; when the grant was revoked it is over.
func TestGrantsOutlast(t *testing.T) {
	ctx := context.Background()
	hostDir, guestDir := t.TempDir(), t.TempDir()
	host, guest := durableNode(t, hostDir), durableNode(t, guestDir)
	offer := func() {
		t.Helper()
		bank, err := host.DurableVat("bank")
		if err != nil {
			t.Fatal(err)
		}
		own := durableAccount(t, host).Ref
		if _, err := host.Offer(ctx, "account", bank, map[string]hawser.Role{
			"clerk": {Open: func(context.Context, hawser.Holder) (vat.Ref, error) { return own, nil }},
		}); err != nil {
			t.Fatal(err)
		}
	}
	offer()
	g, err := host.Issue("account", "clerk", termsFor(guest, 0))
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
	told := func() account {
		t.Helper()
		r, err := vat.Result[account](durableAccount(t, guest).Send(ctx, "report")).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	inquire := func() {
		t.Helper()
		if _, err := vat.Result[any](durableAccount(t, guest).Send(ctx, "inquire")).Await(ctx); err != nil {
			t.Fatal(err)
		}
	}
	inquire()
	until(t, func() bool { return told().Told == 1 })
	for n := range int64(3) {
		if err := host.Close(); err != nil {
			t.Fatal(err)
		}
		inquire() // while nobody is there
		if err := guest.Close(); err != nil {
			t.Fatal(err)
		}
		host, guest = durableNode(t, hostDir), durableNode(t, guestDir)
		until(t, func() bool { return told().Told == 2+n })
	}
	if a := told(); len(a.Wrong) > 0 || a.Asked != a.Told {
		t.Fatalf("%+v", a)
	}
	if r, err := vat.Result[account](durableAccount(t, host).Send(ctx, "report")).Await(ctx); err != nil || r.Seen["account inquires"] != 4 || len(r.Wrong) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, _, err := host.RevokeGrant(ctx, g, ""); err != nil {
		t.Fatal(err)
	}
	inquire()
	until(t, func() bool { return told().Told == 5 })
	if a := told(); len(a.Wrong) != 1 || !strings.Contains(a.Wrong[0], hawser.ErrGrantOver.Code) {
		t.Errorf("%q, want that it is over", a.Wrong)
	}
}

// A grant introduces its holder to an object whose home is away, as is whoever has passed it on: the reference waits, and comes back after each
// restart, until the grant is over.
func TestIntroductionWhileAway(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	bank := pursed(t, dir, nil)
	ann, bill := open(t, nil), open(t, nil)
	anns, err := bank.Issue("purse", "owner", termsFor(ann, 2))
	if err != nil {
		t.Fatal(err)
	}
	at := bank.Location()
	if err := bank.Close(); err != nil {
		t.Fatal(err)
	}
	bills, err := anns.Delegate(ann.Signer(), termsFor(bill, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := ann.Close(); err != nil {
		t.Fatal(err)
	}
	live := vat.As[PurseRef](bill.RedeemLive(bills, nil, at))
	if again := bill.RedeemLive(bills, nil, at); again != live.Ref {
		t.Error("one grant, and two live references")
	}
	for n := 1; n <= 3; n++ {
		deposit := live.Deposit(ctx, 1) // nobody is there
		bank = pursed(t, dir, nil)
		if sum, err := deposit.Await(ctx); sum != n || err != nil {
			t.Fatal(sum, err)
		}
		if n == 3 {
			break
		}
		lost := make(chan error, 1)
		stop, err := vat.Do(ctx, bill.Vat("bill"), func(ctx context.Context) (func(), error) {
			return vat.OnSever(ctx, live.Ref, func(_ context.Context, reason error) { lost <- reason }), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := bank.Close(); err != nil {
			t.Fatal(err)
		}
		<-lost
		stop()
	}
	if _, receipt, err := bank.RevokeGrant(ctx, bills, ""); receipt == nil || err != nil {
		t.Fatal(err)
	}
	if _, err := live.Deposit(ctx, 1).Await(ctx); !errors.Is(err, hawser.ErrGrantOver) {
		t.Error(err)
	}
	if _, err := bill.RedeemLive(issueFor(t, bank, ann), nil, at).Await(ctx); err == nil {
		t.Error("a grant for somebody else")
	}
}

func issueFor(t *testing.T, bank, to *hawser.Node) *grant.Grant {
	t.Helper()
	g, err := bank.Issue("purse", "owner", termsFor(to, 0))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Anybody may carry a message to the home of the object, which hears it once, also after a restart.
func TestMessagesByGrant(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	bank := pursed(t, dir, nil)
	ann, carrier := open(t, nil), open(t, nil)
	terms := termsFor(ann, 0)
	terms.Accept = time.Now().Add(2 * time.Hour)
	g, err := bank.Issue("purse", "owner", terms)
	if err != nil {
		t.Fatal(err)
	}
	message, err := ann.SignCall(g, nil, 1, "deposit", 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := ann.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for range 2 {
			if ok, err := carrier.Deliver(g, message, bank.Location()).Await(ctx); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		v, err := bank.DurableVat("bank")
		if err != nil {
			t.Fatal(err)
		}
		purse, err := vat.Root(ctx, v, "purse", func(context.Context) (PurseRef, error) { return PurseRef{}, errors.New("there is none") })
		if err != nil {
			t.Fatal(err)
		}
		if n, err := purse.Balance(ctx).Await(ctx); n != 7 || err != nil {
			t.Errorf("%d, %v, want 7", n, err)
		}
		if err := bank.Close(); err != nil {
			t.Fatal(err)
		}
		bank = pursed(t, dir, nil)
	}
	message[len(message)-1] ^= 1
	if _, err := carrier.Deliver(g, message, bank.Location()).Await(ctx); !errors.Is(err, hawser.ErrGrantRefused) {
		t.Error(err)
	}
}

// The author of a message is told what its call has come to, at a closed door, too, and after a restart; whoever has carried it is not.
func TestAnswersByGrant(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	bank := pursed(t, dir, func(c *hawser.Config) { c.Door.Closed = true })
	ann, thief := open(t, nil), open(t, nil)
	terms := termsFor(ann, 0)
	terms.Accept = time.Now().Add(2 * time.Hour)
	g, err := bank.Issue("purse", "owner", terms)
	if err != nil {
		t.Fatal(err)
	}
	call := func(seq uint64, method string, args ...any) []byte {
		t.Helper()
		message, err := ann.SignCall(g, nil, seq, method, args...)
		if err != nil {
			t.Fatal(err)
		}
		return message
	}
	answer := func(message []byte) (int, error) {
		return vat.Result[int](ann.Answer(g, nil, message, bank.Location())).Await(ctx)
	}
	seven, eight := call(1, "deposit", 7), call(2, "deposit", 1)
	if ok, err := bank.Deliver(g, seven, bank.Location()).Await(ctx); !ok || err != nil {
		t.Fatal(ok, err)
	}
	for range 2 {
		for i, m := range [][]byte{seven, eight, seven} {
			if n, err := answer(m); n != 7+i%2 || err != nil {
				t.Errorf("%d: %d, %v", i, n, err)
			}
		}
		if _, err := answer(call(1, "deposit", 100)); !errors.Is(err, hawser.ErrOtherMessage) {
			t.Error(err)
		}
		if _, err := thief.Answer(g, nil, seven, bank.Location()).Await(ctx); err == nil {
			t.Error("somebody else was told")
		}
		if _, err := ann.Answer(g, nil, seven, thief.Location()).Await(ctx); err == nil {
			t.Error("a message was shown to another node")
		}
		if n, err := vat.Result[int](bank.Answer(g, ann.Signer(), seven, bank.Location())).Await(ctx); n != 7 || err != nil {
			t.Error("at home:", n, err)
		}
		if err := bank.Close(); err != nil {
			t.Fatal(err)
		}
		bank = pursed(t, dir, nil)
	}
	if _, _, err := bank.RevokeGrant(ctx, g, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := answer(seven); !errors.Is(err, hawser.ErrGrantRefused) {
		t.Error(err)
	}
	nobody, err := ann.Anonymous()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nobody.Answer(g, nil, seven, bank.Location()).Await(ctx); err == nil {
		t.Error("an anonymous node has signed")
	}
}

// Over a session that outlives processes a grant is redeemed once, whatever becomes of the home's process: the answer waits until the object is
// offered again.
func TestRedeemIsOwed(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	hostDir, guestDir := t.TempDir(), t.TempDir()
	host, guest := acquainted(t, hostDir, guestDir)
	var grants []*grant.Grant
	for range 2 {
		g, err := host.Issue("account", "clerk", termsFor(guest, 0))
		if err != nil {
			t.Fatal(err)
		}
		grants = append(grants, g)
	}
	at := host.Location()
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	waits := guest.Redeem(grants[0], nil, at)
	for range 2 {
		host = durableNode(t, hostDir)
		until(t, func() bool { return len(host.Sessions()) > 0 })
		transfers(t, host, guest) // what was asked before has come by now
		if err := host.Close(); err != nil {
			t.Fatal(err)
		}
	}
	host = durableNode(t, hostDir)
	bank, err := host.DurableVat("bank")
	if err != nil {
		t.Fatal(err)
	}
	own := durableAccount(t, host).Ref
	if _, err := host.Offer(ctx, "account", bank, map[string]hawser.Role{
		"clerk": {Open: func(context.Context, hawser.Holder) (vat.Ref, error) { return own, nil }},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := vat.Result[account](waits.Send(ctx, "report")).Await(ctx); err != nil {
		t.Error(err)
	}
	if _, err := vat.Result[account](guest.Redeem(grants[1], nil, at).Send(ctx, "report")).Await(ctx); err != nil {
		t.Error(err)
	}
}
