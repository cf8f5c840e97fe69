package vat_test

import (
	"context"
	"testing"
	"testing/synctest"

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

type twin struct{ Other vat.Ref }
type Twin interface {
	Again(ctx context.Context) vat.Ref
}

var TwinFacet = vat.FacetOf[Twin]("test.Twin")
var CountTwin = vat.FacetOf[Counter]("test.CounterTwin")

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
