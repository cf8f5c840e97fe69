// Package passable holds the values that may cross from one vat to another,
// in one process or over a network: the OCapN data model (Model.md of the
// OCapN drafts), its equality, and the mapping between it and ordinary Go
// types.
//
// Most programs never name this package: arguments and results are plain Go
// values, and the runtime calls [Copy] where a value leaves and [Assign] where
// it arrives. It is needed for what Go has no word for: [Symbol], [Undefined],
// [Tagged], and data of unknown shape.
//
// # The model
//
// A value of the model ("a model value", "the model") is exactly one of the Go
// types below. This is also what an `any` decodes to.
//
//	OCapN       Go type in the model
//	Null        nil
//	Undefined   passable.Undefined
//	Boolean     bool
//	Integer     int64, or *big.Int only when outside int64
//	Float64     float64
//	String      string (valid UTF-8)
//	Symbol      passable.Symbol (valid UTF-8)
//	ByteArray   []byte
//	List        []any
//	Struct      passable.Struct (sorted by key, keys unique)
//	Tagged      passable.Tagged
//	Error       passable.Error
//	Target,     a passable.Reference of the runtime's own type
//	 Promise
//	(protocol)  a passable.Opaque: sturdyrefs, signed certificates
//
// # Go types
//
// Both ways, range-checked and exact: what does not fit is an error that names
// the type and the path, never a rounded or truncated value.
//
//	Go type                              OCapN
//	bool                                 Boolean
//	int…, uint…, big.Int, *big.Int       Integer; on arrival also a Float64 that is a whole number
//	float64, float32                     Float64; on arrival also an Integer, if exact;
//	                                     a float32 refuses what it would round
//	string and named strings             String
//	Symbol                               Symbol
//	[]byte, [N]byte and named ones       ByteArray; an array wants exactly N bytes
//	View                                 ByteArray, borrowed on arrival
//	slices, arrays                       List; a nil slice is an empty List; an array wants exactly N
//	map[K]T, K of kind string            Struct; a nil map is an empty Struct
//	map[K]T, K a reference or a stub     Tagged MapTag, a List of pairs, each a List of two
//	structs                              Struct, see below
//	*T                                   as T; nil is Null
//	interfaces                           as the value inside; nil is Null;
//	                                     on arrival the model value, if it implements the interface
//	time.Time                            Integer: nanoseconds since 1970 UTC, as far as a time.Time reaches; arrives in UTC
//	time.Duration                        Integer: nanoseconds
//	error                                Error, see below; arrives as passable.Error
//	a type implementing Reference        Target or Promise; its null is Null
//	a stub: struct{ R }, R a Reference   as R
//	chan, func, complex, uintptr,        refused, with the path to it
//	unsafe.Pointer, maps with other keys
//
// Null and Undefined arrive as nil in pointers, slices, maps and interfaces
// (an `any` keeps Undefined), and as the empty value of struct{}; Null is the
// null of a reference. Everything else refuses them.
//
// Exported fields of a Go struct become members named by the lowerCamel of the
// field ([LowerCamel]) or by the tag `ocapn:"name"`; `ocapn:"-"` leaves a field
// out, `ocapn:",omitempty"` leaves it out when it is false, zero, nil or empty.
// An embedded plain struct without a tag is flattened into its parent; two
// fields of one wire name are an error rather than a matter of depth. On
// arrival unknown members are ignored and missing ones leave the zero value:
// that is how messages evolve. A struct without any exported field is refused
// (it would arrive empty), and so is one that embeds a reference beside other
// fields: give the reference a name.
//
// A Go error crosses as the code and the message of the first error in its
// chain that has a method ErrorCode() string (the message is its ErrorMessage()
// string, if it has one, otherwise its Error()). The text of wrapping errors
// does not cross. An error without a code crosses with no text at all.
//
// # Copies
//
// Copy and Assign share nothing between their input and their result but
// strings, references and Opaque values, which are immutable. The one exception
// is [View]. Data nested deeper than [MaxDepth] or of more than [MaxValues]
// values is refused, so cyclic data ends in an error.
package passable
