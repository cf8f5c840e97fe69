package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// What the project owes from the first day: no goroutine, timer or context for a call.

const manyCalls = 10_000

// TestNoGoroutinePerCall has many calls wait for their answers at once and counts goroutines then.
func TestNoGoroutinePerCall(t *testing.T) {
	const few = 16 // what a vat or a connection may have running at the moment
	eachNetwork(t, func(t *testing.T, b birdRef) {
		idle := runtime.NumGoroutine()
		answers := make([]promise.Promise[int64], manyCalls)
		for i := range answers {
			answers[i] = b.Wait(t.Context(), int64(i))
		}
		// Told is answered after every Wait has had its turn.
		if _, err := b.Told(t.Context()).Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := runtime.NumGoroutine(); n > idle+few {
			t.Errorf("%d goroutines with %d calls outstanding, %d with none", n, manyCalls, idle)
		}
		if n, err := b.Wake(t.Context()).Await(t.Context()); err != nil || n != manyCalls {
			t.Fatalf("%d calls were waiting, want %d: %v", n, manyCalls, err)
		}
		for i, answer := range answers {
			if got, err := answer.Await(t.Context()); err != nil || got != int64(i) {
				t.Fatalf("the answer to %d is %d: %v", i, got, err)
			}
		}
	})
}

// TestNoGoroutinePerThen is the same for what waits inside vats, where a Then is no goroutine either.
func TestNoGoroutinePerThen(t *testing.T) {
	eachNetwork(t, func(t *testing.T, b birdRef) {
		v := vat.New(nil)
		defer v.Close()
		idle, sum := runtime.NumGoroutine(), int64(0)
		thens, err := vat.Do(t.Context(), v, func(ctx context.Context) ([]promise.Promise[promise.None], error) {
			thens := make([]promise.Promise[promise.None], manyCalls)
			for i := range thens {
				thens[i] = promise.Then(ctx, b.Wait(ctx, 1), func(_ context.Context, n int64) (promise.None, error) {
					sum += n
					return promise.None{}, nil
				})
			}
			return thens, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		// Sent by the same vat, so that it arrives behind the others.
		told, err := vat.Do(t.Context(), v, func(ctx context.Context) (promise.Promise[int64], error) { return b.Told(ctx), nil })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := told.Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := runtime.NumGoroutine(); n > idle+16 {
			t.Errorf("%d goroutines with %d callbacks waiting, %d with none", n, manyCalls, idle)
		}
		if _, err := b.Wake(t.Context()).Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := promise.All(thens...).Await(t.Context()); err != nil || sum != manyCalls {
			t.Fatalf("the callbacks saw %d, want %d: %v", sum, manyCalls, err)
		}
	})
}

// TestNoTimerOrContextPerCall makes many calls and looks through everything that was allocated meanwhile.
func TestNoTimerOrContextPerCall(t *testing.T) {
	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 1
	defer func() { runtime.MemProfileRate = rate }()
	const little = manyCalls / 100
	eachNetwork(t, func(t *testing.T, b birdRef) {
		if made := timersAndContexts(func() {
			answers := make([]promise.Promise[said], manyCalls)
			for i := range answers {
				answers[i] = b.Echo(t.Context(), words, int64(i))
			}
			for i, answer := range answers {
				if got, err := answer.Await(t.Context()); err != nil || got.Number != int64(i) {
					t.Fatalf("the answer to %d is %v: %v", i, got, err)
				}
			}
		}); made.number > little {
			t.Errorf("%d timers and contexts for %d calls, most of them in %s", made.number, manyCalls, made.where)
		}
	})
	t.Run("the-test-can-fail", func(t *testing.T) {
		if made := timersAndContexts(func() {
			for range manyCalls {
				_, cancel := context.WithTimeout(t.Context(), time.Hour)
				cancel()
			}
		}); made.number < manyCalls {
			t.Errorf("%d timers and contexts were found where at least %d were made", made.number, manyCalls)
		}
	})
}

// eachNetwork runs a test with an object in this process, on a simulated network and over real sockets.
func eachNetwork(t *testing.T, test func(t *testing.T, b birdRef)) {
	t.Run("local", func(t *testing.T) {
		v := vat.New(nil)
		defer v.Close()
		b, err := spawn[birdRef](v, spawnBird)
		if err != nil {
			t.Fatal(err)
		}
		test(t, b)
	})
	for name, open := range map[string]between{"mem": overSimulation, "noisequic": overNoise} {
		t.Run(name, func(t *testing.T) {
			p, err := open(spawnBird)
			if err != nil {
				t.Fatal(err)
			}
			defer p.close()
			ref, err := p.fetch()
			if err != nil {
				t.Fatal(err)
			}
			test(t, vat.As[birdRef](ref))
		})
	}
}

// made is how many timers and contexts were allocated, and by whom most.
type made struct {
	number int64
	where  string
}

// timersAndContexts runs fn with every allocation recorded.
func timersAndContexts(fn func()) made {
	before := allocated()
	fn()
	var all made
	most := int64(0)
	for stack, n := range allocated() {
		n -= before[stack]
		where := describe(stack)
		if where == "" {
			continue
		}
		all.number += n
		if n > most {
			most, all.where = n, where
		}
	}
	return all
}

type stack [32]uintptr

// allocated returns how many objects have been allocated, by where.
func allocated() map[stack]int64 {
	for range 3 { // the profile is of the collection before the last
		runtime.GC()
	}
	records := make([]runtime.MemProfileRecord, 1<<16)
	n, ok := runtime.MemProfile(records, true)
	if !ok {
		panic(fmt.Sprintf("%d records are more than there is room for", n))
	}
	found := make(map[stack]int64, n)
	for _, r := range records[:n] {
		found[r.Stack0] += r.AllocObjects
	}
	return found
}

// describe returns who made a timer or context, "" if it is another kind of object.
func describe(s stack) string {
	frames := runtime.CallersFrames(s[:])
	kind := ""
	for {
		f, more := frames.Next()
		switch {
		case kind != "" && !strings.HasPrefix(f.Function, "context.") && !strings.HasPrefix(f.Function, "time."):
			return kind + " called by " + f.Function
		case f.Function == "time.NewTimer", f.Function == "time.AfterFunc", f.Function == "time.NewTicker", f.Function == "time.newTimer",
			strings.HasPrefix(f.Function, "context.With"), f.Function == "context.AfterFunc":
			kind = f.Function
		}
		if !more {
			return kind
		}
	}
}
