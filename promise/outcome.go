package promise

import (
	"fmt"
	"net"

	"github.com/hawser-go/hawser/passable"
)

// An Outcome is how a promise settled: fulfilled with Value if Err is nil, else broken with Err. It can be passed; Err is
// then a passable.Error, which matches errors with a code, but for those of the runtime: [Outcome.Get] returns one that
// matches these, too, where it was the runtime of the receiver's own process that passed the outcome.
type Outcome[T any] struct {
	Value T
	Err   error
	// Local says that Err arose in the process that passed the outcome, and Closed that it unwrapped to net.ErrClosed
	// there. Anybody who can send to a reference can say so: do not give others the facet that gets outcomes.
	Local, Closed bool `ocapn:",omitempty"`
}

// Get returns the value, or the error.
func (o Outcome[T]) Get() (T, error) {
	if crossed, ok := o.Err.(passable.Error); ok && o.Local { //nolint:errorlint // what a wrapped one says is somebody else's
		return o.Value, &local{failure{crossed.Code, crossed.Message}, o.Closed}
	}
	return o.Value, o.Err
}

// String returns the value or the error, for logs.
func (o Outcome[T]) String() string {
	if o.Err != nil {
		return fmt.Sprintf("broken: %v", o.Err)
	}
	return fmt.Sprint(o.Value)
}

// local is an error that has been passed within one process.
type local struct {
	failure
	closed bool
}

// Is reports whether target is the error that was passed.
func (e *local) Is(target error) bool {
	coded, ok := target.(interface{ ErrorCode() string })
	return ok && e.code != "" && coded.ErrorCode() == e.code || e.closed && target == net.ErrClosed
}
