package sturdyref

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"

	"github.com/hawser-go/hawser/internal/conceal"
)

// Ref is a sturdyref: the locator of an object (OCapN draft, "ocapn-sturdyref"). Who has it may use the object; it is a
// bearer secret as a whole.
type Ref struct {
	// Peer is where the object lives.
	Peer Peer
	// Swiss is the secret that stands for the object there.
	Swiss SwissNum
}

// IsZero reports whether r refers to nothing.
func (r Ref) IsZero() bool { return r.Peer.IsZero() && r.Swiss.IsZero() }

// URI returns the sturdyref as text, with its secrets in clear: ocapn://designator.transport/s/swiss?hint=value.
// [Parse] reads it back. The swiss number is written as base64url without padding, the form Goblins and Endo read,
// unless it was read as literal text by Parse and can be written so without being mistaken for base64url.
func (r Ref) URI() string {
	var b strings.Builder
	r.Peer.writeAuthority(&b)
	b.WriteString("/s/")
	b.WriteString(r.Swiss.segment())
	r.Peer.writeHints(&b, false)
	return b.String()
}

// Parse reads a sturdyref from its text. Its errors match [ErrURI], say what to correct, and never repeat the secret.
//
// The segment after /s/ is read as base64url without padding if, as it stands, it is exactly that: characters of that
// alphabet only, of a possible length, with unused bits zero. Anything else is literal text (OCapN draft), percent-escaped
// where needed. A text that looks like base64url is therefore written with one of its characters escaped, such as
// %65cho for echo; URI prints it in base64url.
func Parse(uri string) (Ref, error) {
	p, path, err := parseLocator(uri)
	if err != nil {
		return Ref{}, err
	}
	segment, ok := strings.CutPrefix(path, "/s/")
	switch {
	case path == "" || path == "/":
		return Ref{}, badURI("this is the locator of a peer, not of an object: the part /s/... with the swiss number is missing")
	case !ok:
		return Ref{}, badURI("the path of a sturdyref is /s/ and the swiss number, this one begins otherwise")
	case strings.Contains(segment, "/"):
		return Ref{}, badURI("the path goes on after the swiss number: a / within the number is written %%2F")
	}
	s, err := parseSwiss(segment)
	if err != nil {
		return Ref{}, err
	}
	return Ref{Peer: p, Swiss: s}, nil
}

func parseSwiss(segment string) (SwissNum, error) {
	if segment == "" {
		return SwissNum{}, badURI("the swiss number after /s/ is empty: the locator was not copied whole")
	}
	if b, ok := decodeBase64URL(segment); ok {
		if len(b) > maxSwiss {
			return SwissNum{}, badURI("the swiss number has %d bytes, at most %d are accepted", len(b), maxSwiss)
		}
		return SwissNumOf(b), nil
	}
	text, err := unescape(segment, ":@", "the swiss number")
	if err != nil {
		return SwissNum{}, err
	}
	if len(text) > maxSwiss {
		return SwissNum{}, badURI("the swiss number has %d bytes, at most %d are accepted", len(text), maxSwiss)
	}
	if !isText([]byte(text)) {
		return SwissNum{}, badURI("the swiss number holds control characters: one that is not text is written in base64url")
	}
	s := SwissNumOf([]byte(text))
	s.p().asText = true
	return s, nil
}

func decodeBase64URL(s string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	// DecodeString skips line ends, which parseLocator has already refused.
	return b, err == nil
}

// segment writes the number as it stands in a locator.
func (s SwissNum) segment() string {
	if s.p == nil {
		return ""
	}
	if s.p().asText {
		var b strings.Builder
		escape(&b, string(s.p().b), "")
		// A dot segment would be taken away by whoever normalises the locator.
		text := b.String()
		if _, mistaken := decodeBase64URL(text); !mistaken && text != "." && text != ".." {
			return text
		}
	}
	return base64.RawURLEncoding.EncodeToString(s.p().b)
}

// Door returns the secret of the peer's closed door, carried in the hint "door" as base64url; ok is false if there is
// none or it is not a secret of at least 16 bytes.
func (r Ref) Door() (door SwissNum, ok bool) {
	b, ok := decodeBase64URL(r.Peer.Hints["door"])
	if !ok {
		return SwissNum{}, false
	}
	door = SwissNumOf(b)
	return door, !door.Weak()
}

// Key returns what admits a dialler because of r: the swiss number where it may be a key, else the secret of the door;
// ok is false if r has neither.
func (r Ref) Key() (key SwissKey, ok bool) {
	if keys, err := r.Swiss.Keys(); err == nil {
		return keys.Key(), true
	}
	door, _ := r.Door()
	keys, err := door.Keys()
	return keys.Key(), err == nil
}

// String returns the sturdyref with its secrets replaced.
func (r Ref) String() string {
	var b strings.Builder
	r.Peer.writeAuthority(&b)
	b.WriteString("/s/" + conceal.Redacted)
	r.Peer.writeHints(&b, true)
	return b.String()
}

// GoString, Format, LogValue and MarshalText show what String shows.
func (r Ref) GoString() string             { return r.String() }
func (r Ref) Format(s fmt.State, _ rune)   { fmt.Fprint(s, r.String()) }
func (r Ref) LogValue() slog.Value         { return slog.StringValue(r.String()) }
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// GobEncode always fails: see [Ref.URI].
func (r Ref) GobEncode() ([]byte, error) { return nil, errGob }
