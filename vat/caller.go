package vat

// A Caller says on whose behalf a message came.
type Caller struct {
	// Transport and Designator name the peer in the words of its netlayer; both are empty for this process.
	Transport, Designator string
	// Authenticated says that the netlayer has proven the designator. Do not decide by one that is not.
	Authenticated bool
	// Anonymous says that the peer dialled with a key made for that session alone: the designator tells sessions apart
	// and nothing more.
	Anonymous bool
}

// Local reports whether the message came from this process.
func (c Caller) Local() bool { return c == Caller{} }

// String returns the caller for logs.
func (c Caller) String() string {
	switch {
	case c.Local():
		return "this process"
	case c.Anonymous:
		return "anonymous"
	case !c.Authenticated:
		return c.Designator + "." + c.Transport + " (unproven)"
	}
	return c.Designator + "." + c.Transport
}
