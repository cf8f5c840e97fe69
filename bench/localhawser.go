package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// The local rows with Hawser's vats. The objects do what those of the floor do, behind facets; the callers use stubs.
// A facet is written out as by a generator, or reflected.

// tally receives what is counted.
type tally interface {
	Count(ctx context.Context, n int64)
}

var tallyFacet = vat.FacetOf[tally]("bench.Tally")

// A tallied counts down the messages it receives, as the floor's counter does.
type tallied struct {
	left atomic.Int64
	done chan struct{}
}

func (t *tallied) Count(_ context.Context, n int64) {
	if t.left.Add(-n) == 0 {
		t.done <- struct{}{}
	}
}

type tallyRef struct{ vat.Ref }

func (r tallyRef) Count(ctx context.Context, n int64) error { return r.SendOnly(ctx, "count", n) }

// spawn makes an object in a vat.
func spawn[S ~struct{ vat.Ref }](v *vat.Vat, make func(ctx context.Context) vat.Ref) (S, error) {
	r, err := vat.Do(context.Background(), v, func(ctx context.Context) (vat.Ref, error) { return make(ctx), nil })
	return vat.As[S](r), err
}

// hop is an object that sends itself one message less.
type hop interface {
	Hop(ctx context.Context, left int64) error
}

var hopFacet = vat.FacetOf[hop]("bench.Hop")

type hopper struct{ done chan struct{} }

func (h *hopper) Hop(ctx context.Context, left int64) error {
	if left == 0 {
		h.done <- struct{}{}
		return nil
	}
	return vat.As[hopRef](vat.Self(ctx)).Hop(ctx, left-1)
}

type hopRef struct{ vat.Ref }

func (r hopRef) Hop(ctx context.Context, left int64) error { return r.SendOnly(ctx, "hop", left) }

func hawserSameVat(facet vat.Facet[hop]) opener {
	return func() (work, error) {
		v, h := vat.New(nil), &hopper{make(chan struct{}, 1)}
		r, err := spawn[hopRef](v, func(ctx context.Context) vat.Ref { return facet.Spawn(ctx, h) })
		if err != nil {
			return work{}, err
		}
		return work{func(n int, _ *times) error {
			if err := r.Hop(context.Background(), int64(n)); err != nil {
				return err
			}
			<-h.done
			return nil
		}, v.Close}, nil
	}
}

// counted is sending n messages, of which each is counted, and waiting in between for those that are under way.
func counted(t *tallied, send func(burst int) error) func(n int, _ *times) error {
	return func(n int, _ *times) error {
		for n > 0 {
			burst := min(n, window)
			n -= burst
			t.left.Store(int64(burst))
			if err := send(burst); err != nil {
				return err
			}
			<-t.done
		}
		return nil
	}
}

// hawserOtherVat sends from outside any turn.
func hawserOtherVat(facet vat.Facet[tally]) opener {
	return func() (work, error) {
		v, t := vat.New(nil), &tallied{done: make(chan struct{}, 1)}
		r, err := spawn[tallyRef](v, func(ctx context.Context) vat.Ref { return facet.Spawn(ctx, t) })
		if err != nil {
			return work{}, err
		}
		ctx := context.Background()
		return work{counted(t, func(burst int) error {
			for range burst {
				if err := r.Count(ctx, 1); err != nil {
					return err
				}
			}
			return nil
		}), v.Close}, nil
	}
}

// A spout sends from turns of its vat, a few messages in each.
type spout interface {
	Pour(ctx context.Context, n int64) error
}

var spoutFacet = vat.FacetOf[spout]("bench.Spout")

type pourer struct{ into tallyRef }

type spoutRef struct{ vat.Ref }

func (r spoutRef) Pour(ctx context.Context, n int64) error { return r.SendOnly(ctx, "pour", n) }

// perTurn is how many messages a turn sends.
const perTurn = 64

func (p *pourer) Pour(ctx context.Context, n int64) error {
	now := min(n, perTurn)
	for range now {
		if err := p.into.Count(ctx, 1); err != nil {
			return err
		}
	}
	if n == now {
		return nil
	}
	return vat.As[spoutRef](vat.Self(ctx)).Pour(ctx, n-now)
}

func hawserFromVat() (work, error) {
	here, there := vat.New(nil), vat.New(nil)
	t := &tallied{done: make(chan struct{}, 1)}
	r, err := spawn[tallyRef](there, func(ctx context.Context) vat.Ref { return tallyWritten.Spawn(ctx, t) })
	if err != nil {
		return work{}, err
	}
	s, err := spawn[spoutRef](here, func(ctx context.Context) vat.Ref { return spoutFacet.Spawn(ctx, &pourer{r}) })
	if err != nil {
		return work{}, err
	}
	return work{counted(t, func(burst int) error { return s.Pour(context.Background(), int64(burst)) }), closing(here, there)}, nil
}

func closing(vats ...*vat.Vat) func() error {
	return func() error {
		for _, v := range vats {
			if err := v.Close(); err != nil {
				return err
			}
		}
		return nil
	}
}

// sum answers with one more than it got.
type sum interface {
	Add(ctx context.Context, n int64) (int64, error)
}

var sumFacet = vat.FacetOf[sum]("bench.Sum")

type summer struct{}

func (summer) Add(_ context.Context, n int64) (int64, error) { return n + 1, nil }

func spawnSum(ctx context.Context) vat.Ref        { return sumFacet.Spawn(ctx, summer{}) }
func spawnWrittenSum(ctx context.Context) vat.Ref { return sumWritten.Spawn(ctx, summer{}) }

// spawnPlus is the same without a facet.
func spawnPlus(ctx context.Context) vat.Ref {
	return vat.SpawnFunc(ctx, func(_ context.Context, args []any) (any, error) { return args[1].(int64) + 1, nil })
}

type sumRef struct{ vat.Ref }

func (r sumRef) Add(ctx context.Context, n int64) promise.Promise[int64] {
	return vat.Result[int64](r.Send(ctx, "add", n))
}

// hawserHostCall calls from outside any turn and waits.
func hawserHostCall(make func(ctx context.Context) vat.Ref) opener {
	return func() (work, error) {
		v := vat.New(nil)
		r, err := spawn[sumRef](v, make)
		if err != nil {
			return work{}, err
		}
		ctx := context.Background()
		return work{func(n int, _ *times) error {
			for i := range int64(n) {
				if got, err := r.Add(ctx, i).Await(ctx); err != nil || got != i+1 {
					return fmt.Errorf("the answer to %d is %d: %w", i, got, err)
				}
			}
			return nil
		}, v.Close}, nil
	}
}

// caller is an object that calls one of another vat so many times and answers with the sum of what it was answered.
type caller interface {
	// Then keeps the given number of calls under way and goes on in a callback for each answer.
	Then(ctx context.Context, calls, outstanding int64) (promise.Promise[int64], error)
	// Await waits for each answer in the turn.
	Await(ctx context.Context, calls int64) (int64, error)
}

var callerFacet = vat.FacetOf[caller]("bench.Caller")

type calling struct {
	target         sumRef
	left, awaiting int64
	sum            int64
	done           promise.Resolver[int64]
}

type callerRef struct{ vat.Ref }

func (r callerRef) Then(ctx context.Context, calls, outstanding int64) promise.Promise[int64] {
	return vat.Result[int64](r.Send(ctx, "then", calls, outstanding))
}

func (r callerRef) Await(ctx context.Context, calls int64) promise.Promise[int64] {
	return vat.Result[int64](r.Send(ctx, "await", calls))
}

func (c *calling) Then(ctx context.Context, calls, outstanding int64) (promise.Promise[int64], error) {
	answer, done := promise.New[int64](ctx)
	c.left, c.awaiting, c.sum, c.done = calls, 0, 0, done
	for range min(outstanding, calls) {
		c.call(ctx)
	}
	return answer, nil
}

func (c *calling) call(ctx context.Context) {
	c.left--
	c.awaiting++
	promise.Then(ctx, c.target.Add(ctx, 1), c.answered)
}

func (c *calling) answered(ctx context.Context, got int64) (promise.None, error) {
	c.awaiting--
	c.sum += got
	switch {
	case c.left > 0:
		c.call(ctx)
	case c.awaiting == 0:
		c.done.Fulfill(ctx, c.sum)
	}
	return promise.None{}, nil
}

func (c *calling) Await(ctx context.Context, calls int64) (int64, error) {
	sum := int64(0)
	for range calls {
		got, err := c.target.Add(ctx, 1).Await(ctx)
		if err != nil {
			return 0, err
		}
		sum += got
	}
	return sum, nil
}

// hawserVatCalls has an object call another vat's; call starts n calls and returns the sums of their answers.
func hawserVatCalls(call func(ctx context.Context, r callerRef, n int64) []promise.Promise[int64]) opener {
	return func() (work, error) {
		here, there := vat.New(nil), vat.New(nil)
		r, err := spawn[sumRef](there, spawnWrittenSum)
		if err != nil {
			return work{}, err
		}
		c, err := spawn[callerRef](here, func(ctx context.Context) vat.Ref { return callerFacet.Spawn(ctx, &calling{target: r}) })
		if err != nil {
			return work{}, err
		}
		ctx := context.Background()
		return work{func(n int, _ *times) error {
			sums, err := promise.All(call(ctx, c, int64(n))...).Await(ctx)
			if err != nil {
				return err
			}
			total := int64(0)
			for _, s := range sums {
				total += s
			}
			if total != 2*int64(n) {
				return fmt.Errorf("%d answers add up to %d, want %d", n, total, 2*n)
			}
			return nil
		}, closing(here, there)}, nil
	}
}

func byThen(outstanding int64) opener {
	return hawserVatCalls(func(ctx context.Context, r callerRef, n int64) []promise.Promise[int64] {
		return []promise.Promise[int64]{r.Then(ctx, n, outstanding)}
	})
}

func byAwait(outstanding int64) opener {
	return hawserVatCalls(func(ctx context.Context, r callerRef, n int64) []promise.Promise[int64] {
		sums := make([]promise.Promise[int64], 0, outstanding)
		for i := range outstanding {
			sums = append(sums, r.Await(ctx, (n+i)/outstanding))
		}
		return sums
	})
}
