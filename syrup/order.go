package syrup

import (
	"strconv"
	"strings"
)

// KeyOrder is an order of the keys of a struct. Which one is canonical is not
// settled between implementations.
type KeyOrder uint8

const (
	// ByEncoding orders keys by their encoded bytes, as Syrup's specification
	// says and Goblins and the Python suite do. An encoding starts with the
	// length in decimal digits, so "b" is before "aa", and a key of 10 bytes is
	// before one of 2.
	ByEncoding KeyOrder = iota
	// ByUTF16 orders keys by UTF-16 code units, as Endo does.
	ByUTF16
)

func (o KeyOrder) compare(a, b string) int {
	if o == ByUTF16 {
		return compareUTF16(a, b)
	}
	if len(a) != len(b) {
		if len(a) < 10 && len(b) < 10 {
			return len(a) - len(b)
		}
		return compareDecimal(len(a), len(b))
	}
	return strings.Compare(a, b)
}

// compareDecimal compares two different numbers as decimal text. Of two that
// share a prefix the shorter comes first, since the mark after it sorts before
// the digits.
func compareDecimal(a, b int) int {
	var x, y [20]byte
	return strings.Compare(string(strconv.AppendInt(x[:0], int64(a), 10)), string(strconv.AppendInt(y[:0], int64(b), 10)))
}

// compareUTF16 differs from the order of bytes in one case: code points beyond
// U+FFFF, four bytes from F0 on in UTF-8, are surrogates in UTF-16 and come
// before U+E000 to U+FFFF, which start with EE or EF.
func compareUTF16(a, b string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0) {
			return int(y) - int(x)
		}
		return int(x) - int(y)
	}
	return len(a) - len(b)
}
