package mailbox

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/hawser-go/hawser/netlayer"
)

// Bounds of what an Inbox keeps until what is before it has come.
const (
	maxEarlyFrames  = 1 << 16
	maxEarlyBytes   = 8 << 20
	maxOpenLetters  = 1 << 12
	sizeOfEarlyItem = 64 // about what one costs beside its bytes
)

// Inbox puts what comes in letters, and by connections in between, into order: each frame of one direction of a link once. What
// it has handed out and what was consumed is the link's to store: an Inbox is made anew at each start. It belongs to one goroutine.
//
// T is what the caller has of a letter, such as its Delivery; Inbox gives it back when the letter is to be forgotten.
type Inbox[T any] struct {
	next     uint64 // frames before it were handed out
	consumed uint64
	told     uint64 // what the peer was told is consumed
	owes     bool   // told was lost, as it seems
	early    map[uint64]*earlyFrame
	size     int
	open     []openLetter[T]
}

type earlyFrame struct {
	whole []byte   // nil if it comes in parts and some are missing
	parts [][]byte // nil if it came whole
	have  int      // how many parts there are
}

type openLetter[T any] struct {
	next   uint64
	letter T
}

// NewInbox returns the Inbox of a link whose frames before next were handed out, of which those before consumed were consumed.
func NewInbox[T any](next, consumed uint64) *Inbox[T] {
	return &Inbox[T]{next: next, consumed: consumed, told: consumed, early: make(map[uint64]*earlyFrame)}
}

// Take takes the frames of a message and returns those that are in order now, from the one with the number Next returned
// before. It keeps them. letter is returned by Done when nothing in the message is needed any more; so it is with an error that matches
// ErrReplayed, which says that there was nothing new. With another error the message was not taken, and letter is not kept: with
// ErrEarly it may be when it comes again, with ErrEquivocal and ErrMalformed it never will.
func (i *Inbox[T]) Take(m *Message, letter T) (ready [][]byte, err error) {
	end := m.First + uint64(len(m.Frames))
	switch {
	case len(i.open) >= maxOpenLetters:
		return nil, fmt.Errorf("%w: there are %d letters whose frames are not consumed", ErrEarly, len(i.open))
	case len(m.Frames) == 0:
		i.open = append(i.open, openLetter[T]{0, letter})
		return nil, nil
	case end <= i.next:
		i.owes = true // the peer has not heard how far we are
		i.open = append(i.open, openLetter[T]{end, letter})
		return nil, ErrReplayed
	case m.Parts < 0 || m.Parts > maxParts || m.Parts > 0 && (m.Part < 0 || m.Part >= m.Parts || len(m.Frames) != 1):
		return nil, fmt.Errorf("%w: part %d of %d", ErrMalformed, m.Part, m.Parts)
	case end-i.next > maxEarlyFrames:
		return nil, fmt.Errorf("%w: it has frame %d, and the next is %d", ErrEarly, end-1, i.next)
	}
	if m.Parts > 0 {
		err = i.takePart(m)
	} else {
		err = i.takeWhole(m)
	}
	if err != nil {
		return nil, err
	}
	i.open = append(i.open, openLetter[T]{end, letter})
	return i.ready(), nil
}

// takeWhole keeps the frames of a message that are not there yet.
func (i *Inbox[T]) takeWhole(m *Message) error {
	size := 0
	for k, f := range m.Frames {
		n := m.First + uint64(k)
		switch e := i.early[n]; {
		case n < i.next, e != nil && e.whole == nil:
		case e == nil:
			size += len(f) + sizeOfEarlyItem
		case !bytes.Equal(e.whole, f):
			return fmt.Errorf("%w: number %d", ErrEquivocal, n)
		}
	}
	if m.First > i.next && i.size+size > maxEarlyBytes {
		return fmt.Errorf("%w: %d bytes wait for frame %d", ErrEarly, i.size, i.next)
	}
	for k, f := range m.Frames {
		n := m.First + uint64(k)
		if n < i.next {
			continue
		}
		e := i.early[n]
		if e != nil && e.whole != nil {
			continue
		}
		i.drop(n) // parts of it, if there are any
		if f == nil {
			f = []byte{}
		}
		i.early[n] = &earlyFrame{whole: f}
		i.size += len(f) + sizeOfEarlyItem
	}
	return nil
}

// takePart keeps one part of a frame.
func (i *Inbox[T]) takePart(m *Message) error {
	part := m.Frames[0]
	if last := m.Part == m.Parts-1; !last && len(part) != PartSize || last && (len(part) == 0 || m.Part*PartSize+len(part) > netlayer.MaxFrame) {
		return fmt.Errorf("%w: part %d of %d of a frame has %d bytes", ErrMalformed, m.Part, m.Parts, len(part))
	}
	e := i.early[m.First]
	switch {
	case e != nil && e.whole != nil:
		return nil
	case e != nil && len(e.parts) != m.Parts, e != nil && e.parts[m.Part] != nil && !bytes.Equal(e.parts[m.Part], part):
		return fmt.Errorf("%w: number %d", ErrEquivocal, m.First)
	case e != nil && e.parts[m.Part] != nil:
		return nil
	case m.First > i.next && i.size+len(part)+sizeOfEarlyItem > maxEarlyBytes:
		return fmt.Errorf("%w: %d bytes wait for frame %d", ErrEarly, i.size, i.next)
	}
	if e == nil {
		e = &earlyFrame{parts: make([][]byte, m.Parts)}
		i.early[m.First] = e
		i.size += sizeOfEarlyItem
	}
	e.parts[m.Part] = part
	i.size += len(part)
	if e.have++; e.have == m.Parts {
		e.whole, e.parts = slices.Concat(e.parts...), nil
	}
	return nil
}

// ready takes out what is in order.
func (i *Inbox[T]) ready() (frames [][]byte) {
	for e := i.early[i.next]; e != nil && e.whole != nil; e = i.early[i.next] {
		frames = append(frames, e.whole)
		i.drop(i.next)
		i.next++
	}
	return frames
}

// drop forgets an early frame.
func (i *Inbox[T]) drop(n uint64) {
	e := i.early[n]
	if e == nil {
		return
	}
	i.size -= len(e.whole) + sizeOfEarlyItem
	for _, p := range e.parts {
		i.size -= len(p)
	}
	delete(i.early, n)
}

// Next returns the number of the frame that is expected next.
func (i *Inbox[T]) Next() uint64 { return i.next }

// Advance says that frames before n have come by another way, a connection, and returns those that are in order after them.
func (i *Inbox[T]) Advance(n uint64) (ready [][]byte) {
	if n <= i.next {
		return nil
	}
	for k := range i.early {
		if k < n {
			i.drop(k)
		}
	}
	i.next = n
	return i.ready()
}

// Consumed says that the link has consumed the frames before n: what they bring is on the disk.
func (i *Inbox[T]) Consumed(n uint64) { i.consumed = max(i.consumed, n) }

// Done returns the letters that are not needed any more, each once: what they carried was consumed, or they carried nothing. What
// a letter says beside its frames is to be on the disk when Done is called after Take.
func (i *Inbox[T]) Done() (letters []T) {
	i.open = slices.DeleteFunc(i.open, func(o openLetter[T]) bool {
		if o.next > i.consumed {
			return false
		}
		letters = append(letters, o.letter)
		return true
	})
	return letters
}

// Owes returns up to where frames were consumed, and whether the peer is to be told: it has not been, or seems not to have heard.
func (i *Inbox[T]) Owes() (next uint64, owes bool) { return i.consumed, i.owes || i.consumed > i.told }

// Told says that the peer was told, in a letter that a box has taken or by a connection, that frames before n were consumed.
func (i *Inbox[T]) Told(n uint64) {
	i.told = max(i.told, n)
	i.owes = i.owes && n < i.consumed
}
