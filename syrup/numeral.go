package syrup

import "math/big"

// A numeral is a run of digits and the mark after it, which says whether it is a
// number or the length of something.
type numeral struct {
	value      uint64 // if there are at most maxShort digits
	start, end int    // of the digits
	mark       byte
}

// maxShort is how many digits always fit an int64.
const maxShort = 18

func (n numeral) short() bool { return n.end-n.start <= maxShort }

// number reads a numeral, which must be there.
func (d *Decoder) number(want string) (numeral, error) {
	// The usual one is short, canonical and in the buffer.
	b := d.buf[d.pos:]
	var value uint64
	for i, c := range b {
		if digit := c - '0'; digit <= 9 && i < maxShort {
			value = value*10 + uint64(digit)
			continue
		}
		if i > 0 && isMark(c) && i <= d.limits.Digits && (i == 1 || b[0] != '0') {
			n := numeral{value, d.pos, d.pos + i, c}
			d.pos = n.end + 1
			return n, nil
		}
		break
	}
	return d.longNumber(want)
}

// longNumber reads any numeral and says what is wrong with it.
func (d *Decoder) longNumber(want string) (numeral, error) {
	c, err := d.peek()
	if err != nil {
		return numeral{}, err
	}
	if c-'0' > 9 {
		return numeral{}, d.wrongStart(c, want)
	}
	n := numeral{start: d.pos}
	i := d.pos
	for {
		if i == len(d.buf) {
			if err := d.fill(i - d.pos + 1); err != nil {
				return n, err
			}
		}
		digit := d.buf[i] - '0'
		if digit > 9 {
			break
		}
		if i-n.start >= d.limits.Digits {
			return n, d.fault(n.start, ErrTooLarge, "more than %d digits", d.limits.Digits)
		}
		n.value = n.value*10 + uint64(digit) // wraps only where it is not used
		i++
	}
	n.end, n.mark = i, d.buf[i]
	if !d.cfg.Lenient && d.buf[n.start] == '0' && i-n.start > 1 {
		return n, d.fault(n.start, ErrNotCanonical, "a leading zero")
	}
	if isMark(n.mark) {
		d.pos = i + 1
		return n, nil
	}
	return n, d.fault(i, ErrSyntax, "digits are followed by one of + - : \" '")
}

// integer returns a numeral with the mark + or - as a number, large if it does
// not fit small.
func (d *Decoder) integer(n numeral) (small int64, large *big.Int, err error) {
	if n.short() {
		small = int64(n.value)
		if n.mark == '-' {
			if small == 0 && !d.cfg.Lenient {
				return 0, nil, d.fault(n.start, ErrNotCanonical, "zero is written 0+")
			}
			small = -small
		}
		return small, nil, nil
	}
	large, _ = new(big.Int).SetString(string(d.buf[n.start:n.end]), 10)
	if n.mark == '-' {
		large.Neg(large)
	}
	if large.IsInt64() {
		return large.Int64(), nil, nil
	}
	return 0, large, nil
}
