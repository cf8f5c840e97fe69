package link

import (
	"encoding/binary"
	"sync"

	"github.com/hawser-go/hawser/netlayer"
)

// A memory has the frames that the peer has not acknowledged: a queue of them, end to end in chunks that are reused.
type memory struct {
	head, tail *chunk
	held       int
	end        uint64 // the number that the next frame gets
	// at is where frame n begins, if gather has come that far.
	at struct {
		c   *chunk
		off int
		n   uint64
	}
}

// A chunk holds frames, each with its length before it and its kind in front. Its buffer never moves, as parts of it may be
// on their way to the network.
type chunk struct {
	next  *chunk
	first uint64
	count uint64
	buf   []byte
}

const (
	header     = 5 // the length and the kind
	smallChunk = 4 << 10
	largeChunk = 64 << 10
)

// A link that is quiet has small chunks, or none; one that carries much has large ones.
var (
	smallChunks = sync.Pool{New: func() any { return &chunk{buf: make([]byte, 0, smallChunk)} }}
	largeChunks = sync.Pool{New: func() any { return &chunk{buf: make([]byte, 0, largeChunk)} }}
)

// put takes a copy of the next frame.
func (m *memory) put(frame []byte) {
	need := header + len(frame)
	c := m.tail
	if c == nil || cap(c.buf)-len(c.buf) < need {
		c = m.grow(need)
	}
	before := len(c.buf)
	c.buf = binary.BigEndian.AppendUint32(c.buf, uint32(len(frame)))
	c.buf = append(append(c.buf, kindData), frame...)
	c.count++
	m.end++
	m.held += len(c.buf) - before
}

// grow adds a chunk with room for that many bytes.
func (m *memory) grow(need int) *chunk {
	var c *chunk
	switch {
	case need > largeChunk:
		c = &chunk{buf: make([]byte, 0, need)}
	case need > smallChunk || m.tail != nil:
		c = largeChunks.Get().(*chunk)
	default:
		c = smallChunks.Get().(*chunk)
	}
	c.first = m.end
	if m.tail == nil {
		m.head = c
	} else {
		m.tail.next = c
	}
	m.tail = c
	return c
}

// begin has the next frame be the one with a number, if none is there.
func (m *memory) begin(n uint64) {
	if m.head == nil {
		m.end = n
	}
}

// has reports whether frame n is there.
func (m *memory) has(n uint64) bool { return m.head != nil && m.head.first <= n && n < m.end }

// each calls fn with the frames from a number on.
func (m *memory) each(from uint64, fn func(n uint64, frame []byte)) {
	for c := m.head; c != nil; c = c.next {
		off := 0
		for n := c.first; n < c.first+c.count; n++ {
			size := int(binary.BigEndian.Uint32(c.buf[off:]))
			off += header
			if n >= from {
				fn(n, c.buf[off:off+size:off+size])
			}
			off += size
		}
	}
}

// bytes returns how much memory the frames take.
func (m *memory) bytes() int { return m.held }

// What one write to a connection takes at most, about.
const (
	writeFrames = 512
	writeBytes  = 256 << 10
)

// rawOne announces a frame that is as long as a frame of a connection may be, so that there is no room for its kind.
var rawOne = appendRaw(nil, 1)

// gather appends frames from number from on to vec, as they go on a connection, until there is enough for one write, and
// none from number to on. It returns the number of the next. What it returns is valid until the frames are dropped.
func (m *memory) gather(vec [][]byte, from, to uint64) ([][]byte, uint64) {
	m.seek(from)
	size := 0
	for at := &m.at; at.n < min(to, m.end) && len(vec) < writeFrames && size < writeBytes; {
		if at.off == len(at.c.buf) {
			at.c, at.off = at.c.next, 0
		}
		start := at.off + 4
		n := int(binary.BigEndian.Uint32(at.c.buf[at.off:]))
		at.off = start + 1 + n
		if n == netlayer.MaxFrame {
			vec = append(vec, rawOne)
			start++
		}
		vec = append(vec, at.c.buf[start:at.off:at.off])
		size += n
		at.n++
	}
	return vec, m.at.n
}

// seek finds where frame n begins, which may not be there yet.
func (m *memory) seek(n uint64) {
	at := &m.at
	if at.c != nil && at.n == n {
		return
	}
	at.c, at.off, at.n = m.tail, 0, n
	if n == m.end {
		if m.tail != nil {
			at.off = len(m.tail.buf)
		}
		return
	}
	for at.c = m.head; n >= at.c.first+at.c.count; {
		at.c = at.c.next
	}
	for i := at.c.first; i < n; i++ {
		at.off += header + int(binary.BigEndian.Uint32(at.c.buf[at.off:]))
	}
}

// drop forgets frames before a number, perhaps not all.
func (m *memory) drop(before uint64) {
	for c := m.head; c != nil && c.first+c.count <= before; c = m.head {
		m.head = c.next
		if m.head == nil {
			m.tail = nil
		}
		if m.at.c == c {
			m.at.c = nil
		}
		m.held -= len(c.buf)
		c.release()
	}
}

// free forgets everything.
func (m *memory) free() { m.drop(m.end) }

func (c *chunk) release() {
	c.next, c.count, c.buf = nil, 0, c.buf[:0]
	switch cap(c.buf) {
	case smallChunk:
		smallChunks.Put(c)
	case largeChunk:
		largeChunks.Put(c)
	}
}
