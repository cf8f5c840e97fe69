package vat_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

var torture = flag.Int("torture", 10, "how many rounds TestTorture has")

// mule is a durable object that sends numbered messages to others, in every way there is, and counts those it gets.
type mule struct {
	Name   string
	Peers  []MuleRef
	Held   map[string]vat.Ref // promises for others, by stream
	Sent   map[string]int64   // by stream
	Seen   map[string]int64
	Hopes  int64 // answers waited for
	Heard  int64
	Tokens int64
	Spare  []vat.Ref                 // what was made and nobody needs
	Later  []promise.Resolver[int64] // of promises that others wait for
	Owed   int
	Wrong  []string
}

type Mule interface {
	Meet(peers []MuleRef)
	Step(ctx context.Context, seed uint64, left int) error
	Tick(stream string, n int64)
	Take(n int64) error
	Itself(ctx context.Context) vat.Ref
	Told(o promise.Outcome[int64]) error
	Answer(n int64) (int64, error)
	Promise(ctx context.Context) promise.Promise[int64]
	Settle(ctx context.Context)
	Report() mule
}

var MuleFacet = vat.FacetOf[Mule]("test.Mule")

type MuleRef struct{ vat.Ref }

func (r MuleRef) Told(ctx context.Context, o promise.Outcome[int64]) vat.Ref {
	return r.Send(ctx, "told", o)
}

func (r MuleRef) Step(ctx context.Context, seed uint64, left int) vat.Ref {
	return r.Send(ctx, "step", seed, left)
}

var muleKind = vat.KindOf("mule", func() *mule { return new(mule) }, MuleFacet)

func (m *mule) Meet(peers []MuleRef)               { m.Peers = peers }
func (m *mule) Itself(ctx context.Context) vat.Ref { return vat.Self(ctx) }
func (m *mule) Take(n int64) error                 { m.Tokens += n; return nil }
func (m *mule) Answer(n int64) (int64, error) {
	if n%3 == 0 {
		return 0, errNo
	}
	return n, nil
}

func (m *mule) Promise(ctx context.Context) promise.Promise[int64] {
	p, r := promise.New[int64](ctx)
	m.Later = append(m.Later, r)
	return p
}

// Report returns the state, with the number of promises to settle in place of their resolvers.
func (m *mule) Report() mule {
	r := *m
	r.Tokens, r.Owed, r.Later = m.Tokens, len(m.Later), nil
	return r
}

// Settle settles the oldest promise.
func (m *mule) Settle(ctx context.Context) {
	if len(m.Later) > 0 {
		m.Later[0].Fulfill(ctx, 1)
		m.Later = m.Later[1:]
	}
}

func (m *mule) Told(o promise.Outcome[int64]) error {
	if n, err := o.Get(); (err == nil) != (n%3 != 0) || err != nil && !errors.Is(err, errNo) {
		m.Wrong = append(m.Wrong, fmt.Sprintf("told %d, %v", n, err))
	}
	m.Heard++
	return nil
}

func (m *mule) Tick(stream string, n int64) {
	if m.Seen == nil {
		m.Seen = make(map[string]int64)
	}
	if n != m.Seen[stream]+1 {
		m.Wrong = append(m.Wrong, fmt.Sprintf("%s: %d after %d", stream, n, m.Seen[stream]))
	}
	m.Seen[stream] = n
}

// next numbers a message of a stream.
func (m *mule) next(stream string) int64 {
	if m.Sent == nil {
		m.Sent = make(map[string]int64)
	}
	m.Sent[stream]++
	return m.Sent[stream]
}

func (m *mule) Step(ctx context.Context, seed uint64, left int) error {
	rnd := rand.New(rand.NewPCG(seed, uint64(left)))
	self := vat.As[MuleRef](vat.Self(ctx))
	for range 1 + rnd.IntN(4) {
		i := rnd.IntN(len(m.Peers))
		peer := m.Peers[i]
		switch rnd.IntN(10) {
		case 0, 1: // straight
			stream := fmt.Sprintf("%s to %d", m.Name, i)
			_ = peer.SendOnly(ctx, "tick", stream, m.next(stream))
		case 2: // on a promise that stays
			if m.Held == nil {
				m.Held = make(map[string]vat.Ref)
			}
			stream := fmt.Sprintf("%s by promise %d", m.Name, m.next("promises"))
			if rnd.IntN(2) == 0 {
				m.Held[stream] = peer.Send(ctx, "itself").Send(ctx, "itself")
			} else {
				m.Held[stream], _ = vat.Revocable(ctx, peer.Ref)
			}
		case 3:
			for stream, r := range m.Held { // all of them, in whatever order
				_ = r.SendOnly(ctx, "tick", stream, m.next(stream))
			}
		case 4: // ask, and go on when there is an answer
			m.Hopes++
			vat.WhenSettled(ctx, vat.Result[int64](peer.Send(ctx, "answer", rnd.IntN(100))), self, MuleRef.Told)
		case 5: // a token
			m.Tokens--
			_ = peer.Send(ctx, "take", 1)
		case 6: // garbage, round in a ring with what is kept
			one := &mule{Peers: []MuleRef{self}}
			other := &mule{Peers: []MuleRef{vat.As[MuleRef](MuleFacet.Spawn(ctx, one))}}
			one.Spare = []vat.Ref{MuleFacet.Spawn(ctx, other), peer.Ref}
			m.Spare = append(m.Spare, one.Spare[0], peer.Send(ctx, "answer", 1))
			if len(m.Spare) > 6 {
				m.Spare = m.Spare[4:]
			}
		case 8: // wait for something far off
			m.Hopes++
			vat.WhenSettled(ctx, vat.Result[int64](peer.Send(ctx, "promise")), self, MuleRef.Told)
		case 9:
			m.Settle(ctx)
		case 7: // forget a promise
			for stream := range m.Held {
				delete(m.Held, stream)
				break
			}
		}
	}
	if rnd.IntN(6) == 0 {
		if left > 10 {
			return vat.Keep(errNo) // the next step is not sent, but all else is
		}
		_ = self.SendOnly(ctx, "tick", "never", 99)
		return errNo
	}
	switch {
	case left == 0:
	case rnd.IntN(4) == 0:
		vat.After(ctx, time.Duration(rnd.IntN(100))*time.Millisecond, self, func(r MuleRef, ctx context.Context) vat.Ref {
			return r.Step(ctx, seed, left-1)
		})
	default:
		self.Step(ctx, seed, left-1)
	}
	return nil
}

// Objects of three vats send each other numbered messages while their process is killed again and again, objects leave
// memory and come back, and the collector runs. In the end every message has arrived once and in order, every answer was
// heard of once, and no token was lost or made.
func TestTorture(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range *torture {
		bubble(t, func(t *testing.T) { torment(t, rand.New(rand.NewPCG(seed, uint64(round)))) })
		if t.Failed() {
			t.Fatalf("seed %d, round %d", seed, round)
		}
	}
}

func torment(t *testing.T, rnd *rand.Rand) {
	const mules = 6
	w := newWorld(t, muleKind)
	w.cfg.Amnesia = rnd.IntN(3) == 0
	w.cfg.MaxLoaded = 1 + rnd.IntN(4000)
	w.disk.slow.Store(int64(time.Duration(rnd.IntN(3)) * time.Millisecond))
	w.restart()
	herd := func() (refs []MuleRef) {
		for i := range mules {
			r, err := vat.Root(context.Background(), w.vat(fmt.Sprint(i%3)), fmt.Sprint("mule", i), func(ctx context.Context) (MuleRef, error) {
				return vat.As[MuleRef](MuleFacet.Spawn(ctx, &mule{Name: fmt.Sprint(i)})), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			refs = append(refs, r)
		}
		return refs
	}
	all := herd()
	for _, r := range all {
		mustAnswer[any](t, r.Ref, "meet", all)
	}
	for range 4 + rnd.IntN(8) {
		if rnd.IntN(2) == 0 {
			w.disk.dieAt.Store(w.disk.writes.Load() + 1 + int64(rnd.IntN(30)))
		}
		for range 10 {
			all[rnd.IntN(mules)].Step(context.Background(), rnd.Uint64(), rnd.IntN(20))
		}
		time.Sleep(time.Duration(rnd.IntN(200)) * time.Millisecond)
		if rnd.IntN(3) == 0 {
			sweep()
		}
		if rnd.IntN(3) == 0 {
			_, _ = w.depot.Sweep()
			time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
		}
		w.disk.dieAt.Store(0)
		if rnd.IntN(5) == 0 {
			w.restart()
		} else {
			w.crash()
		}
		all = herd()
		w.check()
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	for _, r := range all {
		for range mustAnswer[mule](t, r.Ref, "report").Owed {
			r.Send(context.Background(), "settle")
		}
	}
	time.Sleep(time.Minute)

	sent, seen := make(map[string]int64), make(map[string]int64)
	var hopes, told, tokens int64
	for _, r := range all {
		m := mustAnswer[mule](t, r.Ref, "report")
		delete(m.Sent, "promises")
		if n := m.Owed; n > 0 {
			t.Errorf("%s has %d promises to settle yet", m.Name, n)
		}
		maps.Copy(sent, m.Sent)
		maps.Copy(seen, m.Seen)
		hopes, told, tokens = hopes+m.Hopes, told+m.Heard, tokens+m.Tokens
		for _, wrong := range m.Wrong {
			t.Errorf("%s: %s", m.Name, wrong)
		}
	}
	if !maps.Equal(sent, seen) {
		for stream, n := range sent {
			if seen[stream] != n {
				t.Errorf("%s: %d sent, %d seen", stream, n, seen[stream])
			}
		}
		t.Errorf("%d streams were sent, %d seen", len(sent), len(seen))
	}
	if hopes != told {
		t.Errorf("%d answers were waited for, %d heard of", hopes, told)
	}
	if tokens != 0 {
		t.Errorf("there are %d tokens too many", tokens)
	}
	if n := w.size("messages"); n != 0 {
		t.Errorf("%d messages are left", n)
	}
	w.check()
	if len(sent) == 0 || hopes == 0 {
		t.Error("nothing was sent")
	}
}
