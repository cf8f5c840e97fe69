package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

const (
	grantPrefix  = "hawser-grant:"
	bearerPrefix = "hawser-bearer:"
	noticePrefix = "hawser-notice:"

	// maxText is more than the longest text has, white space included, and maxShown how much of an argument an error repeats:
	// less than the part of a bearer grant before its secret.
	maxText  = 64 << 10
	maxShown = 80
)

// text returns what an argument stands for: itself if it begins with one of the prefixes, or else what is on standard input or in
// a file. from is how to call it in a sentence.
func (c *grantCommand) text(arg, what string, prefixes ...string) (text, from string, err error) {
	trimmed := strings.TrimSpace(arg)
	if strings.Contains(arg, bearerPrefix) {
		return "", "", fmt.Errorf("a bearer grant is a secret and does not belong into a command line, where every user of the machine sees it: give a file that holds it, or - and standard input")
	}
	for _, p := range prefixes {
		if strings.HasPrefix(trimmed, p) {
			return trimmed, "the " + what, nil
		}
	}
	in := io.Reader(nil)
	switch {
	case arg == "":
		return "", "", fmt.Errorf("the %s is empty: give its text, a file that holds it, or - for standard input", what)
	case arg == "-" && c.stdin == nil:
		return "", "", fmt.Errorf("the %s cannot be read from standard input as well: only one argument can be -", what)
	case arg == "-":
		in, c.stdin, from = c.stdin, nil, "the "+what+" on standard input"
	default:
		f, err := os.Open(arg)
		if errors.Is(err, fs.ErrNotExist) || err != nil && len(arg) > maxShown {
			return "", "", fmt.Errorf("%q is neither a %s nor a file: give its text%s, a file that holds it, or - for standard input", shortened(arg), what, beginning(prefixes))
		} else if err != nil {
			return "", "", fmt.Errorf("the file %q cannot be read: %w", shortened(arg), unpathed(err))
		}
		defer func() { _ = f.Close() }()
		in, from = f, fmt.Sprintf("the %s in %q", what, shortened(arg))
	}
	b, err := io.ReadAll(io.LimitReader(in, maxText+1))
	switch {
	case err != nil:
		return "", "", fmt.Errorf("%s cannot be read: %w", from, unpathed(err))
	case len(b) > maxText:
		return "", "", &notGood{fmt.Sprintf("%s is longer than %d bytes: that is no %s", from, maxText, what)}
	case len(strings.TrimSpace(string(b))) == 0:
		return "", "", &notGood{fmt.Sprintf("%s is empty: nothing was written there", from)}
	}
	return strings.TrimSpace(string(b)), from, nil
}

func beginning(prefixes []string) string {
	if len(prefixes) == 0 {
		return ""
	}
	return ", which begins with " + prefixes[0]
}

// shortened returns of an argument what an error may repeat.
func shortened(arg string) string {
	if len(arg) > maxShown {
		return arg[:maxShown] + "…"
	}
	return arg
}

// unpathed takes the path out of an error that the sentence around it names already.
func unpathed(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// given is a grant as somebody has given it.
type given struct {
	*grant.Grant
	bearer grant.Bearer // not the zero Bearer if the secret came along
	from   string
}

// grant returns the grant that an argument stands for. Nothing is verified.
func (c *grantCommand) grant(arg string) (given, error) {
	text, from, err := c.text(arg, "grant", grantPrefix)
	if err != nil {
		return given{}, err
	}
	return readGrant(text, from)
}

func readGrant(text, from string) (given, error) {
	g := given{Grant: new(grant.Grant), from: from}
	if !strings.HasPrefix(text, bearerPrefix) {
		if err := g.UnmarshalText([]byte(text)); err != nil {
			return given{}, refused(from, err)
		}
		return g, nil
	}
	b, err := grant.ParseBearer(text)
	if err != nil {
		return given{}, refused(from, err)
	}
	g.bearer, g.Grant = b, b.Grant()
	return g, nil
}

// publicKey returns the key that an argument stands for.
func (c *grantCommand) publicKey(arg string) (grant.Key, error) {
	if k, err := grant.ParseKey(strings.TrimSpace(arg)); err == nil || len(arg) == 52 {
		if err != nil {
			err = fmt.Errorf("%q is no key: %s", arg, plainly(err))
		}
		return k, err
	}
	text, from, err := c.text(arg, "key")
	if err != nil {
		return grant.Key{}, err
	}
	k, err := grant.ParseKey(text)
	if err != nil {
		return k, fmt.Errorf("%s: %s", from, plainly(err))
	}
	return k, nil
}
