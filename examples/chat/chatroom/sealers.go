package chatroom

import (
	"context"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// ErrNotSealed says that a box was not closed by the sealer that belongs to the unsealer.
var ErrNotSealed = vat.NewError("chat.not-sealed", "this was not sealed by the matching sealer")

// box is what is behind a Sealed. Only code of the vat it lives in can look inside, and nobody else keeps it: when the
// last reference to a box is gone, so is what was in it.
type box struct {
	by    *sealers
	value any
}

// sealers are a sealer, its unsealer and the predicate that tells what was sealed, each a function of its own.
type sealers struct {
	sealer   SealerRef
	unsealer UnsealerRef
	isSealed PredicateRef
}

func newSealers(ctx context.Context) *sealers {
	s := &sealers{}
	s.sealer = vat.As[SealerRef](vat.Func(ctx, Sealer(s.seal)))
	s.unsealer = vat.As[UnsealerRef](vat.Func(ctx, Unsealer(s.unseal)))
	s.isSealed = vat.As[PredicateRef](vat.Func(ctx, Predicate(func(ctx context.Context, sealed SealedRef) bool {
		_, err := s.unseal(ctx, sealed)
		return err == nil
	})))
	return s
}

func (s *sealers) seal(ctx context.Context, value any) SealedRef {
	return vat.As[SealedRef](SealedFacet.Spawn(ctx, &box{s, value}))
}

func (s *sealers) unseal(ctx context.Context, sealed SealedRef) (any, error) {
	b, ok := vat.Near[*box](ctx, sealed.Ref)
	if !ok || b.by != s {
		return nil, ErrNotSealed
	}
	return b.value, nil
}

// ErrNotText says that what an author sealed is not a text.
var ErrNotText = vat.NewError("chat.not-text", "the message is not a text")

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
