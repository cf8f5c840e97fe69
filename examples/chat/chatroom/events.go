package chatroom

import "context"

// An Observer is told what happens during a stay, in order, in turns of the person's vat: it must not block.
type Observer func(ctx context.Context, e Event)

// An Event is something that happened in a room.
type Event struct {
	Kind EventKind
	// Who it is about, as this person calls them.
	Who Name
	// Text is what was said, for Said, or the room's name, for Entered.
	Text string
	// Others are who else is in the room, for Entered.
	Others []Name
	// Other is who else goes by the name, for Namesake; zero if they have left.
	Other Name
	// Err is why a message is Unreadable, or why the stay Ended: nil if the person left.
	Err error
}

// EventKind says what happened.
type EventKind uint8

// What happens in a room.
const (
	Here       EventKind = iota // somebody who was in the room before this person; those who are slow to say their name come after Entered
	Entered                     // this person is in
	Joined                      // somebody came
	Left                        // somebody went
	Said                        // somebody said something, as unsealed by themselves
	Unreadable                  // somebody said something that they do not unseal
	Namesake                    // a second user goes by a name: from now on numbers are shown with it
	Ended                       // the stay is over; nothing comes after it
)
