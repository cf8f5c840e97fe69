package promise_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
)

var (
	bg      = context.Background()
	errA    = errors.New("a")
	errB    = errors.New("b")
	errQuit = errors.New("quit")
)

func want[T comparable](t *testing.T, p promise.Promise[T], v T, err error) {
	t.Helper()
	got, e := p.Await(bg)
	if got != v || !errors.Is(e, err) {
		t.Errorf("got %v, %v, want %v, %v", got, e, v, err)
	}
}

// Only the first settling counts.
func TestSettlesOnce(t *testing.T) {
	p, r := promise.New[int](bg)
	if p.Settled() || r.Promise() != p {
		t.Error("a fresh promise has settled, or is another")
	}
	r.Fulfill(bg, 1)
	r.Break(bg, errA)
	r.Fulfill(bg, 2)
	r.Follow(bg, promise.Fulfilled(3))
	want(t, p, 1, nil)
	q, s := promise.New[int](bg)
	s.Break(bg, errA)
	s.Fulfill(bg, 1)
	want(t, q, 0, errA)
	want(t, promise.Fulfilled(4), 4, nil)
	want(t, promise.Broken[int](errB), 0, errB)
	if _, err := promise.Broken[int](nil).Await(bg); err == nil {
		t.Error("broken without a reason is not broken")
	}
	if !promise.Fulfilled(1).Settled() {
		t.Error("Fulfilled is pending")
	}
}

// Exactly one of many who settle at once is told that it did.
func TestSettleRace(t *testing.T) {
	for range 200 {
		c := new(promise.Cell)
		var won atomic.Int32
		var told atomic.Int32
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() { c.Subscribe(count{&told}) })
			wg.Go(func() {
				if c.Fulfill(i, false) {
					won.Add(1)
				}
			})
			wg.Go(func() {
				if c.Break(errA) {
					won.Add(1)
				}
			})
			wg.Go(func() {
				if c.Follow(promise.Fulfilled(9).Cell()) {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || told.Load() != 4 || !c.Settled() {
			t.Fatalf("%d settled it, %d waiters told", won.Load(), told.Load())
		}
	}
}

type count struct{ n *atomic.Int32 }

func (c count) Settled(*promise.Cell) { c.n.Add(1) }

// The zero Promise is broken, the zero Resolver does nothing.
func TestZero(t *testing.T) {
	var p promise.Promise[int]
	if _, err := p.Await(bg); err == nil || !p.Settled() {
		t.Error("the zero Promise is not broken")
	}
	var r promise.Resolver[int]
	r.Fulfill(bg, 1)
	r.Break(bg, errA)
	r.Follow(bg, p)
	if err := p.SetPassableReference(nil); err != nil || p != (promise.Promise[int]{}) {
		t.Error("null is not the zero Promise")
	}
	if err := p.SetPassableReference(stranger{}); err == nil {
		t.Error("a stranger became a promise")
	}
	if (*promise.Cell)(nil).PassableReference() != nil {
		t.Error("no cell is a reference")
	}
	q := promise.Fulfilled(1)
	if err := p.SetPassableReference(q.Cell()); err != nil || p != q {
		t.Error("a cell did not become its promise")
	}
}

// Await ends with its context; a promise that settles at the same moment wins.
func TestAwaitContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := promise.New[int](bg)
		ctx, cancel := context.WithTimeoutCause(bg, time.Second, errQuit)
		defer cancel()
		start := time.Now()
		if _, err := p.Await(ctx); err != errQuit || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		r.Fulfill(bg, 1)
		if v, err := p.Await(ctx); v != 1 || err != nil {
			t.Errorf("%v, %v: a settled promise needs no time", v, err)
		}
		for range 50 {
			p, r := promise.New[int](bg)
			ctx, cancel := context.WithCancelCause(bg)
			var v int
			var err error
			done := make(chan struct{})
			go func() {
				defer close(done)
				v, err = p.Await(ctx)
			}()
			synctest.Wait()
			go r.Fulfill(bg, 5)
			go cancel(errQuit)
			<-done
			if err == nil && v != 5 || err != nil && err != errQuit {
				t.Errorf("%v, %v", v, err)
			}
		}
	})
}

// A waiter that has gone is not told, those that stay are, each once.
func TestUnsubscribe(t *testing.T) {
	c := new(promise.Cell)
	var ns [5]atomic.Int32
	for i := range ns {
		c.Subscribe(count{&ns[i]})
	}
	for _, i := range []int{0, 3} {
		if !c.Unsubscribe(count{&ns[i]}) || c.Unsubscribe(count{&ns[i]}) {
			t.Error("unsubscribed not once")
		}
	}
	c.Fulfill(1, false)
	for i := range ns {
		if got, want := ns[i].Load(), int32(1); (i == 0 || i == 3) != (got != want) {
			t.Errorf("waiter %d told %d times", i, got)
		}
	}
	if c.Unsubscribe(count{&ns[1]}) {
		t.Error("unsubscribed after the settling")
	}
	lone := new(promise.Cell)
	lone.Subscribe(count{&ns[0]})
	if !lone.Unsubscribe(count{&ns[0]}) || lone.Unsubscribe(nil) {
		t.Error("a lone waiter")
	}
	lone.Subscribe(count{&ns[0]})
	lone.Subscribe(count{&ns[1]})
	if !lone.Unsubscribe(count{&ns[0]}) || !lone.Unsubscribe(count{&ns[1]}) {
		t.Error("two waiters")
	}
	lone.Subscribe(count{&ns[0]})
	lone.Break(errA)
	if ns[0].Load() != 1 {
		t.Error("not told")
	}
}

// Following, and rings of it.
func TestFollow(t *testing.T) {
	p, r := promise.New[int](bg)
	q, s := promise.New[int](bg)
	u, v := promise.New[int](bg)
	r.Follow(bg, q)
	s.Follow(bg, u)
	r.Fulfill(bg, 7) // it follows: nothing else settles it
	if p.Settled() {
		t.Error("settled otherwise")
	}
	v.Fulfill(bg, 3)
	want(t, p, 3, nil)
	want(t, q, 3, nil)

	for n := 1; n < 10; n++ {
		ps, rs := make([]promise.Promise[int], n), make([]promise.Resolver[int], n)
		for i := range ps {
			ps[i], rs[i] = promise.New[int](bg)
		}
		for i := range rs {
			rs[i].Follow(bg, ps[(i+1)%n])
		}
		for _, p := range ps {
			want(t, p, 0, promise.ErrCycle)
		}
	}
	// A ring closed by several goroutines, and one that leads into it.
	for range 200 {
		const n = 3
		var ps [n + 1]promise.Promise[int]
		var rs [n + 1]promise.Resolver[int]
		for i := range ps {
			ps[i], rs[i] = promise.New[int](bg)
		}
		var wg sync.WaitGroup
		for i := range rs {
			wg.Go(func() { rs[i].Follow(bg, ps[(i+1)%n]) })
		}
		wg.Wait()
		for _, p := range ps {
			want(t, p, 0, promise.ErrCycle)
		}
	}
}

// Values are converted to what is asked for.
func TestConversion(t *testing.T) {
	c := new(promise.Cell)
	c.Fulfill([]any{int64(1), int64(2)}, true)
	l, err := promise.Of[[]int](c).Await(bg)
	if fmt.Sprint(l) != "[1 2]" || err != nil {
		t.Errorf("%v, %v", l, err)
	}
	l[0] = 9
	if l, _ := promise.Of[[]int](c).Await(bg); l[0] != 1 {
		t.Error("shared")
	}
	if _, err := promise.Of[string](c).Await(bg); err == nil {
		t.Error("a list became a string")
	}
	want(t, promise.Of[promise.None](c), promise.None{}, nil)
	want(t, promise.Of[int64](promise.Fulfilled(int8(5)).Cell()), 5, nil)
	want(t, promise.Of[string](promise.Fulfilled[any](nil).Cell()), "", nil)
	if _, err := promise.Of[int](promise.Fulfilled(make(chan int)).Cell()).Await(bg); err == nil {
		t.Error("a channel became an int")
	}
	ch := make(chan int)
	want(t, promise.Fulfilled(ch), ch, nil)
}

func TestAll(t *testing.T) {
	p, r := promise.New[int](bg)
	q, s := promise.New[int](bg)
	all := promise.All(p, promise.Fulfilled(5), q, p)
	r.Fulfill(bg, 1)
	if all.Settled() {
		t.Error("too early")
	}
	s.Fulfill(bg, 2)
	if vs, err := all.Await(bg); fmt.Sprint(vs) != "[1 5 2 1]" || err != nil {
		t.Errorf("%v, %v", vs, err)
	}
	if vs, err := promise.All[int]().Await(bg); vs == nil || len(vs) != 0 || err != nil {
		t.Errorf("%v, %v", vs, err)
	}
	never, end := promise.New[int](bg)
	if _, err := promise.All(never, promise.Broken[int](errA), promise.Broken[int](errB)).Await(bg); err != errA {
		t.Errorf("%v", err)
	}
	left(t, never)
	end.Fulfill(bg, 1)
	bad := promise.Of[string](promise.Fulfilled(1).Cell())
	if _, err := promise.All(promise.Fulfilled("x"), bad).Await(bg); err == nil {
		t.Error("an int became a string")
	}
	var zero promise.Promise[int]
	if _, err := promise.All(zero).Await(bg); err == nil {
		t.Error("the zero Promise has a value")
	}
}

// left fails unless nobody waits for p any more: a promise that lives long must not gather waiters.
func left[T any](t *testing.T, p promise.Promise[T]) {
	t.Helper()
	if n := p.Cell().Waiters(); n != 0 {
		t.Errorf("%d waiters left", n)
	}
}

func TestSettled(t *testing.T) {
	p, r := promise.New[int](bg)
	all := promise.Settled(p, promise.Broken[int](errA), promise.Fulfilled(2))
	if all.Settled() {
		t.Error("too early")
	}
	r.Break(bg, errB)
	if os, err := all.Await(bg); fmt.Sprint(os) != "[broken: b broken: a 2]" || err != nil {
		t.Errorf("%v, %v", os, err)
	}
	if os, err := promise.Settled[int]().Await(bg); len(os) != 0 || err != nil {
		t.Errorf("%v, %v", os, err)
	}
	// An outcome can be passed, with the error as what crosses of it.
	got, err := promise.Of[[]promise.Outcome[string]](all.Cell()).Await(bg)
	if err == nil {
		t.Errorf("%v: numbers became strings", got)
	}
	back, err := promise.Of[[]promise.Outcome[int64]](all.Cell()).Await(bg)
	if err != nil || back[2].Value != 2 || back[2].Err != nil || back[0].Err == nil {
		t.Errorf("%v, %v", back, err)
	}
}

func TestRace(t *testing.T) {
	p, r := promise.New[int](bg)
	q, _ := promise.New[int](bg)
	race := promise.Race(q, p)
	r.Fulfill(bg, 4)
	want(t, race, 4, nil)
	left(t, q)
	want(t, promise.Race(q, promise.Broken[int](errA)), 0, errA)
	left(t, q)
	want(t, promise.Race[int](), 0, promise.ErrNone)
}

func TestAny(t *testing.T) {
	p, r := promise.New[int](bg)
	q, s := promise.New[int](bg)
	first := promise.Any(promise.Broken[int](errA), q, p)
	if first.Settled() {
		t.Error("too early")
	}
	r.Fulfill(bg, 4)
	want(t, first, 4, nil)
	left(t, q)
	none := promise.Any(promise.Broken[int](errA), q)
	s.Break(bg, errB)
	want(t, none, 0, errA)
	want(t, none, 0, errB)
	if _, err := none.Await(bg); err.Error() != "a\nb" {
		t.Errorf("%q", err)
	}
	want(t, promise.Any[int](), 0, promise.ErrNone)
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := promise.New[int](bg)
		start := time.Now()
		late := promise.Timeout(p, time.Second)
		soon := promise.Timeout(p, time.Minute)
		_, err := late.Await(bg)
		if err != promise.ErrTimeout || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		var timeout interface{ Timeout() bool }
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Error("it is no timeout to others")
		}
		r.Fulfill(bg, 1)
		want(t, soon, 1, nil)
		if promise.Timeout(p, 0) != p {
			t.Error("a settled promise is wrapped")
		}
		never, _ := promise.New[int](bg)
		want(t, promise.Timeout(never, -1), 0, promise.ErrTimeout)
		left(t, never)
		if time.Since(start) != time.Second {
			t.Errorf("%v", time.Since(start))
		}
	})
}

// How a promise breaks by itself is no secret: it crosses to peers as code and text, rather than as an internal error.
func TestErrorsCross(t *testing.T) {
	_, zero := promise.Promise[int]{}.Await(bg)
	p, r := promise.New[int](bg)
	r.Break(bg, nil)
	_, reasonless := p.Await(bg)
	for code, err := range map[string]error{
		"hawser.cycle": promise.ErrCycle, "hawser.no-promises": promise.ErrNone, "hawser.timeout": promise.ErrTimeout,
		"hawser.zero-promise": zero, "hawser.no-reason": reasonless,
	} {
		var coded interface {
			ErrorCode() string
			ErrorMessage() string
		}
		if !errors.As(fmt.Errorf("wrapped: %w", err), &coded) || coded.ErrorCode() != code || coded.ErrorMessage() != err.Error() {
			t.Errorf("%v has not the code %s", err, code)
		}
		crossed, bad := passable.Copy(err, nil)
		if want := (passable.Error{Code: code, Message: err.Error()}); crossed != any(want) || bad != nil {
			t.Errorf("%v crosses as %#v, %v", err, crossed, bad)
		}
	}
}

// Combinations of promises that are settled from several goroutines at once.
func TestCombinationsRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			var ps [3]promise.Promise[int]
			var rs [3]promise.Resolver[int]
			for i := range ps {
				ps[i], rs[i] = promise.New[int](bg)
			}
			race, anyOf, all, settled := promise.Race(ps[:]...), promise.Any(ps[:]...), promise.All(ps[:]...), promise.Settled(ps[:]...)
			for i := range rs {
				go func() {
					if i == 0 {
						rs[i].Break(bg, errA)
					} else {
						rs[i].Fulfill(bg, i)
					}
				}()
			}
			if v, err := anyOf.Await(bg); v < 1 || err != nil {
				t.Errorf("any: %v, %v", v, err)
			}
			if _, err := all.Await(bg); err != errA {
				t.Errorf("all: %v", err)
			}
			if v, err := race.Await(bg); v == 0 && err != errA {
				t.Errorf("race: %v, %v", v, err)
			}
			if os, err := settled.Await(bg); fmt.Sprint(os) != "[broken: a 1 2]" || err != nil {
				t.Errorf("settled: %v, %v", os, err)
			}
		}
	})
}

// A type whose conversion panics breaks the combination, not the process.
func TestConversionThatPanics(t *testing.T) {
	c := promise.Fulfilled(1).Cell()
	if _, err := promise.All(promise.Of[explosive](c)).Await(bg); err == nil {
		t.Error("no error")
	}
	os, err := promise.Settled(promise.Of[explosive](c)).Await(bg)
	if err != nil || os[0].Err == nil {
		t.Errorf("%v, %v", os, err)
	}
}
