package syrup

import (
	"slices"
	"strings"

	"github.com/hawser-go/hawser/passable"
)

var (
	emptyList   any = []any{}
	emptyStruct any = passable.Struct{}
	emptyBytes  any = []byte{}
)

// Value reads whatever value comes next, as a value of the model. It shares no
// memory with the input.
func (d *Decoder) Value() (any, error) {
	c, err := d.peek()
	if err != nil {
		return nil, err
	}
	if d.values--; d.values < 0 {
		return nil, d.fault(d.pos, ErrTooLarge, "more than %d values in one message", d.limits.Values)
	}
	if c-'0' <= 9 {
		return d.digits()
	}
	switch c {
	case 't', 'f':
		d.pos++
		return c == 't', nil
	case 'D':
		return d.double()
	case 'F':
		return d.single()
	case '[':
		if err := d.enter(0); err != nil {
			return nil, err
		}
		d.pos++
		v, err := d.list()
		d.depth--
		if len(v) == 0 {
			return emptyList, err
		}
		return v, err
	case '{':
		if err := d.enter(0); err != nil {
			return nil, err
		}
		d.pos++
		v, err := d.fields()
		d.depth--
		if len(v) == 0 {
			return emptyStruct, err
		}
		return v, err
	case '<':
		return d.record()
	case '#':
		return nil, d.fault(d.pos, ErrUnexpected, "a set: OCapN has none, send a List")
	}
	return nil, d.wrongStart(c, "a value")
}

// enter goes one level down. Records that are not containers of the model, such
// as references, have one level more than those.
func (d *Decoder) enter(extra int) error {
	if d.depth >= d.limits.Depth+extra {
		return d.fault(d.pos, ErrDepth, "more than %d levels", d.limits.Depth)
	}
	d.depth++
	return nil
}

// digits reads a value that starts with a digit.
func (d *Decoder) digits() (any, error) {
	n, err := d.number("a value")
	if err != nil {
		return nil, err
	}
	if n.mark == '+' || n.mark == '-' {
		small, large, err := d.integer(n)
		if large != nil {
			return large, err
		}
		return small, err
	}
	b, err := d.body(n)
	if err != nil {
		return nil, err
	}
	switch n.mark {
	case ':':
		if len(b) == 0 {
			return emptyBytes, nil
		}
		return append(make([]byte, 0, len(b)), b...), nil
	case '"':
		return d.utf8(b)
	}
	hit, slot := d.names.lookup(b)
	if hit != nil {
		return hit.symbol, nil
	}
	s, err := d.utf8(b)
	if err == nil && slot != nil {
		return slot.fill(s).symbol, nil
	}
	return passable.Symbol(s), err
}

// list reads a list after its opening bracket. Its elements gather on a stack
// that all open lists share, so that the list itself is allocated once, at its
// final size. An empty list is nil.
func (d *Decoder) list() ([]any, error) {
	mark := len(d.stack)
	for {
		more, err := d.element(len(d.stack)-mark, "a list")
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		v, err := d.Value()
		if err != nil {
			return nil, err
		}
		d.push(v)
	}
	if err := d.CloseList(); err != nil {
		return nil, err
	}
	if len(d.stack) == mark {
		return nil, nil
	}
	top := d.stack[mark:]
	out := append(make([]any, 0, len(top)), top...)
	clear(top) // keep nothing alive
	d.stack = d.stack[:mark]
	return out, nil
}

// Rest reads the values that are left of a list whose opening bracket, and
// perhaps some elements, have been read, and its closing bracket. It returns nil
// if there are none.
func (d *Decoder) Rest() ([]any, error) { return d.list() }

// push doubles the stack when it is full; append alone would copy a large one
// more often.
func (d *Decoder) push(v any) {
	if n := len(d.stack); n == cap(d.stack) {
		d.stack = append(make([]any, 0, max(8, 2*n)), d.stack...)
	}
	d.stack = append(d.stack, v)
}

// element reports whether element number n of a container comes next.
func (d *Decoder) element(n int, of string) (bool, error) {
	more, err := d.More()
	if more && n >= d.limits.Elements {
		return false, d.fault(d.pos, ErrTooLarge, "%s of more than %d elements", of, d.limits.Elements)
	}
	return more, err
}

// fields reads a struct after its opening bracket. An empty struct is nil.
func (d *Decoder) fields() (passable.Struct, error) {
	mark := len(d.stack) // values gather there, keys beside them
	var small [8]string
	keys := small[:0]
	sorted := true // bytewise, as the model has it
	for {
		more, err := d.element(len(keys), "a struct")
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		at := d.pos
		key, err := d.Key()
		if err != nil {
			return nil, err
		}
		if n := len(keys); n > 0 {
			if err := d.follows(at, keys[n-1], key); err != nil {
				return nil, err
			}
			sorted = sorted && keys[n-1] < key
		}
		v, err := d.Value()
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
		d.push(v)
	}
	if err := d.CloseStruct(); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, nil
	}
	s := make(passable.Struct, len(keys))
	for i, key := range keys {
		s[i] = passable.Field{Key: key, Value: d.stack[mark+i]}
	}
	clear(d.stack[mark:])
	d.stack = d.stack[:mark]
	if sorted {
		return s, nil
	}
	slices.SortFunc(s, func(a, b passable.Field) int { return strings.Compare(a.Key, b.Key) })
	for i := 1; i < len(s); i++ {
		if s[i].Key == s[i-1].Key {
			return nil, d.fault(d.pos, ErrDuplicateKey, "among %d keys", len(s))
		}
	}
	return s, nil
}

// follows checks a key, at index at, against the one before it.
func (d *Decoder) follows(at int, before, key string) error {
	switch c := d.cfg.KeyOrder.compare(before, key); {
	case c == 0:
		return d.fault(at, ErrDuplicateKey, "")
	case c > 0 && !d.cfg.Lenient:
		return d.fault(at, ErrNotCanonical, "the keys of a struct are not in order")
	}
	return nil
}

// record reads a record that stands for a value.
func (d *Decoder) record() (v any, err error) {
	label, err := d.OpenRecord()
	if err != nil {
		return nil, err
	}
	switch label {
	case "null":
	case "void":
		v = passable.Undefined{}
	case "desc:tagged":
		v, err = d.tagged()
	case "desc:error":
		v, err = d.errorValue()
	case "exn:fail:mystery":
		d.seen |= SeenErrorMystery
		v = passable.Error{Message: "an error that the peer does not describe"}
	default:
		v, err = d.other(label)
	}
	if err != nil {
		return nil, err
	}
	return v, d.CloseRecord()
}

// other reads a record that is the business of the hook.
func (d *Decoder) other(label passable.Symbol) (any, error) {
	if d.cfg.Record == nil {
		return nil, d.Unknown(label)
	}
	if err := d.enter(1); err != nil {
		return nil, err
	}
	v, err := d.cfg.Record(d, label)
	d.depth--
	return v, err
}

// Unknown returns the error for a record whose label means nothing here.
func (d *Decoder) Unknown(label passable.Symbol) error {
	if len(label) > internLength {
		label = label[:internLength] + "…"
	}
	return d.fault(d.pos, ErrUnknown, "%q", string(label))
}

func (d *Decoder) tagged() (any, error) {
	isString, err := d.Is('"')
	if err != nil {
		return nil, err
	}
	var tag string
	if isString {
		d.seen |= SeenTagString
		tag, err = d.String()
	} else {
		var symbol passable.Symbol
		symbol, err = d.Symbol()
		tag = string(symbol)
	}
	if err != nil {
		return nil, err
	}
	if err := d.enter(0); err != nil {
		return nil, err
	}
	v, err := d.Value()
	d.depth--
	return passable.Tagged{Tag: tag, Value: v}, err
}

// errorValue reads the fields of <desc:error …> in any of its shapes.
func (d *Decoder) errorValue() (any, error) {
	isStruct, err := d.Is(OpenStruct)
	if err != nil {
		return nil, err
	}
	if isStruct {
		return d.errorStruct()
	}
	message, err := d.String()
	if err != nil {
		return nil, err
	}
	more, err := d.More()
	if err != nil || !more {
		d.seen |= SeenErrorMessage
		return passable.Error{Message: message}, err
	}
	d.seen |= SeenErrorPair
	e := passable.Error{Code: message}
	e.Message, err = d.String()
	return e, err
}

// errorStruct reads {"code": …, "message": …}; "name" serves as the code where
// there is none, and other members, which are data, are passed over.
func (d *Decoder) errorStruct() (any, error) {
	d.seen |= SeenErrorStruct
	if err := d.enter(1); err != nil { // a member may be an error again
		return nil, err
	}
	if err := d.OpenStruct(); err != nil {
		return nil, err
	}
	hook := d.cfg.Record
	d.cfg.Record = nil // an error holds no capability
	s, err := d.fields()
	d.cfg.Record = hook
	d.depth--
	if err != nil {
		return nil, err
	}
	var e passable.Error
	for key, member := range s.All() {
		text, ok := member.(string)
		switch {
		case key == "message" && ok:
			e.Message = text
		case key == "code" && ok && text != "":
			e.Code = text
		default:
			d.seen |= SeenErrorExtra
			if key == "name" && ok && e.Code == "" {
				e.Code = text
			}
		}
	}
	if _, ok := s.Get("message"); !ok {
		d.seen |= SeenErrorExtra // or rather, one member less
	}
	return e, nil
}
