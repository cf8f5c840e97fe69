package syrup_test

import "encoding/binary"

// The floor: CBOR of that one record by hand, shortest heads checked, bytes
// borrowed. Syrup pays for digits what CBOR pays for heads.

func head(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n < 1<<8:
		return append(dst, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

func integer(dst []byte, n int64) []byte {
	if n < 0 {
		return head(dst, 0x20, uint64(-1-n))
	}
	return head(dst, 0, uint64(n))
}

func handAppend(dst []byte) []byte {
	dst = head(dst, 0x80, 4)
	dst = append(head(dst, 0x60, 10), "op:deliver"...)
	dst = integer(dst, 123456)
	dst = append(head(dst, 0x40, uint64(len(key32))), key32...)
	dst = head(dst, 0x80, uint64(len(numbers)))
	for _, n := range numbers {
		dst = integer(dst, n)
	}
	return dst
}

type cursor struct {
	b  []byte
	ok bool
}

func (c *cursor) head() (major byte, n uint64) {
	if len(c.b) == 0 {
		c.ok = false
		return 0, 0
	}
	major, n = c.b[0]&0xe0, uint64(c.b[0]&0x1f)
	c.b = c.b[1:]
	if n < 24 {
		return major, n
	}
	size := 1 << (n - 24)
	if n > 27 || len(c.b) < size {
		c.ok = false
		return 0, 0
	}
	var least uint64
	switch size {
	case 1:
		n, least = uint64(c.b[0]), 24
	case 2:
		n, least = uint64(binary.BigEndian.Uint16(c.b)), 1<<8
	case 4:
		n, least = uint64(binary.BigEndian.Uint32(c.b)), 1<<16
	default:
		n, least = binary.BigEndian.Uint64(c.b), 1<<32
	}
	c.ok = c.ok && n >= least
	c.b = c.b[size:]
	return major, n
}

func (c *cursor) integer() int64 {
	major, n := c.head()
	c.ok = c.ok && major <= 0x20 && n < 1<<63
	if major == 0x20 {
		return -1 - int64(n)
	}
	return int64(n)
}

func (c *cursor) bytes(want byte) []byte {
	major, n := c.head()
	if !c.ok || major != want || n > uint64(len(c.b)) {
		c.ok = false
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) list() int {
	major, n := c.head()
	c.ok = c.ok && major == 0x80 && n <= uint64(len(c.b))
	return int(n)
}

func handDecode(b []byte, names map[string]string, out *cborRecord) bool {
	c := cursor{b, true}
	if c.list() != 4 {
		return false
	}
	out.Op = names[string(c.bytes(0x60))]
	out.Pos = c.integer()
	out.Key = c.bytes(0x40)
	out.Numbers = out.Numbers[:0]
	for i, n := 0, c.list(); i < n && c.ok; i++ {
		out.Numbers = append(out.Numbers, c.integer())
	}
	return c.ok && len(c.b) == 0
}
