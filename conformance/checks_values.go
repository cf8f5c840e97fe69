package conformance

import (
	"math"
	"math/big"
	"strings"

	"github.com/hawser-go/hawser/passable"
)

// keeps is a check that values come back from the echo object as they went.
func keeps(clause, name string, values ...any) check {
	return check{clause, name, func(p *probe) {
		l := p.session()
		echo := l.fetch(echoObject)
		p.now()
		for _, v := range values {
			p.about = show(v)
			s := l.ask(echo, v)
			if list, ok := s.value.([]any); s.broken || !ok || len(list) != 1 || !passable.Equal(list[0], v) {
				p.fail("%s comes back: %s", show(v), s)
			}
		}
	}}
}

func power(bits uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), bits) }

var valueChecks = []check{
	keeps("model-1", "undefined", passable.Undefined{}),
	keeps("model-1", "null", nil),
	keeps("model-1", "booleans", true, false),
	keeps("model-2", "small-integers", int64(0), int64(-1), int64(1), int64(math.MaxInt32), int64(math.MinInt32)),
	keeps("model-2", "large-integers", int64(1)<<53+1, int64(math.MaxInt64), int64(math.MinInt64),
		power(64), power(300), new(big.Int).Neg(power(300))),
	keeps("model-2", "floats", 1.5, -2.25, 1.0, math.MaxFloat64, math.SmallestNonzeroFloat64),
	keeps("model-2", "negative-zero", math.Copysign(0, -1), 0.0),
	keeps("model-2", "floats-that-are-no-numbers", math.Inf(1), math.Inf(-1), math.NaN()),
	keeps("model-3", "strings", "", "twine", "grüße", "\U0001F980", "with\x00zero", strings.Repeat("x", 1000)),
	keeps("model-3", "symbols", []any{passable.Symbol("fleur-de-lis")}, []any{passable.Symbol("naïve")}, []any{"name", passable.Symbol("name")}),
	keeps("model-3", "byte-arrays", []byte{}, []byte("twine"), []byte{0, 255, '"', 128}),
	keeps("model-4", "lists", []any{}, []any{int64(1), []any{"two", []any{}}}),
	keeps("model-4", "structs", passable.Struct{}, passable.Struct{{Key: "a", Value: int64(1)}, {Key: "bb", Value: passable.Struct{{Key: "", Value: nil}, {Key: "u", Value: passable.Undefined{}}}}}),
	keeps("model-4", "tagged", passable.Tagged{Tag: "decimal", Value: "3.14"}, passable.Tagged{Tag: "", Value: []any{int64(314), int64(-2)}}),
	{"model-5", "errors", func(p *probe) {
		l := p.session()
		echo := l.fetch(echoObject)
		p.now()
		s := l.ask(echo, passable.Error{Message: "an error as a value"})
		if list, ok := s.value.([]any); !s.broken && ok && len(list) == 1 {
			if _, ok := list[0].(passable.Error); ok {
				return
			}
		}
		p.fail("an error comes back: %s", s)
	}},
}

// lastChecks look back on the whole run.
var lastChecks = []check{
	{"notation-1", "messages-can-be-read", func(p *probe) {
		p.session()
		p.now()
		if bad := p.bad.Load(); bad != nil {
			p.fail("%s", *bad)
		}
	}},
}
