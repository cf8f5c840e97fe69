package syrup

import "github.com/hawser-go/hawser/passable"

// Limits bound what one message may cost. Zero or less means the default.
type Limits struct {
	Bytes    int // of one message; default 16 MiB
	Depth    int // of containers open inside each other in one Value; default passable.MaxDepth, at most 4096
	Values   int // in one message, containers and what they hold; default passable.MaxValues
	Elements int // in one list or struct; default Values
	Digits   int // of one integer; default passable.MaxDigits
	Text     int // bytes of one string, symbol or byte array; default Bytes
}

const (
	defaultBytes = 16 << 20
	maxDepth     = 4096 // each level is a Go stack frame
)

func (l Limits) withDefaults() Limits {
	set := func(v *int, to int) {
		if *v <= 0 {
			*v = to
		}
	}
	set(&l.Bytes, defaultBytes)
	set(&l.Depth, passable.MaxDepth)
	l.Depth = min(l.Depth, maxDepth)
	set(&l.Values, passable.MaxValues)
	set(&l.Elements, l.Values)
	set(&l.Digits, passable.MaxDigits)
	set(&l.Text, l.Bytes)
	return l
}
