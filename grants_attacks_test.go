package hawser_test

import (
	"bytes"
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

// teller deposits for others, in the purses that they give it: by reference, or, as it had better not, by a grant.
type teller struct{ node, bank *hawser.Node }

type tellerAPI interface {
	DepositIn(ctx context.Context, purse PurseRef, amount int) (int, error)
	DepositBy(ctx context.Context, shown []byte, amount int) (int, error)
}

var tellerFacet = vat.FacetOf[tellerAPI]("test.Teller")

func (s *teller) DepositIn(ctx context.Context, purse PurseRef, amount int) (int, error) {
	return purse.Deposit(ctx, amount).Await(ctx)
}

func (s *teller) DepositBy(ctx context.Context, shown []byte, amount int) (int, error) {
	g, err := grant.Parse(shown)
	if err != nil {
		return 0, err
	}
	return vat.As[PurseRef](s.node.Redeem(g, nil, s.bank.Location())).Deposit(ctx, amount).Await(ctx)
}

// T16: a service that may do more than whoever asks it does not lend them that. A grant is of one object, and opens a reference that has the authority
// of that grant: what the service itself was granted, of the same object, is in another. And it cannot use a grant that was passed to it as if
// that were its own: it is not whom the grant names.
func TestT16ConfusedDeputy(t *testing.T) {
	ctx := t.Context()
	bank := pursed(t, t.TempDir(), nil)
	other, err := vat.Do(ctx, bank.Vat("bank two"), func(ctx context.Context) (vat.Ref, error) { return PurseFacet.Spawn(ctx, &safe{Amount: 1000}), nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bank.Offer(ctx, "the bank's own", bank.Vat("bank two"), map[string]hawser.Role{
		"owner": {Open: func(context.Context, hawser.Holder) (vat.Ref, error) { return other, nil }},
	}); err != nil {
		t.Fatal(err)
	}
	ann, service := open(t, nil), open(t, nil)
	look := termsFor(ann, 0)
	look.Methods = []string{"balance"}
	anns, err := bank.Issue("purse", "owner", look)
	if err != nil {
		t.Fatal(err)
	}
	var services []*grant.Grant
	for _, name := range []string{"purse", "the bank's own"} {
		g, err := bank.Issue(name, "owner", termsFor(service, 0))
		if err != nil {
			t.Fatal(err)
		}
		services = append(services, g)
	}
	at, err := vat.Do(ctx, service.Vat("tellers"), func(ctx context.Context) (vat.Ref, error) {
		return tellerFacet.Spawn(ctx, &teller{service, bank}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	invite, err := service.Publish(ctx, "teller", at)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := vat.As[PurseRef](service.Redeem(services[0], nil, bank.Location())).Deposit(ctx, 7).Await(ctx); n != 7 || err != nil {
		t.Fatal("the service itself:", n, err)
	}
	toService, hers := ann.Enliven(invite), ann.Redeem(anns, nil, bank.Location())
	_, err = vat.Result[int](toService.Send(ctx, "depositIn", hers, 1)).Await(ctx)
	if !errors.Is(err, hawser.ErrBeyondGrant) {
		t.Errorf("by her reference: %v, want that it is beyond her grant", err)
	}
	if _, err := vat.Result[int](toService.Send(ctx, "depositBy", anns.Bytes(), 1)).Await(ctx); err == nil {
		t.Error("the service has used her grant as if it were its own")
	}
	// One grant, one object: whatever the service was granted besides is nowhere in reach of the reference that it gets.
	for what, g := range map[string]*grant.Grant{"her": anns, "its": services[1]} {
		if of := g.Object(); (of == bank.ObjectID("purse")) != (g == anns) || of == (grant.ObjectID{}) {
			t.Errorf("%s grant is of %s", what, of)
		}
	}
	if n, err := vat.As[PurseRef](hers).Balance(ctx).Await(ctx); n != 7 || err != nil {
		t.Errorf("%d, %v, want the 7 of the purse", n, err)
	}
	if n, err := vat.As[PurseRef](service.Redeem(services[1], nil, bank.Location())).Balance(ctx).Await(ctx); n != 1000 || err != nil {
		t.Errorf("%d, %v, want the 1000 of the other", n, err)
	}
}

// T26: a directory that was put back to an earlier state does again what was done since, once: what a message has done, and that it was heard, are
// one thing in the store. What was revoked since is forgotten as well, until somebody says it again, after which it stays.
func TestT26RestoredDirectory(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	bank := pursed(t, dir, nil)
	ann := open(t, nil)
	terms := termsFor(ann, 0)
	terms.Accept = time.Now().Add(2 * time.Hour)
	g, err := bank.Issue("purse", "owner", terms)
	if err != nil {
		t.Fatal(err)
	}
	var messages [][]byte
	for i := range 3 {
		m, err := ann.SignCall(g, nil, uint64(i+1), "deposit", 10)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, m)
	}
	deliver := func(i int) error { _, err := ann.Deliver(g, messages[i], bank.Location()).Await(ctx); return err }
	holds := func(when string, want int) {
		t.Helper()
		v, err := bank.DurableVat("bank")
		if err != nil {
			t.Fatal(err)
		}
		p, err := vat.Root(ctx, v, "purse", func(context.Context) (PurseRef, error) { return PurseRef{}, errors.New("there is none") })
		if err != nil {
			t.Fatal(err)
		}
		if n, err := p.Balance(ctx).Await(ctx); n != want || err != nil {
			t.Errorf("%s: %d, %v, want %d", when, n, err, want)
		}
	}
	if err := deliver(0); err != nil {
		t.Fatal(err)
	}
	holds("before", 10)
	if err := bank.Close(); err != nil {
		t.Fatal(err)
	}
	backup := copyDir(t, dir)
	bank = pursed(t, dir, nil)
	if err := errors.Join(deliver(0), deliver(1)); err != nil {
		t.Fatal(err)
	}
	holds("since", 20)
	notice, _, err := bank.RevokeGrant(ctx, g, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := deliver(2); !errors.Is(err, hawser.ErrGrantRefused) {
		t.Errorf("after it was revoked: %v", err)
	}
	if err := bank.Close(); err != nil {
		t.Fatal(err)
	}
	bank = pursed(t, backup, nil)
	holds("restored", 10)
	if err := errors.Join(deliver(0), deliver(1), deliver(1), deliver(0)); err != nil {
		t.Errorf("delivered again: %v", err)
	}
	holds("delivered again", 20)
	for range 2 {
		if receipt, err := ann.Notify(notice, bank.Location()).Await(ctx); len(receipt) == 0 || err != nil {
			t.Errorf("said again: %v", err)
		}
		if err := deliver(2); !errors.Is(err, hawser.ErrGrantRefused) {
			t.Errorf("after that was said again: %v", err)
		}
		holds("in the end", 20)
		if err := bank.Close(); err != nil {
			t.Fatal(err)
		}
		bank = pursed(t, backup, nil)
	}
}

// T33: a node that has another key is another subject: what was granted under the old one is refused, as is what was said of it, and a grant under the
// new one is a new grant. What the old ones have opened is over with the sessions they were opened in.
func TestT33NewKeyOfTheHome(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	bank := pursed(t, dir, nil)
	ann := open(t, nil)
	old, err := bank.Issue("purse", "owner", termsFor(ann, 0))
	if err != nil {
		t.Fatal(err)
	}
	deposit := func(g *grant.Grant) (int, error) {
		return vat.As[PurseRef](ann.Redeem(g, nil, bank.Location())).Deposit(ctx, 1).Await(ctx)
	}
	held := vat.As[PurseRef](ann.Redeem(old, nil, bank.Location()))
	if n, err := held.Deposit(ctx, 1).Await(ctx); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	before := bank.Location()
	notice, _, err := ann.RevokeGrant(ctx, old, "the key was lost")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(bank.Close(), os.Rename(filepath.Join(dir, "identity"), filepath.Join(dir, "identity.old"))); err != nil {
		t.Fatal(err)
	}
	bank = pursed(t, dir, nil)
	if bank.Location().ID() == before.ID() {
		t.Fatal("the node has the key that it had")
	}
	if _, err := deposit(old); err == nil {
		t.Error("a grant by the old key was redeemed")
	}
	if _, err := held.Balance(ctx).Await(ctx); err == nil {
		t.Error("a reference of before works")
	}
	if _, err := ann.Notify(notice, bank.Location()).Await(ctx); !errors.Is(err, hawser.ErrGrantRefused) {
		t.Errorf("what was said of grants by the old key: %v", err)
	}
	next, err := bank.Issue("purse", "owner", termsFor(ann, 0))
	if err != nil {
		t.Fatal(err)
	}
	if next.Object() != bank.ObjectID("purse") || next.Subject() == old.Subject() {
		t.Error("the new grant is the old one's")
	}
	if n, err := deposit(next); n != 2 || err != nil {
		t.Errorf("by the new key: %d, %v, want 2", n, err)
	}
}

// T34: of a grant that is redeemed, at a closed door or an open one, whoever carries the packets sees nothing: not whom it names, not of which object it
// is, not by which links it has come.
func TestT34NothingOfGrantsOnTheWire(t *testing.T) {
	ctx := t.Context()
	for _, closed := range []bool{true, false} {
		relay := listenRelay(t)
		bank := pursed(t, t.TempDir(), func(c *hawser.Config) { c.Door.Closed = closed })
		ann, bill := open(t, nil), open(t, nil)
		relay.target(bank.Location().Hints["addr"])
		place := bank.Location().Clone()
		place.Hints = map[string]string{"addr": relay.address()}
		anns, err := bank.Issue("purse", "owner", termsFor(ann, 2))
		if err != nil {
			t.Fatal(err)
		}
		bills, err := anns.Delegate(ann.Signer(), termsFor(bill, 0))
		if err != nil {
			t.Fatal(err)
		}
		purse := vat.As[PurseRef](bill.Redeem(bills, nil, place))
		if n, err := purse.Deposit(ctx, 7).Await(ctx); n != 7 || err != nil {
			t.Fatal(n, err)
		}
		notice, _, err := bill.RevokeGrant(ctx, bills, "")
		if err != nil {
			t.Fatal(err)
		}
		if receipt, err := bill.Notify(notice, place).Await(ctx); len(receipt) == 0 || err != nil {
			t.Fatal(receipt, err)
		}
		seen := relay.seen()
		if len(seen) < 4000 {
			t.Fatalf("the relay has seen %d bytes: it was not by way of it", len(seen))
		}
		for what, b := range map[string][]byte{"the grant": bills.Bytes(), "the notice": notice} {
			for i := 0; i+8 <= len(b); i++ {
				if bytes.Contains(seen, b[i:i+8]) {
					t.Errorf("closed %t: %s shows: %x", closed, what, b[i:i+8])
					break
				}
			}
		}
	}
}
