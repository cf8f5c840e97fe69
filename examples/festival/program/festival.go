package program

import (
	"context"

	"github.com/hawser-go/hawser/vat"
)

// festival is what a festival says of itself, and where its events are. Nobody but the program that has it sees it whole: others
// get facets, made by its roles.
type festival struct {
	Info Info
	// Change is the number of the change that made the info what it is.
	Change int
	Events eventsRef
}

// keeper is the festival as the program that keeps it sees it.
type keeper interface {
	Standing(ctx context.Context) Standing
}

var (
	festivalFacet = vat.FacetOf[keeper]("festival.Festival")
	festivalKind  = vat.KindOf("festival.festival", func() *festival { return new(festival) }, festivalFacet)
)

// FestivalRef is the festival as the program that keeps it has it: it is for its process alone.
type FestivalRef struct{ vat.Ref }

// OpenFestival returns the festival of a durable vat, which is made with the first call; info is for that one alone.
func OpenFestival(ctx context.Context, v *vat.Vat, info Info) (FestivalRef, error) {
	return vat.Root(ctx, v, "festival", func(ctx context.Context) (FestivalRef, error) {
		if err := info.Check(); err != nil {
			return FestivalRef{}, err
		}
		e := new(events)
		f := &festival{Info: info, Change: 1, Events: vat.As[eventsRef](eventsFacet.Spawn(ctx, e))}
		e.Change, e.Self = 1, vat.As[bellRef](bellFacet.Spawn(ctx, e))
		return vat.As[FestivalRef](festivalFacet.Spawn(ctx, f)), nil
	})
}

func (f *festival) Standing(context.Context) Standing { return Standing{Role: AsAdmin} }

// describe replaces what the festival says of itself. Days and stages that events on the list are on stay.
func (f *festival) describe(ctx context.Context, info Info) error {
	if err := info.Check(); err != nil {
		return err
	}
	e, err := near[events](ctx, f.Events.Ref)
	if err != nil {
		return err
	}
	for _, row := range e.Rows {
		l, err := near[listing](ctx, row.Listing.Ref)
		if err != nil {
			return err
		}
		if l.Entry.State == Listed && info.Fits(l.Entry.Said.Details) != nil {
			return because(ErrInUse, "%q", l.Entry.Said.Details.Title)
		}
	}
	f.Info, f.Change = info, e.changed(ctx)
	return nil
}

// ErrGone says that something is not there any more, or never was.
var ErrGone = vat.NewError("festival.gone", "there is no such event")

// near returns an object of the same vat.
func near[T any](ctx context.Context, ref vat.Ref) (*T, error) {
	if o, ok := vat.Near[*T](ctx, ref); ok {
		return o, nil
	}
	return nil, ErrGone
}
