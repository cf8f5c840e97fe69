// Package captpfloor is the floor for far calls: what a capability protocol cannot do without, and nothing else. Frames
// with a length before them, a hand-written codec, a table of pending calls, answers that can be called before they are
// there, a finish for each that rides on the next write, and a writer that gathers. No objects of users, no vats, no
// promises, no limits, no authentication: calls run in the reader.
package captpfloor

import (
	"encoding/binary"
	"errors"
)

// Operations, the first byte of a frame.
const (
	opCall   = 1 // question, target, method, text, number
	opAnswer = 2 // question, then text and number, or nothing for an object
	opFinish = 3 // question
	opTell   = 4 // target, method, text, number: a call whose answer nobody wants
)

// A target is the export at a position, or the answer to a question.
const (
	toExport = 0
	toAnswer = 1
)

// Kinds of answers.
const (
	isData   = 0
	isObject = 1
)

type call struct {
	question, position uint64
	kind               byte
	method             []byte // of the frame
	text               []byte // of the frame
	number             int64
}

var errMalformed = errors.New("captpfloor: malformed frame")

// begin leaves room for the length, which end fills in.
func begin(b []byte) ([]byte, int) { return append(b, 0, 0, 0, 0), len(b) }

func end(b []byte, at int) []byte {
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

func appendBytes(b, v []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func appendCall(b []byte, c *call) []byte {
	b, at := begin(b)
	b = append(b, opCall)
	b = binary.AppendUvarint(b, c.question)
	b = append(b, c.kind)
	b = binary.AppendUvarint(b, c.position)
	b = appendBytes(b, c.method)
	b = appendBytes(b, c.text)
	b = binary.AppendVarint(b, c.number)
	return end(b, at)
}

func appendTell(b []byte, c *call) []byte {
	b, at := begin(b)
	b = append(b, opTell)
	b = append(b, c.kind)
	b = binary.AppendUvarint(b, c.position)
	b = appendBytes(b, c.method)
	b = appendBytes(b, c.text)
	b = binary.AppendVarint(b, c.number)
	return end(b, at)
}

func appendData(b []byte, question uint64, text string, number int64) []byte {
	b, at := begin(b)
	b = append(b, opAnswer)
	b = binary.AppendUvarint(b, question)
	b = append(b, isData)
	b = binary.AppendUvarint(b, uint64(len(text)))
	b = append(b, text...)
	b = binary.AppendVarint(b, number)
	return end(b, at)
}

func appendObject(b []byte, question uint64) []byte {
	b, at := begin(b)
	b = append(b, opAnswer)
	b = binary.AppendUvarint(b, question)
	b = append(b, isObject)
	return end(b, at)
}

func appendFinish(b []byte, question uint64) []byte {
	b, at := begin(b)
	b = append(b, opFinish)
	b = binary.AppendUvarint(b, question)
	return end(b, at)
}

// A cursor reads a frame; the first mistake makes everything after it zero.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) byte() byte {
	if len(c.b) == 0 {
		c.bad = true
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

func (c *cursor) uint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) int() int64 {
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) bytes() []byte {
	n := c.uint()
	if n > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return nil
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

// done says whether the frame was read whole and without mistakes.
func (c *cursor) done() error {
	if c.bad || len(c.b) > 0 {
		return errMalformed
	}
	return nil
}
