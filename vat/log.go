package vat

import (
	"fmt"
	"runtime/debug"

	"github.com/hawser-go/hawser/internal/meter"
)

// meters count what a vat logs.
type meters struct{ warnings, faults meter.Meter }

func (v *Vat) meters() *meters {
	if m := v.logged.Load(); m != nil {
		return m
	}
	v.logged.CompareAndSwap(nil, new(meters))
	return v.logged.Load()
}

// line returns what is said in a line besides its message.
func (v *Vat) line(omitted int32, args []any) []any {
	args = append([]any{"vat", v.name}, args...)
	if omitted > 0 {
		args = append(args, "omitted", omitted)
	}
	return args
}

func (v *Vat) warn(msg string, args ...any) {
	if omitted, ok := v.meters().warnings.Next(); ok {
		v.log.Warn(msg, v.line(omitted, args)...)
	}
}

// fault logs what is wrong with a program: a panic with value p, or, if that is nil, runtime.Goexit.
func (v *Vat) fault(who string, p any, args ...any) {
	omitted, ok := v.meters().faults.Next()
	switch {
	case !ok:
	case p != nil:
		args = append(args, "panic", clip(fmt.Sprint(p), maxText), "stack", string(debug.Stack()))
		v.log.Error(who+" panicked", v.line(omitted, args)...)
	default:
		v.log.Error(who+" called runtime.Goexit", v.line(omitted, args)...)
	}
}

// maxText is how much of an error's text is logged, in bytes; it may be a peer's.
const maxText = 1000

// brief is sentence for logs and traces.
func brief(err error) string { return clip(sentence(err), maxText) }

// sentence returns the text of an error that user code made, whatever its Error method does.
func sentence(err error) string { return fmt.Sprint(err) }

// maxName is how much of a name that a peer chose, such as a selector, is repeated in logs and errors.
const maxName = 64

// clip shortens a text to n bytes.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
