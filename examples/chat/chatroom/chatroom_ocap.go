package chatroom

// This file is what a generator would write for protocol.go: for each interface its facet and its stub, for each function
// type its stub. It is written by hand until that generator exists.

import (
	"context"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// RoomFacet is what others can reach of a Room.
var RoomFacet = vat.FacetOf[Room]("chatroom.Room", vat.Selectors{"SelfProposedName": "self-proposed-name"})

// RoomRef is a reference to a Room.
type RoomRef struct{ vat.Ref }

// SelfProposedName calls Room.SelfProposedName.
func (r RoomRef) SelfProposedName(ctx context.Context) promise.Promise[string] {
	return vat.Result[string](r.Send(ctx, "self-proposed-name"))
}

// Subscribe calls Room.Subscribe.
func (r RoomRef) Subscribe(ctx context.Context, user UserRef) SealedRef {
	return vat.As[SealedRef](r.Send(ctx, "subscribe", user))
}

// Await waits until r is settled.
func (r RoomRef) Await(ctx context.Context) (RoomRef, error) { return vat.Await[RoomRef](ctx, r.Ref) }

// Promise returns r as a promise.
func (r RoomRef) Promise() promise.Promise[RoomRef] { return vat.Result[RoomRef](r.Ref) }

// UserFacet is what others can reach of a User.
var UserFacet = vat.FacetOf[User]("chatroom.User", vat.Selectors{
	"SelfProposedName":      "self-proposed-name",
	"GetChatSealed":         "get-chat-sealed?",
	"GetChatUnsealer":       "get-chat-unsealer",
	"GetSubscriptionSealer": "get-subscription-sealer",
})

// UserRef is a reference to a User.
type UserRef struct{ vat.Ref }

// SelfProposedName calls User.SelfProposedName.
func (r UserRef) SelfProposedName(ctx context.Context) promise.Promise[string] {
	return vat.Result[string](r.Send(ctx, "self-proposed-name"))
}

// GetChatSealed calls User.GetChatSealed.
func (r UserRef) GetChatSealed(ctx context.Context) PredicateRef {
	return vat.As[PredicateRef](r.Send(ctx, "get-chat-sealed?"))
}

// GetChatUnsealer calls User.GetChatUnsealer.
func (r UserRef) GetChatUnsealer(ctx context.Context) UnsealerRef {
	return vat.As[UnsealerRef](r.Send(ctx, "get-chat-unsealer"))
}

// GetSubscriptionSealer calls User.GetSubscriptionSealer.
func (r UserRef) GetSubscriptionSealer(ctx context.Context) SealerRef {
	return vat.As[SealerRef](r.Send(ctx, "get-subscription-sealer"))
}

// Await waits until r is settled.
func (r UserRef) Await(ctx context.Context) (UserRef, error) { return vat.Await[UserRef](ctx, r.Ref) }

// Promise returns r as a promise.
func (r UserRef) Promise() promise.Promise[UserRef] { return vat.Result[UserRef](r.Ref) }

// ChannelFacet is what others can reach of a Channel.
var ChannelFacet = vat.FacetOf[Channel]("chatroom.Channel", vat.Selectors{
	"SendMessage": "send-message",
	"ListUsers":   "list-users",
})

// ChannelRef is a reference to a Channel.
type ChannelRef struct{ vat.Ref }

// SendMessage calls Channel.SendMessage.
func (r ChannelRef) SendMessage(ctx context.Context, sealed SealedRef) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "send-message", sealed))
}

// Leave calls Channel.Leave.
func (r ChannelRef) Leave(ctx context.Context) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "leave"))
}

// ListUsers calls Channel.ListUsers.
func (r ChannelRef) ListUsers(ctx context.Context) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "list-users"))
}

// History calls Channel.History.
func (r ChannelRef) History(ctx context.Context) promise.Promise[[]Line] {
	return vat.Result[[]Line](r.Send(ctx, "history"))
}

// Await waits until r is settled.
func (r ChannelRef) Await(ctx context.Context) (ChannelRef, error) {
	return vat.Await[ChannelRef](ctx, r.Ref)
}

// Promise returns r as a promise.
func (r ChannelRef) Promise() promise.Promise[ChannelRef] { return vat.Result[ChannelRef](r.Ref) }

// InboxFacet is what others can reach of an Inbox.
var InboxFacet = vat.FacetOf[Inbox]("chatroom.Inbox", vat.Selectors{
	"NewMessage": "new-message",
	"UserJoined": "user-joined",
	"UserLeft":   "user-left",
})

// InboxRef is a reference to an Inbox.
type InboxRef struct{ vat.Ref }

// NewMessage calls Inbox.NewMessage, one-way.
func (r InboxRef) NewMessage(ctx context.Context, from UserRef, sealed SealedRef) error {
	return r.SendOnly(ctx, "new-message", from, sealed)
}

// UserJoined calls Inbox.UserJoined, one-way.
func (r InboxRef) UserJoined(ctx context.Context, user UserRef) error {
	return r.SendOnly(ctx, "user-joined", user)
}

// UserLeft calls Inbox.UserLeft, one-way.
func (r InboxRef) UserLeft(ctx context.Context, user UserRef) error {
	return r.SendOnly(ctx, "user-left", user)
}

// Context calls Inbox.Context.
func (r InboxRef) Context(ctx context.Context) RoomRef {
	return vat.As[RoomRef](r.Send(ctx, "context"))
}

// Await waits until r is settled.
func (r InboxRef) Await(ctx context.Context) (InboxRef, error) {
	return vat.Await[InboxRef](ctx, r.Ref)
}

// Promise returns r as a promise.
func (r InboxRef) Promise() promise.Promise[InboxRef] { return vat.Result[InboxRef](r.Ref) }

// SealedRef is a reference to a Sealed.
type SealedRef struct{ vat.Ref }

// Await waits until r is settled.
func (r SealedRef) Await(ctx context.Context) (SealedRef, error) {
	return vat.Await[SealedRef](ctx, r.Ref)
}

// Promise returns r as a promise.
func (r SealedRef) Promise() promise.Promise[SealedRef] { return vat.Result[SealedRef](r.Ref) }

// FinalizerRef is a reference to a Finalizer.
type FinalizerRef struct{ vat.Ref }

// Call calls the Finalizer.
func (r FinalizerRef) Call(ctx context.Context, inbox InboxRef) ChannelRef {
	return vat.As[ChannelRef](r.Apply(ctx, inbox))
}

// Await waits until r is settled.
func (r FinalizerRef) Await(ctx context.Context) (FinalizerRef, error) {
	return vat.Await[FinalizerRef](ctx, r.Ref)
}

// Promise returns r as a promise.
func (r FinalizerRef) Promise() promise.Promise[FinalizerRef] { return vat.Result[FinalizerRef](r.Ref) }

// SealerRef is a reference to a Sealer.
type SealerRef struct{ vat.Ref }

// Call calls the Sealer.
func (r SealerRef) Call(ctx context.Context, value any) SealedRef {
	return vat.As[SealedRef](r.Apply(ctx, value))
}

// Await waits until r is settled.
func (r SealerRef) Await(ctx context.Context) (SealerRef, error) {
	return vat.Await[SealerRef](ctx, r.Ref)
}

// Promise returns r as a promise.
func (r SealerRef) Promise() promise.Promise[SealerRef] { return vat.Result[SealerRef](r.Ref) }

// UnsealerRef is a reference to an Unsealer.
type UnsealerRef struct{ vat.Ref }

// Call calls the Unsealer.
func (r UnsealerRef) Call(ctx context.Context, sealed SealedRef) promise.Promise[any] {
	return vat.Result[any](r.Apply(ctx, sealed))
}

// Await waits until r is settled.
func (r UnsealerRef) Await(ctx context.Context) (UnsealerRef, error) {
	return vat.Await[UnsealerRef](ctx, r.Ref)
}

// Promise returns r as a promise.
func (r UnsealerRef) Promise() promise.Promise[UnsealerRef] { return vat.Result[UnsealerRef](r.Ref) }

// PredicateRef is a reference to a Predicate.
type PredicateRef struct{ vat.Ref }

// Call calls the Predicate.
func (r PredicateRef) Call(ctx context.Context, sealed SealedRef) promise.Promise[bool] {
	return vat.Result[bool](r.Apply(ctx, sealed))
}

// Await waits until r is settled.
func (r PredicateRef) Await(ctx context.Context) (PredicateRef, error) {
	return vat.Await[PredicateRef](ctx, r.Ref)
}

// Promise returns r as a promise.
func (r PredicateRef) Promise() promise.Promise[PredicateRef] { return vat.Result[PredicateRef](r.Ref) }
