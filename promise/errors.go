package promise

// The errors that promises break with by themselves. They cross to peers as code and text.
var (
	// ErrCycle breaks a promise that was resolved to itself, directly or through others.
	ErrCycle error = &failure{"hawser.cycle", "promise: resolved to itself: it would never settle, resolve it to a value"}
	// ErrNone breaks [Any] and [Race] of no promises.
	ErrNone error = &failure{"hawser.no-promises", "promise: none given: it would never settle"}
	// ErrTimeout is how a promise of [Timeout] breaks when the time is over. It is a timeout to package net and the like.
	ErrTimeout error = &timeoutError{failure{"hawser.timeout", "promise: not settled in time"}}

	errZero     error = &failure{"hawser.zero-promise", "promise: the zero Promise is broken: get one from New or a call"}
	errNoReason error = &failure{"hawser.no-reason", "promise: broken without a reason"}
)

type failure struct{ code, text string }

func (e *failure) Error() string { return e.text }

// ErrorCode is what a peer can tell the error by.
func (e *failure) ErrorCode() string { return e.code }

// ErrorMessage is what a peer is told.
func (e *failure) ErrorMessage() string { return e.text }

type timeoutError struct{ failure }

// Timeout reports true.
func (*timeoutError) Timeout() bool { return true }
