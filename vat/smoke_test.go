package vat_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

type Counter interface {
	Add(ctx context.Context, n int) (int, error)
	AddThenFail(ctx context.Context, n int) error
	AddAwait(ctx context.Context, other vat.Ref, n int) (int, error)
	Self(ctx context.Context) vat.Ref
}

var CounterFacet = vat.FacetOf[Counter]("test.Counter")

type counter struct{ n vat.Cell[int] }

func (c *counter) Add(ctx context.Context, n int) (int, error) {
	c.n.Set(ctx, c.n.Get()+n)
	return c.n.Get(), nil
}

var errNope = vat.NewError("test.nope", "nope")

func (c *counter) AddThenFail(ctx context.Context, n int) error {
	c.n.Set(ctx, c.n.Get()+n)
	return errNope
}

func (c *counter) AddAwait(ctx context.Context, other vat.Ref, n int) (int, error) {
	m, err := vat.Result[int](other.Send(ctx, "add", n)).Await(ctx)
	if err != nil {
		return 0, err
	}
	return c.Add(ctx, m)
}

func (c *counter) Self(ctx context.Context) vat.Ref { return vat.Self(ctx) }

func spawn(t *testing.T, v *vat.Vat) vat.Ref {
	r, err := vat.Do(t.Context(), v, func(ctx context.Context) (vat.Ref, error) {
		return CounterFacet.Spawn(ctx, &counter{}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSmoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		a, b := vat.New(nil), vat.New(nil)
		x, y := spawn(t, a), spawn(t, b)
		if n, err := vat.Result[int](x.Send(ctx, "add", 5)).Await(ctx); n != 5 || err != nil {
			t.Fatal(n, err)
		}
		if _, err := vat.Result[int](x.Send(ctx, "addThenFail", 5)).Await(ctx); !errors.Is(err, errNope) {
			t.Fatal(err)
		}
		if n, err := vat.Result[int](x.Send(ctx, "addAwait", y, 3)).Await(ctx); n != 8 || err != nil {
			t.Fatal(n, err)
		}
		// Re-entrancy: x waits on itself.
		if n, err := vat.Result[int](x.Send(ctx, "addAwait", x, 1)).Await(ctx); n != 18 || err != nil {
			t.Fatal(n, err)
		}
		// Pipelining on an answer.
		if n, err := vat.Result[int](x.Send(ctx, "self").Send(ctx, "self").Send(ctx, "add", 2)).Await(ctx); n != 20 || err != nil {
			t.Fatal(n, err)
		}
		self, err := x.Send(ctx, "self").Await(ctx)
		if self != x || err != nil {
			t.Fatal(self, err)
		}
		s, err := vat.Do(ctx, a, func(ctx context.Context) (string, error) {
			p := promise.Then(ctx, vat.Result[int](y.Send(ctx, "add", 1)), func(ctx context.Context, n int) (string, error) {
				return fmt.Sprint("n=", n), nil
			})
			return p.Await(ctx)
		})
		if s != "n=4" || err != nil {
			t.Fatal(s, err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := vat.Result[int](x.Send(ctx, "add", 5)).Await(ctx); !errors.Is(err, vat.ErrVatClosed) {
			t.Fatal(err)
		}
		b.Close()
	})
}

func BenchmarkCall(b *testing.B) {
	v := vat.New(nil)
	defer v.Close()
	ctx := b.Context()
	r, _ := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) { return CounterFacet.Spawn(ctx, &counter{}), nil })
	b.ReportAllocs()
	for b.Loop() {
		if _, err := vat.Result[int](r.Send(ctx, "add", 1)).Await(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
