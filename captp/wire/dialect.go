package wire

import (
	"slices"

	"github.com/hawser-go/hawser/syrup"
)

// Dialect is what one side writes. The choices are independent of each other: a
// dialect that is not in the table below is made by changing a copy of one that
// is. The zero Dialect writes the draft at its newest in Syrup.
type Dialect struct {
	// Name is for messages and commands.
	Name string
	// Versions are the captp-version strings that are understood; the first is
	// the one sent. None stands for "1.0". Peers compare it for equality and it
	// says nothing about the dialect.
	Versions []string

	// DeliverOnly writes op:deliver-only where no answer is wanted.
	DeliverOnly bool
	// ListenPartial writes the field wants-partial of op:listen.
	ListenPartial bool
	// SingularGC writes op:gc-export and op:gc-answer, with lists.
	SingularGC bool
	// NoSelection says that the peer has no op:get, op:index and op:untag.
	NoSelection bool
	// PlainKeys writes keys and signatures as byte arrays, as the draft has
	// decided (proposal 288) and nobody does yet, instead of gcrypt lists.
	PlainKeys bool
	// Errors is the shape of errors.
	Errors syrup.ErrorShape
	// KeyOrder is the order of the keys of structs.
	KeyOrder syrup.KeyOrder
	// Lenient takes Syrup that is not canonical, as syrup.Config says.
	Lenient bool
}

// The dialects in use.
var (
	// Hawser is spoken between Hawser peers.
	Hawser = Dialect{Name: "hawser"}
	// OCapN10 is for Endo, Goblins 0.18 and the suites to come. The keys of
	// structs are in Endo's order: Endo ends a session over any other, Syrup's
	// own among them, and the others read any. The hints in use, host and port
	// or url, are the same in both, also to who encodes a location once more to
	// check its signature.
	OCapN10 = Dialect{
		Name: "ocapn-1.0", Versions: []string{"1.0", "goblins-0.16"},
		ListenPartial: true, Errors: syrup.ErrorMessage, KeyOrder: syrup.ByUTF16, Lenient: true,
	}
	// Suite202602 is for the public Python suite at 6c146dc.
	Suite202602 = Dialect{
		Name: "suite-2026-02", DeliverOnly: true, ListenPartial: true, SingularGC: true, NoSelection: true,
		Errors: syrup.ErrorMessage, Lenient: true,
	}
	// SuiteBranch is for its branch remove-op-deliver-only at 5bfcde9.
	SuiteBranch = Dialect{
		Name: "suite-branch", ListenPartial: true, SingularGC: true, NoSelection: true,
		Errors: syrup.ErrorMessage, Lenient: true,
	}
)

// Named returns the dialect of that name.
func Named(name string) (Dialect, bool) {
	for _, d := range []Dialect{Hawser, OCapN10, Suite202602, SuiteBranch} {
		if d.Name == name {
			return d, true
		}
	}
	return Dialect{}, false
}

const draftVersion = "1.0"

// Version returns the captp-version to send.
func (d Dialect) Version() string {
	if len(d.Versions) == 0 {
		return draftVersion
	}
	return d.Versions[0]
}

// Accepts reports whether a peer's captp-version is understood.
func (d Dialect) Accepts(version string) bool {
	if len(d.Versions) == 0 {
		return version == draftVersion
	}
	return slices.Contains(d.Versions, version)
}

// Seen says which of several shapes a peer has used, as bits. Only what differs
// from the draft at its newest is recorded.
type Seen uint32

const (
	SeenDeliverOnly   Seen = 1 << iota // op:deliver-only
	SeenListenPartial                  // op:listen with wants-partial
	SeenSingularGC                     // op:gc-export or op:gc-answer
	SeenScalarGC                       // one position instead of a list
	SeenPlainKeys                      // keys or signatures as byte arrays
	SeenOldLocator                     // ocapn-node or ocapn-machine
	SeenHintList                       // hints as a list of pairs
	SeenSymbolHints                    // hints whose names or values are symbols
	SeenStringSwiss                    // a swiss number as a string
	SeenErrorMessage                   // <desc:error message>
	SeenErrorPair                      // <desc:error code message>
	SeenErrorMystery                   // <exn:fail:mystery>
	SeenTagString                      // a tag as a string
)

// Follow returns d with those features written as the peer, by what has been
// seen of it, is known to understand them. Features are followed one by one.
func (d Dialect) Follow(seen Seen) Dialect {
	d.DeliverOnly = d.DeliverOnly || seen&SeenDeliverOnly != 0
	d.ListenPartial = d.ListenPartial || seen&SeenListenPartial != 0
	d.SingularGC = d.SingularGC || seen&SeenSingularGC != 0
	switch {
	case d.Errors != syrup.ErrorStruct:
	case seen&SeenErrorMystery != 0:
		d.Errors = syrup.ErrorMystery
	case seen&SeenErrorMessage != 0:
		d.Errors = syrup.ErrorMessage
	}
	return d
}
