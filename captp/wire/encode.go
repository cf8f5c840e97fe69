package wire

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/syrup"
)

// Encoder writes operations. One serves one session; it is not for concurrent
// use.
type Encoder struct {
	// Given returns the certificate that stands for a reference which the function
	// given to Append described as msg.Given, by its position.
	Given func(msg.Pos) *msg.SigEnvelope

	dialect Dialect
	values  syrup.Encoder
	ref     func(passable.Reference) (msg.Desc, error) // of the Append under way
}

// NewEncoder returns an encoder of the dialect.
func NewEncoder(d Dialect) *Encoder {
	e := &Encoder{}
	e.values.Ref, e.values.Opaque = e.reference, e.opaque
	e.SetDialect(d)
	return e
}

// SetDialect changes what is written from now on.
func (e *Encoder) SetDialect(d Dialect) {
	e.dialect, e.values.Errors, e.values.KeyOrder = d, d.Errors, d.KeyOrder
}

// Append appends the encoding of op to dst. ref maps each reference met in
// arguments, in order of appearance, to a descriptor; a msg.Desc passes as it is.
// The error is ref's own, or an *Error; dst is then as long as it was.
func (e *Encoder) Append(dst []byte, op msg.Op, ref func(passable.Reference) (msg.Desc, error)) ([]byte, error) {
	e.ref = ref
	out, err := e.op(dst, op)
	e.ref = nil
	if err != nil {
		return dst, err
	}
	return out, nil
}

func (e *Encoder) op(dst []byte, op msg.Op) ([]byte, error) {
	switch op := op.(type) {
	case *msg.Deliver:
		return e.deliver(dst, op)
	case *msg.Listen:
		return e.listen(dst, op)
	case *msg.Get:
		dst, err := e.selection(dst, "op:get", op.To, op.Field)
		return answer(syrup.AppendString(dst, op.Field), op.Answer), err
	case *msg.Index:
		dst, err := e.selection(dst, "op:index", op.To, "")
		return answer(syrup.AppendInt(dst, op.Index), op.Answer), err
	case *msg.Untag:
		dst, err := e.selection(dst, "op:untag", op.To, op.Tag)
		return answer(syrup.AppendString(dst, op.Tag), op.Answer), err
	case *msg.GCExports:
		return e.gcExports(dst, op)
	case *msg.GCAnswers:
		label := passable.Symbol("op:gc-answers")
		if e.dialect.SingularGC {
			label = "op:gc-answer"
		}
		return append(appendList(syrup.AppendLabel(dst, label), op.Positions), syrup.CloseRecord), nil
	case *msg.Abort:
		return append(syrup.AppendString(syrup.AppendLabel(dst, "op:abort"), validText(op.Reason)), syrup.CloseRecord), nil
	case *msg.StartSession:
		return e.startSession(dst, op)
	}
	return dst, &Error{Err: fmt.Errorf("%T is no operation", op)}
}

func (e *Encoder) deliver(dst []byte, op *msg.Deliver) ([]byte, error) {
	const label = "op:deliver"
	if op.To.Kind != msg.Export && op.To.Kind != msg.Answer {
		return dst, in(label, "to-desc", descError(op.To, wantTarget))
	}
	if op.HasResolve && op.Resolve.Kind != msg.ImportObject && op.Resolve.Kind != msg.ImportPromise {
		return dst, in(label, "resolve-me-desc", descError(op.Resolve, wantImport))
	}
	if !utf8.ValidString(string(op.Selector)) {
		return dst, in(label, "args[0]", errUTF8)
	}
	only := e.dialect.DeliverOnly && !op.HasAnswer && !op.HasResolve
	if only {
		dst = syrup.AppendLabel(dst, "op:deliver-only")
	} else {
		dst = syrup.AppendLabel(dst, label)
	}
	dst = append(appendDesc(dst, op.To), syrup.OpenList)
	if op.Selector != "" {
		dst = syrup.AppendSymbol(dst, op.Selector)
	}
	for i, arg := range op.Args {
		var err error
		if dst, err = e.values.Append(dst, arg); err != nil {
			return dst, e.inArgs(label, i, err)
		}
	}
	dst = append(dst, syrup.CloseList)
	if !only {
		if op.HasAnswer {
			dst = syrup.AppendUint(dst, op.Answer)
		} else {
			dst = syrup.AppendBool(dst, false)
		}
		if op.HasResolve {
			dst = appendDesc(dst, op.Resolve)
		} else {
			dst = syrup.AppendBool(dst, false)
		}
	}
	return append(dst, syrup.CloseRecord), nil
}

// refError is an error of the caller's function, which comes back unchanged.
type refError struct{ error }

func (e *Encoder) inArgs(label string, i int, err error) error {
	var own refError
	if errors.As(err, &own) {
		return own.error
	}
	return in(label, fmt.Sprintf("args[%d]", i), err)
}

const (
	wantTarget = "desc:export or desc:answer"
	wantImport = "desc:import-object or desc:import-promise"
)

func (e *Encoder) listen(dst []byte, op *msg.Listen) ([]byte, error) {
	const label = "op:listen"
	if op.To.Kind != msg.Export && op.To.Kind != msg.Answer {
		return dst, in(label, "to-desc", descError(op.To, wantTarget))
	}
	if op.Resolve.Kind != msg.ImportObject && op.Resolve.Kind != msg.ImportPromise {
		return dst, in(label, "listen-desc", descError(op.Resolve, wantImport))
	}
	dst = appendDesc(appendDesc(syrup.AppendLabel(dst, label), op.To), op.Resolve)
	if e.dialect.ListenPartial {
		dst = syrup.AppendBool(dst, op.WantsPartial)
	}
	return append(dst, syrup.CloseRecord), nil
}

// selection begins op:get, op:index or op:untag. The name is only checked.
func (e *Encoder) selection(dst []byte, label string, to msg.Desc, name string) ([]byte, error) {
	if e.dialect.NoSelection {
		return dst, in(label, "", fmt.Errorf("%w: %s", ErrNoShape, e.dialect.Name))
	}
	if to.Kind != msg.Export && to.Kind != msg.Answer {
		return dst, in(label, "receiver-desc", descError(to, wantTarget))
	}
	if !utf8.ValidString(name) {
		return dst, in(label, "", errUTF8)
	}
	return appendDesc(syrup.AppendLabel(dst, passable.Symbol(label)), to), nil
}

// answer ends it.
func answer(dst []byte, pos msg.Pos) []byte {
	return append(syrup.AppendUint(dst, pos), syrup.CloseRecord)
}

func (e *Encoder) gcExports(dst []byte, op *msg.GCExports) ([]byte, error) {
	label := passable.Symbol("op:gc-exports")
	if e.dialect.SingularGC {
		label = "op:gc-export"
	}
	if len(op.Positions) != len(op.Deltas) {
		return dst, in(string(label), "", fmt.Errorf("%d positions and %d deltas", len(op.Positions), len(op.Deltas)))
	}
	dst = appendList(syrup.AppendLabel(dst, label), op.Positions)
	return append(appendList(dst, op.Deltas), syrup.CloseRecord), nil
}

func appendList(dst []byte, list []uint64) []byte {
	dst = append(dst, syrup.OpenList)
	for _, n := range list {
		dst = syrup.AppendUint(dst, n)
	}
	return append(dst, syrup.CloseList)
}

func appendDesc(dst []byte, d msg.Desc) []byte {
	switch d.Kind {
	case msg.ImportObject:
		dst = append(dst, "<18'desc:import-object"...)
	case msg.ImportPromise:
		dst = append(dst, "<19'desc:import-promise"...)
	case msg.Export:
		dst = append(dst, "<11'desc:export"...)
	default:
		dst = append(dst, "<11'desc:answer"...)
	}
	return append(syrup.AppendUint(dst, d.Pos), syrup.CloseRecord)
}

// reference is what package syrup calls for a reference in arguments.
func (e *Encoder) reference(dst []byte, r passable.Reference) ([]byte, error) {
	d, ok := r.(msg.Desc)
	if !ok {
		if e.ref == nil {
			return dst, fmt.Errorf("a reference of type %T cannot be written: no session maps it", r)
		}
		var err error
		if d, err = e.ref(r); err != nil {
			return dst, refError{err}
		}
	}
	if d.Kind == msg.Given && e.Given != nil {
		return e.dialect.appendEnvelope(dst, e.Given(d.Pos))
	}
	if d.Kind < msg.ImportObject || d.Kind > msg.Answer {
		return dst, fmt.Errorf("%s is no descriptor of a reference", d)
	}
	return appendDesc(dst, d), nil
}
