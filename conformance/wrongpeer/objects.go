package wrongpeer

import (
	"fmt"
	"math"
	"math/big"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
)

const (
	builderSwiss  = "JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ"
	echoSwiss     = "IO58l1laTyhcrgDKbEzFOO32MDd6zE5w"
	greeterSwiss  = "VMDDd1voKWarCe2GvgLbxbVFysNzRPzx"
	resolverSwiss = "IokCxYmMj04nos2JN1TDoY1bT8dXh6Lr"
	enlivenSwiss  = "gi02I1qghIwPiKGKleCQAOhpy3ZtYRpB"
)

// suite returns the objects of the public suite.
func (p *Peer) suite() map[string]*local {
	return map[string]*local{
		builderSwiss: {call: func(_ []any, result *promise) { result.fulfill(&local{call: factory}) }},
		echoSwiss: {forgets: true, call: func(args []any, result *promise) {
			list := make([]any, len(args))
			for i, arg := range args {
				list[i] = p.distort(arg)
			}
			if len(list) == 5 && p.is("arguments-and-result") {
				list = list[:4]
			}
			result.fulfill(list)
		}},
		greeterSwiss: {call: func(args []any, result *promise) {
			if len(args) == 1 {
				p.greet(args[0])
			}
			result.fulfill(passable.Undefined{})
		}},
		resolverSwiss: {call: func(_ []any, result *promise) {
			q := &promise{}
			r := p.resolver(q)
			p.pairs[r] = q
			result.fulfill([]any{q, r})
		}},
		enlivenSwiss: {call: func(args []any, result *promise) {
			if len(args) != 1 {
				result.smash(fault("one sturdyref is wanted"))
				return
			}
			ref, ok := args[0].(msg.SturdyRef)
			if !ok {
				result.smash(fault("a sturdyref is wanted"))
				return
			}
			p.reach(ref.Peer, false, func(c *conn) {
				if c == nil {
					result.smash(fault("nobody is there"))
					return
				}
				swiss := ref.Swiss.Reveal()
				c.deliver(&remote{c: c}, []any{passable.Symbol("fetch"), swiss}, result)
			})
		}},
	}
}

func (p *Peer) greet(whom any) {
	result := &promise{}
	r, direct := whom.(*remote)
	if !direct {
		p.deliver(whom, []any{"Hello"}, result)
	} else {
		to := *r
		if p.is("to-what-we-exported") {
			to.pos += 1000
		}
		r.c.deliver(&to, []any{"Hello"}, result)
		result.when(func() { r.c.release(r) })
	}
	if p.is("messages-can-be-read") && direct {
		_ = r.c.nc.Write([][]byte{[]byte("<8'op:greet5\"Hello>")})
	}
}

func factory(args []any, result *promise) {
	if len(args) == 1 {
		if list, ok := args[0].([]any); ok && len(list) == 2 {
			color, isC := list[0].(passable.Symbol)
			model, isM := list[1].(passable.Symbol)
			if isC && isM {
				result.fulfill(&local{call: func(_ []any, result *promise) {
					result.fulfill(fmt.Sprintf("Vroom! I am a %s %s car!", color, model))
				}})
				return
			}
		}
	}
	result.smash(fault("a car has a color and a model"))
}

// distort is what a wrong peer makes of a value that it echoes.
func (p *Peer) distort(v any) any {
	wrong := func(name string, than any) any {
		if p.is(name) {
			return than
		}
		return v
	}
	switch v := v.(type) {
	case passable.Undefined:
		return wrong("undefined", nil)
	case nil:
		return wrong("null", passable.Undefined{})
	case bool:
		if v {
			return wrong("booleans", int64(1))
		}
	case int64:
		if v == -1 {
			return wrong("small-integers", int64(1))
		}
	case *big.Int:
		return wrong("large-integers", int64(math.MaxInt64))
	case float64:
		switch {
		case math.IsNaN(v):
			return wrong("floats-that-are-no-numbers", nil)
		case v == 0 && math.Signbit(v):
			return wrong("negative-zero", 0.0)
		case v == 1:
			return wrong("floats", int64(1))
		}
	case string:
		if v == "" {
			return wrong("strings", nil)
		}
	case []byte:
		if len(v) == 0 {
			return wrong("byte-arrays", nil)
		}
	case []any:
		if len(v) == 0 {
			return wrong("lists", nil)
		}
		if symbol, ok := v[len(v)-1].(passable.Symbol); ok {
			return wrong("symbols", []any{string(symbol)})
		}
	case passable.Struct:
		if len(v) == 0 {
			return wrong("structs", []any{})
		}
	case passable.Tagged:
		if v.Tag == "" {
			return wrong("tagged", v.Value)
		}
	case passable.Error:
		return wrong("errors", v.Message)
	case *local:
		return wrong("own-object-comes-back", &local{call: v.call})
	case *remote:
		return wrong("our-object-comes-back", &local{call: func(_ []any, result *promise) { result.fulfill(nil) }})
	}
	return v
}
