package syrup

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/hawser-go/hawser/passable"
)

// Names of what a token is, for messages.
var tokenNames = [256]string{
	't': "a Boolean", 'f': "a Boolean", 'D': "a Float64", 'F': "a single float",
	'[': "a List", ']': "the end of a List", '{': "a Struct", '}': "the end of a Struct",
	'<': "a record", '>': "the end of a record", '#': "a set", '$': "the end of a set",
	'+': "an Integer", '-': "an Integer", ':': "a ByteArray", '"': "a String", '\'': "a Symbol",
}

// unexpected makes an error about a token of another kind at pos; the token is
// its first byte, or the mark behind its digits.
func (d *Decoder) unexpected(pos int, token byte, want string) error {
	return d.fault(pos, ErrUnexpected, "got %s, want %s", tokenNames[token], want)
}

// wrongStart makes an error about the byte at the position, which starts no
// token of the kind that is wanted.
func (d *Decoder) wrongStart(c byte, want string) error {
	if tokenNames[c] == "" || isMark(c) {
		return d.fault(d.pos, ErrSyntax, "got the byte %#02x, want %s", c, want)
	}
	return d.unexpected(d.pos, c, want)
}

// isMark reports whether c stands behind digits. Alone it means nothing.
func isMark(c byte) bool {
	const marks = 1<<'+' | 1<<'-' | 1<<':' | 1<<'"' | 1<<'\''
	return c < 64 && marks>>c&1 != 0
}

// peek returns the first byte of the next token.
func (d *Decoder) peek() (byte, error) {
	if d.pos == len(d.buf) || d.cfg.Lenient {
		if err := d.peekable(); err != nil {
			return 0, err
		}
	}
	return d.buf[d.pos], nil
}

// Int reads an Integer that fits an int64.
func (d *Decoder) Int() (int64, error) {
	n, err := d.number("an Integer")
	if err != nil {
		return 0, err
	}
	if n.mark != '+' && n.mark != '-' {
		return 0, d.unexpected(n.start, n.mark, "an Integer")
	}
	small, large, err := d.integer(n)
	if large != nil {
		return 0, d.fault(n.start, ErrTooLarge, "an Integer of %d bits where one of 63 bits and a sign was expected", large.BitLen())
	}
	return small, err
}

// Uint reads an Integer that fits a uint64.
func (d *Decoder) Uint() (uint64, error) {
	const want = "an Integer that is not negative"
	n, err := d.number(want)
	if err != nil {
		return 0, err
	}
	if n.mark == '+' && n.short() {
		return n.value, nil
	}
	if n.mark != '+' && n.mark != '-' {
		return 0, d.unexpected(n.start, n.mark, want)
	}
	small, large, err := d.integer(n)
	switch {
	case err != nil:
		return 0, err
	case large != nil && large.IsUint64():
		return large.Uint64(), nil
	case large == nil && small >= 0:
		return uint64(small), nil
	}
	return 0, d.fault(n.start, ErrTooLarge, "want an Integer from 0 to 2^64-1")
}

// Bool reads a Boolean.
func (d *Decoder) Bool() (bool, error) {
	c, err := d.token("a Boolean")
	if err != nil {
		return false, err
	}
	if c != 't' && c != 'f' {
		return false, d.unexpected(d.pos, c, "a Boolean")
	}
	d.pos++
	return c == 't', nil
}

// TryFalse reads f if that is what comes next, and reports whether it did.
// Protocols write f for an optional field that is absent.
func (d *Decoder) TryFalse() (bool, error) {
	c, err := d.peek()
	if err != nil || c != 'f' {
		return false, err
	}
	d.pos++
	return true, nil
}

// token returns the byte that says what comes next: the first one, or the mark
// behind the digits. It does not consume it.
func (d *Decoder) token(want string) (byte, error) {
	c, err := d.peek()
	if err != nil {
		return 0, err
	}
	if c-'0' > 9 {
		if tokenNames[c] == "" || isMark(c) {
			return 0, d.wrongStart(c, want)
		}
		return c, nil
	}
	n, err := d.number(want)
	if err == nil {
		d.pos = n.start
	}
	return n.mark, err
}

// Is reports whether the next value starts with one of the brackets OpenRecord,
// OpenList and OpenStruct, or is of the kind a mark stands for: + (and -) for an
// Integer, : for a ByteArray, " for a String, ' for a Symbol, t for a Boolean, D
// for a Float64. Nothing is consumed.
func (d *Decoder) Is(kind byte) (bool, error) {
	c, err := d.token("a value")
	switch c {
	case '-':
		c = '+'
	case 'f':
		c = 't'
	case 'F':
		c = 'D'
	}
	return err == nil && c == kind, err
}

// text reads the length and the bytes of what mark stands for. The result is
// borrowed from the buffer and valid until the next read.
func (d *Decoder) text(mark byte) ([]byte, error) {
	n, err := d.number(tokenNames[mark])
	if err != nil {
		return nil, err
	}
	if n.mark != mark {
		return nil, d.unexpected(n.start, n.mark, tokenNames[mark])
	}
	return d.body(n)
}

// body reads the bytes whose length is n.
func (d *Decoder) body(n numeral) ([]byte, error) {
	if !n.short() || n.value > uint64(d.limits.Text) {
		return nil, d.fault(n.start, ErrTooLarge, "%s longer than %d bytes", tokenNames[n.mark], d.limits.Text)
	}
	size := int(n.value)
	if err := d.need(size); err != nil {
		return nil, err
	}
	b := d.buf[d.pos : d.pos+size : d.pos+size]
	d.pos += size
	return b, nil
}

// View reads a ByteArray without copying it: the result is borrowed from the
// input, valid until the next read.
func (d *Decoder) View() ([]byte, error) { return d.text(':') }

// Bytes reads a ByteArray into a new slice.
func (d *Decoder) Bytes() ([]byte, error) {
	b, err := d.text(':')
	if err != nil {
		return nil, err
	}
	return append(make([]byte, 0, len(b)), b...), nil
}

// BytesInto reads a ByteArray of exactly len(dst) bytes into dst.
func (d *Decoder) BytesInto(dst []byte) error {
	b, err := d.text(':')
	if err != nil {
		return err
	}
	if len(b) != len(dst) {
		return d.fault(d.pos-len(b), ErrUnexpected, "a ByteArray of %d bytes, want %d", len(b), len(dst))
	}
	copy(dst, b)
	return nil
}

// String reads a String.
func (d *Decoder) String() (string, error) {
	b, err := d.text('"')
	if err != nil {
		return "", err
	}
	return d.utf8(b)
}

// Key reads a String that is a name, such as a key of a struct. Short ones that
// come again and again are interned.
func (d *Decoder) Key() (string, error) {
	b, err := d.text('"')
	if err != nil {
		return "", err
	}
	return d.name(b)
}

// Symbol reads a Symbol. Short ones that come again and again are interned.
func (d *Decoder) Symbol() (passable.Symbol, error) {
	b, err := d.text('\'')
	if err != nil {
		return "", err
	}
	s, err := d.name(b)
	return passable.Symbol(s), err
}

// name returns b, which has just been read, as a checked and interned string.
func (d *Decoder) name(b []byte) (string, error) {
	hit, slot := d.names.lookup(b)
	if hit != nil {
		return hit.text, nil
	}
	s, err := d.utf8(b)
	if err == nil && slot != nil {
		slot.fill(s)
	}
	return s, err
}

func (d *Decoder) utf8(b []byte) (string, error) {
	if !utf8.Valid(b) {
		return "", d.fault(d.pos-len(b), ErrUTF8, "a string of %d bytes", len(b))
	}
	return string(b), nil
}

// Float reads a Float64.
func (d *Decoder) Float() (float64, error) {
	c, err := d.token("a Float64")
	switch {
	case err != nil:
		return 0, err
	case c == 'D':
		return d.double()
	case c == 'F':
		return d.single()
	}
	return 0, d.unexpected(d.pos, c, "a Float64")
}

func (d *Decoder) double() (float64, error) {
	if err := d.need(9); err != nil {
		return 0, err
	}
	bits := binary.BigEndian.Uint64(d.buf[d.pos+1:])
	f := math.Float64frombits(bits)
	if f != f && bits != canonicalNaN {
		if !d.cfg.Lenient {
			return 0, d.fault(d.pos, ErrNotCanonical, "the only NaN is 7ff8000000000000")
		}
		f = math.Float64frombits(canonicalNaN)
	}
	d.pos += 9
	return f, nil
}

func (d *Decoder) single() (float64, error) {
	if !d.cfg.Lenient {
		return 0, d.fault(d.pos, ErrNotCanonical, "a single float: OCapN knows Float64 only")
	}
	if err := d.need(5); err != nil {
		return 0, err
	}
	f := float64(math.Float32frombits(binary.BigEndian.Uint32(d.buf[d.pos+1:])))
	if f != f {
		f = math.Float64frombits(canonicalNaN)
	}
	d.pos += 5
	return f, nil
}

// bracket reads one bracket.
func (d *Decoder) bracket(b byte) error {
	if d.pos < len(d.buf) && d.buf[d.pos] == b {
		d.pos++
		return nil
	}
	c, err := d.token(tokenNames[b])
	if err != nil {
		return err
	}
	if c != b {
		return d.unexpected(d.pos, c, tokenNames[b])
	}
	d.pos++
	return nil
}

// OpenRecord reads the opening bracket and the label of a record.
func (d *Decoder) OpenRecord() (passable.Symbol, error) {
	if err := d.bracket('<'); err != nil {
		return "", err
	}
	return d.Symbol()
}

// CloseRecord reads the closing bracket of a record. It fails if there are more
// fields.
func (d *Decoder) CloseRecord() error { return d.bracket('>') }

// OpenList reads the opening bracket of a list.
func (d *Decoder) OpenList() error { return d.bracket('[') }

// CloseList reads the closing bracket of a list.
func (d *Decoder) CloseList() error { return d.bracket(']') }

// OpenStruct reads the opening bracket of a struct. Keys are read with Key, and
// their order is for the caller to check; Value checks it.
func (d *Decoder) OpenStruct() error { return d.bracket('{') }

// CloseStruct reads the closing bracket of a struct.
func (d *Decoder) CloseStruct() error { return d.bracket('}') }

// More reports whether a value comes next, rather than a closing bracket.
func (d *Decoder) More() (bool, error) {
	c, err := d.peek()
	if err != nil {
		return false, err
	}
	return c != '>' && c != ']' && c != '}', nil
}
