package program

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"slices"

	"github.com/hawser-go/hawser/vat"
)

// A Desk is where an organiser's events are at home, as the organiser's own program sees it.
type Desk interface {
	// Use has the desk add its events to a festival, from now on as that holder. What another facet was told before, and has not
	// answered, is not asked again.
	Use(ctx context.Context, festival OrganiserRef, who Holder) error
	// Add makes an event, which the festival is told of when it can be.
	Add(ctx context.Context, d Details) (ID, error)
	// Owner returns the owner's facet of one of the desk's events.
	Owner(ctx context.Context, id ID) (OwnerRef, error)
	// Mine returns the desk's events.
	Mine(ctx context.Context) ([]Mine, error)
	// Watch has a listener told when there is something new.
	Watch(ctx context.Context, l ListenerRef) error
}

// DeskFacet is what the organiser's program sees.
var DeskFacet = vat.FacetOf[Desk]("festival.Desk")

type desk struct {
	Festival OrganiserRef
	Who      Holder
	Events   []home
	Self     deskRef
	Change   int
	Bell     bell
	BellRef  bellRef

	ring Keyring `ocapn:"-"`
}

// home is one of the desk's events.
type home struct {
	ID    ID
	Event eventHomeRef
	Owner OwnerRef
}

func deskKind(ring Keyring) vat.Kind {
	return vat.KindOf("festival.desk", func() *desk { return &desk{ring: ring} }, DeskFacet, bellFacet)
}

type deskRef struct{ vat.Ref }

// OpenDesk returns the desk of a durable vat, which is made with the first call. ring is that of [Kinds].
func OpenDesk(ctx context.Context, v *vat.Vat, ring Keyring) (DeskRef, error) {
	return vat.Root(ctx, v, "desk", func(ctx context.Context) (DeskRef, error) {
		d := &desk{ring: ring}
		ref := DeskFacet.Spawn(ctx, d)
		d.Self, d.BellRef = vat.As[deskRef](ref), vat.As[bellRef](bellFacet.Spawn(ctx, d))
		return vat.As[DeskRef](ref), nil
	})
}

func (d *desk) Use(_ context.Context, festival OrganiserRef, who Holder) error {
	if festival.IsNull() {
		return ErrNobody
	}
	d.Festival, d.Who = festival, who
	return who.check()
}

func (d *desk) Add(ctx context.Context, details Details) (ID, error) {
	if len(d.Events) >= maxEventsPerHolder {
		return ID{}, ErrFull
	}
	if err := details.Check(); err != nil {
		return ID{}, err
	}
	e := &event{Desk: d.Self, ring: d.ring}
	_, _ = rand.Read(e.Mine.ID[:]) // never fails
	e.Reader = vat.As[EventRef](EventFacet.Spawn(ctx, e))
	e.Self = vat.As[eventHomeRef](eventHomeFacet.Spawn(ctx, e))
	owner, err := OwnerOf(e.Self)(ctx, d.Who)
	if err != nil {
		return ID{}, err
	}
	d.Events = append(d.Events, home{e.Mine.ID, e.Self, vat.As[OwnerRef](owner)})
	return e.Mine.ID, e.say(ctx, d.Who.Name, details)
}

func (d *desk) Owner(_ context.Context, id ID) (OwnerRef, error) {
	i := slices.IndexFunc(d.Events, func(h home) bool { return h.ID == id })
	if i < 0 {
		return OwnerRef{}, ErrGone
	}
	return d.Events[i].Owner, nil
}

func (d *desk) Mine(ctx context.Context) ([]Mine, error) {
	var all []Mine
	for _, h := range d.Events {
		e, err := near[event](ctx, h.Event.Ref)
		if err != nil {
			return nil, err
		}
		all = append(all, e.Mine)
	}
	return all, nil
}

func (d *desk) Watch(ctx context.Context, l ListenerRef) error {
	return d.Bell.add(ctx, d.BellRef, d.Who, l, d.Change)
}

// Forget implements belled.
func (d *desk) Forget(_ context.Context, ear int) { d.Bell.forget(ear) }

func (d *desk) forget(id ID) {
	d.Events = slices.DeleteFunc(slices.Clone(d.Events), func(h home) bool { return h.ID == id })
}

func (d *desk) changed(ctx context.Context) {
	d.Change++
	d.Bell.ring(ctx, d.Change)
}

// lost reports whether an error says that what was held of the other side is void.
func lost(err error) bool { return errors.Is(err, net.ErrClosed) || errors.Is(err, vat.ErrRevoked) }
