package vat_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/vat"
)

// What an upgrade that was cut short has left is not taken for objects of a kind that is new at the next opening.
func TestLeftovers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, kindV1)
		note := do(t, w.vat("a"), func(ctx context.Context) (vat.Ref, error) { return NoteFacet.Spawn(ctx, &noteV1{Text: "abc"}), nil })
		if _, err := vat.Root(context.Background(), w.vat("a"), "n", func(ctx context.Context) (TellerRef, error) { return vat.As[TellerRef](note), nil }); err != nil {
			t.Fatal(err)
		}
		w.close()
		for at := range 5 {
			w.cfg.Kinds = []vat.Kind{kindV3}
			w.disk.dieAt.Store(w.disk.writes.Load() + int64(at))
			err := w.tryOpen()
			w.kill()
			w.disk.dieAt.Store(0)
			w.cfg.Kinds = []vat.Kind{tellerKind, kindV1}
			if err == nil {
				return
			}
			c, err := dumpOf(t, w.disk.View).check(t)
			if err != nil || c.Leftover == 0 {
				continue
			}
			w.open()
			w.check()
			return
		}
	})
}

// An object that was made in a turn that failed, and whose reference got out, is one like others.
func TestMadeInAFailedTurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a := w.root("a", "a")
		var made vat.Ref
		_, err := vat.Do(context.Background(), w.vat("a"), func(ctx context.Context) (int, error) {
			made = TellerFacet.Spawn(ctx, &teller{N: 5})
			return 0, errNo
		})
		if err == nil {
			t.Fatal("no error")
		}
		mustAnswer[any](t, a, "link", made, "made")
		synctest.Wait()
		w.check()
		w.crash()
		if n := mustAnswer[int](t, mustAnswer[vat.Ref](t, w.root("a", "a"), "follow"), "add", 1); n != 6 {
			t.Errorf("%d, want 6", n)
		}
	})
}

type (
	twin struct{ Other vat.Ref }
	Twin interface {
		Again(ctx context.Context) vat.Ref
	}
)

var (
	TwinFacet = vat.FacetOf[Twin]("test.Twin")
	CountTwin = vat.FacetOf[Counter]("test.CounterTwin")
)

func (t *twin) Again(ctx context.Context) vat.Ref { return CountTwin.Spawn(ctx, t) }
func (t *twin) Count() int                        { return 0 }

// The same facet of the same object is the same reference, whatever has left memory meanwhile.
func TestOneReferenceAFacet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind, vat.KindOf("twin", func() *twin { return new(twin) }, TwinFacet, CountTwin))
		twinRoot := func() vat.Ref {
			r, err := vat.Root(context.Background(), w.vat("a"), "twin", func(ctx context.Context) (TellerRef, error) {
				return vat.As[TellerRef](TwinFacet.Spawn(ctx, &twin{})), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return r.Ref
		}
		mustAnswer[any](t, w.root("a", "a"), "link", mustAnswer[vat.Ref](t, twinRoot(), "again"), "count")
		w.crash()
		again := mustAnswer[vat.Ref](t, twinRoot(), "again") // before a, whose state has it, is in memory
		if known := mustAnswer[vat.Ref](t, w.root("a", "a"), "whois", "count"); known != again {
			t.Error("two references to one facet of one object")
		}
	})
}

// What is too large to be stored, or has a name that is, fails by itself.
func TestTooLarge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		large := strings.Repeat("x", store.MaxValue-100)
		for _, name := range []string{"", strings.Repeat("n", store.MaxKey)} {
			if _, err := w.depot.Vat(name); err == nil || !strings.Contains(err.Error(), "1 to 1016 bytes") {
				t.Errorf("a name of %d bytes: %v", len(name), err)
			}
			if _, err := vat.Root(context.Background(), w.vat("a"), name, func(context.Context) (TellerRef, error) { return vat.As[TellerRef](a), nil }); err == nil {
				t.Errorf("a root of %d bytes", len(name))
			}
		}
		if _, err := answer[any](a, "link", b, large); !errors.Is(err, vat.ErrInternal) {
			t.Errorf("state that is too large: %v", err)
		}
		mustAnswer[any](t, a, "link", b, "b")
		if _, err := answer[any](a, "send", "add", large); !errors.Is(err, vat.ErrInternal) {
			t.Errorf("a message that is too large: %v", err)
		}
		mustAnswer[any](t, a, "ask", "large", store.MaxValue-100)
		mustAnswer[any](t, b, "add", 3)
		w.crash()
		if n := mustAnswer[int](t, w.root("b", "b"), "add", 0); n != 3 {
			t.Errorf("%d, want 3", n)
		}
		if got := w.lines(w.root("a", "a")); !strings.Contains(got, "broken: vat: internal error") {
			t.Error(got)
		}
		w.check()
	})
}

// Whoever waits for something that was there before hears of it when the depot is closed.
func TestCloseBeforeAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		mustAnswer[any](t, a, "link", b, "b")
		first, second := make(chan struct{}), make(chan struct{})
		dying = func() { <-first }
		mustAnswer[any](t, a, "wantDead")
		mustAnswer[any](t, a, "wantDead")
		time.Sleep(time.Second)
		w.dead.Store(true)
		close(first)
		w.kill()
		dying = func() { <-second }
		w.open()
		a = w.root("a", "a")
		p := mustAnswer[[]promise.Promise[int]](t, a, "hoped")[0]
		time.Sleep(time.Second) // the first of the two is being answered, the second waits behind it
		go func() {
			time.Sleep(time.Second)
			close(second)
		}()
		w.close()
		if _, err := p.Await(context.Background()); !errors.Is(err, vat.ErrVatClosed) {
			t.Error(err)
		}
	})
}
