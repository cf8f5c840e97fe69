package vat_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// waiter spawns an object that waits for p in each message and notes what it gets.
func waiter(t *testing.T, v *vat.Vat, j *journal, p promise.Promise[int]) vat.Ref {
	return object(t, v, func(ctx context.Context, args []any) (any, error) {
		j.add("wait%v", args[0])
		n, err := p.Await(ctx)
		j.add("got%v", args[0])
		return n, err
	})
}

// While a turn waits the vat serves others; waiting turns go on in the order in which they began to wait.
func TestParkedVatServes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		j := &journal{}
		p, r := promise.New[int](context.Background())
		w := waiter(t, v, j, p)
		ctx := context.Background()
		for i := range 3 {
			_ = w.ApplyOnly(ctx, i)
		}
		wantJournal(t, j, "wait0 wait1 wait2")
		r.Fulfill(ctx, 1)
		wantJournal(t, j, "wait0 wait1 wait2 got0 got1 got2")
	})
}

// The context of the wait may end first, at the same moment, or be of the turn itself.
func TestParkContextEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		p, r := promise.New[int](context.Background())
		why := errors.New("why")
		obj := object(t, v, func(ctx context.Context, args []any) (any, error) {
			ctx, cancel := context.WithTimeoutCause(ctx, time.Second, why)
			defer cancel()
			n, err := p.Await(ctx)
			return n, err
		})
		start := time.Now()
		_, err := answer[int](obj, "x")
		if err != why || time.Since(start) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		// At the same moment: either outcome is right, and the vat goes on.
		for range 50 {
			p, r := promise.New[int](context.Background())
			obj := object(t, v, func(ctx context.Context, _ []any) (any, error) {
				ctx, cancel := context.WithTimeoutCause(ctx, time.Second, why)
				defer cancel()
				return p.Await(ctx)
			})
			ans := vat.Result[int](obj.Send(context.Background(), "x"))
			time.Sleep(time.Second)
			r.Fulfill(context.Background(), 7)
			if n, err := ans.Await(context.Background()); err != nil && err != why || err == nil && n != 7 {
				t.Fatalf("got %d, %v", n, err)
			}
		}
		r.Fulfill(context.Background(), 1)
		do(t, v, func(context.Context) (int, error) { return 0, nil })
	})
}

// Settling and cancelling race with each other and with Close from three goroutines: each waiting turn goes on exactly
// once, and the vat is never lost.
func TestParkRace(t *testing.T) {
	for i := range 200 {
		bubble(t, func(t *testing.T) {
			v := vat.New(nil)
			p, r := promise.New[int](context.Background())
			ctx, cancel := context.WithCancel(context.Background())
			resumed := 0
			obj := object(t, v, func(turn context.Context, _ []any) (any, error) {
				wait, stop := context.WithCancel(turn)
				defer stop()
				context.AfterFunc(ctx, stop)
				n, err := p.Await(wait)
				resumed++
				return n, err
			})
			var answers []promise.Promise[int]
			for range 4 {
				answers = append(answers, vat.Result[int](obj.Send(context.Background(), "x")))
			}
			go r.Fulfill(context.Background(), 1)
			go cancel()
			if i%2 == 0 {
				go v.Close()
			}
			for _, a := range answers {
				_, err := a.Await(context.Background())
				if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, vat.ErrVatClosed) {
					t.Errorf("got %v", err)
				}
			}
			if err := v.Close(); err != nil {
				t.Error(err)
			}
			if resumed > 4 || i%2 == 1 && resumed != 4 {
				t.Errorf("%d turns went on, want 4", resumed)
			}
		})
	}
}

// Beyond MaxParked Await refuses, and has not committed. A place is free again when a turn goes on.
func TestMaxParked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, &vat.Config{MaxParked: 2})
		j := &journal{}
		to := j.spawn(t, v)
		var p promise.Promise[int]
		obj := object(t, v, func(ctx context.Context, _ []any) (any, error) {
			_ = to.SendOnly(ctx, "began")
			return p.Await(ctx)
		})
		for range 3 {
			var r promise.Resolver[int]
			p, r = promise.New[int](context.Background())
			var answers []promise.Promise[int]
			for range 3 {
				answers = append(answers, vat.Result[int](obj.Send(context.Background(), "x")))
			}
			_, err := answers[2].Await(context.Background())
			wantErr(t, err, vat.ErrOverloaded)
			r.Fulfill(context.Background(), 5)
			for _, a := range answers[:2] {
				if n, err := a.Await(context.Background()); n != 5 || err != nil {
					t.Errorf("got %d, %v", n, err)
				}
			}
		}
		wantJournal(t, j, "began began began began began began")
	})
}

// However many turns one peer's messages have wait, there is a place left for others.
func TestMaxParkedIsShared(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, &vat.Config{MaxParked: 8})
		p, r := promise.New[int](context.Background())
		obj := object(t, v, func(ctx context.Context, _ []any) (any, error) { return p.Await(ctx) })
		greedy, other := &vat.Caller{Designator: "greedy"}, &vat.Caller{Designator: "other"}
		var waits []promise.Promise[int]
		// parked returns how many of 20 messages from this caller wait.
		parked := func(from *vat.Caller) (n int) {
			for range 20 {
				w := vat.NewVow(nil)
				obj.Post(vat.Message{From: from, Answer: w})
				synctest.Wait()
				if _, err, over := w.Cell().Outcome(); over {
					wantErr(t, err, vat.ErrOverloaded)
				} else {
					waits = append(waits, promise.Of[int](w.Cell()))
					n++
				}
			}
			return n
		}
		for range 2 {
			for i, want := range []int{4, 2, 2} {
				if n := parked([]*vat.Caller{greedy, other, nil}[i]); n != want {
					t.Errorf("caller %d has %d turns wait, want %d", i, n, want)
				}
			}
			r.Fulfill(context.Background(), 5)
			for _, a := range waits {
				if n, err := a.Await(context.Background()); n != 5 || err != nil {
					t.Errorf("got %d, %v", n, err)
				}
			}
			waits = nil
			p, r = promise.New[int](context.Background())
		}
		r.Fulfill(context.Background(), 5)
	})
}

// Mutual calls that wait for each other do not lock up.
func TestReentrancy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := newVat(t, nil), newVat(t, nil)
		var ra, rb vat.Ref
		down := func(other *vat.Ref) handler {
			return func(ctx context.Context, args []any) (any, error) {
				n := args[1].(int64)
				if n == 0 {
					return 0, nil
				}
				m, err := vat.Result[int](other.Send(ctx, "down", n-1)).Await(ctx)
				return m + 1, err
			}
		}
		ra, rb = object(t, a, down(&rb)), object(t, b, down(&ra))
		if n := mustAnswer[int](t, ra, "down", 100); n != 100 {
			t.Errorf("got %d", n)
		}
		// An object that waits for itself, in one vat.
		var self vat.Ref
		self = object(t, a, down(&self))
		if n := mustAnswer[int](t, self, "down", 50); n != 50 {
			t.Errorf("got %d", n)
		}
	})
}

// A handler may panic or exit its goroutine after it has waited.
func TestFailAfterPark(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		p, r := promise.New[int](context.Background())
		j := &journal{}
		w := waiter(t, v, j, p)
		for _, how := range []string{"panic", "goexit", "deferred"} {
			obj := object(t, v, func(ctx context.Context, _ []any) (any, error) {
				if how == "deferred" {
					defer func() { _, _ = p.Await(ctx) }() // waits while it panics
					panic("oops")
				}
				if _, err := p.Await(ctx); err != nil {
					return nil, err
				}
				if how == "panic" {
					panic("oops")
				}
				failNow()
				return nil, nil
			})
			ans := obj.Send(context.Background(), "x")
			_ = w.ApplyOnly(context.Background(), how)
			defer func() {
				_, err := ans.Await(context.Background())
				wantErr(t, err, vat.ErrInternal)
			}()
		}
		synctest.Wait()
		r.Fulfill(context.Background(), 1)
		wantJournal(t, j, "waitpanic waitgoexit waitdeferred gotpanic gotgoexit gotdeferred")
	})
}

// Contexts derived from a turn cost no goroutine, and end when the vat closes.
func TestContextsOfTurns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := vat.New(nil)
		type key struct{}
		before := runtime.NumGoroutine()
		derived := do(t, v, func(ctx context.Context) (context.Context, error) {
			if _, ok := ctx.Deadline(); ok || ctx.Err() != nil || ctx.Value(key{}) != nil {
				t.Error("a fresh turn's context has a deadline, an error or a value")
			}
			c, cancel := context.WithCancel(context.WithValue(ctx, key{}, 1))
			t.Cleanup(cancel)
			select {
			case <-ctx.Done():
				t.Error("done")
			default:
			}
			return c, nil
		})
		synctest.Wait()
		if n := runtime.NumGoroutine(); n > before {
			t.Errorf("%d goroutines watch for the context", n-before)
		}
		v.Close()
		<-derived.Done()
		if derived.Err() != context.Canceled || context.Cause(derived) != error(vat.ErrVatClosed) {
			t.Errorf("ended with %v, cause %v", derived.Err(), context.Cause(derived))
		}
	})
}

// A turn that waits keeps its own object, caller and message.
func TestParkKeepsTheTurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		p, r := promise.New[int](context.Background())
		var refs []vat.Ref
		for i := range 3 {
			refs = append(refs, object(t, v, func(ctx context.Context, args []any) (any, error) {
				before := vat.Self(ctx)
				_, err := p.Await(ctx)
				if vat.Self(ctx) != before || before != refs[i] {
					t.Error("Self changed")
				}
				return fmt.Sprint(i, args), err
			}))
		}
		var answers []promise.Promise[string]
		for i, ref := range refs {
			answers = append(answers, vat.Result[string](ref.Apply(context.Background(), i)))
		}
		synctest.Wait()
		r.Fulfill(context.Background(), 1)
		for i, a := range answers {
			if s, err := a.Await(context.Background()); s != fmt.Sprintf("%d [%d]", i, i) || err != nil {
				t.Errorf("got %q, %v", s, err)
			}
		}
	})
}

// A promise that is settling while the turn stops waiting for it does not disturb what the turn waits for next.
func TestParkedIsNotWokenByAnother(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		p, r := promise.New[int](context.Background())
		q, s := promise.New[int](context.Background())
		hold, telling := make(chan struct{}), make(chan struct{})
		p.Cell().Subscribe(told(func(*promise.Cell) { close(telling); <-hold })) // told before the turn is
		ctx, cancel := context.WithCancel(context.Background())
		obj := object(t, v, func(turn context.Context, _ []any) (any, error) {
			wait, stop := context.WithCancel(turn)
			defer context.AfterFunc(ctx, stop)()
			if n, err := p.Await(wait); n != 1 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
			return q.Await(turn)
		})
		ans := vat.Result[int](obj.Apply(context.Background()))
		synctest.Wait()
		go r.Fulfill(context.Background(), 1)
		<-telling
		cancel()
		synctest.Wait() // the turn waits for q
		close(hold)     // and now p tells it
		synctest.Wait()
		s.Fulfill(context.Background(), 2)
		if n, err := ans.Await(context.Background()); n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
}
