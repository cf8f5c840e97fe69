package msg

import (
	"fmt"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
)

// Op is one operation: a pointer to one of the structs below.
type Op interface{ op() }

// StartSession opens a session, once from each side (op:start-session).
type StartSession struct {
	Version   string
	PublicKey [32]byte // Ed25519, of this session
	Location  sturdyref.Peer
	// LocationBytes is the encoding of Location exactly as it came: the
	// signature is over that. Where it is set it is what gets sent, too.
	LocationBytes []byte
	Signature     [64]byte // by PublicKey, over the location: see package wire
}

// Deliver sends arguments to an object (op:deliver, and op:deliver-only where a
// dialect has it).
type Deliver struct {
	To Desc // Export or Answer
	// Selector is the first argument if that is a symbol that is not empty; Args
	// are those that follow. Otherwise it is "" and Args are all of them.
	Selector   passable.Symbol
	Args       []any // model values
	Answer     Pos   // where the receiver is to keep a promise for the answer
	HasAnswer  bool
	Resolve    Desc // ImportObject or ImportPromise: who is to be told the answer
	HasResolve bool
}

// Listen asks for the resolution of a promise (op:listen).
type Listen struct {
	To           Desc // Export or Answer
	Resolve      Desc // ImportObject or ImportPromise
	WantsPartial bool // only in dialects that have the field; the draft has dropped it
}

// Get asks for a member of the struct that To is or will be (op:get).
type Get struct {
	To     Desc
	Field  string
	Answer Pos
}

// Index asks for an element, counted from 0, of the list that To is or will be
// (op:index).
type Index struct {
	To     Desc
	Index  int64
	Answer Pos
}

// Untag asks for what the tagged value that To is or will be holds, if its tag is
// Tag (op:untag).
type Untag struct {
	To     Desc
	Tag    string
	Answer Pos
}

// GCExports gives up references to what the receiver has exported
// (op:gc-exports): Deltas[i] receipts of Positions[i]. The slices have equal
// lengths.
type GCExports struct {
	Positions []Pos
	Deltas    []uint64
}

// GCAnswers gives up answers (op:gc-answers).
type GCAnswers struct {
	Positions []Pos
}

// Abort ends the session (op:abort). Reason is for people; on arrival it is
// whatever the peer chose to write.
type Abort struct {
	Reason string
}

// Format writes s without its bytes, in which hints stand in clear.
func (s *StartSession) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "<op:start-session %q %s>", s.Version, s.Location)
}

// Format writes d without its arguments, among which may be secrets.
func (d *Deliver) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "<op:deliver %s %q and %d arguments", d.To, string(d.Selector), len(d.Args))
	if d.HasAnswer {
		fmt.Fprintf(f, ", answer %d", d.Answer)
	}
	if d.HasResolve {
		fmt.Fprintf(f, ", resolve %s", d.Resolve)
	}
	fmt.Fprint(f, ">")
}

func (*StartSession) op() {}
func (*Deliver) op()      {}
func (*Listen) op()       {}
func (*Get) op()          {}
func (*Index) op()        {}
func (*Untag) op()        {}
func (*GCExports) op()    {}
func (*GCAnswers) op()    {}
func (*Abort) op()        {}
