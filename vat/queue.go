package vat

import "sync"

// delivery is one entry of a vat's queue: a message for an object, or work without one.
type delivery struct {
	to   *object
	work any // a promise.Job, or a *parked turn that may go on
	msg  Message
}

// queue is a part of a vat's queue, in pieces: however long it grows none is copied. Pieces come from a pool, which is
// the process's own and holds no handle of anybody's; an idle vat has none.
type queue struct{ head, tail *piece }

type piece struct {
	ds   [32]delivery
	n    int
	next *piece
}

var pieces = sync.Pool{New: func() any { return new(piece) }}

// add makes room for one more and returns it, zero, to be filled.
func (q *queue) add() *delivery {
	p := q.tail
	switch {
	case p == nil:
		p = pieces.Get().(*piece)
		q.head, q.tail = p, p
	case p.n == len(p.ds):
		p = pieces.Get().(*piece)
		q.tail.next, q.tail = p, p
	}
	p.n++
	return &p.ds[p.n-1]
}

// drop gives the first piece back, whose deliveries have been taken out and zeroed.
func (q *queue) drop() {
	p := q.head
	q.head = p.next
	if q.head == nil {
		q.tail = nil
	}
	p.n, p.next = 0, nil
	pieces.Put(p)
}
