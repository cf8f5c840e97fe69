package sturdyref

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"github.com/hawser-go/hawser/internal/conceal"
)

// ErrWeak says that a swiss number could be guessed, because it is shorter than 16 bytes or is text that somebody
// may have thought of. It can be fetched in clear from the peer it belongs to; no key is ever derived from it.
var ErrWeak = errors.New("sturdyref: a swiss number of less than 16 bytes, or of text, is never used as a key: it could be guessed")

// SwissNum is a bearer secret: who knows it may use the object it stands for. It is bytes on the wire. The zero value
// is no swiss number. It is a small handle, cheap to copy; it does not compare with ==, use Equal.
type SwissNum struct {
	p func() *swiss // nil for the zero value, see package conceal
}

type swiss struct {
	b []byte
	// asText remembers that the number was read from a locator as literal text, and is to be written so again.
	asText bool
}

// NewSwissNum returns a fresh swiss number of 32 random bytes.
func NewSwissNum() SwissNum {
	for {
		b := make([]byte, 32)
		rand.Read(b) // never fails: crypto/rand ends the program instead
		if !isText(b) {
			return SwissNum{conceal.Secret(&swiss{b: b})}
		}
	}
}

// SwissNumOf returns the swiss number with the given bytes, which it copies. Bytes that are text, whoever chose them,
// make a weak one. Empty bytes make the zero SwissNum.
func SwissNumOf(b []byte) SwissNum {
	if len(b) == 0 {
		return SwissNum{}
	}
	return SwissNum{conceal.Secret(&swiss{b: bytes.Clone(b)})}
}

// IsZero reports whether s is no swiss number at all.
func (s SwissNum) IsZero() bool { return s.p == nil }

// Reveal returns a copy of the secret bytes.
func (s SwissNum) Reveal() []byte {
	if s.p == nil {
		return nil
	}
	return bytes.Clone(s.p().b)
}

// Equal compares in time that depends on the lengths only. Zero values are equal to each other.
func (s SwissNum) Equal(o SwissNum) bool {
	if s.p == nil || o.p == nil {
		return s.p == nil && o.p == nil
	}
	return subtle.ConstantTimeCompare(s.p().b, o.p().b) == 1
}

// Weak reports whether the number might be guessed and must therefore never become a pre-shared key or a proof key:
// it is shorter than 16 bytes, or it is text, that is valid UTF-8 without control characters other than tab, line
// feed and carriage return. Both ends decide this from the bytes alone, so they always agree.
func (s SwissNum) Weak() bool {
	return s.p == nil || len(s.p().b) < 16 || isText(s.p().b)
}

func isText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return false
		}
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || 0x7f <= r && r <= 0x9f {
			return false
		}
		b = b[n:]
	}
	return true
}

// String, GoString, Format, LogValue and MarshalText show a placeholder.
func (s SwissNum) String() string               { return s.placeholder() }
func (s SwissNum) GoString() string             { return s.placeholder() }
func (s SwissNum) Format(f fmt.State, _ rune)   { fmt.Fprint(f, s.placeholder()) }
func (s SwissNum) LogValue() slog.Value         { return slog.StringValue(s.placeholder()) }
func (s SwissNum) MarshalText() ([]byte, error) { return []byte(s.placeholder()), nil }

func (s SwissNum) placeholder() string {
	if s.p == nil {
		return "no swiss number"
	}
	return conceal.Redacted
}
