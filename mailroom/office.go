package mailroom

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// Host is for the program in whose process the objects are: it says under which sturdyrefs they are found.
type Host interface {
	// Office returns the reference for who makes boxes.
	Office(ctx context.Context) OfficeRef
	// Publications returns everything that is to be found, to be published again at each start.
	Publications(ctx context.Context) ([]Publication, error)
	// Attach says who publishes what is made from now on, until the process ends.
	Attach(ctx context.Context, publisher PublisherRef)
}

// Publication is an object that is to be found by a sturdyref, and the name that its sturdyref is kept under.
type Publication struct {
	Name string
	Ref  vat.Ref
}

// Publisher makes objects known by sturdyrefs, which are the same each time for one name.
type Publisher interface {
	// Publish returns the URI of the sturdyref.
	Publish(ctx context.Context, name string, ref vat.Ref) (string, error)
	// Revoke ends the sturdyref for good.
	Revoke(ctx context.Context, name string) error
}

// Office makes boxes. Whoever has it can have the sturdyref of every box.
type Office interface {
	// NewBox makes a box, and returns the URI of the owner's sturdyref. If there is one of that name it gets these terms,
	// and the URI is the one it has.
	NewBox(ctx context.Context, name string, t Terms) (promise.Promise[string], error)
	// CloseBox throws a box away with all that is in it. Its drops answer ErrRevoked as long as the process runs.
	CloseBox(ctx context.Context, name string) (promise.Promise[any], error)
	// Boxes returns what is in the boxes, by name.
	Boxes(ctx context.Context) (map[string]Usage, error)
}

// PublisherFacet, HostFacet and OfficeFacet are how these are seen.
var (
	PublisherFacet = vat.FacetOf[Publisher]("mailroom.Publisher")
	HostFacet      = vat.FacetOf[Host]("mailroom.Host")
	OfficeFacet    = vat.FacetOf[Office]("mailroom.Office")

	officeKind = vat.KindOf("mailroom.office", func() *office { return new(office) }, HostFacet, OfficeFacet)
)

type office struct {
	Owned     map[string]BoxRef
	Count     int
	Publisher PublisherRef
	Admin     OfficeRef
}

// Open returns the host in a durable vat, which is made with the first call.
func Open(ctx context.Context, v *vat.Vat) (HostRef, error) {
	return vat.Root(ctx, v, "mailroom", func(ctx context.Context) (HostRef, error) {
		o := new(office)
		host := vat.As[HostRef](HostFacet.Spawn(ctx, o))
		o.Admin = vat.As[OfficeRef](OfficeFacet.Spawn(ctx, o))
		return host, nil
	})
}

func (o *office) Office(context.Context) OfficeRef { return o.Admin }

func (o *office) Attach(_ context.Context, p PublisherRef) { o.Publisher = p }

func (o *office) Publications(ctx context.Context) ([]Publication, error) {
	var all []Publication
	for _, name := range slices.Sorted(maps.Keys(o.Owned)) {
		ref := o.Owned[name]
		b, err := near[box](ctx, ref.Ref)
		if err != nil {
			return nil, err
		}
		r, err := near[roster](ctx, b.Roster.Ref)
		if err != nil {
			return nil, err
		}
		all = append(all, Publication{b.publication(), ref.Ref})
		for _, drop := range r.all() {
			d, err := near[chute](ctx, drop.Ref)
			if err != nil {
				return nil, err
			}
			all = append(all, Publication{d.Name, drop.Ref})
		}
	}
	return all, nil
}

func (o *office) NewBox(ctx context.Context, name string, t Terms) (promise.Promise[string], error) {
	var none promise.Promise[string]
	t, err := t.or(boxDefaults)
	if err == nil {
		err = checkName(name)
	}
	if err == nil && o.Publisher.IsNull() {
		err = ErrUnattached
	}
	if err != nil {
		return none, err
	}
	ref, known := o.Owned[name]
	if !known {
		if len(o.Owned) >= maxBoxes {
			return none, ErrFull
		}
		o.Count++
		b := &box{Office: o.Admin, Number: o.Count, Roster: vat.As[rosterRef](rosterFacet.Spawn(ctx, new(roster)))}
		ref = vat.As[BoxRef](BoxFacet.Spawn(ctx, b))
		b.Inner = vat.As[innerRef](innerFacet.Spawn(ctx, b))
		if o.Owned == nil {
			o.Owned = make(map[string]BoxRef)
		}
		o.Owned[name] = ref
	}
	b, err := near[box](ctx, ref.Ref)
	if err != nil {
		return none, err
	}
	b.Terms = t
	return o.Publisher.Publish(ctx, b.publication(), ref.Ref), nil
}

func (o *office) CloseBox(ctx context.Context, name string) (promise.Promise[any], error) {
	var none promise.Promise[any]
	ref, ok := o.Owned[name]
	if !ok {
		return none, fmt.Errorf("%q: %w", name, ErrName)
	}
	if o.Publisher.IsNull() {
		return none, ErrUnattached
	}
	b, err := near[box](ctx, ref.Ref)
	if err != nil {
		return none, err
	}
	r, err := near[roster](ctx, b.Roster.Ref)
	if err != nil {
		return none, err
	}
	delete(o.Owned, name)
	for _, drop := range r.all() {
		d, err := near[chute](ctx, drop.Ref)
		if err != nil {
			return none, err
		}
		d.Revoked = true
		_ = o.Publisher.SendOnly(ctx, "revoke", d.Name)
	}
	b.Closed = true
	if err := b.Clear(ctx); err != nil {
		return none, err
	}
	return o.Publisher.Revoke(ctx, b.publication()), nil // the last: when it has answered all are revoked
}

func (o *office) Boxes(ctx context.Context) (map[string]Usage, error) {
	all := make(map[string]Usage)
	for name, ref := range o.Owned {
		b, err := near[box](ctx, ref.Ref)
		if err != nil {
			return nil, err
		}
		all[name] = b.Usage(ctx)
	}
	return all, nil
}

// near returns the object behind a reference, which is of this vat.
func near[T any](ctx context.Context, r vat.Ref) (*T, error) {
	x, ok := vat.Near[*T](ctx, r)
	if !ok {
		return nil, fmt.Errorf("mailroom: there is no %T where one was stored", *new(T))
	}
	return x, nil
}
