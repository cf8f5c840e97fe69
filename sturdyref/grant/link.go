package grant

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"
)

// Limits of a grant. They are part of the format.
const (
	// MaxLinks is how many links a grant may have.
	MaxLinks = 8
	// MaxBytes is the length of the longest grant, MaxLink that of the longest link, in bytes.
	MaxBytes = 4096
	MaxLink  = 1024
	// MaxMethods and MaxCaveats bound the lists in one link.
	MaxMethods = 16
	MaxCaveats = 8
	// MaxName is the length of the longest name of a method or a role, in bytes.
	MaxName = 64
)

// maxSeconds is the end of the year 9999, beyond which times cannot be written.
const maxSeconds = 253402300799

// Terms are what the issuer of a link says.
type Terms struct {
	// Audience is the key that the link is for: its owner alone can use it, or pass it on.
	Audience Key
	// Methods are the names of the methods that may be called: ASCII letters, digits and - _ ? !. Nil means all that
	// the links before allow; a list that is empty but not nil would allow none and is refused.
	Methods []string
	// Caveats are conditions on every call, all of which must hold.
	Caveats []Caveat
	// NotBefore and Expires are when the link begins and ends to be of use; Expires is required. They are cut to whole
	// seconds; the zero NotBefore is always.
	NotBefore, Expires time.Time
	// Accept is until when a message that was written in time is taken, no earlier than Expires. It bounds for how long
	// somebody could pretend to have written one in time. A grant in which any link has none is of no use in messages.
	Accept time.Time
	// Depth is how many links may follow: 0 means that the audience may not pass it on. A root has at most 7, every
	// other link less than the one before.
	Depth int
}

// Root is what the first link says in addition.
type Root struct {
	// Object is the one object that the grant is about.
	Object ObjectID
	// Role is the name of a facet of the object, known to its home; written like the name of a method. Empty means the
	// object's default.
	Role string
}

// Link is one link of a grant.
type Link struct {
	ID     LinkID
	Issuer Key
	Terms
}

// linkClaims is what is signed. The fields that only a root, or only another link, has are pointers.
type linkClaims struct {
	Version   uint64    `cbor:"1,keyasint"`
	Issuer    [32]byte  `cbor:"2,keyasint"`
	Audience  [32]byte  `cbor:"3,keyasint"`
	Subject   *[32]byte `cbor:"4,keyasint,omitempty"`
	Object    *[16]byte `cbor:"5,keyasint,omitempty"`
	Role      string    `cbor:"6,keyasint,omitempty"`
	Methods   []string  `cbor:"7,keyasint,omitempty"`
	Caveats   [][]any   `cbor:"8,keyasint,omitempty"`
	NotBefore uint64    `cbor:"9,keyasint,omitempty"`
	Expires   uint64    `cbor:"10,keyasint"`
	Accept    uint64    `cbor:"11,keyasint,omitempty"`
	Depth     uint64    `cbor:"12,keyasint"`
	Parent    *[32]byte `cbor:"13,keyasint,omitempty"`
	Nonce     [16]byte  `cbor:"14,keyasint"`
}

// linkID is the name of the link with the given payload.
func linkID(payload []byte) LinkID {
	return sha256.Sum256(append([]byte("hawser/link/v1"), payload...))
}

// link checks what can be seen from one link alone and returns it. Its keys are not looked at yet.
func (c *linkClaims) link(payload []byte) (Link, error) {
	bad := func(format string, args ...any) (Link, error) { return Link{}, fmt.Errorf(format, args...) }
	switch {
	case c.Version != 1:
		return bad("version %d, this program knows version 1", c.Version)
	case c.Depth > MaxLinks-1:
		return bad("a depth of %d, at most %d is possible", c.Depth, MaxLinks-1)
	case c.Expires > maxSeconds || c.Accept > maxSeconds:
		return bad("a time that is not within the years 1970 to 9999")
	case c.NotBefore >= c.Expires:
		return bad("it begins no earlier than it ends")
	case c.Accept != 0 && c.Accept < c.Expires:
		return bad("accept-by is before the expiry")
	case c.Role != "" && !isName(c.Role):
		return bad("the role is not a name")
	case len(c.Methods) > MaxMethods || len(c.Caveats) > MaxCaveats:
		return bad("%d methods and %d caveats, at most %d and %d are possible", len(c.Methods), len(c.Caveats), MaxMethods, MaxCaveats)
	}
	for i, m := range c.Methods {
		if !isName(m) || i > 0 && m <= c.Methods[i-1] {
			return bad("the methods are not names in ascending order")
		}
	}
	l := Link{ID: linkID(payload), Issuer: c.Issuer, Terms: Terms{
		Audience: c.Audience, Methods: slices.Clone(c.Methods), Depth: int(c.Depth),
		NotBefore: seconds(c.NotBefore), Expires: seconds(c.Expires), Accept: seconds(c.Accept),
	}}
	for i, claim := range c.Caveats {
		caveat, err := readCaveat(claim)
		if err != nil {
			return bad("caveat %d: %w", i+1, err)
		}
		l.Caveats = append(l.Caveats, caveat)
	}
	return l, nil
}

// seconds returns the time that a claim says, the zero time for 0.
func seconds(n uint64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0).UTC()
}

// isName reports whether s may be the name of a method or role. There is only ASCII in names, so that no two that look
// alike differ.
func isName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '?', c == '!':
		default:
			return false
		}
	}
	return 0 < len(s) && len(s) <= MaxName
}
