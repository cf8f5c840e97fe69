package vat_test

import (
	"context"
	"runtime"
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

// hoarder is a durable object that keeps the resolvers of promises that have settled.
type hoarder struct {
	Make []promise.Resolver[any]
	Seen []promise.Promise[any]
	N    int
}

type hoarderAPI interface {
	Promise(ctx context.Context) promise.Promise[any]
	Settle(ctx context.Context, v any)
	Poke() int
	Same(ctx context.Context, i int, r vat.Ref) bool
}

var (
	hoarderFacet = vat.FacetOf[hoarderAPI]("hoarder")
	hoarderKind  = vat.KindOf("hoarder", func() *hoarder { return new(hoarder) }, hoarderFacet)
)

func (h *hoarder) Promise(ctx context.Context) promise.Promise[any] {
	p, r := promise.New[any](ctx)
	h.Make, h.Seen = append(h.Make, r), append(h.Seen, p)
	return p
}

func (h *hoarder) Settle(ctx context.Context, v any) { h.Make[len(h.Make)-1].Fulfill(ctx, v) }
func (h *hoarder) Poke() int                         { h.N++; return h.N }
func (h *hoarder) Same(ctx context.Context, i int, r vat.Ref) bool {
	return vat.Same(ctx, vat.RefOf(h.Seen[i]), r)
}

// A resolver may stay in the state of an object when its promise has settled, to an object, to another promise, to data: the store is
// sound, and it is the resolver of that promise still, not of where that leads.
func TestResolverOfWhatHasSettled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind, hoarderKind)
		root := func() vat.Ref {
			r, err := vat.Root(t.Context(), w.vat("a"), "hoarder", func(ctx context.Context) (TellerRef, error) {
				return TellerRef{hoarderFacet.Spawn(ctx, new(hoarder))}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return r.Ref
		}
		pending := root().Send(t.Context(), "promise")
		for _, v := range []any{w.root("b", "b"), root(), "data"} {
			p := root().Send(t.Context(), "promise")
			synctest.Wait()
			mustAnswer[any](t, root(), "settle", v)
			mustAnswer[int](t, root(), "poke") // its state is stored anew
			runtime.KeepAlive(p)
			synctest.Wait()
			w.check()
		}
		root().Send(t.Context(), "promise")
		synctest.Wait()
		mustAnswer[any](t, root(), "settle", pending)
		for range 2 {
			mustAnswer[int](t, root(), "poke")
			synctest.Wait()
			w.check()
			w.crash()
		}
		for i, r := range []vat.Ref{w.root("b", "b"), root()} {
			if !mustAnswer[bool](t, root(), "same", i+1, r) {
				t.Errorf("promise %d leads elsewhere", i)
			}
		}
		if n := mustAnswer[int](t, root(), "poke"); n != 6 {
			t.Errorf("%d, want 6", n)
		}
		w.check()
	})
}
