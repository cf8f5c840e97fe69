package caps

import (
	"context"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// ErrNotSealed is how unsealing breaks for what was not sealed by the sealer that belongs to the unsealer.
var ErrNotSealed = vat.NewError("caps.not-sealed", "caps: not sealed by the sealer that belongs to this unsealer")

// A Brand is a sealer and what belongs to it. A sealed value is an opaque object: it can be passed by anybody, compared
// with ==, and understood only by the unsealer. Whoever holds the unsealer knows that what it opens was sealed by a
// holder of the sealer, and whoever holds the sealer that only a holder of the unsealer reads it.
//
// Sealing needs no cryptography: a handle is an object of the vat that made the brand, and the value never leaves it but
// through the unsealer. Nothing is listed anywhere: a handle nobody holds is collected, with the value.
type Brand[T any] struct {
	// Sealer is called with a value, without a selector, and answers with a handle.
	Sealer vat.Ref
	// Unsealer is called with a handle, without a selector, and answers with the value, or breaks with ErrNotSealed.
	Unsealer vat.Ref
	// Sealed is called with anything, without a selector, and answers whether it is a handle of this brand.
	Sealed vat.Ref

	home    home
	handles vat.Facet[any]
}

// sealed is the object behind a handle.
type sealed[T any] struct {
	brand *Brand[T]
	value T
}

// NewSealer makes a brand in the vat whose turn ctx is. name is for logs. By message values are converted to T and
// copied; T any takes whatever passes. NewSealer panics outside a turn, and if T cannot pass.
func NewSealer[T any](ctx context.Context, name string) *Brand[T] {
	b := &Brand[T]{home: newHome(ctx), handles: vat.FacetWith[any]("sealed "+name, nil)}
	b.Sealer = vat.Func(ctx, func(ctx context.Context, v T) vat.Ref { return b.Seal(ctx, v) })
	b.Unsealer = vat.Func(ctx, func(ctx context.Context, handle any) promise.Promise[T] {
		return settled(ctx, handle, b.Unseal)
	})
	b.Sealed = vat.Func(ctx, func(ctx context.Context, handle any) promise.Promise[bool] {
		return settled(ctx, handle, func(ctx context.Context, r vat.Ref) (bool, error) { return b.IsSealed(ctx, r), nil })
	})
	return b
}

// settled calls fn with the reference that x is, null if it is none; if x is a promise, when that has settled. No turn
// waits for it: a peer could send as many promises that never settle as turns of the vat may wait.
func settled[U any](ctx context.Context, x any, fn func(ctx context.Context, r vat.Ref) (U, error)) promise.Promise[U] {
	r, _ := x.(vat.Ref)
	if _, promised := r.Target().(*vat.Vow); promised {
		return promise.Then(ctx, vat.Result[any](r), func(ctx context.Context, v any) (U, error) {
			r, _ := v.(vat.Ref)
			return fn(ctx, r)
		})
	}
	v, err := fn(ctx, r)
	if err != nil {
		return promise.Broken[U](err)
	}
	return promise.Fulfilled(v)
}

// Seal returns a new handle for v, which is kept as it is. It panics outside the turns of the brand's vat.
func (b *Brand[T]) Seal(ctx context.Context, v T) vat.Ref {
	b.home.check(ctx, "Seal")
	return b.handles.Spawn(ctx, &sealed[T]{b, v})
}

// Unseal returns the value that handle was made for, or ErrNotSealed. A promise for a handle must have settled. It
// panics outside the turns of the brand's vat.
func (b *Brand[T]) Unseal(ctx context.Context, handle vat.Ref) (T, error) {
	b.home.check(ctx, "Unseal")
	if s, ok := b.behind(ctx, handle); ok {
		return s.value, nil
	}
	var none T
	return none, ErrNotSealed
}

// IsSealed reports whether handle, or what it is a settled promise for, is a handle of this brand. It panics outside the
// turns of the brand's vat.
func (b *Brand[T]) IsSealed(ctx context.Context, handle vat.Ref) bool {
	b.home.check(ctx, "IsSealed")
	_, ok := b.behind(ctx, handle)
	return ok
}

func (b *Brand[T]) behind(ctx context.Context, handle vat.Ref) (*sealed[T], bool) {
	s, ok := vat.Near[*sealed[T]](ctx, handle)
	return s, ok && s.brand == b
}
