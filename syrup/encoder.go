package syrup

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"unicode/utf8"

	"github.com/hawser-go/hawser/passable"
)

// Encoder writes model values of package passable. Its zero value writes all of
// them but references and Opaque values. It keeps no state: one may be used by
// many goroutines.
type Encoder struct {
	// Ref appends what stands for a reference, a record as a rule.
	Ref func(dst []byte, r passable.Reference) ([]byte, error)
	// Opaque appends what stands for a protocol value.
	Opaque func(dst []byte, o passable.Opaque) ([]byte, error)
	// KeyOrder is the order of the keys of structs.
	KeyOrder KeyOrder
	// Errors is the shape of errors.
	Errors ErrorShape
}

// ErrorShape is a way to write a passable.Error. The draft has not settled on
// one; decoders accept all of them.
type ErrorShape uint8

const (
	// ErrorStruct is <desc:error {"code": code, "message": message}>, the code
	// left out when empty. Struct-like, as the draft's proposal 289, so that
	// members can be added.
	ErrorStruct ErrorShape = iota
	// ErrorMessage is <desc:error message>, as Endo has it. The code is lost,
	// unless there is no message.
	ErrorMessage
	// ErrorMystery is <exn:fail:mystery>, as Goblins has it. All is lost.
	ErrorMystery
)

// Encode returns v, a model value without references, in a new slice.
func Encode(v any) ([]byte, error) { return (&Encoder{}).Append(nil, v) }

// Append appends v, a model value, and returns the extended slice. After an
// error the bytes beyond len(dst) are meaningless.
func (e *Encoder) Append(dst []byte, v any) ([]byte, error) { return e.value(dst, v, 0) }

func (e *Encoder) value(dst []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "<4'null>"...), nil
	case passable.Undefined:
		return append(dst, "<4'void>"...), nil
	case bool:
		return AppendBool(dst, v), nil
	case int64:
		return AppendInt(dst, v), nil
	case *big.Int:
		return AppendBig(dst, v), nil
	case float64:
		return AppendFloat(dst, v), nil
	case string:
		if !utf8.ValidString(v) {
			return dst, errUTF8
		}
		return AppendString(dst, v), nil
	case passable.Symbol:
		if !utf8.ValidString(string(v)) {
			return dst, errUTF8
		}
		return AppendSymbol(dst, v), nil
	case []byte:
		return AppendBytes(dst, v), nil
	case []any:
		return e.list(dst, v, depth)
	case passable.Struct:
		return e.fields(dst, v, depth)
	case passable.Tagged:
		return e.tagged(dst, v, depth)
	case passable.Error:
		return e.error(dst, v)
	case passable.Reference:
		if e.Ref == nil {
			return dst, errors.New("syrup: a reference cannot be written here: only data has an encoding outside a session")
		}
		return e.Ref(dst, v)
	case passable.Opaque:
		if e.Opaque == nil {
			return dst, fmt.Errorf("syrup: %T cannot be written here: this encoder knows no protocol values", v)
		}
		return e.Opaque(dst, v)
	}
	return dst, fmt.Errorf("syrup: %T is not a model value: pass it through passable.Copy first", v)
}

var (
	errUTF8  = fmt.Errorf("syrup: a string is %w", ErrUTF8)
	errDepth = fmt.Errorf("syrup: %w: more than %d levels", ErrDepth, passable.MaxDepth)
)

func (e *Encoder) list(dst []byte, list []any, depth int) ([]byte, error) {
	if depth >= passable.MaxDepth {
		return dst, errDepth
	}
	dst = append(dst, OpenList)
	var err error
	for _, v := range list {
		if dst, err = e.value(dst, v, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, CloseList), nil
}

func (e *Encoder) fields(dst []byte, s passable.Struct, depth int) ([]byte, error) {
	if depth >= passable.MaxDepth {
		return dst, errDepth
	}
	var small [16]int
	order := small[:0]
	if len(s) > len(small) {
		order = make([]int, 0, len(s))
	}
	sorted := true
	for i := range s {
		order = append(order, i)
		sorted = sorted && (i == 0 || e.KeyOrder.compare(s[i-1].Key, s[i].Key) < 0)
	}
	if !sorted {
		slices.SortFunc(order, func(i, j int) int { return e.KeyOrder.compare(s[i].Key, s[j].Key) })
	}
	dst = append(dst, OpenStruct)
	var err error
	for n, i := range order {
		key := s[i].Key
		if !utf8.ValidString(key) {
			return dst, errUTF8
		}
		if n > 0 && key == s[order[n-1]].Key {
			return dst, fmt.Errorf("syrup: %w: use passable.NewStruct", ErrDuplicateKey)
		}
		if dst, err = e.value(AppendString(dst, key), s[i].Value, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, CloseStruct), nil
}

func (e *Encoder) tagged(dst []byte, t passable.Tagged, depth int) ([]byte, error) {
	if depth >= passable.MaxDepth {
		return dst, errDepth
	}
	if !utf8.ValidString(t.Tag) {
		return dst, errUTF8
	}
	dst = AppendSymbol(AppendLabel(dst, "desc:tagged"), passable.Symbol(t.Tag))
	dst, err := e.value(dst, t.Value, depth+1)
	if err != nil {
		return dst, err
	}
	return append(dst, CloseRecord), nil
}

func (e *Encoder) error(dst []byte, v passable.Error) ([]byte, error) {
	if !utf8.ValidString(v.Code) || !utf8.ValidString(v.Message) {
		return dst, errUTF8
	}
	switch e.Errors {
	case ErrorMystery:
		return append(AppendLabel(dst, "exn:fail:mystery"), CloseRecord), nil
	case ErrorMessage:
		if v.Message == "" {
			v.Message = v.Code
		}
		return append(AppendString(AppendLabel(dst, "desc:error"), v.Message), CloseRecord), nil
	default:
		dst = append(AppendLabel(dst, "desc:error"), OpenStruct)
		if v.Code != "" {
			dst = AppendString(AppendString(dst, "code"), v.Code)
		}
		dst = AppendString(AppendString(dst, "message"), v.Message)
		return append(dst, CloseStruct, CloseRecord), nil
	}
}
