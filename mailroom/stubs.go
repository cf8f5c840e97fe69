package mailroom

import (
	"context"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// HostRef is a Host.
type HostRef struct{ vat.Ref }

// Office calls Host.Office.
func (r HostRef) Office(ctx context.Context) OfficeRef {
	return vat.As[OfficeRef](r.Send(ctx, "office"))
}

// Publications calls Host.Publications.
func (r HostRef) Publications(ctx context.Context) promise.Promise[[]Publication] {
	return vat.Result[[]Publication](r.Send(ctx, "publications"))
}

// Attach calls Host.Attach.
func (r HostRef) Attach(ctx context.Context, p PublisherRef) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "attach", p))
}

// PublisherRef is a Publisher.
type PublisherRef struct{ vat.Ref }

// Publish calls Publisher.Publish.
func (r PublisherRef) Publish(ctx context.Context, name string, ref vat.Ref) promise.Promise[string] {
	return vat.Result[string](r.Send(ctx, "publish", name, ref))
}

// Revoke calls Publisher.Revoke.
func (r PublisherRef) Revoke(ctx context.Context, name string) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "revoke", name))
}

// OfficeRef is an Office.
type OfficeRef struct{ vat.Ref }

// NewBox calls Office.NewBox.
func (r OfficeRef) NewBox(ctx context.Context, name string, t Terms) promise.Promise[string] {
	return vat.Result[string](r.Send(ctx, "newBox", name, t))
}

// CloseBox calls Office.CloseBox.
func (r OfficeRef) CloseBox(ctx context.Context, name string) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "closeBox", name))
}

// Boxes calls Office.Boxes.
func (r OfficeRef) Boxes(ctx context.Context) promise.Promise[map[string]Usage] {
	return vat.Result[map[string]Usage](r.Send(ctx, "boxes"))
}

// BoxRef is a Box.
type BoxRef struct{ vat.Ref }

// Subscribe calls Box.Subscribe.
func (r BoxRef) Subscribe(ctx context.Context, to SubscriberRef) promise.Promise[int] {
	return vat.Result[int](r.Send(ctx, "subscribe", to))
}

// Got calls Box.Got and waits for nothing.
func (r BoxRef) Got(ctx context.Context, round, letters, bytes int) {
	_ = r.SendOnly(ctx, "got", round, letters, bytes)
}

// Leave calls Box.Leave.
func (r BoxRef) Leave(ctx context.Context, bundle []byte) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "leave", bundle))
}

// NewDrop calls Box.NewDrop.
func (r BoxRef) NewDrop(ctx context.Context, label string, t Terms) promise.Promise[string] {
	return vat.Result[string](r.Send(ctx, "newDrop", label, t))
}

// RevokeDrop calls Box.RevokeDrop.
func (r BoxRef) RevokeDrop(ctx context.Context, label string) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "revokeDrop", label))
}

// Drops calls Box.Drops.
func (r BoxRef) Drops(ctx context.Context) promise.Promise[[]Usage] {
	return vat.Result[[]Usage](r.Send(ctx, "drops"))
}

// Usage calls Box.Usage.
func (r BoxRef) Usage(ctx context.Context) promise.Promise[Usage] {
	return vat.Result[Usage](r.Send(ctx, "usage"))
}

// DropRef is a Drop.
type DropRef struct{ vat.Ref }

// Drop calls Drop.Drop.
func (r DropRef) Drop(ctx context.Context, letter []byte, days int) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "drop", letter, days))
}

// Bundle calls Drop.Bundle.
func (r DropRef) Bundle(ctx context.Context) promise.Promise[[]byte] {
	return vat.Result[[]byte](r.Send(ctx, "bundle"))
}

// LetterRef is a Letter.
type LetterRef struct{ vat.Ref }

// Done calls Letter.Done and waits for nothing.
func (r LetterRef) Done(ctx context.Context) { _ = r.SendOnly(ctx, "done") }

// SubscriberRef is a Subscriber.
type SubscriberRef struct{ vat.Ref }
