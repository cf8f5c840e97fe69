package caps_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/caps"
)

func newBrand[T any](t *testing.T, v *vat.Vat, name string) *caps.Brand[T] {
	t.Helper()
	return do(t, v, func(ctx context.Context) (*caps.Brand[T], error) { return caps.NewSealer[T](ctx, name), nil })
}

// By message: sealing, testing and unsealing, settled and pipelined, from anywhere.
func TestSealerByMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVat(t)
		b := newBrand[any](t, v, "chat")
		for _, value := range []any{"hello", int64(5), nil, true} {
			handle, err := b.Sealer.Apply(bg, value).Await(bg)
			if err != nil || handle.IsNull() {
				t.Fatalf("%v, %v", handle, err)
			}
			if got := mustApply[any](t, b.Unsealer, handle); got != value {
				t.Errorf("sealed %v, unsealed %v", value, got)
			}
			if !mustApply[bool](t, b.Sealed, handle) {
				t.Error("a handle is not sealed")
			}
		}
		// A handle that has not come yet.
		if s := mustApply[string](t, b.Unsealer, b.Sealer.Apply(bg, "soon")); s != "soon" {
			t.Errorf("%q", s)
		}
		// References inside stay what they are.
		obj := fun(t, v, func() int { return 1 })
		if got := mustApply[[]vat.Ref](t, b.Unsealer, b.Sealer.Apply(bg, []vat.Ref{obj})); got[0] != obj {
			t.Errorf("%v", got)
		}
		// One value sealed twice is two handles.
		one, _ := b.Sealer.Apply(bg, "x").Await(bg)
		two, _ := b.Sealer.Apply(bg, "x").Await(bg)
		if one == two {
			t.Error("handles are not told apart")
		}
		// From another vat.
		other := newVat(t)
		s := do(t, other, func(ctx context.Context) (string, error) {
			return vat.Result[string](b.Unsealer.Apply(ctx, one)).Await(ctx)
		})
		if s != "x" {
			t.Errorf("%q", s)
		}
	})
}

// What was not sealed by this very brand does not open, whatever it is.
func TestNotSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, other := newVat(t), newVat(t)
		b, twin, far := newBrand[any](t, v, "chat"), newBrand[any](t, v, "chat"), newBrand[any](t, other, "chat")
		broken := promise.Broken[vat.Ref](vat.NewError("test.broken", "broken"))
		for name, x := range map[string]any{
			"another brand": twin.Sealer.Apply(bg, 1), "another vat": far.Sealer.Apply(bg, 1), "an object": b.Sealer,
			"data": 5, "null": nil, "text": "x", "a promise for data": promise.Fulfilled(5), "a list": []any{1},
		} {
			_, err := apply[any](b.Unsealer, x)
			wantErr(t, err, caps.ErrNotSealed)
			if yes, err := apply[bool](b.Sealed, x); yes || err != nil {
				t.Errorf("%s: sealed %v, %v", name, yes, err)
			}
		}
		for _, f := range []vat.Ref{b.Unsealer, b.Sealed} {
			if _, err := apply[any](f, broken); err == nil || err.Error() != "broken" {
				t.Errorf("%v", err)
			}
		}
		// The handle itself says nothing.
		handle, _ := b.Sealer.Apply(bg, "secret").Await(bg)
		for _, r := range []vat.Ref{handle.Send(bg, "value"), handle.Apply(bg), handle.Field(bg, "value"), handle.Untag(bg, "chat")} {
			if got, err := vat.Result[any](r).Await(bg); err == nil {
				t.Errorf("a handle said %v", got)
			}
		}
		if s := fmt.Sprint(handle); s != "ref(near sealed chat)" {
			t.Errorf("%q", s)
		}
	})
}

// In the vat, without messages; a handle behind a caretaker opens until that is revoked.
func TestSealerDirectly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVat(t)
		b := newBrand[map[string]int](t, v, "direct")
		value := map[string]int{"a": 1}
		do(t, v, func(ctx context.Context) (int, error) {
			handle := b.Seal(ctx, value)
			got, err := b.Unseal(ctx, handle)
			if err != nil || got["a"] != 1 {
				t.Errorf("%v, %v", got, err)
			}
			got["a"] = 2
			if value["a"] != 2 {
				t.Error("copied where no message was")
			}
			if !b.IsSealed(ctx, handle) || b.IsSealed(ctx, vat.Ref{}) {
				t.Error("IsSealed")
			}
			caret, revoke := vat.Revocable(ctx, handle)
			if !b.IsSealed(ctx, caret) {
				t.Error("not behind a caretaker")
			}
			revoke(ctx, nil)
			pending := vat.NewVow(nil)
			if _, err := b.Unseal(ctx, pending.Ref()); err != error(caps.ErrNotSealed) {
				t.Errorf("a promise that has not settled: %v", err)
			}
			pending.Resolve(handle)
			if _, err := b.Unseal(ctx, pending.Ref()); err != nil {
				t.Errorf("a promise that has settled: %v", err)
			}
			return 0, nil
		})
		// By message it is copied.
		got := mustApply[map[string]int](t, b.Unsealer, b.Sealer.Apply(bg, value))
		if got["a"] = 3; value["a"] != 2 {
			t.Error("shared by a message")
		}
		if _, err := apply[vat.Ref](b.Sealer, 5); err == nil {
			t.Error("sealed what is no T")
		}
	})
}

// Elsewhere the direct ways panic.
func TestSealerElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, other := newVat(t), newVat(t)
		b := newBrand[any](t, v, "x")
		do(t, other, func(ctx context.Context) (int, error) {
			wantPanic(t, "caps: Seal called in another vat than its own: send a message to the reference instead", func() { b.Seal(ctx, 1) })
			wantPanic(t, "caps: Unseal called in another vat", func() { _, _ = b.Unseal(ctx, vat.Ref{}) })
			wantPanic(t, "caps: IsSealed called in another vat", func() { b.IsSealed(ctx, vat.Ref{}) })
			return 0, nil
		})
		wantPanic(t, "called outside a turn", func() { b.Seal(bg, 1) })
		wantPanic(t, "called outside a turn", func() { caps.NewSealer[any](bg, "x") })
		do(t, v, func(ctx context.Context) (int, error) {
			wantPanic(t, "cannot pass", func() { caps.NewSealer[chan int](ctx, "x") })
			return 0, nil
		})
	})
}

func ExampleNewSealer() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	brand, _ := vat.Do(ctx, v, func(ctx context.Context) (*caps.Brand[string], error) {
		return caps.NewSealer[string](ctx, "letters"), nil
	})
	// Whoever has the sealer makes handles that everybody may carry about …
	letter, _ := brand.Sealer.Apply(ctx, "meet me at noon").Await(ctx)
	_, err := vat.Result[string](letter.Send(ctx, "read")).Await(ctx)
	fmt.Println(err)
	// … and whoever has the unsealer opens.
	fmt.Println(vat.Result[string](brand.Unsealer.Apply(ctx, letter)).Await(ctx))
	// Output:
	// vat: no such method: sealed letters has no "read"
	// meet me at noon <nil>
}
