package vat

import (
	"context"
	"fmt"
	"reflect"

	"github.com/hawser-go/hawser/passable"
)

// object is something that lives in a vat and gets its turns there.
type object struct {
	node
	vat  *Vat
	disp dispatcher
}

// dispatcher is what an object does with a message, inside a turn of its vat.
type dispatcher interface {
	// invoke handles m and returns a model value, or forwarded after passing m on with its answer.
	invoke(t *turn, m *Message) (any, error)
	// describe names the object for logs.
	describe() string
}

func (v *Vat) spawn(d dispatcher) Ref { return new(object).init(v, d) }

// init makes o, which may be part of its dispatcher, an object of v.
func (o *object) init(v *Vat, d dispatcher) Ref {
	o.target, o.vat, o.disp = o, v, d
	return Ref{&o.node}
}

// nearer is a dispatcher with a Go value behind it.
type nearer interface{ near(t *turn) (any, error) }

// home follows r through settled promises, and caretakers of ctx's vat, to an object of that vat.
func home(t *turn, r Ref) *object {
	for range 64 {
		if r.n == nil {
			return nil
		}
		switch x := r.n.target.(type) {
		case *object:
			if x.vat != t.vat {
				return nil
			}
			c, ok := x.disp.(*caretaker)
			if !ok {
				return x
			}
			inner, err := c.state()
			if err != nil {
				return nil
			}
			r = inner
		case *Vow:
			v, _, _ := x.cell.Outcome()
			next, ok := v.(Ref)
			if !ok {
				return nil
			}
			r = next
		default:
			return nil
		}
	}
	return nil
}

// HomeOf returns the vat of which r is an object, nil if r leads out of this process, or is a promise that has not settled to such an
// object: for those who manage references rather than objects.
func HomeOf(r Ref) *Vat {
	if o, ok := settledRef(r).Target().(*object); ok {
		return o.vat
	}
	return nil
}

// Near returns the Go value behind r, as an I, if it is an object of the vat whose turn ctx is, and an I. It sees
// through settled promises and through caretakers of the same vat. It panics outside a turn.
func Near[I any](ctx context.Context, r Ref) (I, bool) {
	var zero I
	t := mustTurn(ctx, "Near")
	o := home(t, r)
	if o == nil {
		return zero, false
	}
	n, ok := o.disp.(nearer)
	if !ok {
		return zero, false
	}
	impl, err := n.near(t)
	if err != nil {
		return zero, false
	}
	i, ok := impl.(I)
	return i, ok
}

// Same reports whether a and b lead to the same place: they are equal, or, seen from the vat whose turn ctx is, they
// are settled promises for, or caretakers of, one object. It panics outside a turn.
func Same(ctx context.Context, a, b Ref) bool {
	t := mustTurn(ctx, "Same")
	if a == b {
		return true
	}
	x, y := home(t, a), home(t, b)
	if x != nil || y != nil {
		return x == y
	}
	return settledRef(a) == settledRef(b) && !a.IsNull()
}

// settledRef returns what a settled promise for a reference leads to.
func settledRef(r Ref) Ref {
	if w, ok := r.Target().(*Vow); ok {
		if v, _, ok := w.cell.Outcome(); ok {
			if s, ok := v.(Ref); ok {
				return s
			}
		}
	}
	return r
}

// lastRef is settledRef, but returns of a promise that follows another that one.
func lastRef(r Ref) Ref {
	for range 64 {
		w, ok := r.Target().(*Vow)
		if !ok {
			break
		}
		next, ok := w.beyond().(*Vow)
		if !ok {
			return settledRef(r)
		}
		r = next.Ref()
	}
	return r
}

// Self returns the reference of the object whose turn it is, under the facet that got the message: what to hand to
// others who should call back. It is the object's own, not that of a caretaker the message came through: whoever gets
// it is not bound by that. It is null in a turn that is no message, as in Do. It panics outside a turn.
func Self(ctx context.Context) Ref {
	t := mustTurn(ctx, "Self")
	if t.f.self == nil {
		return Ref{}
	}
	return Ref{&t.f.self.node}
}

// CallerOf returns on whose behalf the present turn's message came. It panics outside a turn.
func CallerOf(ctx context.Context) Caller {
	t := mustTurn(ctx, "CallerOf")
	if t.f.msg.From == nil {
		return Caller{}
	}
	return *t.f.msg.From
}

// SpawnFunc makes an object of fn, which gets each message as it came: its arguments as model values, the selector, if
// there is one, first as a passable.Symbol. What it returns is copied as an argument would be. It is the way to serve
// what no Go interface describes. It panics outside a turn.
func SpawnFunc(ctx context.Context, fn func(ctx context.Context, args []any) (any, error)) Ref {
	t := mustTurn(ctx, "SpawnFunc")
	if fn == nil {
		panic("vat: SpawnFunc of a nil function")
	}
	return t.vat.spawn(rawFunc(fn))
}

type rawFunc func(ctx context.Context, args []any) (any, error)

func (f rawFunc) invoke(t *turn, m *Message) (any, error) {
	m.Taken()
	if m.Op != Deliver {
		return nil, ErrBadSelect
	}
	v, err := f(t, allArgs(m))
	if err != nil {
		return nil, err
	}
	return copyResult(v)
}

func (rawFunc) describe() string { return "function" }

// allArgs returns the arguments as OCapN has them, the selector first.
func allArgs(m *Message) []any {
	if m.Selector == "" {
		return m.Args
	}
	return append([]any{m.Selector}, m.Args...)
}

// errResult is what callers see of a result that cannot pass.
var errResult = ErrInternal.because("the result cannot pass")

func copyResult(v any) (any, error) {
	if r, ok := v.(Ref); ok && r.n != nil {
		return r, nil
	}
	c, err := passable.Copy(v, asRef)
	if err != nil {
		return nil, errResult.due(err)
	}
	return c, nil
}

// Func makes an object of a Go function with typed arguments — func([ctx,] args...) [result] [, error] — for callbacks:
// the message's arguments, without a selector, are converted to fn's parameters as those of a method are. It panics
// outside a turn, and if fn is no such function.
func Func(ctx context.Context, fn any) Ref {
	t := mustTurn(ctx, "Func")
	v := reflect.ValueOf(fn)
	if v.Kind() != reflect.Func || v.IsNil() {
		panic(fmt.Sprintf("vat: Func wants a function, not a %T", fn))
	}
	s, err := signatureOf(v.Type())
	if err != nil {
		panic("vat: Func: " + err.Error())
	}
	return t.vat.spawn(&typedFunc{s, v})
}

type typedFunc struct {
	sig *signature
	fn  reflect.Value
}

func (f *typedFunc) invoke(t *turn, m *Message) (any, error) {
	m.Taken()
	if m.Op != Deliver {
		return nil, ErrBadSelect
	}
	return f.sig.call(t, f.fn, allArgs(m))
}

func (f *typedFunc) describe() string        { return "function" }
func (f *typedFunc) near(*turn) (any, error) { return f.fn.Interface(), nil }
