package chatroom

import (
	"context"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// What is in this file is Hawser's addition to the protocol: seats that are kept while their people, or the host, are away.
// All of them are durable objects. A desk is at the member's node, a seat and the book are at the host's, so that what they say
// to each other is stored until it has arrived, by whatever way, and takes effect once and in order.

// A Seat is a lasting member's permission to speak in a room.
type Seat interface {
	// Say says something to everybody in the room, its author too.
	Say(ctx context.Context, text string) error
	// Back says that the member's program runs again, for the round-th time. The answer is a News of the kind Welcome, at the
	// member's desk, behind all the news from before.
	Back(ctx context.Context, round int) error
	// Read says that the member has read so many news more.
	Read(ctx context.Context, news int)
	// Who returns who is in the room, of whom those who have a seat may be away.
	Who(ctx context.Context) ([]Sitter, error)
	// History returns what was said last, as Channel.History does.
	History(ctx context.Context) (promise.Promise[[]Line], error)
	// Leave gives the seat up.
	Leave(ctx context.Context) error
}

// A Desk is where a room leaves a lasting member's news.
type Desk interface {
	//ocap:oneway
	Tell(ctx context.Context, n News) error
}

// An Owner is a desk as the program of the member sees it.
type Owner interface {
	// Sit has the desk use a seat.
	Sit(ctx context.Context, seat SeatRef)
	// Attach has the desk show what is unread, and what comes, on a screen, instead of the one before, and lets the room know.
	Attach(ctx context.Context, screen ScreenRef) Place
	// Seen says that news were shown, up to and with the number.
	Seen(ctx context.Context, number int)
	// Say has the seat say something, and returns when that is stored: the room takes it when it can.
	Say(ctx context.Context, text string) error
	// Taken says what became of that.
	Taken(ctx context.Context, o promise.Outcome[any])
	// Desk returns what the room tells: one thing for each seat.
	Desk(ctx context.Context) DeskRef
	// Place returns where the desk is.
	Place() Place
	// Leave gives up the seat.
	Leave(ctx context.Context) (promise.Promise[any], error)
}

// A Screen is where a desk shows its news while the program runs. It is no durable object.
type Screen interface {
	//ocap:oneway
	Show(ctx context.Context, number int, n News) error
	// Taken says how much of what was said the room has not taken yet.
	//ocap:oneway
	Taken(ctx context.Context, waiting int)
}

// Place is what a desk knows of where it is.
type Place struct {
	// Room is the room's name, Member the owner's number in it, as far as it was told.
	Room   string
	Member int
	// Seat is null if there is none.
	Seat SeatRef
	// Round counts how often a screen was attached.
	Round int
	// Next is the number that the next news will have.
	Next int
	// Waiting is how much of what was said the room has not taken yet.
	Waiting int
}

// News is something that happened in a room, as the room says.
type News struct {
	What NewsKind
	// At is when the room heard it, by its own clock.
	At time.Time
	// Member and Nick are who it is about. Two of one name have different numbers.
	Member int
	Nick   string
	// Seated says that this is somebody who has a seat.
	Seated bool
	// Text is what was said, or the room's name.
	Text string
	// Round is that of Back, and Others who else is in the room, for Welcome.
	Round  int
	Others []Sitter
}

// NewsKind says what happened.
type NewsKind string

// What there is to tell of a room.
const (
	Spoken  NewsKind = "said"
	Arrived NewsKind = "joined"
	Gone    NewsKind = "left"
	Welcome NewsKind = "welcome" // the answer to Back
	Opened  NewsKind = "opened"  // the host has opened the room again, and those who have no seat are out
	Out     NewsKind = "out"     // the member has no seat any more
	Lost    NewsKind = "lost"    // the same, because the session with the host has ended: the desk says so
	Refused NewsKind = "refused" // the room has not taken something that was said, why is in the text: the desk says so
)

// A Sitter is somebody in a room, by the number and the name they have there.
type Sitter struct {
	Member int
	Nick   string
}

// Errors of seats.
var (
	ErrNoSeats  = vat.NewError("chat.no-seats", "the room keeps no seats for those who are away")
	ErrNoPerson = vat.NewError("chat.no-person", "a seat is kept only for peers that can be recognised")
	errNews     = vat.NewError("chat.news", "news of a kind that nobody knows")
)

// Kinds are the kinds of durable objects of this package, for the node's configuration.
func Kinds() []vat.Kind {
	return []vat.Kind{bookKind, memoryKind, seatKind, deskKind, trayKind, slipKind, hallKind}
}

const (
	// maxBehind is how many news a member may leave unread before it loses the seat.
	maxBehind = 1000
	// maxSeats is how many seats a room keeps, maxSeatsPerPeer how many for one peer.
	maxSeats, maxSeatsPerPeer = 64, 8
	// sayBurst is how many messages a seat may bring at once: what a member says while the host is away comes together.
	sayBurst, sayEvery = 300, 200 * time.Millisecond
)
