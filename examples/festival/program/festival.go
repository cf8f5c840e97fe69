package program

import (
	"context"
	"encoding/hex"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// festival is what a festival says of itself, and where its events are. Nobody but the program that has it sees it whole: others
// get facets, made by its roles.
type festival struct {
	Info Info
	// Change is the number of the change that made the info what it is.
	Change int
	Events eventsRef
	// Names are what the admin calls those who hold facets, by their keys in hexadecimal digits.
	Names map[string]string
}

// keeper is the festival as the program that keeps it sees it.
type keeper interface {
	// Name has the holder of a key called by a name, in what is made for the holder from now on.
	Name(ctx context.Context, key [32]byte, name string) error
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

// Name has the holder of a key called by a name, in what is made for the holder from now on. Nothing makes names unique.
func (r FestivalRef) Name(ctx context.Context, key [32]byte, name string) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "name", key, name))
}

// HolderOf returns the holder of a key, by the name that the admin has for the key, or else for the key from which the holder has
// what it holds: "ada's 1a2b3c4d". It is for turns of the festival's vat.
func HolderOf(ctx context.Context, r FestivalRef, key, from [32]byte) (Holder, error) {
	f, err := near[festival](ctx, r.Ref)
	if err != nil {
		return Holder{}, err
	}
	h := Holder{Key: key, Name: f.Names[hex.EncodeToString(key[:])]}
	if h.Name == "" {
		h.Name = h.Short()
		if by := f.Names[hex.EncodeToString(from[:])]; by != "" {
			h.Name = by + "'s " + h.Name
		}
	}
	return h, nil
}

func (f *festival) Name(_ context.Context, key [32]byte, name string) error {
	if err := checkLine("the name", name, 1, MaxTitle-16); err != nil {
		return err
	}
	k := hex.EncodeToString(key[:])
	if _, known := f.Names[k]; !known && len(f.Names) >= maxNames {
		return ErrFull
	}
	if f.Names == nil {
		f.Names = make(map[string]string)
	}
	f.Names[k] = name
	return nil
}

// maxNames is how many names an admin has.
const maxNames = 4096

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
