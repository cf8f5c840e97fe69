package noiselink

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
)

// inbox holds the frames that have arrived and have not been read. The pump fills it; the reader of the connection
// empties it. Bytes move between three slices that change places, so that in the long run nothing is allocated and
// little is copied: what the pump reads into, what is ready, and what the reader is taking apart.
//
// While inboxWindow bytes are ready, a whole frame among them, the pump waits; then the peer's flow control window fills, and the
// peer waits.
type inbox struct {
	whole atomic.Int64 // whole frames that have not been read, in ready and taken

	mu         sync.Mutex
	changed    sync.Cond
	ready      []byte
	isEnd      bool       // no reader need wait any longer
	discarding bool       // what arrives from now on is thrown away
	full       func(bool) // if set, told when the pump begins and ceases to wait; it is called with mu held

	taken []byte // the reader's
	at    int    // where in taken the next frame begins
}

const (
	inboxWindow = 128 << 10
	// keptBuffer is the largest slice that is kept when it is empty.
	keptBuffer = 256 << 10
)

// init begins with frames, whole, that came with the handshake.
func (b *inbox) init(frames []byte) {
	b.changed.L = &b.mu
	b.ready = frames
	for {
		f, err := cutFrame(&frames)
		if f == nil || err != nil {
			return
		}
		b.whole.Add(1)
	}
}

// put adds bytes that hold the ends of n frames and returns a slice for the pump to read into next. It waits while
// the inbox is full.
func (b *inbox) put(bytes []byte, n int) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isFull() && b.full != nil {
		b.full(true)
		defer b.full(false)
	}
	for b.isFull() {
		b.changed.Wait()
	}
	if b.discarding {
		return bytes
	}
	if len(b.ready) == 0 {
		b.ready, bytes = bytes, b.ready
	} else {
		b.ready = append(b.ready, bytes...)
	}
	if n > 0 {
		b.whole.Add(int64(n))
		b.changed.Broadcast()
	}
	return bytes
}

// isFull is called with mu held.
func (b *inbox) isFull() bool {
	return b.whole.Load() > 0 && len(b.ready) >= inboxWindow && !b.discarding
}

// next returns the next frame, waiting for it, or nil at the end. The frame is valid until the next call.
func (b *inbox) next() []byte {
	if f := b.cut(); f != nil {
		return f
	}
	b.mu.Lock()
	for b.whole.Load() == 0 {
		if b.isEnd {
			b.mu.Unlock()
			return nil
		}
		b.changed.Broadcast() // the pump may wait for room that a frame as large as all of it needs
		b.changed.Wait()
	}
	if rest := b.taken[b.at:]; len(rest) > 0 {
		b.taken = append(append(b.taken[:0], rest...), b.ready...)
		b.ready = b.ready[:0]
	} else {
		empty := b.taken[:0]
		if cap(empty) > keptBuffer {
			empty = nil
		}
		b.taken, b.ready = b.ready, empty
	}
	b.at = 0
	b.changed.Broadcast()
	b.mu.Unlock()
	return b.cut()
}

// cut returns the next frame of those the reader has taken, nil if there is no whole one.
func (b *inbox) cut() []byte {
	rest := b.taken[b.at:]
	f, _ := cutFrame(&rest)
	if f == nil {
		return nil
	}
	b.at = len(b.taken) - len(rest)
	b.whole.Add(-1)
	return f
}

// end wakes a reader that waits in vain.
func (b *inbox) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.isEnd = true
	b.changed.Broadcast()
}

// discard throws away what arrives from now on.
func (b *inbox) discard() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.discarding = true
	b.changed.Broadcast()
}

// scanner follows the bytes of the stream from frame to frame as they arrive, so that a length that is too large is seen
// at once, and everybody knows how many frames are whole.
type scanner struct {
	body   uint32 // bytes of the frame begun that are still to come
	head   [frameHeader]byte
	have   int // bytes of head that have come
	isEnd  bool
	reason []byte

	answered     bool // pings are answered on this carrier
	pings, pongs int  // that have come
}

// scan returns the part of b that belongs to frames, in the memory of b, and how many frames end in it.
func (s *scanner) scan(b []byte) (kept []byte, frames int, err error) {
	at, end := 0, 0 // what has been looked at, and what of it is kept
	keep := func(n int) {
		if at != end {
			copy(b[end:], b[at:at+n])
		}
		at += n
		end += n
	}
	for at < len(b) {
		switch {
		case s.isEnd:
			s.reason = append(s.reason, b[at:]...)
			return b[:end], frames, s.checkReason()
		case s.body > 0:
			n := min(int(s.body), len(b)-at)
			keep(n)
			if s.body -= uint32(n); s.body == 0 {
				frames++
			}
		case s.have == 0 && b[at] == tagPing:
			at++
			s.pings++
		case s.have == 0 && b[at] == tagPong && s.answered:
			at++
			s.pongs++
		case s.have == 0 && b[at] == tagEnd:
			at++
			s.isEnd = true
		default:
			n := copy(s.head[s.have:], b[at:])
			s.have += n
			keep(n)
			if s.head[0] != 0 {
				return b[:end], frames, errFraming
			}
			if s.have < frameHeader {
				return b[:end], frames, nil
			}
			s.have = 0
			if s.body = binary.BigEndian.Uint32(s.head[:]); s.body > netlayer.MaxFrame {
				return b[:end], frames, errFraming
			}
			if s.body == 0 {
				frames++
			}
		}
	}
	return b[:end], frames, nil
}

// checkReason refuses more than one reason of the announced length.
func (s *scanner) checkReason() error {
	if len(s.reason) > 1+int(s.reason[0]) || s.reason[0] > maxReason {
		return errFraming
	}
	return nil
}

// over reports whether the farewell has come whole.
func (s *scanner) over() bool {
	return s.isEnd && len(s.reason) > 0 && len(s.reason) == 1+int(s.reason[0])
}

// farewell returns the reason the peer gave, and whether the stream ended where it may.
func (s *scanner) farewell() (reason string, orderly bool) {
	if !s.over() {
		return "", false
	}
	return sockets.OneLine(string(s.reason[1:]), maxReason), true
}
