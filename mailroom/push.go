package mailroom

import (
	"context"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// What is pushed at the most and was not got.
const (
	maxFlying      = 32
	maxFlyingBytes = 4 << 20
)

// Subscribe implements Box.
func (b *box) Subscribe(ctx context.Context, to SubscriberRef) (round int, err error) {
	b.drop(ctx)
	if b.Closed {
		return 0, ErrRevoked
	}
	b.Subscriber, b.Cursor = to, b.Head
	b.Round++
	b.Flying, b.FlyingBytes = 0, 0
	return b.Round, b.wake(ctx)
}

// Got implements Box.
func (b *box) Got(ctx context.Context, round, letters, bytes int) error {
	if round != b.Round {
		return nil
	}
	b.Flying -= min(max(letters, 0), b.Flying)
	b.FlyingBytes -= min(max(bytes, 0), b.FlyingBytes)
	return b.wake(ctx)
}

// drop lets go of the subscriber there is.
func (b *box) drop(ctx context.Context) {
	if !b.Subscriber.IsNull() {
		promise.Settled(vat.Result[any](b.Subscriber.Send(ctx, "replaced"))) // one that is gone does not mind, and the log need not say so
	}
	b.Subscriber = SubscriberRef{}
}

// wake has letters pushed, in a turn of their own: a subscriber whose session takes no more must not keep letters from being
// dropped.
func (b *box) wake(ctx context.Context) error {
	if !b.mayPush() {
		return nil
	}
	return b.Inner.SendOnly(ctx, "push")
}

func (b *box) mayPush() bool {
	return !b.Subscriber.IsNull() && !b.Cursor.IsNull() && b.Flying < maxFlying && b.FlyingBytes < maxFlyingBytes
}

// Push implements inner.
func (b *box) Push(ctx context.Context) error {
	for b.mayPush() {
		ref := b.Cursor
		l, err := near[letter](ctx, ref.Ref)
		if err != nil {
			return err
		}
		c, err := near[content](ctx, l.Content.Ref)
		if err != nil {
			return err
		}
		if err := b.Subscriber.SendOnly(ctx, "letter", c.Bytes, ref); err != nil {
			return nil // it is gone, or takes nothing now: what happens next tries again, or the next subscriber gets the letters
		}
		b.Cursor = l.Next
		b.Flying++
		b.FlyingBytes += l.Size
	}
	return nil
}
