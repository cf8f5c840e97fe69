package chatroom

import (
	"context"
	"time"

	"github.com/hawser-go/hawser/passable"
)

// The interfaces are what others can reach of our objects. The reference types they mention, and how to call them, are in
// chatroom_ocap.go.

// A Room is what the URI of a room leads to.
type Room interface {
	// SelfProposedName returns the name the room goes by.
	SelfProposedName() string
	// Subscribe returns a FinalizerRef that the user's own subscription sealer has sealed.
	Subscribe(ctx context.Context, user UserRef) (SealedRef, error)
	// Enroll returns a seat that is kept while its owner, or the host, is away. What happens meanwhile comes to the desk. The
	// same desk has the same seat. Hawser's addition: only rooms that last have seats.
	Enroll(ctx context.Context, nick string, desk DeskRef) (SeatRef, error)
}

// A User is how somebody appears to others: a name they chose, and the means to tell what they have sealed.
type User interface {
	// SelfProposedName returns what the user wants to be called. Nothing makes it unique.
	SelfProposedName() string
	GetChatSealed() PredicateRef
	GetChatUnsealer() UnsealerRef
	GetSubscriptionSealer() SealerRef
}

// A Finalizer takes the seat that was asked for with Subscribe. It works once.
type Finalizer func(ctx context.Context, inbox InboxRef) (ChannelRef, error)

// A Channel is one user's permission to speak in a room. After Leave, and when the room has shown the user out, it
// answers everything the protocol knows with [Closed].
type Channel interface {
	// SendMessage passes a message that the user has sealed on to everybody in the room, its author too, and returns [OK].
	SendMessage(ctx context.Context, sealed SealedRef) (any, error)
	// Leave gives the seat up.
	Leave(ctx context.Context) any
	// ListUsers returns who is in the room, as a list of users. (Goblins and Endo return nothing, by an oversight.)
	ListUsers(ctx context.Context) any
	// History returns what was said last, oldest first, as the room remembers it. Hawser's addition.
	History(ctx context.Context) ([]Line, error)
}

// An Inbox is where a room tells one user what happens.
type Inbox interface {
	//ocap:oneway
	NewMessage(ctx context.Context, from UserRef, sealed SealedRef) error
	//ocap:oneway
	UserJoined(ctx context.Context, user UserRef) error
	//ocap:oneway
	UserLeft(ctx context.Context, user UserRef) error
	// Context returns the room that the inbox is for.
	Context() RoomRef
}

// A Sealer puts a value into a box that only the Unsealer made with it can open.
type Sealer func(ctx context.Context, value any) SealedRef

// An Unsealer returns what is in a box that the Sealer made with it has closed, and fails for any other.
type Unsealer func(ctx context.Context, sealed SealedRef) (any, error)

// A Predicate says whether a box was closed by the Sealer made with it.
type Predicate func(ctx context.Context, sealed SealedRef) bool

// A Sealed is a closed box: it can be passed on and compared, nothing else. Sealers make them (package caps).
type Sealed any

// A Line is something that was said, as the room remembers it.
type Line struct {
	// At is when the room heard it, by its own clock.
	At time.Time
	// Member is the author's number in this room. Two authors of one name have different numbers.
	Member int
	// Nick is what the author was called then, "" if the author had not said.
	Nick string
	Text string
}

// What a channel answers: a symbol, from Endo a string.
const (
	OK     passable.Symbol = "OK"
	Closed passable.Symbol = "CONNECTION-CLOSED"
)
