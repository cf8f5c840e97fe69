package vat_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

func failNow() { runtime.Goexit() }

// Closing with everything in flight: what waits in the queue, in Await, in Go, in Then and in Do settles with an error
// that says so, and Close joins every goroutine (the bubble would not end otherwise).
func TestCloseEverything(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx := context.Background()
		v, other := vat.New(nil), newVat(t, nil)
		never, _ := promise.New[int](ctx)
		block := make(chan struct{})

		parked := object(t, v, func(ctx context.Context, _ []any) (any, error) { return never.Await(ctx) })
		busy := object(t, v, func(context.Context, []any) (any, error) { <-block; return 1, nil })
		worker := object(t, v, func(ctx context.Context, _ []any) (any, error) {
			p := vat.Go(ctx, func(ctx context.Context) (int, error) {
				<-ctx.Done()
				return 0, context.Cause(ctx)
			})
			return p, nil
		})
		caller := object(t, other, func(ctx context.Context, _ []any) (any, error) {
			return vat.Result[int](parked.Send(ctx, "x")).Await(ctx)
		})
		answers := map[string]promise.Promise[int]{
			"parked": vat.Result[int](parked.Send(ctx, "x")),
			"work":   vat.Result[int](worker.Send(ctx, "x")),
			"caller": vat.Result[int](caller.Send(ctx, "x")),
		}
		settledLate, resolve := promise.New[int](ctx)
		then := do(t, v, func(ctx context.Context) (promise.Promise[int], error) {
			return promise.Then(ctx, settledLate, func(context.Context, int) (int, error) { t.Error("ran"); return 0, nil }), nil
		})
		answers["then"] = then
		synctest.Wait()
		ran := vat.Result[int](busy.Send(ctx, "x"))
		synctest.Wait()
		answers["queued"] = vat.Result[int](parked.Send(ctx, "queued"))
		answers["queued behind it"] = vat.Result[int](parked.Send(ctx, "queued").Send(ctx, "more"))
		inDo := make(chan error)
		go func() {
			_, err := vat.Do(ctx, v, func(context.Context) (int, error) { return 0, nil })
			inDo <- err
		}()
		synctest.Wait()

		go func() {
			time.Sleep(time.Second)
			close(block)
		}()
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		resolve.Fulfill(ctx, 1)
		if n, err := ran.Await(ctx); n != 1 || err != nil {
			t.Errorf("the turn that was running: %d, %v; want it to end as it does", n, err)
		}
		for name, p := range answers {
			_, err := p.Await(ctx)
			if !errors.Is(err, vat.ErrVatClosed) || !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		wantErr(t, <-inDo, vat.ErrVatClosed)

		// Afterwards.
		_, err := answer[int](parked, "x")
		wantErr(t, err, vat.ErrVatClosed)
		_, err = vat.Do(ctx, v, func(context.Context) (int, error) { return 0, nil })
		wantErr(t, err, vat.ErrVatClosed)
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A turn that goes on after Close still commits or fails as any other, and cannot wait any more.
func TestCloseDuringTurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx := context.Background()
		v, other := vat.New(nil), newVat(t, nil)
		j := &journal{}
		to := j.spawn(t, other)
		never, _ := promise.New[int](ctx)
		obj := object(t, v, func(ctx context.Context, _ []any) (any, error) {
			if _, err := never.Await(ctx); !errors.Is(err, vat.ErrVatClosed) {
				t.Errorf("got %v", err)
			}
			if n, err := promise.Fulfilled(3).Await(ctx); n != 3 || err != nil {
				t.Errorf("a settled promise gives %d, %v", n, err)
			}
			if _, err := never.Await(ctx); !errors.Is(err, vat.ErrVatClosed) {
				t.Errorf("got %v", err)
			}
			p := vat.Go(ctx, func(context.Context) (int, error) { t.Error("started"); return 0, nil })
			if _, err := p.Await(ctx); !errors.Is(err, vat.ErrVatClosed) {
				t.Errorf("got %v", err)
			}
			return 1, to.SendOnly(ctx, "bye")
		})
		ans := vat.Result[int](obj.Send(ctx, "x"))
		synctest.Wait()
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := ans.Await(ctx); n != 1 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		wantJournal(t, j, "bye")
	})
}

// Close is bounded, and says what it waits for. A later Close still joins.
func TestCloseTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := vat.New(&vat.Config{Name: "slow", CloseTimeout: time.Second})
		block := make(chan struct{})
		obj := object(t, v, func(context.Context, []any) (any, error) { <-block; return nil, nil })
		_ = obj.ApplyOnly(context.Background())
		synctest.Wait()
		err := v.Close()
		if err == nil || !strings.Contains(err.Error(), `close "slow": handlers still running after 1s`) {
			t.Errorf("got %v", err)
		}
		close(block)
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Close at every point of a busy vat's life, from another goroutine.
func TestCloseAnywhere(t *testing.T) {
	for i := range 100 {
		bubble(t, func(t *testing.T) {
			ctx := context.Background()
			v := vat.New(nil)
			obj := object(t, v, func(ctx context.Context, args []any) (any, error) {
				if n := args[0].(int64); n > 0 {
					return vat.Self(ctx).Apply(ctx, n-1), nil
				}
				p, r := promise.New[int](ctx)
				r.Fulfill(ctx, 1)
				return p.Await(ctx)
			})
			var answers []promise.Promise[int]
			for j := range 10 {
				answers = append(answers, vat.Result[int](obj.Apply(ctx, j)))
			}
			go func() {
				for range i {
					runtime.Gosched()
				}
				v.Close()
			}()
			for range 20 {
				answers = append(answers, vat.Result[int](obj.Apply(ctx, 1)))
			}
			for _, a := range answers {
				if n, err := a.Await(ctx); err == nil && n != 1 || err != nil && !errors.Is(err, vat.ErrVatClosed) {
					t.Errorf("got %d, %v", n, err)
				}
			}
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
