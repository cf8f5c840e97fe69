// Package legible says which texts of others are what they look like, and safe to show.
package legible

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns why a text cannot be a line of min to max bytes, in words that go on from what it is called, or nil.
func Line(text string, min, max int) error {
	switch {
	case len(text) < min:
		return errors.New("is missing")
	case strings.ContainsAny(text, "\n\t"):
		return errors.New("is one line")
	case strings.TrimSpace(text) != text:
		return errors.New("has blanks around it")
	}
	return Text(text, max)
}

// Text returns why a text cannot be taken, in words that go on from what it is called, or nil: it may be several lines, of letters and signs that
// look like what they are.
func Text(text string, max int) error {
	switch {
	case len(text) > max:
		return fmt.Errorf("is longer than %d bytes", max)
	case !utf8.ValidString(text):
		return errors.New("is not UTF-8")
	}
	marks := 0
	for _, r := range text {
		switch {
		case unicode.IsMark(r):
			// A few belong to letters; a pile of them covers the lines above.
			if marks++; marks > 4 {
				return errors.New("has too many marks on one letter")
			}
			continue
		case r == '\n', r == '\t', r == zwnj, r == zwj, unicode.IsPrint(r), unicode.Is(unicode.Zs, r):
		default:
			// Control characters, and invisible ones with which a text could reorder what is shown around it.
			return fmt.Errorf("has a character in it that cannot be seen (U+%04X)", r)
		}
		marks = 0
	}
	return nil
}

// Reason returns why others have refused something, in words for people of one line of at most max bytes: those of the error's message, if it has
// one that crosses, as a vat.Error does, and they are legible.
func Reason(err error, max int) string {
	text := err.Error()
	if e, ok := errors.AsType[interface {
		error
		ErrorMessage() string
	}](err); ok {
		text = e.ErrorMessage()
	}
	if Line(text, 1, max) != nil {
		return "refused, for a reason that cannot be shown"
	}
	return text
}

// Scripts such as Persian, and many emoji, are written with these two invisible characters.
const zwnj, zwj = '\u200c', '\u200d'
