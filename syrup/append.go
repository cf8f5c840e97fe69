package syrup

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"

	"github.com/hawser-go/hawser/passable"
)

// The brackets of containers, to be appended by hand where a protocol writes
// its records without a tree: append(AppendLabel(dst, "op:abort"), …, CloseRecord).
const (
	OpenRecord  = '<' // followed by the label, see AppendLabel
	CloseRecord = '>'
	OpenList    = '['
	CloseList   = ']'
	OpenStruct  = '{' // followed by keys, in order, each with its value
	CloseStruct = '}'
)

// AppendBool appends b.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 't')
	}
	return append(dst, 'f')
}

// AppendInt appends n.
func AppendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return appendNumeral(dst, -uint64(n), '-')
	}
	return appendNumeral(dst, uint64(n), '+')
}

// AppendUint appends n.
func AppendUint(dst []byte, n uint64) []byte { return appendNumeral(dst, n, '+') }

// appendNumeral appends n and the mark that says what it is.
func appendNumeral(dst []byte, n uint64, mark byte) []byte {
	switch {
	case n < 10:
		return append(dst, '0'+byte(n), mark)
	case n < 100:
		return append(dst, '0'+byte(n/10), '0'+byte(n%10), mark)
	case n < 1000:
		return append(dst, '0'+byte(n/100), '0'+byte(n/10%10), '0'+byte(n%10), mark)
	}
	return append(strconv.AppendUint(dst, n, 10), mark)
}

// AppendBig appends n.
func AppendBig(dst []byte, n *big.Int) []byte {
	if n.Sign() >= 0 {
		return append(n.Append(dst, 10), '+')
	}
	at := len(dst)
	dst = n.Append(dst, 10) // with a minus sign in front, which goes behind
	copy(dst[at:], dst[at+1:])
	dst[len(dst)-1] = '-'
	return dst
}

const canonicalNaN = 0x7ff8_0000_0000_0000

// AppendFloat appends f. Every NaN becomes the canonical one; -0 is kept.
func AppendFloat(dst []byte, f float64) []byte {
	bits := math.Float64bits(f)
	if f != f {
		bits = canonicalNaN
	}
	return binary.BigEndian.AppendUint64(append(dst, 'D'), bits)
}

// AppendString appends s, which must be valid UTF-8.
func AppendString(dst []byte, s string) []byte {
	return append(appendNumeral(dst, uint64(len(s)), '"'), s...)
}

// AppendSymbol appends s, which must be valid UTF-8.
func AppendSymbol(dst []byte, s passable.Symbol) []byte {
	return append(appendNumeral(dst, uint64(len(s)), '\''), s...)
}

// AppendBytes appends b.
func AppendBytes(dst []byte, b []byte) []byte {
	return append(appendNumeral(dst, uint64(len(b)), ':'), b...)
}

// AppendLabel opens a record with the given label.
func AppendLabel(dst []byte, label passable.Symbol) []byte {
	return AppendSymbol(append(dst, OpenRecord), label)
}
