package caps_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/vat"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

func newVat(t *testing.T) *vat.Vat {
	t.Helper()
	v := vat.New(nil)
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// do is vat.Do for what must not fail.
func do[T any](t *testing.T, v *vat.Vat, fn func(ctx context.Context) (T, error)) T {
	t.Helper()
	x, err := vat.Do(bg, v, fn)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// fun spawns a function with typed arguments.
func fun(t *testing.T, v *vat.Vat, fn any) vat.Ref {
	t.Helper()
	return do(t, v, func(ctx context.Context) (vat.Ref, error) { return vat.Func(ctx, fn), nil })
}

// apply calls r with args from outside any turn.
func apply[T any](r vat.Ref, args ...any) (T, error) {
	return vat.Result[T](r.Apply(bg, args...)).Await(bg)
}

func mustApply[T any](t *testing.T, r vat.Ref, args ...any) T {
	t.Helper()
	x, err := apply[T](r, args...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func wantPanic(t *testing.T, want string, fn func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
			t.Errorf("panicked with %q, want %q", got, want)
		}
	}()
	fn()
}
