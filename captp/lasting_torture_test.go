package captp_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

var seedFlag = flag.Uint64("seed", 0, "the seed of TestLastingTorture, 0 for chance")

// usualRounds are those of a run that is to be short.
const usualRounds = 20

var rounds = flag.Int("rounds", usualRounds, "how many rounds TestLastingTorture has")

// purse is a durable object that gives tokens to others, on other machines, and takes theirs. Each of its messages to another has a
// number, so that one that is lost, done twice or out of order is seen.
type purse struct {
	Tokens int
	Others []vat.Ref
	Names  []string
	Sent   []int          // to each of the others
	Got    map[string]int // from each of them
	Asked  int
	Told   int
	Wrong  []string
	Name   string
}

type purseAPI interface {
	Own(name string, tokens int)
	Meet(name string, other vat.Ref)
	Give(ctx context.Context, to int) error
	Take(from string, n, tokens int) int
	Ask(ctx context.Context, to int)
	Answered(o promise.Outcome[int])
	State() []any
}

var (
	purseFacet = vat.FacetOf[purseAPI]("purse")
	purseKind  = vat.KindOf("purse", func() *purse { return new(purse) }, purseFacet)
)

type purseRef struct{ vat.Ref }

func (r purseRef) Answered(ctx context.Context, o promise.Outcome[int]) vat.Ref {
	return r.Send(ctx, "answered", o)
}

func (p *purse) Own(name string, tokens int) { p.Name, p.Tokens = name, tokens }

func (p *purse) Meet(name string, other vat.Ref) {
	p.Others, p.Names, p.Sent = append(p.Others, other), append(p.Names, name), append(p.Sent, 0)
}

func (p *purse) Give(ctx context.Context, to int) error {
	if p.Tokens == 0 {
		return nil
	}
	p.Tokens--
	p.Sent[to]++
	return p.Others[to].SendOnly(ctx, "take", p.Name, p.Sent[to], 1)
}

func (p *purse) Take(from string, n, tokens int) int {
	if p.Got == nil {
		p.Got = make(map[string]int)
	}
	if n != p.Got[from]+1 {
		p.Wrong = append(p.Wrong, fmt.Sprintf("%d of %s after %d", n, from, p.Got[from]))
	}
	p.Got[from] = n
	p.Tokens += tokens
	return n
}

// Ask gives nothing, and waits for the answer.
func (p *purse) Ask(ctx context.Context, to int) {
	p.Sent[to]++
	p.Asked++
	vat.WhenSettled(ctx, vat.Result[int](p.Others[to].Send(ctx, "take", p.Name, p.Sent[to], 0)), vat.As[purseRef](vat.Self(ctx)), purseRef.Answered)
}

func (p *purse) Answered(o promise.Outcome[int]) {
	p.Told++
	if _, err := o.Get(); err != nil {
		p.Wrong = append(p.Wrong, err.Error())
	}
}

func (p *purse) State() []any { return []any{p.Tokens, p.Asked, p.Told, fmt.Sprint(p.Wrong)} }

// Purses on three machines give each other tokens while the machines are killed, at random instants and within a write, and
// connections are lost: no token is lost or made, nothing is done twice or out of order, every question is answered.
func TestLastingTorture(t *testing.T) {
	for round := range *rounds {
		seed := rand.Uint64()
		if *seedFlag != 0 {
			seed = *seedFlag
		}
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Logf("seed %d", seed)
			synctest.Test(t, func(t *testing.T) { lastingTorture(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func lastingTorture(t *testing.T, rng *rand.Rand) {
	net := mem.New(&mem.Config{Delay: 5 * time.Millisecond, Timeout: time.Second})
	var ms []*machine
	names := []string{"a", "b", "c"}
	for _, name := range names {
		ms = append(ms, newMachine(t, net, name))
	}
	defer func() {
		for _, m := range ms {
			m.stop()
		}
		net.Close()
	}()
	const tokens = 100
	for i, m := range ms {
		call[any](t, m.purse(), "own", names[i], tokens)
	}
	for i, m := range ms {
		for j, other := range ms {
			if i < j {
				call[any](t, m.purse(), "meet", names[j], m.dial(other, "purse"))
			}
		}
	}
	for i, m := range ms { // those that were dialled get to know the dialler by a message
		for j := range ms {
			if i > j {
				call[any](t, m.purse(), "meet", names[j], m.fetch(ms[j], "purse"))
			}
		}
	}
	synctest.Wait()
	for range 30 {
		for range rng.IntN(10) {
			m := ms[rng.IntN(len(ms))]
			if m.run == nil {
				continue
			}
			p, method := m.purse(), "give"
			if p.IsNull() {
				continue // its disk has failed
			}
			if rng.IntN(3) == 0 {
				method = "ask"
			}
			_ = p.SendOnly(context.Background(), method, rng.IntN(len(ms)-1))
		}
		time.Sleep(time.Duration(rng.IntN(30)) * time.Millisecond)
		i := rng.IntN(len(ms))
		m := ms[i]
		switch rng.IntN(6) {
		case 0:
			m.kill()
		case 1:
			m.crash()
		case 2:
			if m.run != nil {
				m.restart()
			}
		case 3:
			m.disk.DieAt.Store(m.disk.Writes.Load() + 1 + int64(rng.IntN(8)))
			time.Sleep(time.Duration(rng.IntN(50)) * time.Millisecond)
			m.crash()
		case 4:
			net.Lose(m.host(), ms[(i+1)%len(ms)].host())
		case 5:
			m.disk.Slow.Store(int64(rng.IntN(20)) * int64(time.Millisecond))
		}
		for _, m := range ms {
			if m.run == nil && rng.IntN(2) == 0 {
				m.start()
			}
		}
	}
	sum := 0
	for _, m := range ms {
		if m.run == nil {
			m.start()
		}
		m.disk.Slow.Store(0)
	}
	time.Sleep(10 * time.Minute)
	for i, m := range ms {
		if err := m.depot.Err(); err != nil {
			t.Errorf("%s: %v", names[i], err)
			continue
		}
		state := call[[]any](t, m.purse(), "state")
		sum += int(state[0].(int64))
		if state[1] != state[2] || state[3] != "[]" {
			t.Errorf("%s: asked %v, told %v, wrong: %v", names[i], state[1], state[2], state[3])
		}
	}
	if sum != tokens*len(ms) {
		t.Errorf("%d tokens, want %d", sum, tokens*len(ms))
	}
}
