package caps_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/caps"
)

func TestForwarder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, other := newVat(t), newVat(t)
		say := func(v *vat.Vat, what string) vat.Ref {
			return fun(t, v, func(n int) string { return fmt.Sprint(what, n) })
		}
		old, young := say(v, "old"), say(other, "young")
		f := do(t, v, func(ctx context.Context) (*caps.Forwarder, error) { return caps.NewForwarder(ctx, old), nil })
		if s := mustApply[string](t, f.Proxy, 1); s != "old1" {
			t.Errorf("%q", s)
		}
		mustApply[any](t, f.Setter, young)
		if s := mustApply[string](t, f.Proxy, 2); s != "young2" {
			t.Errorf("%q", s)
		}
		// A turn that fails changes nothing.
		_, err := vat.Do(bg, v, func(ctx context.Context) (int, error) {
			f.Set(ctx, old)
			if f.Target(ctx) != old {
				t.Error("not set in its own turn")
			}
			return 0, vat.ErrBadArgs
		})
		wantErr(t, err, vat.ErrBadArgs)
		if s := mustApply[string](t, f.Proxy, 3); s != "young3" {
			t.Errorf("%q", s)
		}
		mustApply[any](t, f.Setter, nil)
		_, err = apply[any](f.Proxy, 4)
		wantErr(t, err, vat.ErrNull)
		// To a promise, and calls on it go on when it has settled.
		w := vat.NewVow(nil)
		mustApply[any](t, f.Setter, w.Ref())
		p := vat.Result[string](f.Proxy.Apply(bg, 5))
		synctest.Wait()
		w.Resolve(young)
		if s, err := p.Await(bg); s != "young5" || err != nil {
			t.Errorf("%q, %v", s, err)
		}
		do(t, other, func(ctx context.Context) (int, error) {
			wantPanic(t, "caps: Set called in another vat", func() { f.Set(ctx, old) })
			wantPanic(t, "caps: Target called in another vat", func() { f.Target(ctx) })
			return 0, nil
		})
	})
}

func ExampleNewForwarder() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	f, _ := vat.Do(ctx, v, func(ctx context.Context) (*caps.Forwarder, error) {
		return caps.NewForwarder(ctx, vat.Func(ctx, func() string { return "version 1" })), nil
	})
	fmt.Println(vat.Result[string](f.Proxy.Apply(ctx)).Await(ctx))
	_, _ = vat.Do(ctx, v, func(ctx context.Context) (int, error) {
		f.Set(ctx, vat.Func(ctx, func() string { return "version 2" }))
		return 0, nil
	})
	fmt.Println(vat.Result[string](f.Proxy.Apply(ctx)).Await(ctx))
	// Output:
	// version 1 <nil>
	// version 2 <nil>
}
