package vat

import (
	"context"

	"github.com/hawser-go/hawser/passable"
)

// An Interceptor is an object that gets every message, whatever its method, and decides what becomes of it: a caretaker with
// a condition, a membrane, an audit. Its kind can be stored, which functions cannot.
type Interceptor interface {
	// Intercept has the turn of a message. What it returns is the answer, as of any method; most return what [PassOn] or
	// [Consult] does. m is its own for the turn; Method says what is called.
	Intercept(ctx context.Context, m *Message) (any, error)
}

// InterceptorFacet is the facet of interceptors, under a name for logs and, of kinds, for the store.
func InterceptorFacet(name string) Facet[Interceptor] {
	return Facet[Interceptor]{&plan[Interceptor]{name: name, all: Interceptor.Intercept}}
}

// Passed is what PassOn returns of a message whose answer comes from elsewhere: to be returned by Intercept, not to be looked at.
var Passed = forwarded

// Method returns which method a message calls and with what: the selector may be its first argument, as it is on the wire.
func (m *Message) Method() (selector passable.Symbol, args []any) {
	selector, args = m.Selector, m.Args
	if selector == "" && len(args) > 0 {
		switch s := args[0].(type) {
		case passable.Symbol:
			return s, args[1:]
		case string: // so some peers name it
			return passable.Symbol(s), args[1:]
		}
	}
	return selector, args
}

// PassOn passes the message whose turn ctx is on to where r leads, with its answer. An object of this vat gets it at once, within
// this turn, and its answer is returned; if it fails so does the turn. Otherwise the message leaves when the turn commits, and
// Passed is returned. The message's Args may have been replaced by then with model values of its own. It panics outside a turn.
func PassOn(ctx context.Context, m *Message, r Ref) (any, error) {
	t := mustTurn(ctx, "PassOn")
	o, ok := settledRef(r).Target().(*object)
	if !ok || o.vat != t.vat {
		return t.forward(m, r, m.way)
	}
	if m.hops == maxHops {
		m.Taken()
		return nil, ErrLoop
	}
	m.hops++
	t.f.self = o
	return o.disp.invoke(t, m)
}

// Consult is PassOn for who wants to see the answer before it is given: that is what is returned, a promise for it if it comes from
// elsewhere. Of a message to which nobody waits for the answer there is none then.
func Consult(ctx context.Context, m *Message, r Ref) (any, error) {
	asked := *m
	if m.Answer != nil {
		asked.Answer = NewVow(mustTurn(ctx, "Consult").vat)
	}
	m.Held, m.Reserved = nil, nil // the copy gives it back
	v, err := PassOn(ctx, &asked, r)
	switch {
	case err != nil || v != Passed:
		return v, err
	case asked.Answer == nil:
		return passable.Undefined{}, nil
	}
	return asked.Answer.Ref(), nil
}
