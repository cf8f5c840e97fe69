package sockets

import (
	"sync"
	"sync/atomic"
)

// An Inbox holds the messages that have arrived and have not been read. One goroutine fills it, with Room and Put, and
// waits while inboxWindow bytes are ready, a whole message among them; then the kernel's buffers fill, and the peer waits.
// Another, the reader, empties it with Next by taking all that is ready, so that each byte is copied a few times at most.
type Inbox struct {
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

// NewInbox returns an empty inbox.
func NewInbox() *Inbox {
	b := &Inbox{}
	b.changed.L = &b.mu
	return b
}

const (
	inboxWindow = 128 << 10
	// entry is what a message costs beside its bytes, so that empty ones count too.
	entry = 16
	// keptBuffer and keptEnds are the sizes of the largest slices that are kept when they are empty.
	keptBuffer = 256 << 10
	keptEnds   = 4 << 10
)

// Room waits until the inbox can hold more.
func (b *Inbox) Room() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.ends) > 0 && len(b.ready)+entry*len(b.ends) >= inboxWindow && !b.discarding {
		b.changed.Wait()
	}
}

// Put keeps bytes that have arrived, in which messages end at ends. What stands behind the last end is the beginning of a
// message that a later Put goes on with. The reader is woken once, for all of them.
func (b *Inbox) Put(bytes []byte, ends []int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.discarding {
		return
	}
	before := len(b.ready)
	b.ready = append(b.ready, bytes...)
	for _, end := range ends {
		b.ends = append(b.ends, before+end)
	}
	if len(ends) > 0 {
		b.whole.Add(int64(len(ends)))
		b.changed.Broadcast()
	}
}

// Next returns the next message, waiting for it; ok is false at the end. The message is valid until the next call.
func (b *Inbox) Next() (message []byte, ok bool) {
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
func (b *Inbox) take() bool {
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
	rest := b.ready[b.ends[len(b.ends)-1]:]
	b.taken, b.ready = b.ready, append(empty, rest...)
	emptyEnds := b.takenEnds[:0]
	if cap(emptyEnds) > keptEnds {
		emptyEnds = nil
	}
	b.takenEnds, b.ends = b.ends, emptyEnds
	b.read, b.at = 0, 0
	b.changed.Broadcast()
	return true
}

// End wakes a reader that waits in vain.
func (b *Inbox) End() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.isEnd = true
	b.changed.Broadcast()
}

// Discard throws away what arrives from now on.
func (b *Inbox) Discard() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.discarding = true
	b.changed.Broadcast()
}

// Empty reports whether there is no message to read.
func (b *Inbox) Empty() bool { return b.whole.Load() == 0 }
