package mem

import "time"

// A batch is a queue of frames, bytes end to end in one buffer, that is reused.
type batch struct {
	buf   []byte
	marks []mark
	head  int // frames before head have been popped
}

// A mark says where a frame ends in the buffer, and when it arrives.
type mark struct {
	end int
	due time.Duration
}

func (b *batch) count() int              { return len(b.marks) - b.head }
func (b *batch) bytes() int              { return len(b.buf) - b.start(b.head) }
func (b *batch) due(i int) time.Duration { return b.marks[b.head+i].due }

// start is where mark i begins.
func (b *batch) start(i int) int {
	if i == 0 {
		return 0
	}
	return b.marks[i-1].end
}

func (b *batch) push(frame []byte, due time.Duration) {
	b.buf = append(b.buf, frame...)
	b.marks = append(b.marks, mark{len(b.buf), due})
}

// pop returns the first frame, without capacity to grow into the next.
func (b *batch) pop() []byte {
	from, to := b.start(b.head), b.marks[b.head].end
	b.head++
	return b.buf[from:to:to]
}

func (b *batch) reset() {
	b.buf, b.marks, b.head = b.buf[:0], b.marks[:0], 0
}

// moveTo moves the first n frames to an empty batch: by exchanging the two if that is all, else by copying.
func (b *batch) moveTo(to *batch, n int) {
	if n == b.count() {
		*b, *to = *to, *b
		return
	}
	for range n {
		to.push(b.pop(), 0)
	}
	if b.head > len(b.marks)/2 {
		b.compact()
	}
}

// compact moves what is left to the front of the buffer.
func (b *batch) compact() {
	from := b.start(b.head)
	b.buf = b.buf[:copy(b.buf, b.buf[from:])]
	b.marks = b.marks[:copy(b.marks, b.marks[b.head:])]
	b.head = 0
	for i := range b.marks {
		b.marks[i].end -= from
	}
}

// truncate drops all frames but the first n.
func (b *batch) truncate(n int) {
	b.marks = b.marks[:b.head+n]
	b.buf = b.buf[:b.start(b.head+n)]
}

// reschedule gives each frame a new time of arrival.
func (b *batch) reschedule(when func(time.Duration) time.Duration) {
	for i := b.head; i < len(b.marks); i++ {
		b.marks[i].due = when(b.marks[i].due)
	}
}
