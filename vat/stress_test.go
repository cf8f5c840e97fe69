package vat_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// Many agents in several vats send numbered messages on shared references: objects, caretakers, promises that settle
// meanwhile, promises for promises. Some turns fail, some wait in the middle, goroutines join in. What was sent by turns
// that committed arrives once, in order for each sender and reference; what was not, never.
func TestStress(t *testing.T) {
	rounds := 60
	if testing.Short() || raceEnabled {
		rounds = 15
	}
	for seed := range rounds {
		bubble(t, func(t *testing.T) { stress(t, rand.New(rand.NewPCG(uint64(seed), 1))) })
	}
}

func stress(t *testing.T, rnd *rand.Rand) {
	const agents, perAgent = 8, 60
	ctx := context.Background()
	var vats [4]*vat.Vat
	for i := range vats {
		vats[i] = newVat(t, nil)
	}
	type stream struct{ sender, ref int64 }
	var seen [len(vats)]map[stream]int64 // of each sink's own vat
	var refs []vat.Ref
	var settle []func()
	for i, v := range vats {
		seen[i] = map[stream]int64{}
		sink := object(t, v, func(_ context.Context, args []any) (any, error) {
			s, n := stream{args[0].(int64), args[1].(int64)}, args[2].(int64)
			if n != seen[i][s]+1 {
				t.Errorf("sender %d on reference %d: %d after %d", s.sender, s.ref, n, seen[i][s])
			}
			seen[i][s] = n
			return n, nil
		})
		g := guard(t, vats[(i+1)%len(vats)], sink)
		p, r := promise.New[vat.Ref](ctx)
		w, w2 := vat.NewVow(nil), vat.NewVow(nil)
		refs = append(refs, sink, g.caret, refOf(t, p), w.Ref(), w2.Ref())
		settle = append(settle,
			func() { r.Fulfill(ctx, sink) },
			func() { w.Resolve(g.caret) },
			func() { w2.Resolve(w.Ref()) })
	}
	// sent counts what each sender has committed on each reference.
	sent := make([][]int64, agents+1)
	for a := range sent {
		sent[a] = make([]int64, len(refs))
	}
	for a := range agents {
		v := vats[a%len(vats)]
		mine := rand.New(rand.NewPCG(rnd.Uint64(), 2))
		agent := object(t, v, func(ctx context.Context, args []any) (any, error) {
			left := args[0].(int64)
			next := make([]int64, len(refs))
			copy(next, sent[a])
			var last vat.Ref
			for range mine.IntN(4) {
				i := mine.IntN(len(refs))
				next[i]++
				last = refs[i].Apply(ctx, a, i, next[i])
			}
			if left > 0 {
				_ = vat.Self(ctx).ApplyOnly(ctx, left-1)
			}
			switch x := mine.IntN(10); {
			case x == 0 && left > 0: // a failing turn, tried again by another
				p := vat.Self(ctx)
				go func() { _ = p.ApplyOnly(context.Background(), left-1) }()
				return nil, errNope
			case x == 1 && left > 0:
				p := vat.Self(ctx)
				go func() { _ = p.ApplyOnly(context.Background(), left-1) }()
				panic("oops")
			case x < 4 && !last.IsNull():
				copy(sent[a], next) // Await commits
				_, _ = vat.Result[int64](last).Await(ctx)
				return nil, nil
			}
			copy(sent[a], next)
			return nil, nil
		})
		_ = agent.ApplyOnly(ctx, perAgent)
	}
	go func() {
		for n := range 50 * len(refs) {
			i := n % len(refs)
			sent[agents][i]++
			_ = refs[i].ApplyOnly(ctx, agents, i, sent[agents][i])
			if n%7 == 0 {
				runtime.Gosched()
			}
		}
	}()
	rnd.Shuffle(len(settle), func(i, j int) { settle[i], settle[j] = settle[j], settle[i] })
	for _, fn := range settle {
		go fn()
		for range rnd.IntN(20) {
			runtime.Gosched()
		}
	}
	synctest.Wait()
	for a := range sent {
		for i, n := range sent[a] {
			if got := seen[i/5][stream{int64(a), int64(i)}]; got != n {
				t.Errorf("sender %d on reference %d: %d arrived, %d sent", a, i, got, n)
			}
		}
	}
}
