package grant

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
)

// Caveat is one condition on what may be done with a grant. There are eight kinds and no others: a grant with a caveat
// that this version does not know is refused. Caveats compare with ==. Make one with [ArgEquals], [ArgPrefix],
// [MaxUses], [SeqWindow], [Fresh], [LiveOnly], [NoRegrant] or [MaxArgBytes]; the zero Caveat is none, and Issue and
// Delegate refuse it as they refuse one made with bad arguments.
type Caveat struct {
	kind uint64
	a, b uint64 // an index or a bound; the end of a range
	text string // a prefix, or the encoding of a value
	bad  string // why it cannot be signed
}

const (
	argEquals = iota + 1
	argPrefix
	maxUses
	seqWindow
	fresh
	liveOnly
	noRegrant
	maxArgBytes
)

// ArgEquals requires argument i, counted from 0, to be value: plain data of the OCapN model, that is booleans, integers
// of 64 bits, floats, strings, byte slices, symbols, and lists and structs of those (as passable.Copy takes them). Two
// values are equal if their canonical encodings are. A missing argument is equal to nothing.
func ArgEquals(i int, value any) Caveat {
	c := Caveat{kind: argEquals, a: uint64(i)}
	model, err := passable.Copy(value, nil)
	if err == nil {
		err = plain(model)
	}
	var b []byte
	if err == nil {
		b, err = modelcbor.Encode(model, noReference)
	}
	if err != nil {
		c.bad = err.Error()
		return c
	}
	c.text = string(b)
	return c.checked()
}

// ArgPrefix requires argument i, counted from 0, to be a string that is a path at or below prefix, segment by segment:
// /a/b is below /a, /ab is not. A path begins with a slash; empty segments, "." and ".." are in none, so an argument
// with one of them is refused. Nothing is decoded: what else an object takes for a path separator is not known here.
func ArgPrefix(i int, prefix string) Caveat {
	return Caveat{kind: argPrefix, a: uint64(i), text: prefix}.checked()
}

// MaxUses allows n calls, at least 1, in all, by whomever they come who has the link in their chain. Only the object's
// home can count them.
func MaxUses(n uint64) Caveat { return Caveat{kind: maxUses, a: n}.checked() }

// SeqWindow allows only messages with a sequence number from first (at least 1) to last. A call over a live session has
// no such number and is refused.
func SeqWindow(first, last uint64) Caveat {
	return Caveat{kind: seqWindow, a: first, b: last}.checked()
}

// Fresh allows a call only while the verifier holds all revocations by the issuer of this link up to a moment less than
// d ago: whole seconds, at least one. Without that knowledge it refuses.
func Fresh(d time.Duration) Caveat {
	c := Caveat{kind: fresh, a: uint64(d / time.Second)}.checked()
	if d%time.Second != 0 {
		c.bad = "Fresh takes whole seconds"
	}
	return c
}

// LiveOnly allows calls in a session, which may be one that lasts and whose frames go by mail, and none by message.
func LiveOnly() Caveat { return Caveat{kind: liveOnly} }

// NoRegrant says that nobody passes the grant on: neither its holder, for whom Delegate fails, nor the object's home by
// giving the holder a fresh grant in exchange. A chain that goes on behind such a link is refused.
func NoRegrant() Caveat { return Caveat{kind: noRegrant} }

// MaxArgBytes bounds the length of the arguments together: of their canonical encoding as one list, in which a
// reference counts as four bytes.
func MaxArgBytes(n uint64) Caveat { return Caveat{kind: maxArgBytes, a: n}.checked() }

// maxIndex is the number of the last argument that a caveat can speak of.
const maxIndex = 255

// checked notes what is wrong with c.
func (c Caveat) checked() Caveat {
	switch c.kind {
	case argEquals, argPrefix:
		if c.a > maxIndex {
			c.bad = fmt.Sprintf("arguments are numbered from 0 to %d", maxIndex)
		} else if c.kind == argPrefix && !isPath(c.text) {
			c.bad = fmt.Sprintf("%.80q is not a path: it begins with / and has no empty segment, no . and no ..", c.text)
		}
	case maxUses, fresh, maxArgBytes:
		if c.a == 0 {
			c.bad = "a bound of 0 would allow nothing"
		} else if c.a > maxSeconds {
			c.bad = fmt.Sprintf("a bound is at most %d", uint64(maxSeconds))
		}
	case seqWindow:
		if c.a == 0 || c.b < c.a {
			c.bad = fmt.Sprintf("sequence numbers begin at 1, and a window does not end (%d) before it begins (%d)", c.b, c.a)
		}
	case liveOnly, noRegrant:
	default:
		c.bad = "there is no such caveat: use one of the functions that make them"
	}
	return c
}

// claim returns c as it is signed: an array of its kind and arguments.
func (c Caveat) claim() ([]any, error) {
	if c.bad == "" {
		c = c.checked()
	}
	if c.bad != "" {
		return nil, errors.New(c.bad)
	}
	switch c.kind {
	case argEquals:
		return []any{c.kind, c.a, []byte(c.text)}, nil
	case argPrefix:
		return []any{c.kind, c.a, c.text}, nil
	case seqWindow:
		return []any{c.kind, c.a, c.b}, nil
	case liveOnly, noRegrant:
		return []any{c.kind}, nil
	}
	return []any{c.kind, c.a}, nil
}

// readCaveat is the reverse of claim, for what came from anybody.
func readCaveat(claim []any) (Caveat, error) {
	var c Caveat
	var ok bool
	if len(claim) > 0 {
		c.kind, ok = claim[0].(uint64)
	}
	if !ok {
		return c, errors.New("a caveat begins with the number of its kind")
	}
	rest := claim[1:]
	number := func(i int) (n uint64) {
		if ok = ok && i < len(rest); ok {
			n, ok = rest[i].(uint64)
		}
		return n
	}
	want := 1
	switch c.kind {
	case argEquals:
		want, c.a = 2, number(0)
		var b []byte
		if ok = ok && len(rest) > 1; ok {
			if b, ok = rest[1].([]byte); ok {
				ok = isPlain(b)
			}
		}
		c.text = string(b)
	case argPrefix:
		want, c.a = 2, number(0)
		if ok = ok && len(rest) > 1; ok {
			c.text, ok = rest[1].(string)
		}
	case seqWindow:
		want, c.a, c.b = 2, number(0), number(1)
	case liveOnly, noRegrant:
		want = 0
	case maxUses, fresh, maxArgBytes:
		c.a = number(0)
	default:
		return c, fmt.Errorf("a caveat of kind %d, which this version does not know", c.kind)
	}
	if !ok || len(rest) != want {
		return c, fmt.Errorf("the arguments of a caveat of kind %d are not what they should be", c.kind)
	}
	if c = c.checked(); c.bad != "" {
		return c, errors.New(c.bad)
	}
	return c, nil
}

// isPath reports whether text is a path in which every segment names something.
func isPath(text string) bool {
	rest, ok := strings.CutPrefix(text, "/")
	if !ok || rest == "" {
		return ok
	}
	for s := range strings.SplitSeq(rest, "/") {
		if s == "" || s == "." || s == ".." {
			return false
		}
	}
	return true
}

// below reports whether one path is another or below it.
func below(prefix, path string) bool {
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(prefix, "/"))
	return ok && (rest == "" || rest[0] == '/')
}
