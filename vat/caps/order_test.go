package caps_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/caps"
)

// slow is the far end of a session whose messages have not arrived yet.
type slow struct {
	node vat.Node
	mu   sync.Mutex
	got  []any
}

func (s *slow) Deliver(m vat.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, m.Args[0])
}

func (s *slow) used() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got) > 0
}

// Numbered messages go down a chain of promises, seen through membranes and caretakers in any number, while the promises
// are routed and settled in any order. None is lost; those that left by the route of one promise come before those
// that left further on; and where a promise is settled unsafely after its route was used, all later ones keep to that.
func TestOrderThroughEverything(t *testing.T) {
	seeds := uint64(2000)
	if testing.Short() {
		seeds = 200
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) { orderThroughEverything(t, rand.New(rand.NewPCG(seed, 1)), seed) })
		if t.Failed() {
			return
		}
	}
}

func orderThroughEverything(t *testing.T, rnd *rand.Rand, seed uint64) {
	last := &echo{}
	target := last.spawn(t, newVat(t))
	homes := []*vat.Vat{newVat(t), newVat(t)}
	var membranes []*caps.Membrane
	for _, v := range homes {
		m, _ := caps.NewMembrane(v, target)
		membranes = append(membranes, m)
	}
	dress := func(r vat.Ref) vat.Ref {
		for rnd.IntN(2) == 0 {
			if i := rnd.IntN(2); rnd.IntN(2) == 0 {
				r = membranes[i].Wrap(r)
			} else {
				r, _ = vat.Guard(homes[i], r)
			}
		}
		return r
	}

	n := 1 + rnd.IntN(4)
	vows, routes, kept := make([]*vat.Vow, n), make([]slow, n), make([]bool, n)
	for i := range vows {
		vows[i] = vat.NewVow(nil)
		routes[i].node.Init(&routes[i])
	}
	var story strings.Builder
	var steps []func()
	for i, w := range vows {
		to, safe := target, rnd.IntN(2) == 0
		if i+1 < n {
			to = dress(vows[i+1].Ref())
		}
		steps = append(steps, func() {
			fmt.Fprintf(&story, " settle %d, safe %v;", i, safe)
			kept[i] = !safe && routes[i].used()
			w.Settle(to, nil, safe, nil)
		})
		if rnd.IntN(2) == 0 {
			steps = append(steps, func() { fmt.Fprintf(&story, " route %d;", i); w.Route(&routes[i]) })
		}
	}
	rnd.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })

	face, sent := dress(vows[0].Ref()), 0
	send := func() {
		for range rnd.IntN(3) {
			_ = face.ApplyOnly(bg, sent)
			sent++
		}
		if rnd.IntN(2) == 0 {
			synctest.Wait()
		}
	}
	for _, step := range steps {
		send()
		step()
		send()
	}
	synctest.Wait()

	var all []any
	for i := range routes {
		all = append(all, routes[i].got...)
		if !kept[i] {
			continue
		}
		for j := i + 1; j < n; j++ {
			if len(routes[j].got) > 0 {
				t.Errorf("seed %d: promise %d keeps to its route, but %v left by that of %d;%s", seed, i, routes[j].got, j, &story)
			}
		}
		if len(last.got) > 0 {
			t.Errorf("seed %d: promise %d keeps to its route, but %v went to the end;%s", seed, i, last.got, &story)
		}
	}
	for _, args := range last.got {
		all = append(all, args[0])
	}
	for i, x := range all {
		if x != int64(i) {
			t.Errorf("seed %d: arrived as %v;%s", seed, all, &story)
			break
		}
	}
	if len(all) != sent {
		t.Errorf("seed %d: %d of %d messages arrived;%s", seed, len(all), sent, &story)
	}
}
