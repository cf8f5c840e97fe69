// Package handcbor is the floor for codecs: one message in CBOR, written and read by code that knows its shape. Heads
// must be the shortest, as deterministic CBOR demands; byte strings are borrowed from the input.
package handcbor

import (
	"encoding/binary"
	"errors"
)

// A Message is what the codecs are measured with: about what a small call carries.
type Message struct {
	_       struct{} `cbor:",toarray"`
	Op      string
	Pos     int64
	Key     []byte
	Numbers []int64
}

// Major types.
const (
	positive = 0 << 5
	negative = 1 << 5
	bytes    = 2 << 5
	text     = 3 << 5
	array    = 4 << 5
)

// appendHead is small enough to be inlined for the commonest heads.
func appendHead(b []byte, major byte, n uint64) []byte {
	if n < 24 {
		return append(b, major|byte(n))
	}
	return appendLongHead(b, major, n)
}

func appendLongHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n <= 0xff:
		return append(b, major|24, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= 0xffffffff:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, major|27), n)
	}
}

func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, negative, uint64(^n))
	}
	return appendHead(b, positive, uint64(n))
}

// Append appends a message.
func Append(b []byte, m *Message) []byte {
	b = appendHead(b, array, 4)
	b = append(appendHead(b, text, uint64(len(m.Op))), m.Op...)
	b = appendInt(b, m.Pos)
	b = append(appendHead(b, bytes, uint64(len(m.Key))), m.Key...)
	b = appendHead(b, array, uint64(len(m.Numbers)))
	for _, n := range m.Numbers {
		b = appendInt(b, n)
	}
	return b
}

var errMalformed = errors.New("handcbor: malformed message")

// A cursor reads; after the first mistake everything is zero.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) fail() (byte, uint64) {
	c.b, c.bad = nil, true
	return 0, 0
}

func (c *cursor) head() (major byte, n uint64) {
	if len(c.b) == 0 {
		return c.fail()
	}
	major, n = c.b[0]&0xe0, uint64(c.b[0]&0x1f)
	c.b = c.b[1:]
	if n < 24 {
		return major, n
	}
	if n > 27 || len(c.b) < 1<<(n-24) {
		return c.fail()
	}
	least := uint64(24)
	switch n {
	case 24:
		n, c.b = uint64(c.b[0]), c.b[1:]
	case 25:
		n, c.b, least = uint64(binary.BigEndian.Uint16(c.b)), c.b[2:], 1<<8
	case 26:
		n, c.b, least = uint64(binary.BigEndian.Uint32(c.b)), c.b[4:], 1<<16
	default:
		n, c.b, least = binary.BigEndian.Uint64(c.b), c.b[8:], 1<<32
	}
	if n < least {
		return c.fail()
	}
	return major, n
}

func (c *cursor) int() int64 {
	major, n := c.head()
	if n>>63 != 0 || major > negative {
		c.fail()
		return 0
	}
	if major == negative {
		return int64(^n)
	}
	return int64(n)
}

func (c *cursor) string(want byte) []byte {
	major, n := c.head()
	if major != want || n > uint64(len(c.b)) {
		c.fail()
		return nil
	}
	s := c.b[:n:n]
	c.b = c.b[n:]
	return s
}

func (c *cursor) array() int {
	major, n := c.head()
	if major != array || n > uint64(len(c.b)) {
		c.fail()
		return 0
	}
	return int(n)
}

// ops are the operations a message may have, for reading them without a new string.
var ops = map[string]string{"op:deliver": "op:deliver"}

// Decode reads one message into m, whose Numbers it uses again and whose Key it borrows from b.
func Decode(b []byte, m *Message) error {
	c := cursor{b: b}
	if c.array() != 4 {
		return errMalformed
	}
	m.Op = ops[string(c.string(text))]
	m.Pos = c.int()
	m.Key = c.string(bytes)
	m.Numbers = m.Numbers[:0]
	for range c.array() {
		m.Numbers = append(m.Numbers, c.int())
	}
	if c.bad || len(c.b) > 0 || m.Op == "" {
		return errMalformed
	}
	return nil
}
