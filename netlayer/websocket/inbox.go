package websocket

import (
	"sync"
	"sync/atomic"
)

// inbox holds the messages that have arrived and have not been read. The pump fills it and waits while inboxWindow bytes
// are ready; then the kernel's buffers fill, and the peer waits. The reader empties it by taking all that is ready.
type inbox struct {
	whole atomic.Int64 // messages that can be read, in ready and taken

	mu         sync.Mutex
	changed    sync.Cond
	ready      []byte
	ends       []int // where in ready each whole message ends
	isEnd      bool  // no reader need wait any longer
	discarding bool  // what arrives from now on is thrown away

	taken     []byte // the reader's
	takenEnds []int
	read      int // how many of takenEnds have been read
	at        int // where in taken the next message begins
}

const (
	inboxWindow = 128 << 10
	// entry is what a message costs beside its bytes, so that empty ones count too.
	entry = 16
	// keptBuffer and keptEnds are the sizes of the largest slices that are kept when they are empty.
	keptBuffer = 256 << 10
	keptEnds   = 4 << 10
)

// add keeps a message, which it copies, and waits while the inbox is full.
func (b *inbox) add(message []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.ends) > 0 && len(b.ready)+entry*len(b.ends) >= inboxWindow && !b.discarding {
		b.changed.Wait()
	}
	if b.discarding {
		return
	}
	b.ready = append(b.ready, message...)
	b.ends = append(b.ends, len(b.ready))
	b.whole.Add(1)
	b.changed.Broadcast()
}

// next returns the next message, waiting for it; ok is false at the end. The message is valid until the next call.
func (b *inbox) next() (message []byte, ok bool) {
	if b.read == len(b.takenEnds) && !b.take() {
		return nil, false
	}
	end := b.takenEnds[b.read]
	message = b.taken[b.at:end:end]
	b.read, b.at = b.read+1, end
	b.whole.Add(-1)
	return message, true
}

// take exchanges what the reader has read for what is ready, waiting for it.
func (b *inbox) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.ends) == 0 {
		if b.isEnd {
			return false
		}
		b.changed.Wait()
	}
	empty := b.taken[:0]
	if cap(empty) > keptBuffer {
		empty = nil
	}
	b.taken, b.ready = b.ready, empty
	emptyEnds := b.takenEnds[:0]
	if cap(emptyEnds) > keptEnds {
		emptyEnds = nil
	}
	b.takenEnds, b.ends = b.ends, emptyEnds
	b.read, b.at = 0, 0
	b.changed.Broadcast()
	return true
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
