package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

// termFlags are what somebody says of a link.
type termFlags struct {
	to, bearer           string
	reveal               bool
	from, expire, accept string
	methods              *string // nil if not given
	caveats              []grant.Caveat
	depth                int
}

const termsUsage = `A time is a length such as 30d, 12h or 1w2d (weeks, days, hours, minutes, seconds) or a moment such as 2026-12-31T18:00:00Z.
A caveat is a condition on every call, one of
  arg-equals=N:VALUE   argument N, from 0, is VALUE, written as JSON: text in double quotes, a number, true, false, [lists]
  arg-prefix=N:PATH    argument N is a path at or below PATH, which begins with /
  max-uses=N           at most N calls, by whomever
  seq-window=N-M       messages numbered N to M
  fresh=LENGTH         while the object's home knows all revocations up to less than that long ago
  live-only            over a live session, not by mail
  no-regrant           for its holder alone: nobody passes it on
  max-arg-bytes=N      arguments of at most N bytes

`

func (c *grantCommand) termFlags() *termFlags {
	t := new(termFlags)
	f := c.flags
	f.StringVar(&t.to, "to", "", "whom it is for: a public `KEY`, as hawser grant key prints it")
	f.StringVar(&t.bearer, "bearer", "", "for whoever has it: make a key, too, and put both into this new `file`, a secret; printed is the public part, by which it can be revoked")
	f.BoolVar(&t.reveal, "reveal-bearer", false, "for whoever has it: make a key, too, and print both, secret and all")
	f.StringVar(&t.expire, "for", "", "how long it is good, or until when: a `time`")
	f.StringVar(&t.from, "from", "", "from when on it is good: a `time` (default now)")
	f.StringVar(&t.accept, "accept", "", "how long after its end messages are taken that were written before, or until when: a `time` (default: no messages at all)")
	f.Func("methods", "the `names` of the methods that may be called, with commas between (default all)", func(s string) error {
		if t.methods != nil {
			return errors.New("give all methods at once, with commas between")
		}
		t.methods = &s
		return nil
	})
	f.Func("caveat", "a `condition`, see above; may be given up to 8 times", func(s string) error {
		v, err := parseCaveat(s)
		t.caveats = append(t.caveats, v)
		return err
	})
	f.IntVar(&t.depth, "depth", 0, "how many `times` it may be passed on, 0 to 7")
	return t
}

// terms returns what the flags say. end is the expiry if they say nothing, which may be the zero time.
func (c *grantCommand) terms(t *termFlags, end time.Time) (terms grant.Terms, err error) {
	whom := 0
	for _, said := range []bool{t.to != "", t.bearer != "", t.reveal} {
		if said {
			whom++
		}
	}
	switch {
	case whom == 0:
		return terms, c.misuse("it is not said whom it is for: give -to KEY, or -bearer FILE for whoever has it")
	case whom > 1:
		return terms, c.misuse("-to, -bearer and -reveal-bearer all say whom it is for: give one of them")
	case t.expire == "" && end.IsZero():
		return terms, c.misuse("it is not said how long it is good: give -for, such as -for 30d")
	case t.depth < 0 || t.depth >= grant.MaxLinks:
		return terms, c.misuse("-depth %d: it may be passed on 0 to %d times", t.depth, grant.MaxLinks-1)
	case len(t.caveats) > grant.MaxCaveats:
		return terms, c.misuse("%d caveats: at most %d are possible", len(t.caveats), grant.MaxCaveats)
	}
	begin := c.now
	if t.from != "" {
		if begin, err = c.moment("from", t.from, c.now); err != nil {
			return terms, err
		}
		terms.NotBefore = begin
	}
	terms.Expires = end
	if t.expire != "" {
		if terms.Expires, err = c.moment("for", t.expire, begin); err != nil {
			return terms, err
		}
	}
	if t.accept != "" {
		if terms.Accept, err = c.moment("accept", t.accept, terms.Expires); err != nil {
			return terms, err
		}
	}
	switch {
	case !terms.Expires.After(c.now):
		return terms, c.misuse("it would be over at once: -for says %s, it is %s", stamp(terms.Expires), stamp(c.now))
	case !terms.Expires.After(terms.NotBefore):
		return terms, c.misuse("it would end (%s) no later than it begins (%s)", stamp(terms.Expires), stamp(terms.NotBefore))
	case t.accept != "" && terms.Accept.Before(terms.Expires):
		return terms, c.misuse("-accept says %s, which is before it ends (%s)", stamp(terms.Accept), stamp(terms.Expires))
	}
	if t.methods != nil {
		for _, m := range strings.Split(*t.methods, ",") {
			if m = strings.TrimSpace(m); m == "" {
				return terms, c.misuse("-methods %q: names with commas between are expected; without -methods all may be called", shortened(*t.methods))
			}
			terms.Methods = append(terms.Methods, m)
		}
	}
	terms.Caveats, terms.Depth = t.caveats, t.depth
	if t.to != "" {
		terms.Audience, err = c.publicKey(t.to)
	}
	return terms, err
}

// made prints a grant, or writes it with its secret where the flags say.
func (c *grantCommand) made(t *termFlags, g *grant.Grant, b grant.Bearer) error {
	if t.reveal {
		return c.print(b.Reveal() + "\n")
	}
	if t.bearer != "" {
		if err := keepSecret(t.bearer, []byte(b.Reveal()+"\n")); err != nil {
			return err
		}
	}
	return c.print(textOf(g) + "\n")
}

func textOf(g *grant.Grant) string {
	b, _ := g.MarshalText() // it has no error
	return string(b)
}

// make makes the grant, of one sort or the other.
func (t *termFlags) make(terms grant.Terms, plain func(grant.Terms) (*grant.Grant, error), bearer func(grant.Terms) (grant.Bearer, error)) (*grant.Grant, grant.Bearer, error) {
	if t.to != "" {
		g, err := plain(terms)
		return g, grant.Bearer{}, err
	}
	b, err := bearer(terms)
	return b.Grant(), b, err
}

var (
	lengthForm = regexp.MustCompile(`^(?:\d{1,9}[wdhms])+$`)
	lengthPart = regexp.MustCompile(`(\d+)([wdhms])`)
)

// length reads 30d, 12h, 1w2d3h.
func length(text string) (time.Duration, bool) {
	if !lengthForm.MatchString(text) {
		return 0, false
	}
	units := map[string]time.Duration{"w": 7 * 24 * time.Hour, "d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second}
	var sum time.Duration
	for _, part := range lengthPart.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(part[1])
		unit := units[part[2]]
		if err != nil || time.Duration(n) > (math.MaxInt64-sum)/unit {
			return 0, false
		}
		sum += time.Duration(n) * unit
	}
	return sum, true
}

// moment reads a moment, or a length from one on.
func (c *grantCommand) moment(flag, text string, from time.Time) (time.Time, error) {
	if d, ok := length(text); ok {
		return from.Add(d).Truncate(time.Second), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, c.misuse("-%s %q: a length such as 30d or 12h is expected, or a moment such as 2026-12-31T18:00:00Z", flag, shortened(text))
	}
	return t, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// parseCaveat reads a caveat as it is written in a command line.
func parseCaveat(text string) (grant.Caveat, error) {
	kind, rest, has := strings.Cut(text, "=")
	number := func(s string) (uint64, error) {
		n, err := strconv.ParseUint(s, 10, 63)
		if err != nil {
			return 0, fmt.Errorf("%q is no number from 0 on", shortened(s))
		}
		return n, nil
	}
	indexed := func() (int, string, error) {
		i, value, ok := strings.Cut(rest, ":")
		n, err := number(i)
		if err != nil || !ok || n > 255 {
			return 0, "", fmt.Errorf("%s=N:... is expected, N being the number of the argument, 0 to 255", kind)
		}
		return int(n), value, nil
	}
	switch kind {
	case "live-only", "no-regrant":
		if has {
			return grant.Caveat{}, fmt.Errorf("%s takes no value", kind)
		}
		if kind == "live-only" {
			return grant.LiveOnly(), nil
		}
		return grant.NoRegrant(), nil
	case "max-uses", "max-arg-bytes":
		n, err := number(rest)
		if err == nil && n == 0 {
			err = errors.New("a bound of 0 would allow nothing")
		}
		if kind == "max-uses" {
			return grant.MaxUses(n), err
		}
		return grant.MaxArgBytes(n), err
	case "seq-window":
		first, last, ok := strings.Cut(rest, "-")
		n, err := number(first)
		m, err2 := number(last)
		if err != nil || err2 != nil || !ok || n == 0 || m < n {
			return grant.Caveat{}, errors.New("seq-window=N-M is expected, such as seq-window=1-100")
		}
		return grant.SeqWindow(n, m), nil
	case "fresh":
		d, ok := length(rest)
		if !ok || d < time.Second {
			return grant.Caveat{}, errors.New("fresh=LENGTH is expected, such as fresh=1h")
		}
		return grant.Fresh(d), nil
	case "arg-prefix":
		i, path, err := indexed()
		if err == nil && !strings.HasPrefix(path, "/") {
			err = fmt.Errorf("%q is no path: it begins with /", shortened(path))
		}
		return grant.ArgPrefix(i, path), err
	case "arg-equals":
		i, value, err := indexed()
		if err != nil {
			return grant.Caveat{}, err
		}
		v, err := jsonValue(value)
		return grant.ArgEquals(i, v), err
	}
	return grant.Caveat{}, fmt.Errorf("there is no caveat %q", shortened(kind))
}

// jsonValue reads a value of the model that is written as JSON.
func jsonValue(text string) (any, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	if _, more := d.Token(); err != nil || !errors.Is(more, io.EOF) || !utf8.ValidString(text) {
		return nil, fmt.Errorf("%q is no JSON: text stands in double quotes, and those in single ones for the shell", shortened(text))
	}
	return modelOf(v)
}

func modelOf(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, errors.New("null is nothing that an argument could be compared with")
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n, nil
		}
		if !strings.ContainsAny(v.String(), ".eE") {
			return nil, fmt.Errorf("%s is beyond 64 bits", shortened(v.String()))
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("%s is beyond 64 bits", shortened(v.String()))
		}
		return f, nil
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = modelOf(v[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		return nil, errors.New("a struct is nothing that can be compared with here: text, numbers, true, false and lists of those are")
	}
	return v, nil
}
