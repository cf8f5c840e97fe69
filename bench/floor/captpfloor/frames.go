package captpfloor

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

const maxFrame = 1 << 20

// frames reads frames into a buffer that it uses again.
type frames struct {
	in  *bufio.Reader
	buf []byte
}

func newFrames(r io.Reader) *frames { return &frames{in: bufio.NewReaderSize(r, 64<<10)} }

// next returns a frame, which is valid until the next call.
func (f *frames) next() (cursor, error) {
	head, err := f.in.Peek(4)
	if err != nil {
		return cursor{}, err
	}
	n := binary.LittleEndian.Uint32(head)
	if n > maxFrame {
		return cursor{}, fmt.Errorf("captpfloor: frame of %d bytes, at most %d", n, maxFrame)
	}
	if _, err := f.in.Discard(4); err != nil {
		return cursor{}, err
	}
	if cap(f.buf) < int(n) {
		f.buf = make([]byte, n)
	}
	f.buf = f.buf[:n]
	_, err = io.ReadFull(f.in, f.buf)
	return cursor{b: f.buf}, err
}

// more reports whether another frame, or a part of it, has been read already.
func (f *frames) more() bool { return f.in.Buffered() > 0 }
