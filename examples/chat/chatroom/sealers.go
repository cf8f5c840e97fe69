package chatroom

import (
	"context"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/caps"
)

// ErrNotText says that what an author sealed is not a text.
var ErrNotText = vat.NewError("chat.not-text", "the message is not a text")

// sealers are a brand, with its functions typed. They take a box that is only promised, as one is that came by way of a
// room.
type sealers[T any] struct {
	*caps.Brand[T]
	sealer   SealerRef
	unsealer UnsealerRef
	isSealed PredicateRef
}

func newSealers[T any](ctx context.Context, name string) sealers[T] {
	b := caps.NewSealer[T](ctx, name)
	return sealers[T]{
		Brand:    b,
		sealer:   vat.As[SealerRef](b.Sealer),
		unsealer: vat.As[UnsealerRef](b.Unsealer),
		isSealed: vat.As[PredicateRef](b.Sealed),
	}
}

// unsealedText has a message unsealed by its author and promises the text, made safe to show. What else, and how much, the
// author answers with is not kept.
func unsealedText(ctx context.Context, unsealer UnsealerRef, sealed SealedRef) promise.Promise[string] {
	return promise.Then(ctx, unsealer.Call(ctx, sealed), func(_ context.Context, v any) (string, error) {
		text, ok := v.(string)
		if !ok {
			return "", ErrNotText
		}
		return Clean(text), nil
	})
}
