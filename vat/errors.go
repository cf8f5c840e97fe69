package vat

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/hawser-go/hawser/passable"
)

// An Error is an error that keeps its meaning on the way to another vat or peer: it crosses as its code and message,
// and errors.Is recognises it by its code there. Make one for each failure a caller should be able to tell apart, with
// [NewError], as a package variable.
type Error struct {
	// Code names the failure, such as "chat.nick-taken". Codes that start with "hawser." are the runtime's.
	Code string
	// Message is a line for people. It crosses to peers.
	Message string
	// Reason is what a peer of another implementation broke a promise with, if that was not an error: a model value.
	Reason any
	// Remote says that the error came from a peer: its words are the peer's.
	Remote bool

	cause error // stays here: neither it nor its text crosses
}

// NewError returns an error that crosses vats and peers as code and message.
func NewError(code, message string) *Error { return &Error{Code: code, Message: message} }

// Error returns the message, and in this process what caused the error.
func (e *Error) Error() string {
	switch {
	case e.Message == "" && e.Reason != nil:
		return fmt.Sprintf("broken with %v", e.Reason)
	case e.cause != nil && e.cause != net.ErrClosed:
		return e.Message + ": " + sentence(e.cause)
	}
	return e.Message
}

// ErrorCode returns the code, for package passable.
func (e *Error) ErrorCode() string { return e.Code }

// ErrorMessage returns the message alone, which is what crosses.
func (e *Error) ErrorMessage() string { return e.Message }

// Unwrap returns the local cause, nil for an error from a peer.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an *Error with the same code. An error that came from a peer never matches one of the
// runtime's own, so that no peer can pretend that, say, the connection was lost.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	if !ok || t.Code == "" || e.Code != t.Code {
		return false
	}
	return !strings.HasPrefix(t.Code, "hawser.") || e.Remote == t.Remote
}

// because returns a copy of e with more said, to peers too.
func (e *Error) because(format string, args ...any) *Error {
	return &Error{Code: e.Code, Message: e.Message + ": " + fmt.Sprintf(format, args...), cause: e.cause}
}

// due returns a copy of e with a cause, of which peers hear nothing.
func (e *Error) due(cause error) *Error {
	return &Error{Code: e.Code, Message: e.Message, cause: cause}
}

// The runtime's own errors.
var (
	// ErrVatClosed breaks what a closed vat can no longer do. It unwraps to net.ErrClosed.
	ErrVatClosed = &Error{Code: "hawser.vat-closed", Message: "vat: closed", cause: net.ErrClosed}
	// ErrRevoked breaks messages to a reference that was revoked.
	ErrRevoked = NewError("hawser.revoked", "vat: the reference was revoked")
	// ErrNoSuchMethod breaks a message whose selector the target's facet does not have.
	ErrNoSuchMethod = NewError("hawser.no-such-method", "vat: no such method")
	// ErrBadArgs breaks a message whose arguments do not fit the method: too many, too few, or of other types.
	ErrBadArgs = NewError("hawser.bad-args", "vat: the arguments do not fit the method")
	// ErrBadSelect breaks Field, Index and Untag of a value that has no such part.
	ErrBadSelect = NewError("hawser.bad-select", "vat: the value has no such field, element or tag")
	// ErrNotReference breaks a message sent to a promise that turned out to be for data.
	ErrNotReference = NewError("hawser.not-a-reference", "vat: the promise was for data, which receives no messages")
	// ErrNull breaks a message sent to the null reference.
	ErrNull = NewError("hawser.null", "vat: message sent to the null reference")
	// ErrOverloaded refuses work beyond a limit: try again later, with less.
	ErrOverloaded = NewError("hawser.overloaded", "vat: over the limit on work under way")
	// ErrTurnFailed breaks the answers of messages that were never sent because the turn that sent them failed.
	ErrTurnFailed = NewError("hawser.turn-failed", "vat: never sent, the turn that sent it failed")
	// ErrLoop breaks a message that proxies pass on to each other without end.
	ErrLoop = NewError("hawser.loop", "vat: passed on a thousand times: do proxies lead to each other in a ring?")
	// ErrLost breaks what did not survive the restart of its process: a reference to an object of a vat that is not durable, a
	// promise that nothing stored would settle. It unwraps to net.ErrClosed.
	ErrLost = &Error{Code: "hawser.lost", Message: "vat: lost when its process ended", cause: net.ErrClosed}
	// ErrPoison breaks a message in whose turn the process has died three times.
	ErrPoison = NewError("hawser.poison", "vat: the process died each time it came to this message, three times: it is not tried again")
	// ErrInternal is what a caller sees of an error without a code, or of a panic: its text stays in the local log.
	ErrInternal = NewError("hawser.internal", "vat: internal error")
)

// keep marks an error after which the turn's effects stand.
type keep struct{ err error }

func (k keep) Error() string { return k.err.Error() }
func (k keep) Unwrap() error { return k.err }

// Keep makes a handler's error leave the turn's effects in place: returned from a handler, what was sent is sent, state
// stays as it is, and the answer breaks with err.
func Keep(err error) error {
	if err == nil {
		return nil
	}
	return keep{err}
}

// Kept returns the error inside [Keep] and true, or any other error as it is: for those who pass on what a handler has returned.
func Kept(err error) (error, bool) { //nolint:revive // the error is the value here
	if k, ok := errors.AsType[keep](err); ok {
		return k.err, true
	}
	return err, false
}

// FromReason returns the error for what a promise was broken with by somebody else: a model value. remote says that it
// came from a peer.
func FromReason(reason any, remote bool) error {
	switch r := reason.(type) {
	case passable.Error:
		return &Error{Code: r.Code, Message: r.Message, Remote: remote}
	case string:
		return &Error{Message: r, Reason: r, Remote: remote}
	}
	return &Error{Message: fmt.Sprintf("broken with %v", reason), Reason: reason, Remote: remote}
}
