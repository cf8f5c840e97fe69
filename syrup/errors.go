package syrup

import (
	"errors"
	"fmt"
)

// The kinds of refusal. Every error of a Decoder that is not its reader's own is
// an *Error that wraps one of them.
var (
	ErrTruncated    = errors.New("the input ends inside a value")
	ErrTrailing     = errors.New("bytes follow the end of the message")
	ErrSyntax       = errors.New("not Syrup")
	ErrNotCanonical = errors.New("not canonical")
	ErrDuplicateKey = errors.New("a struct has a key twice")
	ErrUTF8         = errors.New("not valid UTF-8")
	ErrDepth        = errors.New("nested too deep")
	ErrTooLarge     = errors.New("over the limit")
	ErrUnexpected   = errors.New("another kind of value was expected")
	ErrUnknown      = errors.New("unknown record")
)

// Error is a refusal of an input.
type Error struct {
	Offset int64  // of the byte at fault, counted from the first byte the decoder was given
	Kind   error  // one of the Err variables of this package
	Detail string // what came and what was expected; never content of strings
}

// Error returns one line.
func (e *Error) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("syrup: offset %d: %v", e.Offset, e.Kind)
	}
	return fmt.Sprintf("syrup: offset %d: %v: %s", e.Offset, e.Kind, e.Detail)
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

// fault makes an error about the byte at index pos of the buffer.
func (d *Decoder) fault(pos int, kind error, format string, args ...any) error {
	return &Error{Offset: d.base + int64(pos), Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

// Fault returns an *Error at the current position, for protocols that find a
// value well-formed and yet wrong.
func (d *Decoder) Fault(kind error, format string, args ...any) error {
	return d.fault(d.pos, kind, format, args...)
}
