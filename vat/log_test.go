package vat_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// collect runs the collector until the log has n lines that hold want, or does so no more; it returns how many there
// are. The collector's cleanups run on goroutines of its own.
func collect(l *logs, want string, n int) int {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		runtime.GC()
		if strings.Count(l.String(), want) >= n {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for range 3 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	return strings.Count(l.String(), want)
}

// A promise of a vat that breaks while nobody ever looks is logged once, when it is collected; one that somebody looked
// at, in whatever way, is not.
func TestUnobservedBreak(t *testing.T) {
	l := &logs{}
	v := newVat(t, &vat.Config{Name: "v", Logger: l.logger()})
	lost, seen := errors.New("nobody looked"), errors.New("somebody looked")
	fail := object(t, v, func(_ context.Context, args []any) (any, error) {
		if args[0] == "lost" {
			return nil, lost
		}
		return nil, seen
	})
	do(t, v, func(ctx context.Context) (int, error) {
		fail.Apply(ctx, "lost")
		_, r := promise.New[int](ctx)
		r.Break(ctx, lost)
		vat.Go(ctx, func(context.Context) (int, error) { return 0, lost })
		promise.Then(ctx, vat.Result[int](fail.Apply(ctx, "lost")), func(context.Context, int) (int, error) { return 0, nil })
		promise.All(vat.Result[int](fail.Apply(ctx, "lost")), promise.Fulfilled(1))
		return 0, nil
	})
	do(t, v, func(ctx context.Context) (int, error) {
		if _, err := vat.Result[int](fail.Apply(ctx, "seen")).Await(ctx); err != seen {
			t.Errorf("%v", err)
		}
		return 0, nil
	})
	do(t, v, func(ctx context.Context) (int, error) {
		// Each of these is looked at by the next.
		p := vat.Result[int](fail.Apply(ctx, "seen").Send(ctx, "more").Send(ctx, "and more"))
		q := promise.Then(ctx, p, func(context.Context, int) (int, error) { return 0, nil })
		r := promise.Race(promise.Any(q), promise.Timeout(q, time.Hour))
		promise.Then(ctx, promise.Settled(r), func(context.Context, []promise.Outcome[int]) (int, error) { return 0, nil })
		return 0, nil
	})
	for range 10 {
		do(t, v, func(context.Context) (int, error) { return 0, nil })
	}
	// The answer, New, Go, Then and All; what Then and All looked at counts as looked at.
	if n := collect(l, "nobody looked", 2*5); n != 5*2 {
		t.Errorf("%d mentions, want 5 lines:\n%s", n, l)
	}
	if strings.Contains(l.String(), "somebody looked") {
		t.Errorf("logged although somebody looked:\n%s", l)
	}
}

// A message that nobody waits for and that fails is logged, unless it came from a peer.
func TestFailedOneWayMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := &logs{}
		v := newVat(t, &vat.Config{Name: "v", Logger: l.logger()})
		fail := object(t, v, func(context.Context, []any) (any, error) { return nil, errNope })
		_ = fail.SendOnly(context.Background(), strings.Repeat("long", 100))
		fail.Send(context.Background(), "asked")
		fail.Post(vat.Message{Selector: "peers", From: &vat.Caller{Designator: "p"}})
		synctest.Wait()
		if got := l.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "a message nobody waits for failed") ||
			!strings.Contains(got, "error=nope") || len(got) > 250 {
			t.Errorf("logged %q", got)
		}
	})
}

// However often something goes wrong that nobody is told of, and however much is said of it, the log stays readable.
func TestLogIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := &logs{}
		v := newVat(t, &vat.Config{Name: "v", Logger: l.logger()})
		fail := object(t, v, func(_ context.Context, args []any) (any, error) {
			if args[0] == passable.Symbol("panic") {
				panic(strings.Repeat("p", 1<<20))
			}
			return nil, errors.New(strings.Repeat("e", 1<<20))
		})
		const lost, panicked = "a message nobody waits for failed", "a handler panicked"
		tell := func(n int, how, want string, lines int) {
			t.Helper()
			before := len(l.String())
			for range n {
				_ = fail.SendOnly(context.Background(), how)
			}
			synctest.Wait()
			got := l.String()[before:]
			if strings.Count(got, want) != lines || len(got) > (lines+1)*8000 {
				t.Errorf("%d lines with %q in %d bytes, want %d", strings.Count(got, want), want, len(got), lines)
			}
		}
		tell(25, "fail", lost, 10)
		tell(12, "panic", panicked, 10) // the one does not drown the other
		time.Sleep(time.Second)
		tell(1, "fail", "omitted=27", 1) // a message that panicked is lost as well
		tell(1, "panic", "omitted=2", 1)
		tell(1, "fail", "omitted", 0)
	})
}

// Panics are logged with their stack.
func TestPanicIsLogged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := &logs{}
		v := newVat(t, &vat.Config{Name: "v", Logger: l.logger()})
		_, err := vat.Do(context.Background(), v, func(ctx context.Context) (int, error) {
			_, err := vat.Go(ctx, func(context.Context) (int, error) { panic("in go") }).Await(ctx)
			wantErr(t, err, vat.ErrInternal)
			_, err = vat.Go(ctx, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }).Await(ctx)
			wantErr(t, err, vat.ErrInternal)
			panic("in do")
		})
		wantErr(t, err, vat.ErrInternal)
		for _, want := range []string{"a handler panicked", "in do", "a function given to vat.Go panicked", "in go", "log_test.go", "called runtime.Goexit"} {
			if !strings.Contains(l.String(), want) {
				t.Errorf("%q is not logged:\n%s", want, l)
			}
		}
	})
}
