package chatroom

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean returns a text from somebody else as one line that is safe to print on a terminal, of MaxText bytes at the most.
// Control characters, with which a text could move the cursor, change colours or pretend to be several lines, and
// invisible ones, with which it could reorder what is shown, are replaced by signs that stand for them.
func Clean(text string) string {
	cut := len(text) > MaxText
	if cut {
		end := MaxText
		for end > MaxText-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	text = strings.Map(visible, text)
	if cut {
		text += " … (cut)"
	}
	return text
}

func visible(r rune) rune {
	switch {
	case unicode.IsPrint(r), r == zwnj, r == zwj:
		return r
	case r == '\t', unicode.Is(unicode.Zs, r):
		return ' '
	case r < ' ':
		return '␀' + r // the picture of the control character
	case r == 0x7f:
		return '␡'
	}
	return unicode.ReplacementChar
}

// Scripts such as Persian, and many emoji, are written with these two invisible characters. They are harmless in a text,
// but would make two nicknames look the same.
const zwnj, zwj = '\u200c', '\u200d'

// blanks are counted among the letters and signs, and look like nothing.
const blanks = "\u115f\u1160\u2800\u3164\uffa0"

// CleanNick returns a nickname as it is shown: letters, digits, signs of common scripts and -_.' only, everything else
// replaced by an underscore, of MaxNick characters at the most. It never looks like anything the chat itself writes
// around names. It is "" if nothing is left.
func CleanNick(nick string) string {
	var b strings.Builder
	n, marks := 0, 0
	for _, r := range nick {
		if n == MaxNick {
			break
		}
		switch {
		case unicode.IsMark(r):
			// A few belong to letters; a pile of them covers the lines above.
			if marks++; marks > 2 || n == 0 {
				continue
			}
		case strings.ContainsRune(blanks, r):
			r, marks = '_', 0
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.Is(unicode.So, r), strings.ContainsRune("-_.'", r):
			marks = 0
		default:
			r, marks = '_', 0
		}
		b.WriteRune(r)
		n++
	}
	return strings.Trim(b.String(), "_")
}

// nickKey returns what two nicknames that read alike have in common, as far as case goes.
func nickKey(nick string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, nick)
}
