package program

import (
	"context"

	"github.com/hawser-go/hawser/vat"
)

// pass is what somebody holds of a festival: a role, made for a holder. What it can do is the facet it was made under.
type pass struct {
	Role     Role
	Holder   Holder
	Festival FestivalRef
}

var (
	// VisitorFacet, OrganiserFacet and AdminFacet are what holders of the roles see.
	VisitorFacet   = vat.FacetOf[Visitor]("festival.Visitor")
	OrganiserFacet = vat.FacetOf[Organiser]("festival.Organiser")
	AdminFacet     = vat.FacetOf[Admin]("festival.Admin")

	passKind = vat.KindOf("festival.pass", func() *pass { return new(pass) }, VisitorFacet, OrganiserFacet, AdminFacet)
)

// A Maker makes a facet for a holder, in a turn of the vat of what it is a facet of.
type Maker func(ctx context.Context, holder Holder) (vat.Ref, error)

// Roles returns what makes the facets of a festival, by role.
func Roles(f FestivalRef) map[Role]Maker {
	return map[Role]Maker{
		AsVisitor:   maker[Visitor](f, AsVisitor, VisitorFacet),
		AsOrganiser: maker[Organiser](f, AsOrganiser, OrganiserFacet),
		AsAdmin:     maker[Admin](f, AsAdmin, AdminFacet),
	}
}

func maker[I any](f FestivalRef, role Role, facet vat.Facet[I]) Maker {
	return func(ctx context.Context, holder Holder) (vat.Ref, error) {
		if err := holder.check(); err != nil {
			return vat.Ref{}, err
		}
		impl, ok := any(&pass{Role: role, Holder: holder, Festival: f}).(I)
		if !ok {
			return vat.Ref{}, ErrNobody
		}
		return facet.Spawn(ctx, impl), nil
	}
}

// Standing implements Visitor.
func (p *pass) Standing(context.Context) Standing { return Standing{p.Role, p.Holder} }

// festival returns what the pass is for.
func (p *pass) festival(ctx context.Context) (*festival, *events, error) {
	f, err := near[festival](ctx, p.Festival.Ref)
	if err != nil {
		return nil, nil, err
	}
	e, err := near[events](ctx, f.Events.Ref)
	return f, e, err
}

// Changes implements Visitor.
func (p *pass) Changes(ctx context.Context, after int) (Changes, error) {
	f, e, err := p.festival(ctx)
	if err != nil {
		return Changes{}, err
	}
	return e.since(ctx, f, p.Standing(ctx), after)
}

// Event implements Visitor. What it returns is the festival's own reader of the event, whatever the organiser gave the festival.
func (p *pass) Event(ctx context.Context, number int) (EventRef, error) {
	l, err := p.listing(ctx, number)
	if err != nil {
		return EventRef{}, err
	}
	return vat.As[EventRef](EventFacet.Spawn(ctx, l)), nil
}

// listing returns an event that the holder may see.
func (p *pass) listing(ctx context.Context, number int) (*listing, error) {
	_, e, err := p.festival(ctx)
	if err != nil {
		return nil, err
	}
	i := e.row(number)
	if i < 0 || !e.Rows[i].shown(p.Standing(ctx)) {
		return nil, ErrGone
	}
	return near[listing](ctx, e.Rows[i].Listing.Ref)
}

// Watch implements Visitor.
func (p *pass) Watch(ctx context.Context, l ListenerRef) error {
	_, e, err := p.festival(ctx)
	if err != nil {
		return err
	}
	return e.Bell.add(ctx, e.Self, p.Holder, l, e.Change)
}

// Add implements Organiser.
func (p *pass) Add(ctx context.Context, id ID, event EventRef, said Snapshot) (SlotRef, error) {
	f, e, err := p.festival(ctx)
	if err != nil {
		return SlotRef{}, err
	}
	return e.add(ctx, f.Events, p.Festival, p.Holder, id, event, said)
}

// Unlist implements Admin.
func (p *pass) Unlist(ctx context.Context, number int, reason string) error {
	l, err := p.listing(ctx, number)
	if err != nil {
		return err
	}
	return l.put(ctx, Unlisted, reason)
}

// List implements Admin.
func (p *pass) List(ctx context.Context, number int) error {
	l, err := p.listing(ctx, number)
	if err != nil {
		return err
	}
	return l.put(ctx, Listed, "")
}

// Describe implements Admin.
func (p *pass) Describe(ctx context.Context, info Info) error {
	f, _, err := p.festival(ctx)
	if err != nil {
		return err
	}
	return f.describe(ctx, info)
}
