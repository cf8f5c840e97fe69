package passable

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Error is an OCapN Error as a value: a code that programs compare and a message
// for people. It never holds a capability. Errors of other shapes, as foreign
// peers send them, are folded into it.
type Error struct {
	Code    string // "" when the sender gave none
	Message string
}

// Error returns the message, with the code in parentheses if there is one.
func (e Error) Error() string {
	switch {
	case e.Code == "":
		return e.Message
	case e.Message == "":
		return e.Code
	}
	return e.Message + " (" + e.Code + ")"
}

// ErrorCode returns the code.
func (e Error) ErrorCode() string { return e.Code }

// ErrorMessage returns the message alone.
func (e Error) ErrorMessage() string { return e.Message }

// Is reports whether target has the same code. Codes that start with "hawser.",
// the runtime's own, match nothing: anybody can send them.
func (e Error) Is(target error) bool {
	coded, ok := target.(interface{ ErrorCode() string })
	return ok && e.Code != "" && e.Code == coded.ErrorCode() && !strings.HasPrefix(e.Code, "hawser.")
}

// Sentinels for errors.Is. They arrive wrapped in a *PathError.
var (
	// ErrCannotPass: a Go type that has no place in the model.
	ErrCannotPass = errors.New("cannot pass")
	// ErrMismatch: a model value of another kind than the Go type wants.
	ErrMismatch = errors.New("does not match")
	// ErrRange: a number that the Go type or the wire cannot hold exactly.
	ErrRange = errors.New("does not fit")
	// ErrTooDeep: nesting beyond MaxDepth, which cyclic data always reaches.
	ErrTooDeep = fmt.Errorf("nested deeper than %d levels: is the data cyclic?", MaxDepth)
	// ErrTooMany: more than MaxValues values.
	ErrTooMany = fmt.Errorf("more than %d values in one message: send it in parts", MaxValues)
	// ErrNotUTF8: a string that is not valid UTF-8.
	ErrNotUTF8 = errors.New("not valid UTF-8: send bytes that are not text as []byte")
)

// PathError says where in a value Copy or Assign failed, and why.
type PathError struct {
	Path string // such as `members[3].conn`; "" is the value itself
	Err  error
}

// Error returns one line that starts with the package and the path.
func (e *PathError) Error() string {
	if e.Path == "" {
		return "passable: " + e.Err.Error()
	}
	path := e.Path
	if len(path) > 200 { // cyclic data makes paths of a hundred steps
		path = path[:100] + "…" + path[len(path)-60:]
	}
	return "passable: " + path + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *PathError) Unwrap() error { return e.Err }

// At returns err with prefix, such as `args[2]`, put before its path. A nil err
// stays nil, and an error of another kind is wrapped.
func At(prefix string, err error) error {
	if err == nil {
		return nil
	}
	var pe *PathError
	if errors.As(err, &pe) {
		return &PathError{joinPath(prefix, pe.Path), pe.Err}
	}
	return &PathError{prefix, err}
}

// fail starts a path at the place where something is wrong.
func fail(err error) error { return &PathError{"", err} }

// under puts one step before the path of an error that fail made.
func under(step string, err error) error {
	pe := err.(*PathError)
	pe.Path = joinPath(step, pe.Path)
	return pe
}

func underIndex(i int, err error) error { return under("["+strconv.Itoa(i)+"]", err) }

func underKey(key string, err error) error {
	if plainKey(key) {
		return under(key, err)
	}
	return under("["+quoteKey(key)+"]", err)
}

func joinPath(step, rest string) string {
	if rest == "" || rest[0] == '[' {
		return step + rest
	}
	return step + "." + rest
}

// plainKey reports whether key reads well after a dot.
func plainKey(key string) bool {
	if key == "" || len(key) > 64 {
		return false
	}
	return !strings.ContainsFunc(key, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// quoteKey quotes a key for a message. Keys come from peers, so they are cut.
func quoteKey(key string) string {
	if len(key) > 64 {
		return strconv.QuoteToASCII(key[:64]) + "…"
	}
	return strconv.QuoteToASCII(key)
}

// typed is an error that speaks of Go types, which are nobody's business but this
// process's.
type typed struct {
	kind           error // ErrMismatch, ErrRange or ErrCannotPass
	public, inside string
}

func (e *typed) Error() string { return e.inside }
func (e *typed) Unwrap() error { return e.kind }

// Public returns the text of an error of this package without the names of Go
// types in it: what a peer may read.
func Public(err error) string {
	text := err.Error()
	var t *typed
	if errors.As(err, &t) {
		text = strings.Replace(text, t.inside, t.public, 1)
	}
	return text
}

// cannotPass is the refusal of a Go type.
func cannotPass(t reflect.Type, advice string) error {
	return &typed{ErrCannotPass, fmt.Sprintf("this %v", ErrCannotPass), fmt.Sprintf("%s %v: %s", t, ErrCannotPass, advice)}
}

// mismatch is the refusal of a model value by a Go type.
func mismatch(model any, want string, t reflect.Type) error {
	public := fmt.Sprintf("got %s, which %v: want %s", kindName(model), ErrMismatch, want)
	return fail(&typed{ErrMismatch, public, fmt.Sprintf("%s (Go type %s)", public, t)})
}

func typeName(v any) string { return fmt.Sprintf("%T", v) }

const opaqueErrorText = "an error without a code"

// errorValue returns what of a Go error crosses: code and message of the first
// error in the chain that has a code, never the text that wraps it.
func errorValue(err error) Error {
	if e, ok := err.(Error); ok {
		return e
	}
	var coded interface {
		error
		ErrorCode() string
	}
	if !errors.As(err, &coded) {
		return Error{Message: opaqueErrorText}
	}
	e := Error{Code: coded.ErrorCode()}
	if m, ok := coded.(interface{ ErrorMessage() string }); ok {
		e.Message = m.ErrorMessage()
	} else {
		e.Message = coded.Error()
	}
	e.Code, e.Message = strings.ToValidUTF8(e.Code, "�"), strings.ToValidUTF8(e.Message, "�")
	return e
}
