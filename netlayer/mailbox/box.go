package mailbox

import (
	"context"
	"time"
)

// A Dropper puts letters into one box of somebody else. It may be used by several goroutines.
type Dropper interface {
	// Drop hands a letter over, to be kept for the time given at the most. When it returns nil the box has the letter and
	// keeps it over a crash. An error that matches ErrFull, ErrExpired, ErrTooLarge or ErrRevoked is the box's refusal, and
	// nothing was kept; with any other nobody knows whether it was. The box hears the time in whole days, more rather than
	// less.
	Drop(ctx context.Context, letter []byte, keep time.Duration) error
	// Bundle returns the prekeys that the owner of the box has left there, encoded; nil if there are none. They are to be
	// verified.
	Bundle(ctx context.Context) ([]byte, error)
}

// A Drainer takes letters out of a box of one's own. It may be used by several goroutines.
type Drainer interface {
	// Drain calls deliver with each letter that is in the box, and with those that come, one at a time, until ctx ends or the
	// box cannot be reached any more; then it returns why. When deliver returns there is room for another letter, whether or not that
	// one is done: who keeps letters bounds them by leaving some to a later Drain, or by not returning. Letters that were not done are delivered again by the next
	// Drain, from the first on. The newest Drain of a box gets the letters, earlier ones get no more.
	Drain(ctx context.Context, deliver func(Delivery)) error
	// Leave leaves the owner's prekeys for those who drop letters.
	Leave(ctx context.Context, bundle []byte) error
}

// A Delivery is a letter out of a box.
type Delivery struct {
	// Letter is the letter, the receiver's from now on.
	Letter []byte
	// Done has the box forget the letter: what it carried is on the disk here, or nobody will want it. It waits for nothing
	// and may be called more than once, by any goroutine.
	Done func()
}
