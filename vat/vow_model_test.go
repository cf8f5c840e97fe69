package vat_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// The model of routing: whatever several senders, routers and resolvers do to a handful of promises that may lead to
// each other, each message has one fate — it arrives at one target, or its answer breaks —, those of one sender on one
// reference arrive in the order sent, and each promise settles once, with an outcome that fits what was done to it.
const (
	modelVows    = 5
	modelTargets = 3
	modelSenders = 3
)

type modelOp struct {
	kind string // deliver, route, ref, follow, data, break
	vow  int
	to   int // a target, or another vow
	safe bool
	spin int
}

func drawOps(t *rapid.T, kinds []string, label string) []modelOp {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) modelOp {
		return modelOp{
			kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
			vow:  rapid.IntRange(0, modelVows-1).Draw(t, "vow"),
			to:   rapid.IntRange(0, modelVows-1).Draw(t, "to"),
			safe: rapid.Bool().Draw(t, "safe"),
			spin: rapid.IntRange(0, 3).Draw(t, "spin"),
		}
	}), 0, 60).Draw(t, label)
}

// modelWorld is one run.
type modelWorld struct {
	vows    [modelVows]*vat.Vow
	targets [modelTargets]*modelTarget

	mu      sync.Mutex
	settled [modelVows]int   // by a call that reported so
	told    [modelVows]int   // waiters told
	may     [modelVows][]any // outcomes that the settling calls would have
	log     []arrival
	sent    []*sentMessage
	seq     [modelSenders][modelVows]int
}

type sentMessage struct {
	sender, vow, n int
	answer         *vat.Vow
	arrived        int
}

type arrival struct {
	m      *sentMessage
	target int
}

type modelTarget struct {
	w    *modelWorld
	i    int
	node vat.Node
	then func() // what delivering sets off, once
}

func (x *modelTarget) Deliver(m vat.Message) {
	runtime.Gosched()
	x.w.mu.Lock()
	s := x.w.sent[m.Pos]
	s.arrived++
	x.w.log = append(x.w.log, arrival{s, x.i})
	then := x.then
	x.then = nil
	x.w.mu.Unlock()
	if then != nil {
		then()
	}
}

func newModelWorld() *modelWorld {
	w := &modelWorld{}
	for i := range w.vows {
		w.vows[i] = vat.NewVow(nil)
		w.vows[i].Cell().Subscribe(told(func(*promise.Cell) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told[i]++
		}))
	}
	for i := range w.targets {
		w.targets[i] = &modelTarget{w: w, i: i}
		w.targets[i].node.Init(w.targets[i])
	}
	return w
}

func (w *modelWorld) do(sender int, op modelOp) {
	for range op.spin {
		runtime.Gosched()
	}
	v := w.vows[op.vow]
	target := w.targets[op.to%modelTargets]
	switch op.kind {
	case "deliver":
		s := &sentMessage{sender: sender, vow: op.vow, answer: vat.NewVow(nil)}
		w.mu.Lock()
		w.seq[sender][op.vow]++
		s.n = w.seq[sender][op.vow]
		pos := len(w.sent)
		w.sent = append(w.sent, s)
		w.mu.Unlock()
		v.Deliver(vat.Message{Pos: int64(pos), Answer: s.answer})
	case "route":
		v.Route(target)
	case "ref":
		w.settle(op, target.node.Ref(), nil)
	case "follow":
		w.settle(op, w.vows[op.to].Ref(), nil)
	case "data":
		w.settle(op, passable.Symbol("data"), nil)
	case "break":
		w.settle(op, nil, errNope)
	}
}

func (w *modelWorld) settle(op modelOp, v any, err error) {
	if w.vows[op.vow].Settle(v, err, op.safe, nil) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.settled[op.vow]++
		if err != nil {
			v = err
		}
		w.may[op.vow] = append(w.may[op.vow], v)
	}
}

// check looks at the world when all has come to rest; everything is settled first.
func (w *modelWorld) check(t *rapid.T) {
	for i := range w.vows {
		if w.settled[i] > 1 {
			t.Fatalf("vow %d settled %d times", i, w.settled[i])
		}
		if w.settled[i] == 0 {
			w.settle(modelOp{vow: i, safe: true}, nil, errNope)
		}
	}
	for i, v := range w.vows {
		out, err, ok := v.Cell().Outcome()
		if !ok || w.told[i] != 1 || len(w.may[i]) != 1 {
			t.Fatalf("vow %d: settled %v, told %d times", i, ok, w.told[i])
		}
		switch want := w.may[i][0].(type) {
		case error:
			if err != want {
				t.Fatalf("vow %d: broken with %v, want %v", i, err, want)
			}
		case vat.Ref:
			if other, follows := want.Target().(*vat.Vow); follows {
				v2, err2, _ := other.Cell().Outcome()
				if err != promise.ErrCycle && (out != v2 || err != err2) {
					t.Fatalf("vow %d: %v, %v; follows one with %v, %v", i, out, err, v2, err2)
				}
			} else if out != any(want) || err != nil {
				t.Fatalf("vow %d: %v, %v; want %v", i, out, err, want)
			}
		default:
			if out != want {
				t.Fatalf("vow %d: %v, want %v", i, out, want)
			}
		}
	}
	for _, s := range w.sent {
		_, err, refused := s.answer.Cell().Outcome()
		if refused && err == nil || s.arrived > 1 || (s.arrived == 1) == refused {
			t.Fatalf("message %d of sender %d on vow %d arrived %d times, refused %v (%v)", s.n, s.sender, s.vow, s.arrived, refused, err)
		}
	}
	var last [modelSenders][modelVows]int
	for _, a := range w.log {
		if l := &last[a.m.sender][a.m.vow]; a.m.n <= *l {
			t.Fatalf("message %d of sender %d on vow %d arrived after %d", a.m.n, a.m.sender, a.m.vow, *l)
		} else {
			*l = a.m.n
		}
	}
}

var allOps = []string{"deliver", "deliver", "deliver", "deliver", "route", "ref", "follow", "follow", "data", "break"}

// One at a time, with operations also in the middle of a delivery.
func TestVowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newModelWorld()
		for i, x := range w.targets {
			inside := drawOps(t, allOps, fmt.Sprint("inside ", i))
			x.then = func() {
				for _, op := range inside {
					w.do(op.spin%modelSenders, op)
				}
			}
		}
		ops := drawOps(t, allOps, "ops")
		for _, op := range ops {
			w.do(op.spin%modelSenders, op)
		}
		w.check(t)
	})
}

// All at once.
func TestVowModelConcurrent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newModelWorld()
		var wg sync.WaitGroup
		for s := range modelSenders {
			ops := drawOps(t, []string{"deliver"}, fmt.Sprint("sender ", s))
			wg.Go(func() {
				for _, op := range ops {
					w.do(s, op)
				}
			})
		}
		for r := range 3 {
			ops := drawOps(t, []string{"route", "ref", "follow", "follow", "data", "break"}, fmt.Sprint("resolver ", r))
			wg.Go(func() {
				for i, op := range ops {
					if i%8 == 0 {
						w.do(0, op)
					}
					runtime.Gosched()
				}
			})
		}
		wg.Wait()
		w.check(t)
	})
}
