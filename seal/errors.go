package seal

import "errors"

// What can be wrong with what was sealed. Nothing more is said than that, since what is opened may come from anybody.
var (
	// ErrMalformed says that it is something else, or was sealed by a later version.
	ErrMalformed = errors.New("seal: this was not sealed by Hawser, or by a later version")
	// ErrKey says that the key does not open it: it is sealed to other readers, in another context, or, if the readers are to
	// know the author beforehand, by another author.
	ErrKey = errors.New("seal: the key does not open it")
	// ErrDamaged says that it is not as it was sealed: changed, cut off, lengthened, or put together from several. Of a blob it
	// says that a piece is not the one that the name asks for, whoever is to blame.
	ErrDamaged = errors.New("seal: it is not as it was sealed")
	// ErrAuthor says that it is not by whom it should be: it is anonymous, by another, or has a signature that does not verify.
	ErrAuthor = errors.New("seal: it is not by the author that was expected")
	// ErrTooLong says that there is more than is put into one blob, or kept.
	ErrTooLong = errors.New("seal: the blob is too long")
	// ErrAbsent says that a source has no such piece.
	ErrAbsent = errors.New("seal: there is no such piece here")
)
