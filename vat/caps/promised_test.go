package caps_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/caps"
)

// Handles that are only promised cost no waiting turn: the vat's other turns can still wait.
func TestPromisedHandlesParkNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		v := vat.New(&vat.Config{MaxParked: 1})
		b, err := vat.Do(ctx, v, func(ctx context.Context) (*caps.Brand[string], error) {
			return caps.NewSealer[string](ctx, "test"), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		late := vat.NewVow(nil)
		never := vat.NewVow(nil)
		opened := vat.Result[string](b.Unsealer.Apply(ctx, late.Ref()))
		for range 100 {
			b.Unsealer.Apply(ctx, never.Ref())
			b.Sealed.Apply(ctx, never.Ref())
		}
		handle, err := b.Sealer.Apply(ctx, "text").Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		// A turn of the same vat can wait.
		waits, _ := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) {
			return vat.Func(ctx, func(ctx context.Context) (string, error) {
				return vat.Result[string](b.Unsealer.Apply(ctx, handle)).Await(ctx)
			}), nil
		})
		if s, err := vat.Result[string](waits.Apply(ctx)).Await(ctx); s != "text" || err != nil {
			t.Errorf("a turn that waits: %q, %v", s, err)
		}
		late.Resolve(handle)
		if s, err := opened.Await(ctx); s != "text" || err != nil {
			t.Errorf("a promised handle: %q, %v", s, err)
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
}
