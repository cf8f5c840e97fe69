package captp_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

// ledger is an object that remembers, for each sender and reference, what it was sent, and finds gaps and swaps.
type ledger struct {
	mu   sync.Mutex
	next map[string]int
	bad  []string
}

type ledgerMethods interface {
	Add(ctx context.Context, stream string, n int)
	Self(ctx context.Context) vat.Ref
}

var ledgerFacet = vat.FacetOf[ledgerMethods]("test.Ledger")

func newLedger() *ledger { return &ledger{next: make(map[string]int)} }

func (l *ledger) spawn(ctx context.Context) vat.Ref { return ledgerFacet.Spawn(ctx, l) }

func (l *ledger) Add(_ context.Context, stream string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if want := l.next[stream]; n != want {
		l.bad = append(l.bad, fmt.Sprintf("%s: %d came, want %d", stream, n, want))
	}
	l.next[stream] = n + 1
}

func (l *ledger) Self(ctx context.Context) vat.Ref { return vat.Self(ctx) }

// check fails the test unless every stream has brought all its messages, in order.
func (l *ledger) check(t testing.TB, sent map[string]int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.bad {
		t.Error(b)
	}
	for stream, n := range sent {
		if l.next[stream] != n {
			t.Errorf("%s: %d of %d messages came", stream, l.next[stream], n)
		}
	}
}

// TestReferenceOrder sends along promises while they settle, from several vats of one node, to objects in several vats
// of the other, that are had in every way there is. Each sender's messages on each reference arrive in order.
func TestReferenceOrder(t *testing.T) {
	const senders, vats, perStream = 4, 3, 60
	for _, cfg := range networks {
		t.Run(cfg.name, func(t *testing.T) {
			for seed := range uint64(4) {
				scene(t, &mem.Config{Seed: seed, Delay: cfg.cfg.Delay, Jitter: cfg.cfg.Jitter, Synchronous: cfg.cfg.Synchronous}, func(t *testing.T, w *world) {
					a, b := w.pair()
					rng := rand.New(rand.NewPCG(seed, 1))
					book := newLedger()
					var targets []vat.Ref
					promises := make([]*vat.Vow, vats)
					for i := range vats {
						targets = append(targets, doIn(t, b.node.another(fmt.Sprint(i)), book.spawn))
						promises[i] = b.node.promise(fmt.Sprint("promise", i))
						b.node.offer(fmt.Sprint("object", i), targets[i])
					}
					home := a.node.do(book.spawn) // an object at the senders' end
					b.node.promise("home")
					homePromise := b.node.vows[len(b.node.vows)-1]
					b.node.serve("hand back", func(r vat.Ref) { homePromise.Resolve(r) })
					b.node.serve("slow", func(ctx context.Context, i int) any {
						return vat.Go(ctx, func(context.Context) (vat.Ref, error) {
							time.Sleep(time.Duration(i) * 10 * time.Millisecond)
							return targets[i], nil
						})
					})

					ctx := t.Context()
					slow, handBack := a.fetch("slow"), a.fetch("hand back")
					sent := make(map[string]int)
					var mu sync.Mutex
					var wg sync.WaitGroup
					for s := range senders {
						v := a.node.another(fmt.Sprint("sender", s))
						var refs []vat.Ref
						for i := range vats {
							refs = append(refs,
								a.Bootstrap().Send(ctx, "fetch", fmt.Sprint("object", i)),
								a.Bootstrap().Send(ctx, "fetch", fmt.Sprint("object", i)).Send(ctx, "self"),
								a.Bootstrap().Send(ctx, "fetch", fmt.Sprint("promise", i)),
								slow.Apply(ctx, i),
							)
						}
						refs = append(refs, a.Bootstrap().Send(ctx, "fetch", "home"))
						pauses := make([]time.Duration, perStream)
						for i := range pauses {
							pauses[i] = time.Duration(rng.IntN(6)) * time.Millisecond
						}
						wg.Go(func() {
							for n := range perStream {
								_, err := vat.Do(ctx, v, func(ctx context.Context) (int, error) {
									for i, r := range refs {
										if err := r.SendOnly(ctx, "add", fmt.Sprintf("%d on %d", s, i), n); err != nil {
											return 0, err
										}
									}
									return 0, nil
								})
								if err != nil {
									t.Error(err)
									return
								}
								time.Sleep(pauses[n])
							}
							mu.Lock()
							defer mu.Unlock()
							for i := range refs {
								sent[fmt.Sprintf("%d on %d", s, i)] = perStream
							}
						})
					}
					for i, p := range promises {
						time.AfterFunc(time.Duration(20+rng.IntN(60))*time.Millisecond, func() { p.Resolve(targets[i]) })
					}
					time.AfterFunc(time.Duration(20+rng.IntN(60))*time.Millisecond, func() { handBack.Apply(ctx, home) })
					wg.Wait()
					time.Sleep(time.Minute)
					book.check(t, sent)
				})
			}
		})
	}
}

// TestOrderAcrossShortening awaits an answer and sends on what it settled to: nothing overtakes what was sent to the
// promise before.
func TestOrderAcrossShortening(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		got := newSink()
		target := doIn(t, b.node.another("other"), got.spawn)
		b.node.serve("make", func(ctx context.Context) any {
			return vat.Go(ctx, func(context.Context) (vat.Ref, error) { time.Sleep(time.Millisecond); return target, nil })
		})
		mk := a.fetch("make")
		ctx := t.Context()
		n := 0
		for range 50 {
			r := mk.Apply(ctx)
			for range 5 {
				_ = r.SendOnly(ctx, "add", n)
				n++
			}
			direct := await(t, r)
			for range 5 {
				_ = direct.SendOnly(ctx, "add", n)
				n++
			}
			want(t, r.Send(ctx, "count"), n)
		}
		got.inOrder(t, "across shortening", n)
	})
}

// TestOrderByWayOfAThird passes on a promise whose messages take the long way, by a slow peer, to an object of this
// node. When it settles to that object nothing overtakes what is still on the long way.
func TestOrderByWayOfAThird(t *testing.T) {
	for _, far := range []bool{false, true} {
		scene(t, &mem.Config{Delay: time.Millisecond}, func(t *testing.T, w *world) {
			slow, fast, mid, end := w.node("slow"), w.node("fast"), w.node("mid"), w.node("end")
			for _, n := range []*node{slow, fast, mid, end} {
				n.realm = "one"
			}
			slow.echo("echo")
			toSlow, _ := w.meet(mid, slow)
			_, toMid := w.meet(mid, fast)
			toEnd, _ := w.meet(mid, end)
			got := newSink()
			target := mid.do(got.spawn)
			if far {
				end.offer("sink", end.do(got.spawn))
				target = toEnd.fetch("sink")
			}
			w.net.SetDelay(mid.host, slow.host, delay, 0)
			w.net.SetDelay(slow.host, mid.host, delay, 0)
			ctx := t.Context()
			q := toSlow.fetch("echo").Send(ctx, "echo", target)
			mid.offer("q", q)
			r := toMid.Bootstrap().Send(ctx, "fetch", "q")
			n := 0
			for range 100 {
				_ = r.SendOnly(ctx, "add", n)
				n++
				time.Sleep(5 * time.Millisecond)
			}
			await(t, r)
			want(t, r.Send(ctx, "count"), n)
			got.inOrder(t, "by way of a third", n)
		})
	}
}
