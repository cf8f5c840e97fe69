package vat_test

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// tally is called through two facets: one by reflection, one with the calls written out.
type Tally interface {
	Add(ctx context.Context, n int) (int, error)
	Count(n int)
}

var (
	reflected = vat.FacetOf[Tally]("bench.Tally")
	written   = vat.FacetWith("bench.Tally", map[string]vat.Method[Tally]{
		"add": func(ctx context.Context, t Tally, args []any) (any, error) {
			if err := vat.Arity(args, 1); err != nil {
				return nil, err
			}
			n, err := vat.Arg[int](args, 0)
			if err != nil {
				return nil, err
			}
			return t.Add(ctx, n)
		},
		"count": func(_ context.Context, t Tally, args []any) (any, error) {
			if err := vat.Arity(args, 1); err != nil {
				return nil, err
			}
			n, err := vat.Arg[int](args, 0)
			if err != nil {
				return nil, err
			}
			t.Count(n)
			return passable.Undefined{}, nil
		},
	})
)

type tally struct {
	n    int
	want int
	done chan struct{}
}

func (t *tally) Add(_ context.Context, n int) (int, error) { t.n += n; return 42, nil }

func (t *tally) Count(n int) {
	if t.n += n; t.n == t.want {
		close(t.done)
	}
}

func spawnIn[T any](b testing.TB, v *vat.Vat, f vat.Facet[T], impl T) vat.Ref {
	b.Helper()
	r, err := vat.Do(context.Background(), v, func(ctx context.Context) (vat.Ref, error) { return f.Spawn(ctx, impl), nil })
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func benchVat(b *testing.B) *vat.Vat {
	v := vat.New(nil)
	b.Cleanup(func() { v.Close() })
	return v
}

// BenchmarkCall is a call from a goroutine and the wait for its answer.
func BenchmarkCall(b *testing.B) {
	for name, f := range map[string]vat.Facet[Tally]{"reflected": reflected, "written": written} {
		b.Run(name, func(b *testing.B) {
			r := spawnIn[Tally](b, benchVat(b), f, &tally{})
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := vat.Result[int](r.Send(ctx, "add", 1)).Await(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOutstanding is calls from a goroutine with 64 under way.
func BenchmarkOutstanding(b *testing.B) {
	r := spawnIn[Tally](b, benchVat(b), written, &tally{})
	ctx := context.Background()
	var ring [64]promise.Promise[int]
	for i := range ring {
		ring[i] = vat.Result[int](r.Send(ctx, "add", 1))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := ring[i].Await(ctx); err != nil {
			b.Fatal(err)
		}
		ring[i] = vat.Result[int](r.Send(ctx, "add", 1))
		i = (i + 1) % len(ring)
	}
}

// BenchmarkOneWay is messages without an answer from a goroutine; the clock stops when all have been handled.
func BenchmarkOneWay(b *testing.B) {
	for name, f := range map[string]vat.Facet[Tally]{"reflected": reflected, "written": written} {
		b.Run(name, func(b *testing.B) {
			t := &tally{want: b.N, done: make(chan struct{})}
			v := vat.New(&vat.Config{MaxQueue: 1 << 30})
			defer v.Close()
			r := spawnIn[Tally](b, v, f, t)
			ctx := context.Background()
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				_ = r.SendOnly(ctx, "count", 1)
			}
			<-t.done
		})
	}
}

// BenchmarkTurns is messages sent by turns: each turn sends the next message, to an object of its own vat or of
// another.
func BenchmarkTurns(b *testing.B) {
	run := func(b *testing.B, other bool) {
		x, y := benchVat(b), benchVat(b)
		if !other {
			y = x
		}
		ctx := context.Background()
		left, done := b.N, make(chan struct{})
		var refs [2]vat.Ref
		hop := func(to int) func(ctx context.Context, args []any) (any, error) {
			return func(ctx context.Context, args []any) (any, error) {
				if left--; left <= 0 {
					if left == 0 {
						close(done)
					}
					return nil, nil
				}
				return nil, refs[to].ApplyOnly(ctx)
			}
		}
		spawn := func(v *vat.Vat, to int) vat.Ref {
			r, _ := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) { return vat.SpawnFunc(ctx, hop(to)), nil })
			return r
		}
		refs = [2]vat.Ref{spawn(x, 1), spawn(y, 0)}
		b.ReportAllocs()
		b.ResetTimer()
		_ = refs[0].ApplyOnly(ctx)
		<-done
	}
	b.Run("same", func(b *testing.B) { run(b, false) })
	b.Run("other", func(b *testing.B) { run(b, true) })
}

// BenchmarkDo is a turn from a goroutine.
func BenchmarkDo(b *testing.B) {
	v, ctx := benchVat(b), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = vat.Do(ctx, v, func(context.Context) (int, error) { return 0, nil })
	}
}

// BenchmarkVatToVat is calls from a turn of one vat to an object of another.
func BenchmarkVatToVat(b *testing.B) {
	setup := func(b *testing.B) (*vat.Vat, vat.Ref) {
		return benchVat(b), spawnIn[Tally](b, benchVat(b), written, &tally{})
	}
	b.Run("await", func(b *testing.B) {
		v, r := setup(b)
		b.ReportAllocs()
		_, _ = vat.Do(context.Background(), v, func(ctx context.Context) (int, error) {
			for b.Loop() {
				if _, err := vat.Result[int](r.Send(ctx, "add", 1)).Await(ctx); err != nil {
					b.Fatal(err)
				}
			}
			return 0, nil
		})
	})
	b.Run("then", func(b *testing.B) {
		v, r := setup(b)
		done := make(chan struct{})
		b.ReportAllocs()
		b.ResetTimer()
		left := b.N
		_, _ = vat.Do(context.Background(), v, func(ctx context.Context) (int, error) {
			var next func(ctx context.Context)
			next = func(ctx context.Context) {
				promise.Then(ctx, vat.Result[int](r.Send(ctx, "add", 1)), func(ctx context.Context, _ int) (promise.None, error) {
					if left--; left == 0 {
						close(done)
					} else {
						next(ctx)
					}
					return promise.None{}, nil
				})
			}
			next(ctx)
			return 0, nil
		})
		<-done
	})
}

// sinkhole takes messages as a session does, and forgets them.
type sinkhole struct{ node vat.Node }

func (s *sinkhole) Deliver(m vat.Message) { m.Taken() }
func (s *sinkhole) Budget() vat.Budget    { return s }
func (s *sinkhole) Reserve(int) error     { return nil }
func (s *sinkhole) Release(int)           {}

// BenchmarkBroadcast is a message to each of many sessions, sent by one turn. The time is that of one message.
func BenchmarkBroadcast(b *testing.B) {
	for _, n := range []int{1, 10, 1000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			v := benchVat(b)
			to := make([]vat.Ref, n)
			for i := range to {
				s := new(sinkhole)
				to[i] = s.node.Init(s)
			}
			ctx := context.Background()
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += n {
				_, _ = vat.Do(ctx, v, func(ctx context.Context) (int, error) {
					for _, r := range to {
						_ = r.ApplyOnly(ctx)
					}
					return 0, nil
				})
			}
		})
	}
}

// BenchmarkSpawn is what an object and an idle vat cost to make.
func BenchmarkSpawn(b *testing.B) {
	b.Run("object", func(b *testing.B) {
		v := benchVat(b)
		b.ReportAllocs()
		_, _ = vat.Do(context.Background(), v, func(ctx context.Context) (int, error) {
			for b.Loop() {
				sink = written.Spawn(ctx, &tally{})
			}
			return 0, nil
		})
	})
	b.Run("vat", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			vat.New(nil)
		}
	})
}

var sink vat.Ref

// TestIdleCost bounds what an idle vat and an object keep: no goroutine, and little memory.
func TestIdleCost(t *testing.T) {
	const n = 20_000
	ctx := context.Background()
	heap := func() uint64 {
		var m runtime.MemStats
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, goroutines := heap(), runtime.NumGoroutine()
	vats, refs := make([]*vat.Vat, n), make([]vat.Ref, n)
	for i := range vats {
		vats[i] = vat.New(nil)
		refs[i] = spawnIn[Tally](t, vats[i], written, &tally{})
	}
	each := (heap() - before) / n
	if got := runtime.NumGoroutine(); got > goroutines+2 {
		t.Errorf("%d idle vats have %d goroutines", n, got-goroutines)
	}
	before = heap()
	objects := make([]vat.Ref, n)
	_, _ = vat.Do(ctx, vats[0], func(ctx context.Context) (int, error) {
		for i := range objects {
			objects[i] = written.Spawn(ctx, &tally{})
		}
		return 0, nil
	})
	object := (heap() - before) / n
	runtime.KeepAlive(objects)
	t.Logf("idle vat with one object %d B, object %d B, of which the test's own 32 B", each, object)
	if !raceEnabled && (each > 400+150 || object > 150) {
		t.Errorf("an idle vat with one object keeps %d B, an object %d B", each, object)
	}
	var wg sync.WaitGroup
	for _, v := range vats {
		wg.Go(func() { v.Close() })
	}
	wg.Wait()
	runtime.KeepAlive(refs)
}
