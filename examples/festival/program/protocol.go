package program

import (
	"context"
	"time"

	"github.com/hawser-go/hawser/promise"
)

// The interfaces are what others can reach of our objects. The reference types they mention, and how to call them, are in
// program_ocap.go.

// A Visitor reads everything and changes nothing: neither here nor at what it is led to from here.
type Visitor interface {
	// Standing returns who the facet was made for, and as what.
	Standing(ctx context.Context) Standing
	// Changes returns what is new since the change numbered after, oldest first; 0 is before everything. It is a part of it if there
	// is much.
	Changes(ctx context.Context, after int) (Changes, error)
	// Event returns a way to ask what an event's own home says now.
	Event(ctx context.Context, number int) (EventRef, error)
	// Watch has a listener told when there is something new. It is told once more before it has answered at the most, and forgotten
	// when it cannot be reached any more.
	Watch(ctx context.Context, l ListenerRef) error
}

// An Organiser is a visitor who may add events.
type Organiser interface {
	Visitor
	// Add has the festival list an event whose home is the organiser's. The same organiser and ID is the same event, and the answer the
	// same slot.
	Add(ctx context.Context, id ID, event EventRef, said Snapshot) (SlotRef, error)
}

// An Admin is a visitor who says what the festival is, and what is on its list, but not what an event is.
type Admin interface {
	Visitor
	// Unlist takes an event off the list, with a reason that its organiser is shown. List puts it back.
	Unlist(ctx context.Context, number int, reason string) error
	List(ctx context.Context, number int) error
	// Describe changes what the festival says of itself.
	Describe(ctx context.Context, info Info) error
}

// A Slot is what the home of an event has of the festival's list: the permission to say what stands there.
type Slot interface {
	// Say replaces the snapshot, unless it is older than the one there.
	Say(ctx context.Context, said Snapshot) (Receipt, error)
	// Withdraw takes the event out for good.
	Withdraw(ctx context.Context) error
}

// An Event is what anybody may ask of one, at its home or by way of the festival.
type Event interface {
	// Now returns what the event's home says at this moment.
	Now(ctx context.Context) (promise.Promise[Snapshot], error)
}

// An Owner is an event as those see it who may change it.
type Owner interface {
	Event
	// Edit replaces the details of the version base, and returns what stands now; the festival learns of it when it can.
	Edit(ctx context.Context, base int, d Details) (Snapshot, error)
	// Withdraw ends the event.
	Withdraw(ctx context.Context) error
	// State returns how far the festival has heard.
	State(ctx context.Context) (Mine, error)
}

// A Listener is told that there is something new, up to the change of that number.
type Listener interface {
	Changed(ctx context.Context, upTo int)
}

// Standing says who may use a facet, and as what.
type Standing struct {
	Role   Role
	Holder Holder
}

// A Role is one of the ways in which a festival, or an event, can be seen.
type Role string

// The roles there are.
const (
	AsVisitor   Role = "visitor"
	AsOrganiser Role = "organiser"
	AsAdmin     Role = "admin"
	AsOwner     Role = "owner" // of an event
)

// Changes is what is new at a festival.
type Changes struct {
	// UpTo is what to ask for next time; More says that there is more already.
	UpTo int
	More bool
	// Reset says that what was asked for cannot be told: this is the beginning of everything.
	Reset bool
	// Info is what the festival says of itself, if that is new.
	Info *Info
	// Entries are in order of their changes.
	Entries []Entry
}

// An Entry is what the festival keeps of an event: the list's, and the reader's, word for what its home has said.
type Entry struct {
	// Number is the event's on this list.
	Number int
	// Change is the number of the change that made it what it is.
	Change int
	State  EntryState
	// Reason is why it is not listed.
	Reason string
	ID     ID
	// By is who added it.
	By   Holder
	Said Snapshot
	// Heard is when the festival heard that, by its own clock.
	Heard time.Time
}

// EntryState says what has become of an event on the list.
type EntryState string

// What can become of an event. Of one that is gone nothing else is told; to those whom it does not concern one that is not
// listed is gone.
const (
	Listed   EntryState = "listed"
	Unlisted EntryState = "unlisted"
	Gone     EntryState = "gone"
)

// A Receipt says what the festival has of an event.
type Receipt struct {
	Number  int
	Version int
}

// Mine is an event as its owner sees it.
type Mine struct {
	ID   ID
	Said Snapshot
	// Number is the event's on the festival's list, 0 if the festival has not answered yet; Taken is the version that it has taken.
	Number int
	Taken  int
	// Waiting is how much the festival has not answered yet, since when.
	Waiting int
	Since   time.Time
	// Trouble is why the festival has refused what was said last.
	Trouble string
	// Withdrawn says that the event has ended.
	Withdrawn bool
}
