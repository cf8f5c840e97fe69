package program

import (
	"context"
	"slices"

	"github.com/hawser-go/hawser/vat"
)

// events is the festival's list, EVENTS: what organisers have added, each kept by a listing. What changes gets a number, by which
// others ask for what is new.
type events struct {
	Rows []row // by number
	// Last is the newest event's number, Change that of the newest change.
	Last, Change int
	// Left are events that are gone for good. Of those that went before the change Floor nothing is known.
	Left  []left
	Floor int
	Self  bellRef
	Bell  bell
}

// row is what the list has of an event, the rest being with the listing.
type row struct {
	Number, Change int
	ID             ID
	By             [32]byte
	State          EntryState
	Listing        listingRef
	Event          EventRef
}

// shown reports whether somebody is told of an event: what is listed, what they have added, and admins everything.
func (r *row) shown(to Standing) bool {
	return r.State == Listed || to.Role == AsAdmin || to.Role == AsOrganiser && r.By == to.Holder.Key
}

// left is an event that is gone.
type left struct{ Number, Change int }

// How many events there are, how many one holder may add, and how many that are gone are remembered.
const maxEvents, maxEventsPerHolder, maxLeft = 512, 64, 256

// maxAtOnce is how many entries are told at once.
const maxAtOnce = 50

type list interface {
	Ring(ctx context.Context)
}

var (
	eventsFacet = vat.FacetOf[list]("festival.EVENTS")
	eventsKind  = vat.KindOf("festival.events", func() *events { return new(events) }, eventsFacet, bellFacet)
)

type eventsRef struct{ vat.Ref }

// Ring tells those who listen what there is.
func (e *events) Ring(ctx context.Context) { e.Bell.ring(ctx, e.Change) }

// Forget implements belled.
func (e *events) Forget(_ context.Context, number int) { e.Bell.forget(number) }

// changed returns the number of one more change, of which those who listen are told.
func (e *events) changed(ctx context.Context) int {
	e.Change++
	e.Bell.ring(ctx, e.Change)
	return e.Change
}

// add lists an event, unless the same holder has added it already, and returns its slot.
func (e *events) add(ctx context.Context, list eventsRef, festival FestivalRef, by Holder, id ID, event EventRef, said Snapshot) (SlotRef, error) {
	if event.IsNull() || !vat.Result[any](event.Ref).Settled() {
		// One that leads nowhere yet could turn out to be anything, such as an event of somebody else.
		return SlotRef{}, ErrNobody
	}
	if _, ours := vat.Near[*listing](ctx, event.Ref); ours {
		return SlotRef{}, ErrTaken // what readers of the list get is no event's home
	}
	of := 0
	for i, r := range e.Rows {
		switch {
		case r.By == by.Key && r.ID == id:
			l, err := near[listing](ctx, r.Listing.Ref)
			if err != nil {
				return SlotRef{}, err
			}
			e.Rows[i].Event, l.Event = event, event // the home's reference to it is new when its session is
			if _, err := l.Say(ctx, said); err != nil {
				return SlotRef{}, err
			}
			return l.Slot, nil
		case r.Event == event:
			return SlotRef{}, ErrTaken
		case r.By == by.Key:
			of++
		}
	}
	if len(e.Rows) >= maxEvents || of >= maxEventsPerHolder {
		return SlotRef{}, ErrFull
	}
	e.Last++
	l := &listing{Entry: Entry{Number: e.Last, State: Listed, ID: id, By: by}, Events: list, Festival: festival, Event: event}
	if err := l.take(ctx, said); err != nil {
		return SlotRef{}, err
	}
	l.Slot = vat.As[SlotRef](SlotFacet.Spawn(ctx, l))
	l.Entry.Change = e.changed(ctx)
	e.Rows = append(e.Rows, row{
		Number: e.Last, Change: l.Entry.Change, ID: id, By: by.Key, State: Listed, Event: event,
		Listing: vat.As[listingRef](listingFacet.Spawn(ctx, l)),
	})
	return l.Slot, nil
}

// ErrTaken says that somebody else has added that event.
var ErrTaken = vat.NewError("festival.taken", "that event is on the list, and was added by somebody else")

// row returns the index of an event, -1 if it is not there.
func (e *events) row(number int) int {
	i, ok := slices.BinarySearchFunc(e.Rows, number, func(r row, n int) int { return r.Number - n })
	if !ok {
		return -1
	}
	return i
}

// remove forgets an event. That it was there is remembered for a while, for those who have it.
func (e *events) remove(ctx context.Context, number int) {
	i := e.row(number)
	if i < 0 {
		return
	}
	e.Rows = slices.Delete(slices.Clone(e.Rows), i, i+1)
	e.Left = append(slices.Clone(e.Left), left{number, e.changed(ctx)})
	if over := len(e.Left) - maxLeft; over > 0 {
		e.Floor = e.Left[over-1].Change
		e.Left = slices.Clone(e.Left[over:])
	}
}

// since returns what is new to somebody since a change: to whom everything is told, or else what is listed and what they
// have added.
func (e *events) since(ctx context.Context, f *festival, to Standing, after int) (Changes, error) {
	c := Changes{Reset: after < e.Floor && after > 0 || after > e.Change || after < 0}
	if c.Reset {
		after = 0
	}
	type change struct{ number, change, row int }
	var all []change
	for i, r := range e.Rows {
		if r.Change > after && (after > 0 || r.shown(to)) { // to those who begin nothing is gone
			all = append(all, change{r.Number, r.Change, i})
		}
	}
	if after > 0 {
		for _, l := range e.Left {
			if l.Change > after {
				all = append(all, change{l.Number, l.Change, -1})
			}
		}
	}
	slices.SortFunc(all, func(x, y change) int { return x.change - y.change })
	c.More = len(all) > maxAtOnce
	c.UpTo = e.Change
	if c.More {
		all = all[:maxAtOnce]
		c.UpTo = all[maxAtOnce-1].change
	}
	for _, each := range all {
		entry := Entry{Number: each.number, Change: each.change, State: Gone}
		if each.row >= 0 {
			if r := e.Rows[each.row]; r.shown(to) {
				l, err := near[listing](ctx, r.Listing.Ref)
				if err != nil {
					return Changes{}, err
				}
				entry = l.Entry
			}
		}
		c.Entries = append(c.Entries, entry)
	}
	if f.Change > after {
		c.Info = &f.Info
	}
	return c, nil
}
