package msg

import (
	"strconv"

	"github.com/hawser-go/hawser/passable"
)

// Pos is a position in a table of a session. 0 is the bootstrap object among
// exports; among answers it is a position like any other.
type Pos = uint64

// DescKind says which table of whom a Desc points into.
type DescKind uint8

// The descriptors, seen by who receives them. The zero DescKind is none.
const (
	ImportObject  DescKind = iota + 1 // an object of the sender's
	ImportPromise                     // a promise of the sender's
	Export                            // an object or promise that the receiver has exported
	Answer                            // the promise for an answer of the receiver's
	// Given is a third party's object, for which a signed certificate stands on the wire. It never comes in: Pos only
	// tells the encoder which.
	Given
)

// String returns the label of the descriptor on the wire.
func (k DescKind) String() string {
	switch k {
	case ImportObject:
		return "desc:import-object"
	case ImportPromise:
		return "desc:import-promise"
	case Export:
		return "desc:export"
	case Answer:
		return "desc:answer"
	case Given:
		return "desc:handoff-give"
	}
	return "desc:none"
}

// Desc names a reference in the tables of one session (desc:import-object,
// desc:import-promise, desc:export, desc:answer). It is comparable, and it is a
// passable.Reference, so that arguments can hold it where no session maps it to
// anything better: in tests and tools.
type Desc struct {
	Kind DescKind
	Pos  Pos
}

// PassableReference returns d, or nil for the zero Desc.
func (d Desc) PassableReference() passable.Reference {
	if d.Kind == 0 {
		return nil
	}
	return d
}

// String returns d in the draft's notation.
func (d Desc) String() string {
	return "<" + d.Kind.String() + " " + strconv.FormatUint(d.Pos, 10) + ">"
}
