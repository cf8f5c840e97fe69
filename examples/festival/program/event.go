package program

import (
	"context"
	"crypto"
	"time"

	"github.com/hawser-go/hawser/examples/festival/legible"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// event is an event at its home, the durable vat of its organiser: what it is, is said here and nowhere else.
type event struct {
	Mine Mine
	Desk deskRef
	Self eventHomeRef
	// Reader is how the festival sees it.
	Reader EventRef
	// Slot is what the festival has given for it, null if it has not been asked, or has refused.
	Slot SlotRef
	// At is the facet of the festival's that the slot is from.
	At OrganiserRef
	// Signed is the ID of what was signed last.
	Signed [32]byte

	ring Keyring `ocapn:"-"`
}

// eventHome is an event as the objects of its home see it.
type eventHome interface {
	Taken(ctx context.Context, version int, o promise.Outcome[Receipt])
	Ended(ctx context.Context, o promise.Outcome[any])
}

var (
	eventHomeFacet = vat.FacetOf[eventHome]("festival.home")

	// OwnerFacet is what owners of an event see.
	OwnerFacet = vat.FacetOf[Owner]("festival.Owner")
	ownerKind  = vat.KindOf("festival.owner", func() *owner { return new(owner) }, OwnerFacet)
)

func eventKind(ring Keyring) vat.Kind {
	return vat.KindOf("festival.event", func() *event { return &event{ring: ring} }, EventFacet, eventHomeFacet)
}

type eventHomeRef struct{ vat.Ref }

// Taken calls eventHome.Taken.
func (r eventHomeRef) Taken(ctx context.Context, version int, o promise.Outcome[Receipt]) vat.Ref {
	return r.Send(ctx, "taken", version, o)
}

// Ended calls eventHome.Ended.
func (r eventHomeRef) Ended(ctx context.Context, o promise.Outcome[any]) vat.Ref {
	return r.Send(ctx, "ended", o)
}

// Now implements Event.
func (e *event) Now(context.Context) (promise.Promise[Snapshot], error) {
	if e.Mine.Withdrawn {
		return promise.Promise[Snapshot]{}, ErrGone
	}
	return promise.Fulfilled(e.Mine.Said), nil
}

// edit replaces the details.
func (e *event) edit(ctx context.Context, by string, base int, d Details) error {
	switch {
	case e.Mine.Withdrawn:
		return ErrGone
	case base != e.Mine.Said.Version:
		return ErrStale
	}
	if err := d.Check(); err != nil {
		return err
	}
	return e.say(ctx, by, d)
}

// say has the event be something else from now on.
func (e *event) say(ctx context.Context, by string, d Details) error {
	home, err := near[desk](ctx, e.Desk.Ref)
	if err != nil {
		return err
	}
	signer := crypto.Signer(nil)
	if e.ring != nil {
		signer = e.ring(home.Who.Key)
	}
	if signer == nil {
		return ErrNoKey
	}
	said := Snapshot{Details: d, Version: e.Mine.Said.Version + 1, AsOf: time.Now(), By: by}
	if said.AsOf.Before(e.Mine.Said.AsOf) {
		said.AsOf = e.Mine.Said.AsOf // the clock was set back
	}
	if e.Signed, err = said.Sign(signer, e.Mine.ID, e.Signed); err != nil {
		return err
	}
	e.Mine.Said = said
	return e.offer(ctx)
}

// ErrStale says that there is a newer version than the one that was to be changed.
var ErrStale = vat.NewError("festival.stale", "the event was changed meanwhile: look at it again")

// ErrNoFestival says that an organiser has no festival to add events to.
var ErrNoFestival = vat.NewError("festival.no-festival", "there is no festival here to add events to")

// offer says to the festival what there is, by the slot if there is one. It is stored, and gets there when it can.
func (e *event) offer(ctx context.Context) error {
	d, err := near[desk](ctx, e.Desk.Ref)
	if err != nil {
		return err
	}
	if d.Festival.IsNull() {
		return ErrNoFestival
	}
	if e.Slot.IsNull() || e.At != d.Festival {
		e.At, e.Slot = d.Festival, d.Festival.Add(ctx, e.Mine.ID, e.Reader, e.Mine.Said)
	}
	e.waits()
	version := e.Mine.Said.Version
	vat.WhenSettled(ctx, e.Slot.Say(ctx, e.Mine.Said), e.Self, func(r eventHomeRef, ctx context.Context, o promise.Outcome[Receipt]) vat.Ref {
		return r.Taken(ctx, version, o)
	})
	d.changed(ctx)
	return nil
}

func (e *event) waits() {
	if e.Mine.Waiting++; e.Mine.Waiting == 1 {
		e.Mine.Since = time.Now()
	}
}

// Taken is told what the festival has answered.
func (e *event) Taken(ctx context.Context, version int, o promise.Outcome[Receipt]) {
	e.Mine.Waiting--
	receipt, err := o.Get()
	switch {
	case err == nil:
		e.Mine.Number, e.Mine.Taken = receipt.Number, max(e.Mine.Taken, receipt.Version)
		if version == e.Mine.Said.Version {
			e.Mine.Trouble = ""
		}
	case version == e.Mine.Said.Version && !e.Mine.Withdrawn:
		e.Mine.Trouble = legible.Reason(err, 4*MaxTitle)
	}
	if err != nil && e.Mine.Number == 0 || lost(err) {
		e.Slot = SlotRef{} // so that what is said next is added anew
	}
	e.tell(ctx)
}

// Ended is told that the festival knows of the end.
func (e *event) Ended(ctx context.Context, o promise.Outcome[any]) {
	e.Mine.Waiting--
	if _, err := o.Get(); err != nil {
		e.Mine.Trouble = legible.Reason(err, 4*MaxTitle)
	}
	if d, err := near[desk](ctx, e.Desk.Ref); err == nil && e.Mine.Waiting == 0 && e.Mine.Trouble == "" {
		d.forget(e.Mine.ID)
	}
	e.tell(ctx)
}

func (e *event) tell(ctx context.Context) {
	if d, err := near[desk](ctx, e.Desk.Ref); err == nil {
		d.changed(ctx)
	}
}

func (e *event) withdraw(ctx context.Context) error {
	if e.Mine.Withdrawn && e.Mine.Trouble == "" {
		return nil
	}
	d, err := near[desk](ctx, e.Desk.Ref)
	if err != nil {
		return err
	}
	e.Mine.Withdrawn, e.Mine.Trouble = true, ""
	if e.Slot.IsNull() { // the festival has nothing of it
		d.forget(e.Mine.ID)
	} else {
		e.waits()
		vat.WhenSettled(ctx, e.Slot.Withdraw(ctx), e.Self, eventHomeRef.Ended)
	}
	d.changed(ctx)
	return nil
}

// owner is the permission to change an event, made for a holder.
type owner struct {
	Holder Holder
	Event  eventHomeRef
}

// OwnerOf returns what makes owners' facets of an event.
func OwnerOf(e eventHomeRef) Maker {
	return func(ctx context.Context, holder Holder) (vat.Ref, error) {
		if err := holder.check(); err != nil {
			return vat.Ref{}, err
		}
		return OwnerFacet.Spawn(ctx, &owner{Holder: holder, Event: e}), nil
	}
}

// Now implements Event.
func (o *owner) Now(ctx context.Context) (promise.Promise[Snapshot], error) {
	e, err := near[event](ctx, o.Event.Ref)
	if err != nil {
		return promise.Promise[Snapshot]{}, err
	}
	return e.Now(ctx)
}

// Edit implements Owner.
func (o *owner) Edit(ctx context.Context, base int, d Details) (Snapshot, error) {
	e, err := near[event](ctx, o.Event.Ref)
	if err == nil {
		err = e.edit(ctx, o.Holder.Name, base, d)
	}
	if err != nil {
		return Snapshot{}, err
	}
	return e.Mine.Said, nil
}

// Withdraw implements Owner.
func (o *owner) Withdraw(ctx context.Context) error {
	e, err := near[event](ctx, o.Event.Ref)
	if err != nil {
		return err
	}
	return e.withdraw(ctx)
}

// State implements Owner.
func (o *owner) State(ctx context.Context) (Mine, error) {
	e, err := near[event](ctx, o.Event.Ref)
	if err != nil {
		return Mine{}, err
	}
	return e.Mine, nil
}
