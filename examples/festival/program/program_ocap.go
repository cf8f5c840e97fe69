package program

// This file is what a generator would write for protocol.go.

import (
	"context"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// VisitorRef is a reference to a Visitor.
type VisitorRef struct{ vat.Ref }

// Await waits until r is settled.
func (r VisitorRef) Await(ctx context.Context) (VisitorRef, error) {
	return vat.Await[VisitorRef](ctx, r.Ref)
}

// Standing calls Visitor.Standing.
func (r VisitorRef) Standing(ctx context.Context) promise.Promise[Standing] {
	return vat.Result[Standing](r.Send(ctx, "standing"))
}

// Changes calls Visitor.Changes.
func (r VisitorRef) Changes(ctx context.Context, after int) promise.Promise[Changes] {
	return vat.Result[Changes](r.Send(ctx, "changes", after))
}

// Event calls Visitor.Event.
func (r VisitorRef) Event(ctx context.Context, number int) EventRef {
	return vat.As[EventRef](r.Send(ctx, "event", number))
}

// Watch calls Visitor.Watch.
func (r VisitorRef) Watch(ctx context.Context, l ListenerRef) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "watch", l))
}

// OrganiserRef is a reference to an Organiser.
type OrganiserRef struct{ vat.Ref }

// Add calls Organiser.Add.
func (r OrganiserRef) Add(ctx context.Context, id ID, event EventRef, said Snapshot) SlotRef {
	return vat.As[SlotRef](r.Send(ctx, "add", id, event, said))
}

// AdminRef is a reference to an Admin.
type AdminRef struct{ vat.Ref }

// Unlist calls Admin.Unlist.
func (r AdminRef) Unlist(ctx context.Context, number int, reason string) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "unlist", number, reason))
}

// List calls Admin.List.
func (r AdminRef) List(ctx context.Context, number int) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "list", number))
}

// Describe calls Admin.Describe.
func (r AdminRef) Describe(ctx context.Context, info Info) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "describe", info))
}

// SlotRef is a reference to a Slot.
type SlotRef struct{ vat.Ref }

// Say calls Slot.Say.
func (r SlotRef) Say(ctx context.Context, said Snapshot) promise.Promise[Receipt] {
	return vat.Result[Receipt](r.Send(ctx, "say", said))
}

// Withdraw calls Slot.Withdraw.
func (r SlotRef) Withdraw(ctx context.Context) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "withdraw"))
}

// Await waits until r is settled.
func (r SlotRef) Await(ctx context.Context) (SlotRef, error) { return vat.Await[SlotRef](ctx, r.Ref) }

// EventRef is a reference to an Event.
type EventRef struct{ vat.Ref }

// Now calls Event.Now.
func (r EventRef) Now(ctx context.Context) promise.Promise[Snapshot] {
	return vat.Result[Snapshot](r.Send(ctx, "now"))
}

// Await waits until r is settled.
func (r EventRef) Await(ctx context.Context) (EventRef, error) {
	return vat.Await[EventRef](ctx, r.Ref)
}

// OwnerRef is a reference to an Owner.
type OwnerRef struct{ vat.Ref }

// Now calls Event.Now.
func (r OwnerRef) Now(ctx context.Context) promise.Promise[Snapshot] {
	return vat.Result[Snapshot](r.Send(ctx, "now"))
}

// Edit calls Owner.Edit.
func (r OwnerRef) Edit(ctx context.Context, base int, d Details) promise.Promise[Snapshot] {
	return vat.Result[Snapshot](r.Send(ctx, "edit", base, d))
}

// Withdraw calls Owner.Withdraw.
func (r OwnerRef) Withdraw(ctx context.Context) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "withdraw"))
}

// State calls Owner.State.
func (r OwnerRef) State(ctx context.Context) promise.Promise[Mine] {
	return vat.Result[Mine](r.Send(ctx, "state"))
}

// Await waits until r is settled.
func (r OwnerRef) Await(ctx context.Context) (OwnerRef, error) {
	return vat.Await[OwnerRef](ctx, r.Ref)
}

// ListenerRef is a reference to a Listener.
type ListenerRef struct{ vat.Ref }

// Changed calls Listener.Changed.
func (r ListenerRef) Changed(ctx context.Context, upTo int) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "changed", upTo))
}

// DeskRef is a reference to a Desk.
type DeskRef struct{ vat.Ref }

// Use calls Desk.Use.
func (r DeskRef) Use(ctx context.Context, festival OrganiserRef, who Holder) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "use", festival, who))
}

// Add calls Desk.Add.
func (r DeskRef) Add(ctx context.Context, d Details) promise.Promise[ID] {
	return vat.Result[ID](r.Send(ctx, "add", d))
}

// Owner calls Desk.Owner.
func (r DeskRef) Owner(ctx context.Context, id ID) OwnerRef {
	return vat.As[OwnerRef](r.Send(ctx, "owner", id))
}

// Mine calls Desk.Mine.
func (r DeskRef) Mine(ctx context.Context) promise.Promise[[]Mine] {
	return vat.Result[[]Mine](r.Send(ctx, "mine"))
}

// Watch calls Desk.Watch.
func (r DeskRef) Watch(ctx context.Context, l ListenerRef) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "watch", l))
}

// CopyRef is a reference to a Copy.
type CopyRef struct{ vat.Ref }

// Use calls Copy.Use.
func (r CopyRef) Use(ctx context.Context, festival VisitorRef) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "use", festival))
}

// Festival calls Copy.Festival.
func (r CopyRef) Festival(ctx context.Context) VisitorRef {
	return vat.As[VisitorRef](r.Send(ctx, "festival"))
}

// View calls Copy.View.
func (r CopyRef) View(ctx context.Context) promise.Promise[View] {
	return vat.Result[View](r.Send(ctx, "view"))
}

// Watch calls Copy.Watch.
func (r CopyRef) Watch(ctx context.Context, l ListenerRef) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "watch", l))
}
