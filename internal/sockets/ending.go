package sockets

import (
	"net"
	"sync/atomic"
)

// An EndError is what Read and Write of a connection return after its end. It unwraps to net.ErrClosed, and to Cause.
type EndError struct {
	Netlayer, Why string
	Cause         error // what a caller may ask for with errors.Is, or nil
}

func (e *EndError) Error() string { return e.Netlayer + ": the connection is closed: " + e.Why }

// Unwrap returns net.ErrClosed and the cause, if there is one.
func (e *EndError) Unwrap() []error {
	if e.Cause == nil {
		return []error{net.ErrClosed}
	}
	return []error{net.ErrClosed, e.Cause}
}

// An Ending is how a connection comes to its end: at once, or after a while in which only its writing has failed and what
// the peer has sent before can still come. The zero Ending has not begun; Netlayer is set before anybody shares it.
type Ending struct {
	Netlayer string

	end, failed atomic.Pointer[EndError]
}

// End records why the connection has ended, and reports whether it had not yet.
func (e *Ending) End(why string, cause error) (first bool) {
	return e.end.CompareAndSwap(nil, &EndError{e.Netlayer, why, cause})
}

// Fail records why nothing can be written any more, if it was not known yet.
func (e *Ending) Fail(why string) { e.failed.CompareAndSwap(nil, &EndError{e.Netlayer, why, nil}) }

// Ended returns how the connection has ended, nil if it has not.
func (e *Ending) Ended() *EndError { return e.end.Load() }

// Failed returns why nothing can be written any more, nil if Fail was not called.
func (e *Ending) Failed() *EndError { return e.failed.Load() }

// Broken returns why nothing can be written any more, for whichever reason, or nil.
func (e *Ending) Broken() error {
	if end := e.end.Load(); end != nil {
		return end
	}
	if failed := e.failed.Load(); failed != nil {
		return failed
	}
	return nil
}
