package vat_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// maker is a durable object that promises another.
type maker struct {
	Later promise.Promise[TellerRef]
	Make  promise.Resolver[TellerRef]
}

type makerAPI interface {
	Promise(ctx context.Context) promise.Promise[TellerRef]
	Keep(ctx context.Context, r TellerRef)
}

var (
	makerFacet = vat.FacetOf[makerAPI]("maker")
	makerKind  = vat.KindOf("maker", func() *maker { return new(maker) }, makerFacet)
)

func (m *maker) Promise(ctx context.Context) promise.Promise[TellerRef] {
	m.Later, m.Make = promise.New[TellerRef](ctx)
	return m.Later
}

func (m *maker) Keep(ctx context.Context, r TellerRef) { m.Make.Fulfill(ctx, r) }

// What waits on a promise whose resolver is in the state of an object goes where that has it lead, also after a restart.
func TestResolverAfterRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind, makerKind)
		m := func() vat.Ref {
			r, err := vat.Root(t.Context(), w.vat("a"), "maker", func(ctx context.Context) (TellerRef, error) {
				return TellerRef{makerFacet.Spawn(ctx, new(maker))}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return r.Ref
		}
		b := w.root("b", "b")
		later := m().Send(t.Context(), "promise")
		synctest.Wait() // now it is the promise in the store
		mustAnswer[any](t, b, "link", later, "later")
		mustAnswer[any](t, b, "pass", 3)
		mustAnswer[any](t, b, "ask", "add", 4)
		synctest.Wait()
		w.crash()
		mustAnswer[any](t, m(), "keep", w.root("c", "c"))
		synctest.Wait()
		if n := mustAnswer[int](t, w.root("c", "c"), "add", 0); n != 7 {
			t.Errorf("%d, want 7", n)
		}
		if got := w.lines(w.root("b", "b")); got != "[7]" {
			t.Errorf("%s, want [7]", got)
		}
		w.check()
	})
}
