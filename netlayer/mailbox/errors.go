package mailbox

import "errors"

// Why a letter is not taken. Who sent it is not told; what it carried is still unacknowledged there, and is sealed again
// when the letter has expired.
var (
	// ErrMalformed says that something is no letter, no bundle or no stored prekey, or breaks the rules of one.
	ErrMalformed = errors.New("mailbox: malformed")
	// ErrSealed says that a letter does not open: it was tampered with, is sealed to somebody else, or with a secret that is
	// wrong or unknown. Which of these is not said.
	ErrSealed = errors.New("mailbox: the letter does not open")
	// ErrPrekey says that a letter is sealed to a prekey that is not held, or not any more.
	ErrPrekey = errors.New("mailbox: the letter is sealed to a prekey that is not held any more")
	// ErrForged says that a letter is not signed by whom it claims to be from, or is about a link of two others.
	ErrForged = errors.New("mailbox: the letter is not from whom it claims to be")
	// ErrMisaddressed says that a letter was signed for somebody else, and sealed again by somebody who has received it.
	ErrMisaddressed = errors.New("mailbox: the letter was written to somebody else")
	// ErrLate says that a letter was to be accepted before now.
	ErrLate = errors.New("mailbox: the letter has come too late")
	// ErrStranger says that a letter is from somebody whose signing key is not known, and that nothing in it proves it.
	ErrStranger = errors.New("mailbox: the letter is from somebody unknown, without a secret that would admit them")
	// ErrUnknownLink says that a letter is about a link that there is not.
	ErrUnknownLink = errors.New("mailbox: the letter is about a link that there is not")
	// ErrEnded says that a letter is about a link that is over.
	ErrEnded = errors.New("mailbox: the letter is about a link that is over")
	// ErrReplayed says that everything a letter carries has come before.
	ErrReplayed = errors.New("mailbox: everything in the letter has come before")
	// ErrEarly says that a letter carries frames too far ahead to be kept until those before them have come. It is to be
	// looked at again later.
	ErrEarly = errors.New("mailbox: the letter is too far ahead of what has come")
	// ErrEquivocal says that two letters of one sender have different frames under one number.
	ErrEquivocal = errors.New("mailbox: two letters of the peer disagree about a frame")
	// ErrRolledBack says that the peer has more of this side's frames than this side has sent: one of the two has gone back to an
	// earlier state.
	ErrRolledBack = errors.New("mailbox: the peer has taken more than was sent: one side has gone back to an earlier state")
	// ErrIdentityInUse says that the peer is two: two processes have one opening of one store, as happens with a copied directory.
	ErrIdentityInUse = errors.New("mailbox: two processes write as the peer: was its directory copied?")
	// ErrUnheard says that nobody was heard on a link within 30 days of its beginning by mail. The link is over: whether anything of
	// it was executed nobody can tell.
	ErrUnheard = errors.New("mailbox: the peer was not heard within 30 days of the first letter: the link is over")
	// ErrRetired says that a bundle's prekey is not to be used any more: a newer one is wanted.
	ErrRetired = errors.New("mailbox: the peer's prekey has retired, or is about to")
	// ErrTooLong says that what is to be sealed does not fit into a letter.
	ErrTooLong = errors.New("mailbox: this does not fit into one letter")
)

// What a Dropper answers: the box has refused the letter, for good unless the words say otherwise.
var (
	// ErrFull says that there is no room for the letter now, in the box or in what this dropper may use of it.
	ErrFull = errors.New("mailbox: the box is full: try again later")
	// ErrExpired says that the permission to drop has ended with its time.
	ErrExpired = errors.New("mailbox: the permission to drop letters has expired")
	// ErrTooLarge says that the box takes no letters of that size, or that it is none that letters have.
	ErrTooLarge = errors.New("mailbox: the box takes no letters of this size")
	// ErrRevoked says that the permission to drop was taken back, or the box is gone.
	ErrRevoked = errors.New("mailbox: the permission to drop letters was taken back")
)
