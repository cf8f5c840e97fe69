package hawser_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/vat"
)

// parcel is a durable object that is there for as long as somebody holds it: an account makes it, and gives it to others.
type parcel struct{ Name string }

type Parcel interface {
	Open(name string) (int64, error)
}

type parcelRef struct{ vat.Ref }

var (
	parcelFacet = vat.FacetOf[Parcel]("test.Parcel")
	parcelKind  = vat.KindOf("test.parcel", func() *parcel { return new(parcel) }, parcelFacet)
)

// Open fails if the parcel is another than whoever holds it believes.
func (p *parcel) Open(name string) (int64, error) {
	if name != p.Name {
		return 0, fmt.Errorf("this is parcel %s, not %s", p.Name, name)
	}
	return int64(len(name)), nil
}

// held is a parcel in somebody's hands.
type held struct {
	Parcel parcelRef
	Maker  accountRef
}

// mostHeld is how many parcels an account keeps before it only lets go of them.
const mostHeld = 30

// Trade makes a parcel for others, opens one, gives one back to whoever has made it, or lets go of one, left times and once more.
func (a *account) Trade(ctx context.Context, left int) error {
	switch n := rand.IntN(6); {
	case len(a.Held) > mostHeld:
		a.pick(func(name string, _ held) { delete(a.Held, name) })
	case n < 2 || len(a.Held) == 0:
		a.Made++
		name := fmt.Sprint(a.Name, "#", a.Made)
		made := held{parcelRef{parcelFacet.Spawn(ctx, &parcel{name})}, vat.As[accountRef](vat.Self(ctx))}
		for i, other := range a.Others {
			if rand.IntN(2) == 0 {
				a.give(ctx, fmt.Sprint(i), other, name, made)
			}
		}
		if rand.IntN(3) == 0 {
			a.hold(name, made)
		}
	case n == 2:
		a.pick(func(name string, h held) {
			maker, _, _ := strings.Cut(name, "#")
			a.give(ctx, maker, h.Maker, name, h)
			delete(a.Held, name)
		})
	case n == 3:
		a.pick(func(name string, _ held) { delete(a.Held, name) })
	default:
		a.pick(func(name string, h held) { a.open(ctx, name, h) })
	}
	if left > 0 {
		vat.Self(ctx).Send(ctx, "trade", left-1)
	}
	if rand.IntN(10) == 0 {
		return errors.New("nothing of this has happened, and the trade is over")
	}
	return nil
}

// pick calls do with one of what a holds.
func (a *account) pick(do func(name string, h held)) {
	names := slices.Collect(maps.Keys(a.Held))
	name := names[rand.IntN(len(names))]
	do(name, a.Held[name])
}

func (a *account) give(ctx context.Context, to string, other accountRef, name string, h held) {
	way := fmt.Sprint(a.Name, " gives to ", to)
	if a.Sent == nil {
		a.Sent = make(map[string]int64)
	}
	a.Sent[way]++
	other.Send(ctx, "hold", way, a.Sent[way], name, h.Parcel, h.Maker)
}

func (a *account) hold(name string, h held) {
	if a.Held == nil {
		a.Held = make(map[string]held)
	}
	a.Held[name] = h
}

// Hold takes a parcel into its hands.
func (a *account) Hold(from string, n int64, name string, p parcelRef, maker accountRef) {
	a.Take(from, n, 0)
	a.hold(name, held{p, maker})
}

// Visit opens all that it holds.
func (a *account) Visit(ctx context.Context) {
	for name, h := range a.Held {
		a.open(ctx, name, h)
	}
}

func (a *account) open(ctx context.Context, name string, h held) {
	a.Asked++
	vat.WhenSettled(ctx, vat.Result[int64](h.Parcel.Send(ctx, "open", name)), vat.As[accountRef](vat.Self(ctx)), accountRef.Heard)
}

// handOn has a child give the parcel of a name, which one account holds, to another, as the n-th.
func handOn(ctx context.Context, n *hawser.Node, own accountRef, maker, guest, number, name string) (string, error) {
	answer, err := meet(ctx, n, own, []string{maker, guest}) // for sessions with both that last
	if err != nil {
		return answer, err
	}
	r, err := vat.Result[account](own.Send(ctx, "report")).Await(ctx)
	if err != nil {
		return "", err
	}
	from, to := r.Others[0], r.Others[1]
	if r, err = vat.Result[account](from.Send(ctx, "report")).Await(ctx); err != nil {
		return "", err
	}
	count, err := strconv.Atoi(number)
	if err == nil {
		_, err = vat.Result[any](to.Send(ctx, "hold", "hub", count, name, r.Held[name].Parcel, from)).Await(ctx)
	}
	return "handed on", err
}

// What is handed on is what was meant, also after the process that hands it on was restarted, and has begun to count anew.
func TestHandedOnAfterRestart(t *testing.T) {
	ctx := t.Context()
	hub := &trader{t: t, dir: t.TempDir(), near: true}
	t.Cleanup(hub.kill) // last, or the others wait for its goodbye
	open := func() (n *hawser.Node, own accountRef, uri string) {
		n, err := hawser.Open(ctx, &hawser.Config{
			Dir: t.TempDir(), Listen: "127.0.0.1:0", Kinds: []vat.Kind{accountKind, parcelKind}, Handoffs: home.HandoffPolicy{Local: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = n.Close() })
		own = durableAccount(t, n)
		s, err := n.Publish(ctx, "account", own.Ref)
		if err != nil {
			t.Fatal(err)
		}
		return n, own, s.URI()
	}
	maker, makers, from := open()
	_, guests, to := open()
	v, err := maker.DurableVat("bank")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"a", "b"}
	for i, name := range names {
		ref, err := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) { return parcelFacet.Spawn(ctx, &parcel{name}), nil })
		if err != nil {
			t.Fatal(err)
		}
		makers.Send(ctx, "hold", "maker", i+1, name, ref, makers)
	}
	for i, name := range names {
		hub.kill()
		hub.start()
		if got := hub.tell(fmt.Sprint("hand ", from, " ", to, " ", i+1, " ", name)); got != "handed on" {
			t.Fatal(got)
		}
		guests.Send(ctx, "visit")
		var r account
		until(t, func() bool {
			if r, err = vat.Result[account](guests.Send(ctx, "report")).Await(ctx); err != nil {
				t.Fatal(err)
			}
			return r.Told == r.Asked
		})
		if len(r.Wrong) > 0 || len(r.Held) != i+1 || r.Told != int64(1+2*i) { // one is opened, then two
			t.Errorf("with %q: %d parcels, %q", name, len(r.Held), r.Wrong)
		}
	}
}
