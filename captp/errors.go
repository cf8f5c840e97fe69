package captp

import (
	"errors"
	"fmt"
	"net"
)

// EndKind says how a session ended.
type EndKind uint8

// How a session ends.
const (
	Closed       EndKind = iota // this side closed it
	Aborted                     // the peer sent op:abort
	Lost                        // the connection was lost
	Violated                    // the peer broke the protocol, and was told so with op:abort
	NotConnected                // there never was a connection
	Suspended                   // it goes on when this node is started again
)

// String returns the kind for logs.
func (k EndKind) String() string {
	return [...]string{"closed", "aborted by the peer", "connection lost", "protocol violation", "not connected", "until this node is started again"}[k]
}

// An EndError is why everything that went over a session broke: calls that were under way may or may not have run. It
// unwraps to net.ErrClosed, and to what was wrong if something was.
type EndError struct {
	// Peer is who was at the other end.
	Peer string
	Kind EndKind
	// Reason is a line for people; for Aborted it is the peer's words.
	Reason string
	// Err is the violation or the connection's error, if there is one.
	Err error
}

func (e *EndError) Error() string {
	s := "captp: session with " + e.Peer + ": " + e.Kind.String()
	if e.Reason != "" {
		s += fmt.Sprintf(": %q", e.Reason)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns net.ErrClosed and the error behind the end.
func (e *EndError) Unwrap() []error {
	if e.Err == nil {
		return []error{net.ErrClosed}
	}
	return []error{net.ErrClosed, e.Err}
}

// ErrorCode is what another peer sees of the end of a session with a third.
func (e *EndError) ErrorCode() string { return "hawser.session-ended" }

// ErrorMessage is the line that crosses with the code: nothing of who was at the other end.
func (e *EndError) ErrorMessage() string { return "the session it came over has ended" }

// A ProtocolError is something a peer must not send.
type ProtocolError struct {
	// Clause says what is demanded, in a word or two: the operation or the rule.
	Clause string
	// What says what came instead.
	What string
}

func (e *ProtocolError) Error() string { return "captp: " + e.Clause + ": " + e.What }

var (
	errStarted  = errors.New("captp: Start was called before: a session has one connection")
	errReleased = errors.New("captp: the reference was given back to the peer")
	errMoved    = errors.New("captp: the session was handed over: it needs no connection")
)

// violated is the end of a session whose peer has done what it must not.
func (s *Session) violated(err error) *EndError {
	return &EndError{Peer: s.peer(), Kind: Violated, Reason: excerpt(err.Error()), Err: err}
}

func violation(clause, format string, args ...any) error {
	return &ProtocolError{clause, fmt.Sprintf(format, args...)}
}
