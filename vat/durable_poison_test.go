package vat_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// mine is a durable object whose process dies of messages that are not sent to it directly.
type mine struct {
	N    int
	Next vat.Ref
}

type Mine interface {
	Link(next vat.Ref)
	Light(ctx context.Context) vat.Timer
	Ring(ctx context.Context)
	Arm(ctx context.Context)
	Told(o promise.Outcome[int])
	Add(n int) int
	Pass(ctx context.Context) error
	Hold()
}

func (m *mine) Link(next vat.Ref) { m.Next = next }
func (m *mine) Light(ctx context.Context) vat.Timer {
	return vat.After(ctx, time.Minute, vat.As[MineRef](vat.Self(ctx)), MineRef.Ring)
}
func (m *mine) Ring(context.Context) { dying() }
func (m *mine) Arm(ctx context.Context) {
	vat.WhenSettled(ctx, vat.Result[int](m.Next.Send(ctx, "add", 0)), vat.As[MineRef](vat.Self(ctx)), MineRef.Told)
}
func (m *mine) Told(promise.Outcome[int])      { dying() }
func (m *mine) Add(n int) int                  { m.N += n; return m.N }
func (m *mine) Pass(ctx context.Context) error { return m.Next.SendOnly(ctx, "add", 1) }

// holding is what an object does that is busy.
var holding func()

func (m *mine) Hold() { holding() }

type MineRef struct{ vat.Ref }

func (r MineRef) Ring(ctx context.Context) vat.Ref { return r.Send(ctx, "ring") }
func (r MineRef) Told(ctx context.Context, o promise.Outcome[int]) vat.Ref {
	return r.Send(ctx, "told", o)
}

var (
	MineFacet = vat.FacetOf[Mine]("test.Mine")
	mineKind  = vat.KindOf("mine", func() *mine { return new(mine) }, MineFacet)
)

func (w *world) mine(name string) vat.Ref {
	w.t.Helper()
	r, err := vat.Root(context.Background(), w.vat(name), name, func(ctx context.Context) (MineRef, error) {
		return vat.As[MineRef](MineFacet.Spawn(ctx, &mine{})), nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Ref
}

// A timer, or a promise that has settled, may bring the message at which the process dies: that one is given up, and no
// other.
func TestPoisonLater(t *testing.T) {
	for _, how := range []string{"light", "arm"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, mineKind)
				a, b, c := w.mine("a"), w.mine("b"), w.mine("c")
				mustAnswer[any](t, a, "link", b)
				mustAnswer[any](t, c, "link", b)
				var deaths atomic.Int32
				dying = func() {
					deaths.Add(1)
					time.Sleep(15 * time.Millisecond)
					w.dead.Store(true)
				}
				_ = a.SendOnly(context.Background(), how)
				time.Sleep(2 * time.Minute)
				if deaths.Load() != 1 {
					t.Fatalf("%d deaths", deaths.Load())
				}
				for range 6 {
					w.crash()
					time.Sleep(time.Second)
				}
				if deaths.Load() > 4 { // the first of them before there was a mark
					t.Errorf("the process has died %d times at one message", deaths.Load())
				}
			})
		})
	}
}

// A message that was marked when the process died of another one is not given up.
func TestPoisonSparesOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mineKind)
		a, b, c, d := w.mine("a"), w.mine("b"), w.mine("c"), w.mine("d")
		mustAnswer[any](t, a, "link", d)
		mustAnswer[any](t, c, "link", b)
		busy := make(chan struct{})
		holding = func() { <-busy }
		dying = func() {
			time.Sleep(15 * time.Millisecond)
			w.dead.Store(true)
		}
		_ = b.SendOnly(context.Background(), "hold")
		mustAnswer[any](t, c, "pass") // its message to b is stored, and waits
		w.disk.slow.Store(int64(10 * time.Millisecond))
		_ = a.SendOnly(context.Background(), "arm") // a dies of it
		time.Sleep(time.Second)
		close(busy)
		for range 6 {
			w.crash()
			time.Sleep(time.Second)
		}
		dying = func() {}
		w.crash()
		time.Sleep(time.Second)
		if n := mustAnswer[int](t, w.mine("b"), "add", 0); n != 1 {
			t.Errorf("%d, want 1: the log says %s", n, w.log)
		}
	})
}
