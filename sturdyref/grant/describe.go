package grant

import (
	"fmt"
	"strings"
	"time"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
)

// Describe returns the grant in words, one line for each link: who gives what to whom, and until when. There is no
// secret in it.
func (g *Grant) Describe() []string {
	lines := make([]string, len(g.links))
	for i := range g.links {
		l := &g.links[i]
		what := "passes it on"
		if i == 0 {
			what = "grants object " + g.object.String()
			if g.role != "" {
				what = fmt.Sprintf("grants %s of object %s", g.role, g.object)
			}
		}
		lines[i] = fmt.Sprintf("%d. %s %s to %s: %s", i+1, l.Issuer, what, l.Audience, l.words())
	}
	return lines
}

// String is the first and the last of it: what the grant is about, for whom, until when.
func (g *Grant) String() string {
	if len(g.links) == 0 {
		return "no grant"
	}
	role := ""
	if g.role != "" {
		role = g.role + " of "
	}
	return fmt.Sprintf("grant of %sobject %s to %s until %s", role, g.object, g.Holder(), stamp(g.Expires()))
}

func (l *Link) words() string {
	var parts []string
	if l.Methods == nil {
		parts = append(parts, "all methods")
	} else {
		parts = append(parts, "methods "+strings.Join(l.Methods, " "))
	}
	for _, c := range l.Caveats {
		parts = append(parts, c.String())
	}
	if !l.NotBefore.IsZero() {
		parts = append(parts, "from "+stamp(l.NotBefore))
	}
	parts = append(parts, "until "+stamp(l.Expires))
	if !l.Accept.IsZero() {
		parts = append(parts, "messages accepted until "+stamp(l.Accept))
	}
	switch l.Depth {
	case 0:
		parts = append(parts, "not to be passed on")
	case 1:
		parts = append(parts, "may be passed on once")
	default:
		parts = append(parts, fmt.Sprintf("may be passed on %d times", l.Depth))
	}
	return strings.Join(parts, "; ")
}

// String says the caveat in words.
func (c Caveat) String() string {
	switch c.kind {
	case argEquals:
		return fmt.Sprintf("argument %d is %s", c.a, words(c.text))
	case argPrefix:
		return fmt.Sprintf("argument %d is a path below %q", c.a, c.text)
	case maxUses:
		return fmt.Sprintf("at most %d uses", c.a)
	case seqWindow:
		return fmt.Sprintf("messages numbered %d to %d", c.a, c.b)
	case fresh:
		return fmt.Sprintf("while revocations are known up to less than %s ago", length(c.a))
	case liveOnly:
		return "over a live session only"
	case noRegrant:
		return "for its holder alone"
	case maxArgBytes:
		return fmt.Sprintf("arguments of at most %d bytes", c.a)
	}
	return "no caveat"
}

// words shows an encoded value, cut short.
func words(encoded string) string {
	model, err := modelcbor.Decode([]byte(encoded), func(uint64) (passable.Reference, error) { return nil, errNotPlain })
	if err != nil {
		return "a value that cannot be shown"
	}
	var s string
	switch m := model.(type) {
	case string:
		s = fmt.Sprintf("%q", m)
	case []byte:
		s = fmt.Sprintf("%x", m)
	case passable.Symbol:
		s = fmt.Sprintf("'%s", strings.Trim(fmt.Sprintf("%q", string(m)), `"`))
	default:
		s = fmt.Sprintf("%q", fmt.Sprint(m))
		s = s[1 : len(s)-1]
	}
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// length shows a number of seconds, of which a time.Duration cannot hold all.
func length(n uint64) string {
	if n > 1<<31 {
		return fmt.Sprintf("%d s", n)
	}
	return (time.Duration(n) * time.Second).String()
}
