package sturdyref

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const scheme = "ocapn://"

// Bounds of a locator. They are far above what any netlayer needs and keep a hostile one cheap.
const (
	maxURI        = 16 << 10
	maxDesignator = 1 << 10
	maxTransport  = 128
	maxHints      = 64
	maxSwiss      = 1 << 10
)

// ErrURI is matched by every error about the text of a locator. Such an error says what is wrong and where, and never
// repeats the text itself, which may hold a secret.
var ErrURI = errors.New("sturdyref: not an ocapn locator")

type uriError struct{ what string }

func (e *uriError) Error() string        { return "sturdyref: " + e.what }
func (e *uriError) Is(target error) bool { return target == ErrURI }

func badURI(format string, args ...any) error { return &uriError{fmt.Sprintf(format, args...)} }

// ParsePeer reads the locator of a peer, as [Peer.URI] writes it. The locator of an object is refused: it says more
// than who the peer is.
func ParsePeer(uri string) (Peer, error) {
	p, path, err := parseLocator(uri)
	if err != nil {
		return Peer{}, err
	}
	if path != "" && path != "/" {
		return Peer{}, badURI("this is not the locator of a peer: nothing may stand between the peer's name and its hints, but there is a path (the locator of an object?)")
	}
	return p, nil
}

// parseLocator takes apart a locator and returns its path as it was written.
func parseLocator(uri string) (p Peer, path string, err error) {
	if len(uri) > maxURI {
		return p, "", badURI("the locator has %d bytes, at most %d are accepted", len(uri), maxURI)
	}
	if len(uri) < len(scheme) || !strings.EqualFold(uri[:len(scheme)], scheme) {
		return p, "", badURI("a locator begins with %s: copy it whole, without spaces before it", scheme)
	}
	for i := range len(uri) {
		if c := uri[i]; c <= ' ' || c >= 0x7f {
			return p, "", badURI("byte %d of the locator is a space, a control character or not ASCII: remove it, or write it as %%%02X", i+1, c)
		}
	}
	rest := uri[len(scheme):]
	rest, fragment, hasFragment := strings.Cut(rest, "#")
	if hasFragment {
		return p, "", badURI("a locator has no #fragment, this one has one of %d bytes", len(fragment))
	}
	rest, query, hasQuery := strings.Cut(rest, "?")
	authority := rest
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if p.Designator, p.Transport, err = parseAuthority(authority); err != nil {
		return p, "", err
	}
	if hasQuery {
		if p.Hints, err = parseHints(query); err != nil {
			return p, "", err
		}
	}
	return p, path, nil
}

func parseAuthority(s string) (designator, transport string, err error) {
	dot := strings.LastIndexByte(s, '.')
	if dot < 0 {
		return "", "", badURI("the peer's name must be designator.transport, but there is no dot in it")
	}
	if designator, err = unescape(s[:dot], "", "the designator"); err != nil {
		return "", "", err
	}
	if transport, err = unescape(s[dot+1:], "", "the transport name"); err != nil {
		return "", "", err
	}
	if err := checkAuthority(designator, transport); err != nil {
		return "", "", err
	}
	return designator, transport, nil
}

func checkAuthority(designator, transport string) error {
	switch {
	case designator == "":
		return badURI("the designator (before the last dot) is empty")
	case transport == "":
		return badURI("the transport name (after the last dot) is empty")
	case strings.Contains(transport, "."):
		return badURI("the transport name holds an escaped dot, which none may")
	case len(designator) > maxDesignator:
		return badURI("the designator has %d bytes, at most %d are accepted", len(designator), maxDesignator)
	case len(transport) > maxTransport:
		return badURI("the transport name has %d bytes, at most %d are accepted", len(transport), maxTransport)
	}
	return nil
}

func parseHints(query string) (map[string]string, error) {
	hints := make(map[string]string)
	n := 0
	for pair := range strings.SplitSeq(query, "&") {
		if n++; n > maxHints {
			return nil, badURI("the locator has more than %d hints", maxHints)
		}
		rawName, rawValue, ok := strings.Cut(pair, "=")
		if !ok || rawName == "" {
			return nil, badURI("hint %d is not of the form name=value", n)
		}
		name, err := unescape(rawName, ":/?@", fmt.Sprintf("the name of hint %d", n))
		if err != nil {
			return nil, err
		}
		value, err := unescape(rawValue, ":/?@", fmt.Sprintf("the value of hint %d", n))
		if err != nil {
			return nil, err
		}
		if _, dup := hints[name]; dup {
			return nil, badURI("hint %d has the name of an earlier one: each may be given once", n)
		}
		hints[name] = value
	}
	return hints, nil
}

// escape writes s with every byte percent-escaped that is neither unreserved (RFC 3986, 2.3) nor in also.
func escape(b *strings.Builder, s, also string) {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		if unreserved(c) || strings.IndexByte(also, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
}

// unescape undoes percent-escapes in s, which may hold unreserved characters, sub-delims and those in also.
func unescape(s, also, what string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%':
			if i+2 >= len(s) {
				return "", badURI("%s ends within a %%-escape", what)
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 0 || lo < 0 {
				return "", badURI("%s has a %% at position %d that is not followed by two hexadecimal digits", what, i+1)
			}
			b.WriteByte(byte(hi<<4 | lo))
			i += 2
		case unreserved(c) || strings.IndexByte("!$&'()*+,;=", c) >= 0 || strings.IndexByte(also, c) >= 0:
			b.WriteByte(c)
		default:
			return "", badURI("%s has a %q at position %d that must be written %%%02X", what, c, i+1, c)
		}
	}
	out := b.String()
	if !utf8.ValidString(out) {
		return "", badURI("%s is not UTF-8 once its escapes are undone", what)
	}
	return out, nil
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c - 'a' + 10)
	case 'A' <= c && c <= 'F':
		return int(c - 'A' + 10)
	}
	return -1
}
