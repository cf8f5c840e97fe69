package home_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// shelf is an object that gives out what lies on it.
type shelf interface {
	Get(ctx context.Context) (vat.Ref, error)
	Later(ctx context.Context) (vat.Ref, error)
}

var shelfFacet = vat.FacetOf[shelf]("test.Shelf")

type shelfOf struct{ ref vat.Ref }

func (s *shelfOf) Get(context.Context) (vat.Ref, error) { return s.ref, nil }

// Later returns what the thing on the shelf echoes of itself: an answer that is not there yet.
func (s *shelfOf) Later(ctx context.Context) (vat.Ref, error) {
	return s.ref.Send(ctx, "echo", s.ref), nil
}

func (p *party) publishShelf(ref vat.Ref) sturdyref.Ref {
	p.t.Helper()
	obj, err := vat.Do(context.Background(), p.vat, func(ctx context.Context) (vat.Ref, error) {
		return shelfFacet.Spawn(ctx, &shelfOf{ref}), nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	s, err := p.Publish(context.Background(), "shelf", obj)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// three is a gifter, a receiver and an exporter; the receiver has the gifter's shelf, on which the exporter's echo lies.
type three struct {
	g, r, e *party
	echo    vat.Ref // as the gifter has it
	shelf   vat.Ref // as the receiver has it
}

func threesome(t *testing.T, n *mem.Network, change func(*home.Config), spawn func(ctx context.Context) vat.Ref) *three {
	t.Helper()
	w := &three{g: join(t, n, "g", identity(t), nil), r: join(t, n, "r", identity(t), change), e: join(t, n, "e", identity(t), nil)}
	if spawn == nil {
		spawn = func(ctx context.Context) vat.Ref { return echoFacet.Spawn(ctx, echoer{}) }
	}
	obj, err := vat.Do(t.Context(), w.e.vat, func(ctx context.Context) (vat.Ref, error) { return spawn(ctx), nil })
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.e.Publish(t.Context(), "object", obj)
	if err != nil {
		t.Fatal(err)
	}
	if w.echo, err = w.g.Enliven(s).Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.shelf, err = w.r.Enliven(w.g.publishShelf(w.echo)).Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *three) leave() {
	for _, p := range []*party{w.g, w.r, w.e} {
		p.leave()
	}
}

// What a peer gives away is the receiver's own: it speaks to the exporter, and goes on when the gifter is gone.
func TestHandoff(t *testing.T) {
	for _, method := range []string{"get", "later"} {
		t.Run(method, func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				w := threesome(t, n, nil, nil)
				defer w.r.leave()
				defer w.e.leave()
				ref, err := w.shelf.Send(t.Context(), method).Await(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				works(t, "handed off", ref)
				again, err := w.shelf.Send(t.Context(), method).Await(t.Context())
				if err != nil || again != ref {
					t.Errorf("one object, two references: %v, %v, %v", ref, again, err)
				}
				if d := w.r.layer.dialled.Load(); d != 2 {
					t.Errorf("the receiver dialled %d times, want 2", d)
				}
				w.g.leave()
				works(t, "without the gifter", ref)
			})
		})
	}
}

// What is mentioned again after the session with the exporter was lost is had anew, and then known again.
func TestHandoffAfterLoss(t *testing.T) {
	for _, method := range []string{"get", "later"} {
		t.Run(method, func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				w := threesome(t, n, nil, nil)
				defer w.leave()
				get := func() vat.Ref {
					ref, err := w.shelf.Send(t.Context(), method).Await(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					return ref
				}
				lost := get()
				works(t, "handed off", lost)
				n.Lose(w.r.host(), w.e.host())
				if _, err := lost.Send(t.Context(), "echo", "x").Await(t.Context()); err == nil {
					t.Error("a reference has outlived its session")
				}
				anew := get()
				if anew == lost {
					t.Error("what is mentioned again is known as what was lost")
				}
				works(t, "mentioned again", anew)
				if again := get(); again != anew {
					t.Errorf("one object, two references: %v and %v", anew, again)
				}
			})
		})
	}
}

// Who has left is still known as who that was, at once: a chat is told that somebody is gone by the reference it has.
func TestHandoffOfWhoHasLeft(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		w := threesome(t, n, nil, nil)
		defer w.g.leave()
		defer w.r.leave()
		ref, err := w.shelf.Send(t.Context(), "get").Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		works(t, "handed off", ref)
		var dials atomic.Int32
		w.r.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			dials.Add(1)
			return next(ctx, d)
		}
		w.e.leave()
		again, err := w.shelf.Send(t.Context(), "get").Await(t.Context())
		if err != nil || again != ref || dials.Load() != 0 {
			t.Errorf("mentioned again: %v, %v, after %d dials; want %v after none", again, err, dials.Load(), ref)
		}
	})
}

// What was lost and cannot be had anew is still known as what it was.
func TestHandoffLostForGood(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		w := threesome(t, n, nil, nil)
		defer w.leave()
		ref, err := w.shelf.Send(t.Context(), "get").Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		works(t, "handed off", ref)
		for _, p := range []*party{w.g, w.r} {
			n.Partition(p.host(), w.e.host())
			n.Lose(p.host(), w.e.host())
		}
		if again, err := w.shelf.Send(t.Context(), "get").Await(t.Context()); err != nil || again != ref {
			t.Errorf("mentioned again: %v, %v, want %v", again, err, ref)
		}
	})
}

// What comes home is the object itself, also when it was given away by somebody who has it by way of a third.
func TestHandoffHome(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		w := threesome(t, n, nil, nil)
		defer w.leave()
		s, err := w.g.Publish(t.Context(), "second", w.echo)
		if err != nil {
			t.Fatal(err)
		}
		back, err := w.e.Enliven(s).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		works(t, "its own object", back)
	})
}

// A receiver that cannot reach the exporter has its messages forwarded, and is not given what it cannot get again.
func TestHandoffRelayed(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		w := threesome(t, n, nil, nil)
		defer w.leave()
		unreachable := 0
		w.r.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			unreachable++
			return nil, netlayer.ErrUnreachable
		}
		ref, err := w.shelf.Send(t.Context(), "get").Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		works(t, "relayed", ref)
		again, err := w.shelf.Send(t.Context(), "get").Await(t.Context())
		if err != nil || again != ref || unreachable != 1 {
			t.Errorf("again: %v, want %v; %v; %d dials", again, ref, err, unreachable)
		}
	})
}

// ledger is what the tests of order send to.
type ledger struct {
	mu  sync.Mutex
	got map[string][]int
}

func (r *ledger) add(who string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got[who] = append(r.got[who], n)
}

// Messages on one reference keep their order, however much of it was sent before the reference was handed off, and
// whatever the delays between the three.
func TestHandoffOrder(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				rng := rand.New(rand.NewPCG(seed, 3))
				rec := &ledger{got: make(map[string][]int)}
				w := threesome(t, n, nil, func(ctx context.Context) vat.Ref { return vat.Func(ctx, rec.add) })
				defer w.leave()
				for _, pair := range [][2]*party{{w.g, w.r}, {w.g, w.e}, {w.r, w.e}} {
					n.SetDelay(pair[0].host(), pair[1].host(), time.Duration(1+rng.IntN(200))*time.Millisecond, 0)
					n.SetDelay(pair[1].host(), pair[0].host(), time.Duration(1+rng.IntN(200))*time.Millisecond, 0)
				}
				ref := w.shelf.Send(t.Context(), "get")
				i := 0
				send := func(to vat.Ref) {
					i++
					if err := to.ApplyOnly(t.Context(), "r", i); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Duration(rng.IntN(40)) * time.Millisecond)
				}
				for range 10 + rng.IntN(20) {
					send(ref)
				}
				direct, err := ref.Await(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for range 10 {
					send(direct)
					send(ref)
				}
				if _, err := vat.Result[any](direct.Apply(t.Context(), "r", i+1)).Await(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				got := rec.got["r"]
				if len(got) != i+1 {
					t.Errorf("%d of %d messages arrived", len(got), i+1)
				}
				for k := range got {
					if got[k] != k+1 {
						t.Fatalf("seed %d: out of order: %v", seed, got)
					}
				}
				if d := w.r.layer.dialled.Load(); d != 2 {
					t.Errorf("the receiver dialled %d times, want 2", d)
				}
			})
		})
	}
}

// A certificate opens a closed door, for whom it was made out to and for as long as it takes to use it.
func TestHandoffThroughAClosedDoor(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		g, r := join(t, n, "g", identity(t), nil), join(t, n, "r", identity(t), nil)
		e := join(t, n, "e", identity(t), func(c *home.Config) { c.Door.Closed = true })
		for _, p := range []*party{g, r, e} {
			defer p.leave()
		}
		far, err := g.Enliven(e.publish("echo")).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		shelf, err := r.Enliven(g.publishShelf(far)).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		nothing := sturdyref.Ref{Peer: e.Location(), Swiss: sturdyref.NewSwissNum()}
		refused(t, "a stranger", r.Enliven(nothing))
		var shown []byte
		r.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			if show := d.Credential; show != nil {
				d.Credential = func(info netlayer.Info) []byte {
					shown = show(info)
					return shown
				}
			}
			return next(ctx, d)
		}
		ref, err := shelf.Send(t.Context(), "get").Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		works(t, "handed off", ref)
		if d := r.layer.dialled.Load(); d != 2 {
			t.Errorf("the receiver made %d connections, want 2: it was not let in itself", d)
		}
		time.Sleep(time.Hour)
		works(t, "an hour later", ref)

		// It is worth nothing to anybody else, nor on another connection.
		thief := join(t, n, "thief", identity(t), nil)
		defer thief.leave()
		thief.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			d.Credential, d.Key = func(netlayer.Info) []byte { return shown }, nil
			return next(ctx, d)
		}
		refused(t, "a thief", thief.Enliven(nothing))
		for i := range shown {
			spoilt := bytes.Clone(shown)
			spoilt[i] ^= 1
			thief.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
				d.Credential, d.Key = func(netlayer.Info) []byte { return spoilt }, nil
				return next(ctx, d)
			}
			refused(t, "garbage", thief.Enliven(nothing))
		}
		if c := e.layer.admitted.Load(); c != 2 {
			t.Errorf("%d sessions were let in, want the gifter's and the receiver's", c)
		}
	})
}
