package captp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// ways are how a promise can end, seen from the node that made it: what it is settled with, and how to tell at the other.
var ways = []struct {
	name   string
	settle func(p *vat.Vow, mine, theirs vat.Ref)
	check  func(got vat.Ref, mine, theirs vat.Ref) error
}{
	{"data", func(p *vat.Vow, _, _ vat.Ref) { p.Resolve(int64(42)) }, func(got, _, _ vat.Ref) error {
		n, err := result[int](got)
		if n != 42 || err != nil {
			return fmt.Errorf("got %v, %w", n, err)
		}
		return nil
	}},
	{"nothing", func(p *vat.Vow, _, _ vat.Ref) { p.Resolve(vat.Ref{}) }, func(got, _, _ vat.Ref) error {
		r, err := got.Await(context.Background())
		if !r.IsNull() || err != nil {
			return fmt.Errorf("got %v, %w", r, err)
		}
		return nil
	}},
	{"an object of its maker", func(p *vat.Vow, mine, _ vat.Ref) { p.Resolve(mine) }, func(got, mine, _ vat.Ref) error {
		return same(got, mine)
	}},
	{"an object of its receiver", func(p *vat.Vow, _, theirs vat.Ref) { p.Resolve(theirs) }, func(got, _, theirs vat.Ref) error {
		return same(got, theirs)
	}},
	{"another promise", func(p *vat.Vow, mine, _ vat.Ref) {
		q := vat.NewVow(nil)
		p.Resolve(q.Ref())
		time.AfterFunc(time.Second, func() { q.Resolve(mine) })
	}, func(got, mine, _ vat.Ref) error { return same(got, mine) }},
	{"the receiver's promise", func(p *vat.Vow, _, theirs vat.Ref) {
		p.Resolve(theirs.Send(context.Background(), "self"))
	}, func(got, _, theirs vat.Ref) error { return same(got, theirs) }},
	{"an error", func(p *vat.Vow, _, _ vat.Ref) { p.Break(errUser) }, func(got, _, _ vat.Ref) error {
		if _, err := got.Await(context.Background()); !errors.Is(err, errUser) {
			return fmt.Errorf("got %w", err)
		}
		return nil
	}},
}

// same reports whether a promise settles to the very reference.
func same(got, want vat.Ref) error {
	r, err := got.Await(context.Background())
	if err == nil && r != want {
		err = fmt.Errorf("%v is not %v", r, want)
	}
	return err
}

// Promises pass as arguments and results, whenever they settle and with whatever.
func TestPromisesPass(t *testing.T) {
	whens := map[string]time.Duration{"before": -1, "at once": 0, "on the way": delay / 2, "after": 10 * delay}
	for when, after := range whens {
		t.Run(when, func(t *testing.T) {
			for _, cfg := range networks {
				t.Run(cfg.name, func(t *testing.T) {
					for _, way := range ways {
						for _, used := range []bool{false, true} {
							scene(t, &cfg.cfg, func(t *testing.T, w *world) {
								a, b := w.pair()
								mine, theirs := a.node.echo("mine"), b.node.echo("theirs")
								far, back := a.fetch("theirs"), b.fetch("mine") // as the other end has them
								kept := make(chan vat.Ref, 1)
								b.node.serve("take", func(p vat.Ref) vat.Ref {
									if used {
										p.Send(context.Background(), "echo", "used")
									}
									kept <- p
									return p
								})
								p := a.node.promise("")
								settle := func() { way.settle(p, mine, far) }
								if after < 0 {
									settle()
								}
								answer := a.fetch("take").Apply(t.Context(), p.Ref())
								if after >= 0 {
									time.AfterFunc(after, settle)
								}
								// The receiver holds it as its own objects see it, the maker gets it back as a result.
								if err := way.check(<-kept, back, theirs); err != nil {
									t.Errorf("%s, used %v, as argument: %v", way.name, used, err)
								}
								if err := way.check(answer, mine, far); err != nil {
									t.Errorf("%s, used %v, as result: %v", way.name, used, err)
								}
							})
						}
					}
				})
			}
		})
	}
}

// What is sent to a promise before it settles arrives where it leads, in order, with what is sent after.
func TestMessagesToPromises(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		for name, owner := range map[string]*end{"of the maker": b, "of the sender": a} {
			got := newSink()
			target := owner.node.do(got.spawn)
			p := b.node.promise("p")
			r := a.Bootstrap().Send(t.Context(), "fetch", "p")
			for i := range 10 {
				_ = r.SendOnly(t.Context(), "add", i)
			}
			time.Sleep(time.Second)
			for i := 10; i < 20; i++ {
				_ = r.SendOnly(t.Context(), "add", i)
			}
			if owner == a {
				b.node.serve("settle", func(v vat.Ref) { p.Resolve(v) })
				a.fetch("settle").Apply(t.Context(), target)
			} else {
				p.Resolve(target)
			}
			for i := 20; i < 30; i++ {
				_ = r.SendOnly(t.Context(), "add", i)
			}
			await(t, r)
			for i := 30; i < 40; i++ {
				_ = r.SendOnly(t.Context(), "add", i)
			}
			want(t, r.Send(t.Context(), "count"), 40)
			got.inOrder(t, name, 40)
		}
	})
}

// A promise that never settles breaks when the session ends, and takes what hangs on it along.
func TestPromiseThatNeverSettles(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		b.node.promise("never")
		kept := make(chan vat.Ref, 1)
		b.node.serve("take", func(p vat.Ref) { kept <- p })
		fetched := a.Bootstrap().Send(t.Context(), "fetch", "never")
		child := fetched.Send(t.Context(), "x").Field(t.Context(), "y")
		if _, err := result[any](a.fetch("take").Apply(t.Context(), a.node.promise("").Ref())); err != nil {
			t.Fatal(err)
		}
		given := <-kept
		time.Sleep(time.Hour)
		for name, r := range map[string]vat.Ref{"fetched": fetched, "child": child, "given": given} {
			if vat.Result[any](r).Settled() {
				t.Errorf("%s has settled", name)
			}
		}
		w.net.Lose(a.node.host, b.node.host)
		for _, r := range []vat.Ref{fetched, child, given, given.Send(t.Context(), "x")} {
			wantErr(t, r, net.ErrClosed)
		}
	})
}

// Promises made by promise.New pass like those of calls.
func TestTypedPromises(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		b.node.serve("later", func(ctx context.Context) promise.Promise[int] {
			p, r := promise.New[int](ctx)
			vat.Go(ctx, func(context.Context) (int, error) { r.Fulfill(context.Background(), 7); return 0, nil })
			return p
		})
		b.node.serve("sum", func(ctx context.Context, ps []promise.Promise[int]) (int, error) {
			sum := 0
			for _, p := range ps {
				n, err := p.Await(ctx)
				if err != nil {
					return 0, err
				}
				sum += n
			}
			return sum, nil
		})
		want(t, a.fetch("later").Apply(t.Context()), 7)
		p, r := promise.New[int](t.Context())
		answer := a.fetch("sum").Apply(t.Context(), []any{p, promise.Fulfilled(1), vat.Result[int](a.fetch("later").Apply(t.Context()))})
		synctest.Wait()
		r.Fulfill(t.Context(), 34)
		want(t, answer, 42)
	})
}

// Messages sent to an answer of an answer, released early, still run.
func TestAnswerReleasedEarly(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		got := newSink()
		b.node.offer("sink", b.node.do(got.spawn))
		b.node.echo("echo")
		e := a.fetch("echo")
		const n = 300
		for i := range n {
			r := a.Bootstrap().Send(t.Context(), "fetch", "sink")
			for range i % 5 {
				r = r.Send(t.Context(), "self")
			}
			if i%2 == 0 {
				_ = r.SendOnly(t.Context(), "add", i)
			} else {
				r.Send(t.Context(), "add", i).Send(t.Context(), "nobody")
			}
			if i%50 == 0 {
				collect()
				w.sweepOnce()
			}
		}
		want(t, e.Send(t.Context(), "echo", 1), 1)
		w.sweep()
		if c := got.count(); c != n {
			t.Errorf("%d of %d messages arrived", c, n)
		}
	})
}
