package vat_test

import (
	"context"
	"testing"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/vat"
)

type ticker struct {
	N    int
	Next vat.Ref
}

type Ticker interface {
	Tick(ctx context.Context, left int) error
	Hit() int
}

var TickerFacet = vat.FacetOf[Ticker]("bench.Ticker")

var tickerKind = vat.KindOf("ticker", func() *ticker { return new(ticker) }, TickerFacet)

func (t *ticker) Tick(ctx context.Context, left int) error {
	t.N++
	if left == 0 {
		return nil
	}
	return t.Next.SendOnly(ctx, "tick", left-1)
}
func (t *ticker) Hit() int { t.N++; return t.N }

// Turns of durable vats without a disk: what the turn itself costs.
func BenchmarkDurable(b *testing.B) {
	s, err := store.Open(new(memory.Backend))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	d, err := vat.OpenDepot(s, vat.DepotConfig{Kinds: []vat.Kind{tickerKind}})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	d.Start()
	ctx := context.Background()
	refs := make([]vat.Ref, 2)
	for i, name := range []string{"a", "b"} {
		v, err := d.Vat(name)
		if err != nil {
			b.Fatal(err)
		}
		refs[i], err = vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) {
			return TickerFacet.Spawn(ctx, &ticker{Next: refs[0]}), nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("call", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := vat.Result[int](refs[0].Send(ctx, "hit")).Await(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, send := range map[string]func() error{
		"one way":            func() error { return refs[0].SendOnly(ctx, "hit") },
		"durable to durable": func() error { return refs[1].SendOnly(ctx, "tick", 1) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if err := send(); err != nil {
					b.Fatal(err)
				}
				if n%256 == 0 {
					for _, r := range refs {
						if _, err := vat.Result[int](r.Send(ctx, "hit")).Await(ctx); err != nil {
							b.Fatal(err)
						}
					}
				}
			}
		})
	}
}
