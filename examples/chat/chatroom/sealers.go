package chatroom

import (
	"context"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/caps"
)

// ErrNotText says that what an author sealed is not a text.
var ErrNotText = vat.NewError("chat.not-text", "the message is not a text")

// sealers are a brand with the functions that are given to strangers. The brand has such functions, too, but they wait
// for a box that is only promised, so that anybody could have as many turns waiting here as the vat allows. These do not.
type sealers[T any] struct {
	*caps.Brand[T]
	sealer   SealerRef
	unsealer UnsealerRef
	isSealed PredicateRef
}

func newSealers[T any](ctx context.Context, name string) sealers[T] {
	b := caps.NewSealer[T](ctx, name)
	return sealers[T]{
		Brand:  b,
		sealer: vat.As[SealerRef](b.Sealer),
		unsealer: vat.As[UnsealerRef](vat.Func(ctx, Unsealer(func(ctx context.Context, sealed SealedRef) (any, error) {
			return b.Unseal(ctx, sealed.Ref)
		}))),
		isSealed: vat.As[PredicateRef](vat.Func(ctx, Predicate(func(ctx context.Context, sealed SealedRef) bool {
			return b.IsSealed(ctx, sealed.Ref)
		}))),
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
