package wire

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/syrup"
)

var (
	// ErrUnknownOp: an operation that this package does not know.
	ErrUnknownOp = errors.New("unknown operation")
	// ErrNoShape: the dialect has no shape for what is to be written.
	ErrNoShape = errors.New("the dialect has no shape for it")
	// ErrSignature: a signature that does not verify.
	ErrSignature = errors.New("the signature does not verify")
)

// Error says which part of which operation could not be read or written.
type Error struct {
	Op    string // the label, "" if it is not known
	Field string // as the draft names it, "" for the operation as a whole
	Err   error  // for what was read a *syrup.Error, as a rule
}

// Error returns one line.
func (e *Error) Error() string {
	s := "wire: "
	if e.Op != "" {
		s += e.Op + ": "
	}
	if e.Field != "" {
		s += e.Field + ": "
	}
	return s + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func in(op, field string, err error) error { return &Error{op, field, err} }

// unknownOp is the refusal of an operation. The label is the peer's: it is cut.
func unknownOp(label passable.Symbol) error {
	if len(label) > 40 {
		label = label[:40] + "…"
	}
	return &Error{Op: strconv.QuoteToASCII(string(label)), Err: ErrUnknownOp}
}

// errUTF8 is the refusal of a name to be written, which would cost the session.
var errUTF8 = fmt.Errorf("a name is %w", syrup.ErrUTF8)

// descError is the refusal of a descriptor to be written.
func descError(d msg.Desc, want string) error {
	return errors.New("got " + d.String() + ", want " + want)
}
