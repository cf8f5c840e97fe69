package chatroom

// This file is what a generator would write for lasting.go and book.go.

import (
	"context"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// Enroll calls Room.Enroll.
func (r RoomRef) Enroll(ctx context.Context, nick string, desk DeskRef) SeatRef {
	return vat.As[SeatRef](r.Send(ctx, "enroll", nick, desk))
}

// SeatRef is a reference to a Seat.
type SeatRef struct{ vat.Ref }

// Say calls Seat.Say.
func (r SeatRef) Say(ctx context.Context, text string) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "say", text))
}

// Who calls Seat.Who.
func (r SeatRef) Who(ctx context.Context) promise.Promise[[]Sitter] {
	return vat.Result[[]Sitter](r.Send(ctx, "who"))
}

// History calls Seat.History.
func (r SeatRef) History(ctx context.Context) promise.Promise[[]Line] {
	return vat.Result[[]Line](r.Send(ctx, "history"))
}

// Leave calls Seat.Leave.
func (r SeatRef) Leave(ctx context.Context) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "leave"))
}

// Await waits until r is settled.
func (r SeatRef) Await(ctx context.Context) (SeatRef, error) { return vat.Await[SeatRef](ctx, r.Ref) }

// DeskRef is a reference to a Desk.
type DeskRef struct{ vat.Ref }

// Tell calls Desk.Tell, one-way.
func (r DeskRef) Tell(ctx context.Context, n News) error { return r.SendOnly(ctx, "tell", n) }

// Await waits until r is settled.
func (r DeskRef) Await(ctx context.Context) (DeskRef, error) { return vat.Await[DeskRef](ctx, r.Ref) }

// OwnerRef is a reference to an Owner.
type OwnerRef struct{ vat.Ref }

// Sit calls Owner.Sit.
func (r OwnerRef) Sit(ctx context.Context, seat SeatRef) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "sit", seat))
}

// Attach calls Owner.Attach.
func (r OwnerRef) Attach(ctx context.Context, screen ScreenRef) promise.Promise[Place] {
	return vat.Result[Place](r.Send(ctx, "attach", screen))
}

// Seen calls Owner.Seen and waits for nothing.
func (r OwnerRef) Seen(ctx context.Context, number int) { _ = r.SendOnly(ctx, "seen", number) }

// Say calls Owner.Say.
func (r OwnerRef) Say(ctx context.Context, text string) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "say", text))
}

// Taken calls Owner.Taken.
func (r OwnerRef) Taken(ctx context.Context, o promise.Outcome[any]) vat.Ref {
	return r.Send(ctx, "taken", o)
}

// Desk calls Owner.Desk.
func (r OwnerRef) Desk(ctx context.Context) DeskRef { return vat.As[DeskRef](r.Send(ctx, "desk")) }

// Place calls Owner.Place.
func (r OwnerRef) Place(ctx context.Context) promise.Promise[Place] {
	return vat.Result[Place](r.Send(ctx, "place"))
}

// Leave calls Owner.Leave.
func (r OwnerRef) Leave(ctx context.Context) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "leave"))
}

// ScreenRef is a reference to a Screen.
type ScreenRef struct{ vat.Ref }

// Show calls Screen.Show, one-way.
func (r ScreenRef) Show(ctx context.Context, number int, n News) error {
	return r.SendOnly(ctx, "show", number, n)
}

// BookRef is a reference to a Book.
type BookRef struct{ vat.Ref }

// Open calls Book.Open.
func (r BookRef) Open(ctx context.Context) promise.Promise[Page] {
	return vat.Result[Page](r.Send(ctx, "open"))
}

// Enroll calls Book.Enroll.
func (r BookRef) Enroll(ctx context.Context, nick, from string, desk DeskRef) SeatRef {
	return vat.As[SeatRef](r.Send(ctx, "enroll", nick, from, desk))
}

// Number calls Book.Number.
func (r BookRef) Number(ctx context.Context) promise.Promise[int] {
	return vat.Result[int](r.Send(ctx, "number"))
}

// Hear calls Book.Hear.
func (r BookRef) Hear(ctx context.Context, l Line) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "hear", l))
}

// Enter calls Book.Enter and waits for nothing.
func (r BookRef) Enter(ctx context.Context, s Sitter) { _ = r.SendOnly(ctx, "enter", s) }

// Exit calls Book.Exit and waits for nothing.
func (r BookRef) Exit(ctx context.Context, member int) { _ = r.SendOnly(ctx, "exit", member) }

// History calls Book.History.
func (r BookRef) History(ctx context.Context) promise.Promise[[]Line] {
	return vat.Result[[]Line](r.Send(ctx, "history"))
}

// Vacate calls Book.Vacate and waits for nothing.
func (r BookRef) Vacate(ctx context.Context, member int) error {
	return r.SendOnly(ctx, "vacate", member)
}
