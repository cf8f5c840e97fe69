package program

import (
	"context"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// listing is one event on the festival's list. Its organiser's home sees it as a slot, readers see an Event, which asks that home.
type listing struct {
	Entry    Entry
	Events   eventsRef
	Festival FestivalRef
	Event    EventRef // at its home
	Slot     SlotRef
}

var (
	// SlotFacet is what the event's home sees.
	SlotFacet = vat.FacetOf[Slot]("festival.Slot")
	// EventFacet is what readers see.
	EventFacet = vat.FacetOf[Event]("festival.Event")

	listingFacet = vat.FacetOf[listed]("festival.listing")
	listingKind  = vat.KindOf("festival.listing", func() *listing { return new(listing) }, listingFacet, SlotFacet, EventFacet)
)

// listed is a listing as the list has it.
type listed interface{ Number() int }

type listingRef struct{ vat.Ref }

func (l *listing) Number() int { return l.Entry.Number }

// take keeps what the event's home has said.
func (l *listing) take(ctx context.Context, said Snapshot) error {
	if err := said.check(); err != nil {
		return err
	}
	f, err := near[festival](ctx, l.Festival.Ref)
	if err != nil {
		return err
	}
	if err := f.Info.Fits(said.Details); err != nil {
		return err
	}
	if err := said.Genuine(l.Entry.ID, l.Entry.By.Key); err != nil {
		return err
	}
	l.Entry.Said, l.Entry.Heard = said, time.Now()
	return nil
}

// Say implements Slot.
func (l *listing) Say(ctx context.Context, said Snapshot) (Receipt, error) {
	e, err := near[events](ctx, l.Events.Ref)
	if err != nil {
		return Receipt{}, err
	}
	i := e.row(l.Entry.Number)
	if i < 0 {
		return Receipt{}, ErrGone
	}
	if said.Version > l.Entry.Said.Version {
		if err := l.take(ctx, said); err != nil {
			return Receipt{}, err
		}
		l.note(ctx, e, i)
	}
	return Receipt{Number: l.Entry.Number, Version: l.Entry.Said.Version}, nil
}

// note has the list's row, at i, say what the entry says.
func (l *listing) note(ctx context.Context, e *events, i int) {
	l.Entry.Change = e.changed(ctx)
	e.Rows[i].Change, e.Rows[i].State = l.Entry.Change, l.Entry.State
}

// Withdraw implements Slot.
func (l *listing) Withdraw(ctx context.Context) error {
	e, err := near[events](ctx, l.Events.Ref)
	if err != nil {
		return err
	}
	e.remove(ctx, l.Entry.Number)
	return nil
}

// Now implements Event: it asks the event's home, which answers when it is there.
func (l *listing) Now(ctx context.Context) (promise.Promise[Snapshot], error) {
	return l.Event.Now(ctx), nil
}

// put makes the listing listed or unlisted.
func (l *listing) put(ctx context.Context, state EntryState, reason string) error {
	if err := checkLine("the reason", reason, 0, MaxTitle); err != nil {
		return err
	}
	e, err := near[events](ctx, l.Events.Ref)
	if err != nil {
		return err
	}
	i := e.row(l.Entry.Number)
	switch {
	case i < 0:
		return ErrGone
	case l.Entry.State == state && l.Entry.Reason == reason:
		return nil
	}
	if state == Listed {
		// The festival may have lost that day, or stage, meanwhile.
		f, err := near[festival](ctx, l.Festival.Ref)
		if err != nil {
			return err
		}
		if err := f.Info.Fits(l.Entry.Said.Details); err != nil {
			return err
		}
	}
	l.Entry.State, l.Entry.Reason = state, reason
	l.note(ctx, e, i)
	return nil
}
