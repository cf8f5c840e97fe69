package captp_test

import (
	"context"
	"fmt"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

func TestCalls(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		b.node.echo("echo")
		b.node.serve("add", func(x, y int) int { return x + y })
		e, add := a.fetch("echo"), a.fetch("add")
		want(t, add.Apply(t.Context(), 40, 2), 42)
		want(t, e.Send(t.Context(), "echo", "hello"), "hello")
		wantErr(t, e.Send(t.Context(), "fail"), errNone)
		huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
		for _, v := range []any{
			nil, true, false, int64(-7), huge, 1.5, "text", passable.Symbol("symbol"),
			[]byte{1, 2, 3},
			[]any{},
			[]any{int64(1), []any{"x"}},
			passable.Struct{{Key: "a", Value: int64(1)}, {Key: "b", Value: nil}},
			passable.Tagged{Tag: "t", Value: "v"},
			passable.Error{Code: "some.code", Message: "a message"},
			passable.Undefined{},
		} {
			if got, err := result[any](e.Send(t.Context(), "echo", v)); err != nil || !passable.Equal(got, v) {
				t.Errorf("%v came back as %v, %v", v, got, err)
			}
		}
		// Both directions at once.
		a.node.serve("double", func(x int) int { return 2 * x })
		want(t, b.fetch("double").Apply(t.Context(), 21), 42)
	})
}

// However deep a chain of calls on answers is, it takes one round trip.
func TestPipelining(t *testing.T) {
	for _, synchronous := range []bool{false, true} {
		t.Run(fmt.Sprint("synchronous=", synchronous), func(t *testing.T) {
			scene(t, &mem.Config{Delay: delay, Synchronous: synchronous}, func(t *testing.T, w *world) {
				a, b := w.pair()
				b.node.echo("echo")
				e := a.fetch("echo")
				for _, depth := range []int{1, 2, 8, 100} {
					start := time.Now()
					r := e
					for range depth - 1 {
						r = r.Send(t.Context(), "self")
					}
					want(t, r.Send(t.Context(), "echo", depth), depth)
					if d := time.Since(start); d != 2*delay && !synchronous {
						t.Errorf("a chain of %d took %v, want %v", depth, d, 2*delay)
					}
					if got := await(t, r); got != e {
						t.Error("the answer is another reference to the same object")
					}
				}
			})
		})
	}
}

// A chain through a promise that is passed as an argument takes one round trip, too: it is the peer's own.
func TestPipelinedArguments(t *testing.T) {
	scene(t, &mem.Config{Delay: delay}, func(t *testing.T, w *world) {
		a, b := w.pair()
		b.node.echo("echo")
		e := a.fetch("echo")
		start := time.Now()
		double := b.node.do(func(ctx context.Context) vat.Ref { return vat.Func(ctx, func(x int) int { return 2 * x }) })
		b.node.offer("double", double)
		f := a.Bootstrap().Send(t.Context(), "fetch", "double") // not there yet
		want(t, e.Send(t.Context(), "call", f, 21), 42)
		if d := time.Since(start); d != 2*delay {
			t.Errorf("took %v, want %v", d, 2*delay)
		}
		if got := await(t, e.Send(t.Context(), "echo", f)); got != await(t, f) {
			t.Error("the promise came back as another reference")
		}
	})
}

// A chain that breaks breaks all that hangs on it, each once, with the same error.
func TestPipelineBreaks(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		b.node.echo("echo")
		e := a.fetch("echo")
		f := e.Send(t.Context(), "fail")
		x := f.Send(t.Context(), "a").Send(t.Context(), "b")
		wantErr(t, x, errNone)
		wantErr(t, f.Field(t.Context(), "x"), errNone)
		wantErr(t, x.Send(t.Context(), "late"), errNone)
		if err := f.SendOnly(t.Context(), "nobody asks"); err != nil {
			t.Error(err)
		}
		want(t, e.Send(t.Context(), "echo", 1), 1)
	})
}

// Parts of answers are had without waiting for the whole, and can be sent to.
func TestSelection(t *testing.T) {
	scene(t, &mem.Config{Delay: delay}, func(t *testing.T, w *world) {
		a, b := w.pair()
		b.node.echo("echo")
		b.node.serve("parts", func(ctx context.Context) any {
			inner := vat.Func(ctx, func(n int) int { return n + 1 })
			return passable.Struct{{Key: "list", Value: []any{int64(5), passable.Tagged{Tag: "t", Value: inner}}}}
		})
		ctx := t.Context()
		parts := a.fetch("parts")
		start := time.Now()
		list := parts.Apply(ctx).Field(ctx, "list")
		five, fn := list.Index(ctx, 0), list.Index(ctx, 1).Untag(ctx, "t")
		none, wrong, negative := list.Index(ctx, 2), list.Field(ctx, "x"), list.Index(ctx, -1)
		tag := list.Index(ctx, 1).Untag(ctx, "other")
		want(t, fn.Apply(ctx, 41), 42)
		want(t, five, 5)
		for _, r := range []vat.Ref{none, wrong, negative, tag, tag.Send(ctx, "x")} {
			if _, err := r.Await(ctx); err == nil || !isRemote(err, "hawser.bad-select") {
				t.Errorf("%v", err)
			}
		}
		if code := codeOf(five.Send(ctx, "x")); code != vat.ErrNotReference.Code {
			t.Errorf("a message to data broke with %q", code)
		}
		if d := time.Since(start); d != 2*delay {
			t.Errorf("took %v, want %v: parts of a settled answer are had here", d, 2*delay)
		}
	})
}

// One-way messages take no question, and what nobody asks for is not sent.
func TestOneWay(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		var got []int
		b.node.serve("take", func(n int) { got = append(got, n) })
		x := a.fetch("take")
		for i := range 100 {
			if err := x.ApplyOnly(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
		if q := a.Tables().Questions; q > 1 {
			t.Errorf("%d questions for messages that want no answer", q)
		}
		want[any](t, x.Apply(t.Context(), 100), passable.Undefined{})
		for i, n := range got {
			if n != i {
				t.Fatalf("out of order: %v", got)
			}
		}
		if len(got) != 101 {
			t.Errorf("%d messages arrived", len(got))
		}
	})
}

// Inside a turn messages leave together when it commits, or not at all.
func TestTurns(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		var got []string
		b.node.serve("take", func(s string) { got = append(got, s) })
		x := a.fetch("take")
		ctx := t.Context()
		_, err := vat.Do(ctx, a.node.vat, func(ctx context.Context) (int, error) {
			_ = x.ApplyOnly(ctx, "never")
			x.Apply(ctx, "never")
			return 0, errNone
		})
		if err != errNone {
			t.Fatal(err)
		}
		answer, err := vat.Do(ctx, a.node.vat, func(ctx context.Context) (vat.Ref, error) {
			_ = x.ApplyOnly(ctx, "one")
			return x.Apply(ctx, "two"), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := result[any](answer); err != nil || fmt.Sprint(got) != "[one two]" {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// A turn whose sends do not fit fails whole.
func TestTurnBeyondTheBudget(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		na := w.node("a")
		na.limits.MaxQuestions = 10
		a, b := w.meet(na, w.node("b"))
		calls := 0
		b.node.serve("x", func() { calls++ })
		x := a.fetch("x")
		ctx := t.Context()
		time.Sleep(time.Second)
		_, err := vat.Do(ctx, a.node.vat, func(ctx context.Context) (int, error) {
			for range 11 {
				x.Apply(ctx)
			}
			return 0, nil
		})
		if err == nil {
			t.Error("a turn sent more than there is room for")
		}
		synctest.Wait()
		if calls != 0 || a.Tables().Calls != 0 {
			t.Errorf("%d messages of a failed turn arrived; %s", calls, a.Tables())
		}
		_, err = vat.Do(ctx, a.node.vat, func(ctx context.Context) (int, error) {
			for range 10 {
				x.Apply(ctx)
			}
			return 0, nil
		})
		synctest.Wait()
		if err != nil || calls != 10 {
			t.Errorf("%d messages of 10 arrived: %v", calls, err)
		}
	})
}

// Await inside a turn of one node, on a promise of the other that waits for the first.
func TestMutualCalls(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		down := func(ctx context.Context, n int, other vat.Ref, me vat.Ref) (int, error) {
			if n == 0 {
				return 0, nil
			}
			m, err := vat.Result[int](other.Apply(ctx, n-1, me, other)).Await(ctx)
			return m + 1, err
		}
		x := a.node.serve("x", down)
		b.node.serve("y", down)
		want(t, a.fetch("y").Apply(t.Context(), 20, x, a.fetch("y")), 20)
	})
}
