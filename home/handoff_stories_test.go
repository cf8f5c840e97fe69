package home_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// What a gifter said last may have its turn after the session has ended: nobody could take the gift any more.
func TestGiftAfterTheEnd(t *testing.T) {
	exporter(t, func(t *testing.T, n *mem.Network, x *exporting) {
		busy := make(chan struct{})
		go func() {
			_, _ = vat.Do(context.Background(), x.e.own, func(context.Context) (any, error) {
				<-busy
				return nil, nil
			})
		}()
		x.g.tell("deposit-gift", giftID(1), something)
		x.r.ask("withdraw-gift", x.r.receive(x.key, 0, x.give(giftID(2)), nil))
		time.Sleep(time.Second)
		x.g.hangUp()
		x.r.hangUp()
		time.Sleep(10 * time.Second)
		close(busy)
		synctest.Wait()
		if n := x.e.Gifts(); n != 0 {
			t.Errorf("%d gifts of sessions that are over", n)
		}
	})
}

type tracer struct {
	mu    sync.Mutex
	kinds map[string]int
}

func (r *tracer) Trace(e vat.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kinds[e.Kind]++
}

// Where the receiver cannot reach the exporter everything goes by way of the gifter, in order, and the trace says so.
func TestHandoffRelayedInOrder(t *testing.T) {
	for seed := range uint64(20) {
		scene(t, func(t *testing.T, n *mem.Network) {
			rng := rand.New(rand.NewPCG(seed, 5))
			events := &tracer{kinds: make(map[string]int)}
			g := join(t, n, "g", identity(t), func(c *home.Config) { c.Tracer = events })
			r, e := join(t, n, "r", identity(t), nil), join(t, n, "e", identity(t), nil)
			defer g.leave()
			defer r.leave()
			defer e.leave()
			rec := &ledger{got: make(map[string][]int)}
			obj, err := vat.Do(t.Context(), e.vat, func(ctx context.Context) (vat.Ref, error) { return vat.Func(ctx, rec.add), nil })
			if err != nil {
				t.Fatal(err)
			}
			s, err := e.Publish(t.Context(), "ledger", obj)
			if err != nil {
				t.Fatal(err)
			}
			far, err := g.Enliven(s).Await(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			shelf, err := r.Enliven(g.publishShelf(far)).Await(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
				time.Sleep(time.Duration(seed*15) * time.Millisecond)
				return nil, netlayer.ErrUnreachable
			}
			for _, pair := range [][2]*party{{g, r}, {r, g}, {g, e}, {e, g}} {
				n.SetDelay(pair[0].host(), pair[1].host(), time.Duration(1+rng.IntN(200))*time.Millisecond, 0)
			}
			ref, sent := shelf.Send(t.Context(), "get"), 0
			for range 30 {
				sent++
				if err := ref.ApplyOnly(t.Context(), "r", sent); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond)
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			rec.mu.Lock()
			defer rec.mu.Unlock()
			events.mu.Lock()
			defer events.mu.Unlock()
			if got := fmt.Sprint(rec.got["r"]); got != fmt.Sprint(upTo(sent)) {
				t.Errorf("seed %d: %s", seed, got)
			}
			if events.kinds["handoff-relay"] == 0 || events.kinds["handoff-give"] == 0 {
				t.Errorf("seed %d: traced %v", seed, events.kinds)
			}
		})
	}
}

func upTo(n int) (list []int) {
	for i := range n {
		list = append(list, i+1)
	}
	return list
}

// Any of the three may go at any moment of a handoff: what was asked comes to an end, and nothing is left.
func TestHandoffWhileOneLeaves(t *testing.T) {
	for who := range 3 {
		for at := time.Duration(0); at <= 700*time.Millisecond; at += 25 * time.Millisecond {
			for _, lost := range []bool{false, true} {
				scene(t, func(t *testing.T, n *mem.Network) {
					w := threesome(t, n, nil, nil)
					all := []*party{w.g, w.r, w.e}
					ref := w.shelf.Send(t.Context(), "get")
					first := ref.Send(t.Context(), "echo", 1)
					second := make(chan error, 1)
					go func() {
						direct, err := ref.Await(t.Context())
						if err == nil {
							_, err = call(direct, 2)
						}
						second <- err
					}()
					time.Sleep(at)
					if lost {
						for i, p := range all {
							if i != who {
								n.Lose(all[who].host(), p.host())
							}
						}
					} else {
						all[who].leave()
					}
					start := time.Now()
					_, err := vat.Result[int](first).Await(t.Context())
					err = errors.Join(err, <-second)
					if d := time.Since(start); d > 30*time.Second {
						t.Errorf("%s, %v, lost %v: it took %v: %v", all[who].name, at, lost, d, err)
					}
					if err != nil && at > 600*time.Millisecond && who == 0 {
						t.Errorf("%s, %v, lost %v: %v", all[who].name, at, lost, err)
					}
					time.Sleep(11 * time.Minute)
					for i, p := range all {
						if _, _, dials, _ := p.Left(); dials != 0 || p.Gifts() != 0 {
							t.Errorf("%s, %v, lost %v: %s has %d dials, %d gifts", all[who].name, at, lost, p.name, dials, p.Gifts())
						}
						if lost || i != who {
							p.leave()
						}
					}
				})
			}
		}
	}
}

// An object that comes home by way of another network is the object itself, also if it is mentioned several times before
// it has been deposited.
func TestHandoffHomeAcrossNetworks(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		g, gOpen := twofold(t, n, "g")
		e, _ := twofold(t, n, "e")
		defer g.leave()
		defer e.leave()
		s := e.publish("x")
		far, err := g.Enliven(s).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n.SetDelay(g.host(), e.host(), time.Second, 0) // certificates come before gifts
		shelf := g.publishShelf(far)
		shelf.Peer = claiming{gOpen}.Location()
		from, err := e.Enliven(shelf).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		own, err := e.Enliven(s).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		one, two := from.Send(t.Context(), "get"), from.Send(t.Context(), "get")
		for _, r := range []vat.Ref{one, two} {
			if back, err := r.Await(t.Context()); back != own || err != nil {
				t.Errorf("%v, %v, want %v", back, err, own)
			}
		}
		time.Sleep(11 * time.Minute)
		if n := e.Gifts(); n != 0 {
			t.Errorf("%d gifts are left", n)
		}
	})
}

// A receiver without an identity is handed nothing: what it is given is forwarded.
func TestHandoffToNobody(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		g, e, r := join(t, n, "g", identity(t), nil), join(t, n, "e", identity(t), nil), join(t, n, "r", nil, nil)
		defer g.leave()
		defer e.leave()
		defer r.leave()
		far, err := g.Enliven(e.publish("x")).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		shelf, err := r.Enliven(g.publishShelf(far)).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ref, err := shelf.Send(t.Context(), "get").Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		works(t, "forwarded", ref)
		if got := g.Sessions(); len(got) != 2 {
			t.Errorf("the gifter has sessions %v", got)
		}
		if got := e.Sessions(); len(got) != 1 {
			t.Errorf("the exporter has sessions %v", got)
		}
	})
}

// What one identity of a process has cannot be handed to the peers of another, nor what an anonymous one has.
func TestHandoffsKeepIdentitiesApart(t *testing.T) {
	for _, anonymous := range []bool{false, true} {
		scene(t, func(t *testing.T, n *mem.Network) {
			e, r := join(t, n, "e", identity(t), nil), join(t, n, "r", identity(t), nil)
			var one, two sturdyref.Identity
			if !anonymous {
				one, two = identity(t), identity(t)
			}
			a, b := join(t, n, "a", one, nil), join(t, n, "b", two, nil)
			for _, p := range []*party{e, r, a, b} {
				defer p.leave()
			}
			far, err := a.Enliven(e.publish("x")).Await(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for what, to := range map[string]vat.Ref{"another identity": b.Enliven(r.publish("y")), "the other": b.Enliven(r.publish("z"))} {
				if _, err := vat.Result[any](to.Send(t.Context(), "echo", far)).Await(t.Context()); !errors.Is(err, captp.ErrOtherIdentity) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if anonymous {
				to := a.Enliven(r.publish("y2"))
				if _, err := vat.Result[any](to.Send(t.Context(), "echo", far)).Await(t.Context()); !errors.Is(err, captp.ErrOtherIdentity) {
					t.Errorf("from session to session of an anonymous Home: %v", err)
				}
			}
			if e.Gifts() != 0 || r.layer.dialled.Load() != 0 {
				t.Errorf("%d gifts, %d dials", e.Gifts(), r.layer.dialled.Load())
			}
		})
	}
}

// What was handed to one who hands it on, while it is a promise there, keeps the order of each sender, with two who send
// and delays of any kind.
func TestHandoffChainOrder(t *testing.T) {
	for seed := range uint64(60) {
		scene(t, func(t *testing.T, n *mem.Network) {
			rng := rand.New(rand.NewPCG(seed, 9))
			rec := &ledger{got: make(map[string][]int)}
			w := threesome(t, n, nil, func(ctx context.Context) vat.Ref { return vat.Func(ctx, rec.add) })
			defer w.leave()
			last := join(t, n, "last", identity(t), nil)
			defer last.leave()
			all := []*party{w.g, w.r, w.e, last}
			for _, a := range all {
				for _, b := range all {
					if a != b {
						n.SetDelay(a.host(), b.host(), time.Duration(1+rng.IntN(200))*time.Millisecond, time.Duration(rng.IntN(50))*time.Millisecond)
					}
				}
			}
			middle := w.shelf.Send(t.Context(), "get") // a promise of the gifter's, which the receiver gives on
			shelf, err := last.Enliven(w.r.publishShelf(middle)).Await(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			end := shelf.Send(t.Context(), "get")
			var each sync.WaitGroup
			for who, ref := range map[string]vat.Ref{"r": middle, "last": end} {
				pauses := rand.New(rand.NewPCG(seed, uint64(len(who))))
				each.Go(func() {
					for i := range 40 {
						if err := ref.ApplyOnly(t.Context(), who, i+1); err != nil {
							t.Error(err)
							return
						}
						time.Sleep(time.Duration(pauses.IntN(60)) * time.Millisecond)
						if i == 20 {
							if ref, err := ref.Await(t.Context()); err != nil {
								t.Errorf("seed %d: %s: %v, %v", seed, who, ref, err)
								return
							}
						}
					}
				})
			}
			each.Wait()
			time.Sleep(20 * time.Second)
			synctest.Wait()
			rec.mu.Lock()
			defer rec.mu.Unlock()
			for _, who := range []string{"r", "last"} {
				if got := fmt.Sprint(rec.got[who]); got != fmt.Sprint(upTo(40)) {
					t.Errorf("seed %d: %s: %s", seed, who, got)
				}
			}
		})
	}
}
