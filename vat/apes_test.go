package vat_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/vat"
)

// ape is a durable object that does at random whatever can be done.
type ape struct {
	Friends   []vat.Ref
	Things    map[string]vat.Ref
	Hopes     []promise.Promise[int]
	Resolvers []promise.Resolver[int]
	Timers    []vat.Timer
	Revokers  []vat.Ref
	Heard     int
	Rings     int
	N         int
}

type Ape interface {
	Meet(friends []vat.Ref)
	Do(ctx context.Context, seed uint64, depth int) (any, error)
	Told(o promise.Outcome[int])
	Ring(ctx context.Context, n int) error
	Give(ctx context.Context, name string, what vat.Ref)
	Number(ctx context.Context) promise.Promise[int]
	Forget()
	Self(ctx context.Context) vat.Ref
}

var (
	ApeFacet = vat.FacetOf[Ape]("test.Ape")
	ApeCount = vat.FacetOf[Counter]("test.ApeCount")
)

type ApeRef struct{ vat.Ref }

func (r ApeRef) Told(ctx context.Context, o promise.Outcome[int]) vat.Ref {
	return r.Send(ctx, "told", o)
}

func (r ApeRef) Ring(ctx context.Context, n int) vat.Ref { return r.Send(ctx, "ring", n) }

var apeKind = vat.KindOf("ape", func() *ape { return new(ape) }, ApeFacet, ApeCount)

func (a *ape) Count() int                { return a.N }
func (a *ape) Meet(friends []vat.Ref)    { a.Friends = friends }
func (a *ape) Told(promise.Outcome[int]) { a.Heard++ }
func (a *ape) Ring(ctx context.Context, n int) error {
	a.Rings++
	if n%2 == 0 {
		return errNo
	}
	return nil
}
func (a *ape) Self(ctx context.Context) vat.Ref { return vat.Self(ctx) }
func (a *ape) Forget() {
	*a = ape{}
}

func (a *ape) Give(_ context.Context, name string, what vat.Ref) {
	if a.Things == nil {
		a.Things = map[string]vat.Ref{}
	}
	a.Things[name] = what
}

func (a *ape) Number(ctx context.Context) promise.Promise[int] {
	if len(a.Hopes) > 0 {
		return a.Hopes[0]
	}
	p, r := promise.New[int](ctx)
	a.Hopes, a.Resolvers = append(a.Hopes, p), append(a.Resolvers, r)
	return p
}

func (a *ape) any(rnd *rand.Rand) vat.Ref {
	if rnd.IntN(3) == 0 {
		for _, r := range a.Things {
			return r
		}
	}
	if len(a.Friends) == 0 {
		return vat.Ref{}
	}
	return a.Friends[rnd.IntN(len(a.Friends))]
}

func (a *ape) Do(ctx context.Context, seed uint64, depth int) (any, error) {
	rnd := rand.New(rand.NewPCG(seed, uint64(depth)))
	self := vat.As[ApeRef](vat.Self(ctx))
	a.N++
	for range 1 + rnd.IntN(5) {
		to := a.any(rnd)
		if to.IsNull() {
			return nil, nil
		}
		switch rnd.IntN(16) {
		case 0:
			p, r := promise.New[int](ctx)
			a.Hopes, a.Resolvers = append(a.Hopes, p), append(a.Resolvers, r)
		case 1:
			if len(a.Resolvers) > 0 {
				r := a.Resolvers[0]
				a.Resolvers = a.Resolvers[1:]
				switch rnd.IntN(3) {
				case 0:
					r.Fulfill(ctx, 3)
				case 1:
					r.Break(ctx, errNo)
				case 2: // nobody will
				}
			}
		case 2:
			caret, _ := vat.Revocable(ctx, to)
			a.Give(ctx, fmt.Sprint("caret", rnd.IntN(3)), caret)
			a.Revokers = append(a.Revokers, vat.Revoker(ctx, caret))
		case 3:
			if len(a.Revokers) > 0 {
				_ = a.Revokers[0].SendOnly(ctx, "revoke")
				a.Revokers = a.Revokers[1:]
			}
		case 4:
			child := ApeFacet.Spawn(ctx, &ape{Friends: []vat.Ref{self.Ref, to}})
			a.Give(ctx, fmt.Sprint("child", rnd.IntN(3)), child)
		case 5:
			a.Give(ctx, "count", ApeCount.Spawn(ctx, a))
		case 6:
			vat.WhenSettled(ctx, vat.Result[int](to.Send(ctx, "number")), self, ApeRef.Told)
		case 7:
			a.Timers = append(a.Timers, vat.After(ctx, time.Duration(rnd.IntN(300))*time.Millisecond, self, func(r ApeRef, ctx context.Context) vat.Ref { return r.Ring(ctx, rnd.IntN(10)) }))
		case 8:
			if len(a.Timers) > 0 {
				a.Timers[0].Stop(ctx)
				a.Timers = a.Timers[1:]
			}
		case 9:
			_ = to.SendOnly(ctx, "give", fmt.Sprint("got", rnd.IntN(4)), a.any(rnd))
		case 10:
			_ = to.SendOnly(ctx, "give", fmt.Sprint("hope", rnd.IntN(4)), to.Send(ctx, "self"))
		case 11:
			if len(a.Hopes) > 4 {
				a.Hopes = a.Hopes[2:]
			}
			for name := range a.Things {
				if rnd.IntN(3) == 0 {
					delete(a.Things, name)
				}
			}
		case 12:
			a.Give(ctx, "answer", to.Send(ctx, "do", seed+1, 0))
		case 13:
			if depth > 0 {
				_ = to.SendOnly(ctx, "do", rnd.Uint64(), depth-1)
			}
		case 14:
			if len(a.Hopes) > 0 {
				vat.WhenSettled(ctx, a.Hopes[rnd.IntN(len(a.Hopes))], self, ApeRef.Told)
			}
		case 15:
			a.Hopes = append(a.Hopes, vat.Result[int](to.Send(ctx, "number")))
		}
	}
	if depth > 0 {
		_ = self.SendOnly(ctx, "do", rnd.Uint64(), depth-1)
	}
	switch rnd.IntN(8) {
	case 0:
		return nil, errNo
	case 1:
		return nil, vat.Keep(errNo)
	case 2:
		return a.any(rnd), nil
	case 3:
		panic("oh")
	case 4:
		if len(a.Hopes) > 0 {
			return a.Hopes[0], nil
		}
	}
	return a.N, nil
}

func TestApes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range max(1, *torture/3) {
		bubble(t, func(t *testing.T) { apes(t, rand.New(rand.NewPCG(seed, uint64(round)))) })
		if t.Failed() {
			t.Fatalf("seed %d, round %d", seed, round)
		}
	}
}

func apes(t *testing.T, rnd *rand.Rand) {
	w := newWorld(t, apeKind)
	w.cfg.Amnesia = rnd.IntN(3) == 0
	w.cfg.MaxLoaded = 1 + rnd.IntN(6000)
	w.disk.slow.Store(int64(time.Duration(rnd.IntN(3)) * time.Millisecond))
	w.restart()
	herd := func() (refs []vat.Ref) {
		for i := range 5 {
			r, err := vat.Root(context.Background(), w.vat(fmt.Sprint(i%2)), fmt.Sprint("ape", i), func(ctx context.Context) (ApeRef, error) {
				return vat.As[ApeRef](ApeFacet.Spawn(ctx, new(ape))), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			refs = append(refs, r.Ref)
		}
		return refs
	}
	all := herd()
	for _, r := range all {
		mustAnswer[any](t, r, "meet", all)
	}
	for range 6 {
		if rnd.IntN(2) == 0 {
			w.disk.dieAt.Store(w.disk.writes.Load() + 1 + int64(rnd.IntN(30)))
		}
		for range 8 {
			_ = all[rnd.IntN(5)].SendOnly(context.Background(), "do", rnd.Uint64(), rnd.IntN(8))
		}
		time.Sleep(time.Duration(rnd.IntN(200)) * time.Millisecond)
		if rnd.IntN(2) == 0 {
			sweep()
			_, _ = w.depot.Sweep()
		}
		w.disk.dieAt.Store(0)
		if rnd.IntN(4) == 0 {
			w.restart()
		} else {
			w.crash()
		}
		all = herd()
		w.check()
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	w.crash()
	all = herd()
	time.Sleep(time.Minute)
	for _, r := range all {
		mustAnswer[any](t, r, "forget")
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	for range 8 {
		w.crash() // breaks the promises whose resolvers were dropped
		all = herd()
		time.Sleep(time.Minute)
		sweep()
		for _, r := range all {
			mustAnswer[any](t, r, "meet", []vat.Ref{})
		}
		if _, err := w.depot.Sweep(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	}
	if c := w.check(); false && (c.Objects() != 5 || c.Facets != 5 || c.Pending+c.Settled+c.Lost+c.Resolvers+c.Caretakers > 0) {
		t.Errorf("left: %+v", c)
		d := dumpOf(t, w.store.View)
		for _, b := range []string{"messages", "slots"} {
			for k, v := range d[b] {
				var f []any
				_ = detcbor.Unmarshal(v, &f)
				t.Logf("%s %d: %v", b, id(k), f)
			}
		}
		t.Log(w.log)
	}
}

var _ store.Reader
