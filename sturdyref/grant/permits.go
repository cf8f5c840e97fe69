package grant

import (
	"slices"
	"time"
)

// Call is what somebody wants to do with a grant.
type Call struct {
	// Method is the name of the method, empty for a call to an object that is a function.
	Method string
	// Args are the arguments, values of the OCapN model as passable.Copy returns them.
	Args []any
	// Live says that the call came over a live session, proven by a presentation.
	Live bool
	// Seq is the sequence number of a message, from 1. A call over a live session has none.
	Seq uint64
}

// State is what caveats ask of the outside: a verifier has it, a grant does not. Nil is the State that knows nothing;
// what needs to know something is then refused.
type State interface {
	// Uses returns how many calls were made so far by grants with the given link in their chain.
	Uses(LinkID) uint64
	// AsOf returns up to which moment all revocations by issuer of grants with the given subject are known here, the zero
	// time if that is not known. A [Set] says it; and whoever has the issuer's key knows it without.
	AsOf(issuer, subject Key) time.Time
}

// Permits reports whether c is within the methods and the caveats of every link, as nil or a *Refusal. Each link is
// asked by itself; links are never compared. It changes nothing: whoever makes the call then counts a use of each link
// in [Grant.Counted].
//
// Permits does not look at signatures, the links' times and revocations: see [Verifier.Verify] and [Verifier.Current].
// now is for the caveat fresh only.
func (g *Grant) Permits(c Call, now time.Time, s State) error {
	if len(g.links) == 0 {
		return refuse(Malformed, 0, "there is no link in it")
	}
	for i := range g.links {
		l := &g.links[i]
		if !l.allows(c.Method) {
			return refuse(Beyond, i+1, "the method %.80q is not among %q", c.Method, l.Methods)
		}
		for _, caveat := range l.Caveats {
			if !caveat.met(l, c, now, s, g.Subject()) {
				return refuse(Beyond, i+1, "the caveat does not hold: %s", caveat)
			}
		}
	}
	return nil
}

// Counted returns the links that a use counts for, because they have the caveat [MaxUses].
func (g *Grant) Counted() []LinkID {
	var ids []LinkID
	for i := range g.links {
		if slices.ContainsFunc(g.links[i].Caveats, func(c Caveat) bool { return c.kind == maxUses }) {
			ids = append(ids, g.links[i].ID)
		}
	}
	return ids
}

func (l *Link) allows(method string) bool {
	return l.Methods == nil || slices.Contains(l.Methods, method)
}

// met reports whether the caveat of l holds. What is missing, or is not known, does not hold.
func (c Caveat) met(l *Link, call Call, now time.Time, s State, subject Key) bool {
	switch c.kind {
	case argEquals, argPrefix:
		if c.a >= uint64(len(call.Args)) {
			return false
		}
		arg := call.Args[c.a]
		if c.kind == argEquals {
			return equals(arg, c.text)
		}
		return isPathBelow(arg, c.text)
	case maxUses:
		return s != nil && s.Uses(l.ID) < c.a
	case seqWindow:
		return !call.Live && c.a <= call.Seq && call.Seq <= c.b // a is at least 1
	case fresh:
		if s == nil {
			return false
		}
		asOf := s.AsOf(l.Issuer, subject)
		return !asOf.IsZero() && uint64(max(now.Sub(asOf), 0)/time.Second) < c.a
	case liveOnly:
		return call.Live
	case noRegrant:
		return true // what it forbids is not a call
	case maxArgBytes:
		n, err := argLength(call.Args)
		return err == nil && uint64(n) <= c.a
	}
	return false
}

// isPathBelow reports whether a model value is a string that is a path at or below prefix.
func isPathBelow(arg any, prefix string) bool {
	path, ok := arg.(string)
	return ok && isPath(path) && below(prefix, path)
}
