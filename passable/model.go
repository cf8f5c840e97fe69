package passable

// Limits of one value. They bound what a value can cost its receiver; package
// syrup checks the same ones while decoding.
const (
	// MaxDepth is how many containers (lists, structs, tagged values) may be
	// open inside each other.
	MaxDepth = 128
	// MaxValues is how many values one value may hold, itself included.
	MaxValues = 1 << 20
	// MaxDigits is how many decimal digits an integer may have.
	MaxDigits = 4096
)

// Undefined is the absence of a value (OCapN Undefined). A call that returns
// nothing yields it.
type Undefined struct{}

// String returns "undefined".
func (Undefined) String() string { return "undefined" }

// Symbol is an OCapN Symbol: a name, told apart from a string by its type. The
// selector of a call is one.
type Symbol string

// Tagged is a value with a tag that says how to read it (OCapN Tagged).
type Tagged struct {
	Tag   string
	Value any
}

// View is a byte array that may alias memory of the message it came in. A
// handler that takes a View promises not to keep it and not to change it after
// it has returned; in exchange large byte arrays are not copied on arrival.
// Assign aliases into this type only. Copy copies it like any other bytes.
type View []byte

// Reference is a capability: something messages can be sent to, whether settled
// or still a promise. Types of the runtime implement it; stubs, which are
// structs that embed one, get the method by promotion.
type Reference interface {
	// PassableReference returns the bare reference, or nil for a null reference.
	PassableReference() Reference
}

// ReferenceSetter is implemented by the pointer to a type that holds a reference
// without being one that can be set by plain assignment, such as a typed
// promise. Assign calls it.
type ReferenceSetter interface {
	// SetPassableReference takes r, which is nil for null. The error says why r
	// does not suit.
	SetPassableReference(r Reference) error
}

// Opaque is a protocol value that crosses whole and that this package does not
// look into: a sturdyref, a signed certificate. Implementations are immutable,
// since Copy and Assign share them.
type Opaque interface {
	// PassableEqual reports whether other is the same value.
	PassableEqual(other Opaque) bool
}

// kindName names the OCapN kind of a model value for error messages.
func kindName(model any) string {
	switch model.(type) {
	case nil:
		return "Null"
	case Undefined:
		return "Undefined"
	case bool:
		return "a Boolean"
	case float64:
		return "a Float64"
	case string:
		return "a String"
	case Symbol:
		return "a Symbol"
	case []byte:
		return "a ByteArray"
	case []any:
		return "a List"
	case Struct:
		return "a Struct"
	case Tagged:
		return "a Tagged"
	case Error:
		return "an Error"
	case Reference:
		return "a reference"
	case Opaque:
		return "a value of the protocol"
	}
	if isInteger(model) {
		return "an Integer"
	}
	return typeName(model)
}
