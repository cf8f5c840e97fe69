package vat_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// The tests in this file show the numbered facts of the package documentation.

// 1. One turn at a time; nothing else of the vat runs until the next Await or the handler's return.
func TestFact1OneTurnAtATime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		var inside atomic.Int32
		p, r := promise.New[int](context.Background())
		obj := object(t, v, func(ctx context.Context, _ []any) (any, error) {
			for range 2 {
				if inside.Add(1) != 1 {
					t.Error("two turns at a time")
				}
				for range 10 {
					runtime.Gosched()
				}
				inside.Add(-1)
				if _, err := p.Await(ctx); err != nil {
					return nil, err
				}
			}
			return 1, nil
		})
		var answers []promise.Promise[int]
		for range 20 {
			go func() { _ = obj.ApplyOnly(context.Background()) }()
			answers = append(answers, vat.Result[int](obj.Apply(context.Background())))
		}
		synctest.Wait()
		r.Fulfill(context.Background(), 1)
		for _, a := range answers {
			if _, err := a.Await(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
}

// 2. Messages of one vat on one reference arrive in the order sent, also when the reference is a promise that settles
// in between; so do those of a goroutine.
func TestFact2Order(t *testing.T) {
	const n = 300
	for _, where := range []string{"same vat", "other vat"} {
		t.Run(where, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a := newVat(t, nil)
				b := a
				if where == "other vat" {
					b = newVat(t, nil)
				}
				seen := map[string]int64{}
				sink := object(t, b, func(_ context.Context, args []any) (any, error) {
					from, k := args[0].(string), args[1].(int64)
					if k != seen[from]+1 {
						t.Errorf("%s: %d after %d", from, k, seen[from])
					}
					seen[from] = k
					return nil, nil
				})
				p, r := promise.New[vat.Ref](context.Background())
				ref := refOf(t, p)
				sender := object(t, a, func(ctx context.Context, args []any) (any, error) {
					if k := args[0].(int64); k <= n {
						_ = ref.ApplyOnly(ctx, "turns", k)
						return nil, vat.Self(ctx).ApplyOnly(ctx, k+1)
					}
					return nil, nil
				})
				_ = sender.ApplyOnly(context.Background(), 1)
				for i := range n {
					if i == n/2 {
						go r.Fulfill(context.Background(), sink)
					}
					_ = ref.ApplyOnly(context.Background(), "goroutine", i+1)
				}
				synctest.Wait()
				if seen["turns"] != n || seen["goroutine"] != n {
					t.Errorf("arrived: %v", seen)
				}
			})
		})
	}
}

// The same within one vat, where messages take a short way, with more under way than that has room for at first.
func TestFact2OrderWithinAVat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		var got []int64
		sink := object(t, v, func(_ context.Context, args []any) (any, error) {
			got = append(got, args[0].(int64))
			return nil, nil
		})
		n := int64(0)
		source := object(t, v, func(ctx context.Context, args []any) (any, error) {
			for range args[0].(int64) {
				n++
				_ = sink.ApplyOnly(ctx, n)
			}
			if n < 2000 {
				_ = vat.Self(ctx).ApplyOnly(ctx, n%7+1)
				_ = vat.Self(ctx).ApplyOnly(ctx, n%3)
			}
			return nil, nil
		})
		_ = source.ApplyOnly(context.Background(), 5)
		synctest.Wait()
		for i, k := range got {
			if k != int64(i+1) {
				t.Fatalf("message %d arrived as number %d", k, i+1)
			}
		}
		if int64(len(got)) != n {
			t.Errorf("%d arrived, %d sent", len(got), n)
		}
	})
}

// 3. Messages of one turn leave together, in order, when it commits.
func TestFact3TogetherInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v, other := newVat(t, nil), newVat(t, nil)
		j := &journal{}
		x, y := j.spawn(t, other), j.spawn(t, other)
		release := make(chan struct{})
		sent := make(chan struct{})
		obj := object(t, v, func(ctx context.Context, _ []any) (any, error) {
			_ = x.ApplyOnly(ctx, 1)
			_ = y.ApplyOnly(ctx, 2)
			_ = x.ApplyOnly(ctx, 3)
			close(sent)
			<-release
			return nil, nil
		})
		_ = obj.ApplyOnly(context.Background())
		<-sent
		wantJournal(t, j, "")
		close(release)
		wantJournal(t, j, "1 2 3")
	})
}

// 4. What waits on a promise is moved to where it leads before anyone is told that it has settled.
func TestFact4MovedBeforeTold(t *testing.T) {
	for _, kind := range []string{"answer", "promise.New", "field"} {
		t.Run(kind, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				v := newVat(t, nil)
				j := &journal{}
				sink := j.spawn(t, newVat(t, nil))
				p, r := promise.New[vat.Ref](context.Background())
				passed := refOf(t, p)
				slow := object(t, v, func(ctx context.Context, args []any) (any, error) {
					ref, err := p.Await(ctx)
					if len(args) > 0 {
						return map[string]vat.Ref{"field": ref}, err
					}
					return ref, err
				})
				var on, from vat.Ref
				switch kind {
				case "answer":
					on = slow.Apply(context.Background())
					from = on
				case "promise.New":
					on, from = passed, passed
				case "field":
					from = slow.Apply(context.Background(), 1)
					on = from.Field(context.Background(), "field")
				}
				// Told by a waiter that runs in the middle of the settling, and by awaiting.
				from.PromiseCell().Subscribe(told(func(*promise.Cell) { _ = sink.ApplyOnly(context.Background(), "told") }))
				done := make(chan struct{})
				go func() {
					defer close(done)
					got, err := vat.Result[any](from).Await(context.Background())
					if err != nil || got == nil {
						t.Errorf("%v, %v", got, err)
					}
					_ = sink.ApplyOnly(context.Background(), "awaited")
				}()
				_ = on.ApplyOnly(context.Background(), 1)
				_ = on.ApplyOnly(context.Background(), 2)
				synctest.Wait()
				r.Fulfill(context.Background(), sink)
				<-done
				wantJournal(t, j, "1 2 told awaited")
			})
		})
	}
}

// A sender that does not wait but looks whether the promise has settled is not overtaken by itself either.
func TestFact4Polling(t *testing.T) {
	for range 100 {
		bubble(t, func(t *testing.T) {
			v := newVat(t, nil)
			j := &journal{}
			sink := j.spawn(t, v) // in the sender's own vat, where messages take the short way
			p, r := promise.New[vat.Ref](context.Background())
			passed := refOf(t, p)
			poller := object(t, v, func(ctx context.Context, _ []any) (any, error) {
				_ = passed.ApplyOnly(ctx, "first")
				return nil, nil
			})
			second := object(t, v, func(ctx context.Context, _ []any) (any, error) {
				if !p.Settled() {
					return nil, vat.Self(ctx).ApplyOnly(ctx) // look again
				}
				got, err := p.Await(ctx)
				if err != nil {
					return nil, err
				}
				return nil, got.ApplyOnly(ctx, "second")
			})
			mustAnswer[any](t, poller, "x")
			_ = second.ApplyOnly(context.Background())
			go r.Fulfill(context.Background(), sink)
			wantJournal(t, j, "first second")
		})
	}
}

// 5. Arguments and results are copied, also between objects of one vat.
func TestFact5Copied(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		type box struct {
			Items []int
			Blob  []byte
		}
		own := box{Items: []int{1, 2}, Blob: []byte("ab")}
		keeper := object(t, v, func(context.Context, []any) (any, error) { return own, nil })
		var got []any
		taker := object(t, v, func(_ context.Context, args []any) (any, error) { got = args; return args, nil })
		b1 := mustAnswer[box](t, keeper, "get")
		b1.Items[0], b1.Blob[0] = 9, 'x'
		b2 := mustAnswer[box](t, keeper, "get")
		if own.Items[0] != 1 || b2.Items[0] != 1 || string(own.Blob) != "ab" || string(b2.Blob) != "ab" {
			t.Error("a result is shared")
		}
		do(t, v, func(ctx context.Context) (int, error) {
			arg := []int{1, 2}
			_ = taker.ApplyOnly(ctx, arg)
			arg[0] = 9 // after the send, before the commit
			return 0, nil
		})
		synctest.Wait()
		if l := got[0].([]any); l[0] != int64(1) {
			t.Errorf("the argument is shared: %v", l)
		}
		// Two who look at one answer get a copy each.
		p := vat.Result[[]int](taker.Apply(context.Background(), 7))
		x, _ := p.Await(context.Background())
		y, _ := p.Await(context.Background())
		if x[0] = 8; y[0] != 7 {
			t.Error("an answer is shared")
		}
	})
}

// 6. Every answer settles; that of a closed vat unwraps to net.ErrClosed. See also TestCloseEverything.
func TestFact6EveryAnswerSettles(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := vat.New(nil)
		obj := object(t, v, func(context.Context, []any) (any, error) { return 1, nil })
		v.Close()
		for _, r := range []vat.Ref{
			obj.Send(context.Background(), "x"), obj.Apply(context.Background()), obj.Field(context.Background(), "f"),
			obj.Send(context.Background(), "x").Send(context.Background(), "y"),
		} {
			_, err := vat.Result[any](r).Await(context.Background())
			if !errors.Is(err, net.ErrClosed) || !errors.Is(err, vat.ErrVatClosed) {
				t.Errorf("got %v", err)
			}
		}
		_, err := vat.Result[any](vat.Ref{}.Send(context.Background(), "x")).Await(context.Background())
		wantErr(t, err, vat.ErrNull)
		wantErr(t, vat.Ref{}.SendOnly(context.Background(), "x"), vat.ErrNull)
	})
}

// 7. The same object is the same Ref, however it comes; the same promise is the same Ref wherever it is passed.
func TestFact7Identity(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := newVat(t, nil), newVat(t, nil)
		var seen []vat.Ref
		hold := object(t, b, func(_ context.Context, args []any) (any, error) {
			seen = append(seen, args[0].(vat.Ref))
			return args[0], nil
		})
		self := object(t, a, func(ctx context.Context, _ []any) (any, error) { return vat.Self(ctx), nil })
		if got, err := hold.Apply(context.Background(), self).Await(context.Background()); got != self || seen[0] != self || err != nil {
			t.Errorf("passed as %v, arrived as %v, came back as %v: %v", self, seen[0], got, err)
		}
		if got, err := self.Apply(context.Background()).Await(context.Background()); got != self || err != nil {
			t.Errorf("Self is %v, %v", got, err)
		}
		p, _ := promise.New[int](context.Background())
		if one, two := refOf(t, p), refOf(t, p); one != two {
			t.Error("one promise is passed as two references")
		}
		do(t, a, func(ctx context.Context) (int, error) { return 0, hold.ApplyOnly(ctx, p) })
		synctest.Wait()
		if seen[len(seen)-1] != refOf(t, p) {
			t.Error("from a turn it is passed as another")
		}
	})
}

// 8. Nothing is dropped so that something later could be taken. See also TestVowOverflow and TestNoRoomFailsTheTurn.
func TestFact8NothingIsSkipped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx := context.Background()
		v := newVat(t, &vat.Config{MaxQueue: 3})
		j := &journal{}
		obj := j.spawn(t, v)
		release, busy := make(chan struct{}), make(chan struct{})
		_ = object(t, v, func(context.Context, []any) (any, error) { close(busy); <-release; return nil, nil }).ApplyOnly(ctx)
		<-busy
		for i := range 3 {
			if err := obj.ApplyOnly(ctx, i); err != nil {
				t.Error(err)
			}
		}
		wantErr(t, obj.ApplyOnly(ctx, 3), vat.ErrOverloaded)
		led := vat.NewVow(nil)
		led.Resolve(obj)
		wantErr(t, led.Ref().ApplyOnly(ctx, 3), vat.ErrOverloaded)
		_, err := vat.Result[int](obj.Apply(ctx, 4)).Await(ctx)
		wantErr(t, err, vat.ErrOverloaded)
		_, err = vat.Do(ctx, v, func(context.Context) (int, error) { t.Error("ran"); return 0, nil })
		wantErr(t, err, vat.ErrOverloaded)
		// A turn elsewhere that sends more than fits fails whole.
		other := &journal{}
		calm := other.spawn(t, newVat(t, nil))
		_, err = vat.Do(ctx, newVat(t, nil), func(ctx context.Context) (int, error) {
			_ = calm.ApplyOnly(ctx, 1)
			return 0, obj.ApplyOnly(ctx, 5)
		})
		wantErr(t, err, vat.ErrOverloaded)
		// What a session counts is let in: it is the peer's own limit that bounds it.
		obj.Post(vat.Message{Args: []any{int64(6)}, From: &vat.Caller{Designator: "p"}, Held: &held{}})
		close(release)
		wantJournal(t, j, "0 1 2 6")
		wantJournal(t, other, "")
		if err := led.Ref().ApplyOnly(ctx, 7); err != nil {
			t.Error(err)
		}
		wantJournal(t, j, "0 1 2 6 7")
		// A turn that sends its own vat more than fits.
		_, err = vat.Do(ctx, v, func(ctx context.Context) (int, error) {
			for range 4 {
				_ = obj.ApplyOnly(ctx, 8)
			}
			return 0, nil
		})
		wantErr(t, err, vat.ErrOverloaded)
		wantJournal(t, j, "0 1 2 6 7")
	})
}
