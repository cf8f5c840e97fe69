package program

import (
	"strings"
	"unicode"
)

// checkLine returns why a text cannot be a line of min to max bytes, or nil.
func checkLine(what, text string, min, max int) error {
	switch {
	case len(text) < min:
		return because(ErrText, "%s is missing", what)
	case strings.ContainsAny(text, "\n\t"):
		return because(ErrText, "%s is one line", what)
	case strings.TrimSpace(text) != text:
		return because(ErrText, "%s has blanks around it", what)
	}
	return checkText(what, text, max)
}

// checkText returns why a text cannot be taken, or nil: it may be several lines, of letters and signs that look like what they
// are. That it is UTF-8 the runtime has seen to.
func checkText(what, text string, max int) error {
	if len(text) > max {
		return because(ErrText, "%s is longer than %d bytes", what, max)
	}
	marks := 0
	for _, r := range text {
		switch {
		case unicode.IsMark(r):
			// A few belong to letters; a pile of them covers the lines above.
			if marks++; marks > 4 {
				return because(ErrText, "%s has too many marks on one letter", what)
			}
			continue
		case r == '\n', r == '\t', r == zwnj, r == zwj, unicode.IsPrint(r), unicode.Is(unicode.Zs, r):
		default:
			// Control characters, and invisible ones with which a text could reorder what is shown around it.
			return because(ErrText, "%s has a character in it that cannot be seen (U+%04X)", what, r)
		}
		marks = 0
	}
	return nil
}

// Scripts such as Persian, and many emoji, are written with these two invisible characters.
const zwnj, zwj = '\u200c', '\u200d'
