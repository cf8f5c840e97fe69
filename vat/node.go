package vat

import (
	"runtime"
	"weak"
)

// A Target is where a reference leads: an object, a promise, or something at the far end of a session. Programs never
// implement one; sessions do, with a [Node].
type Target interface {
	// Deliver takes the message over. It must not block, nor run user code, and keeps the order of its calls.
	Deliver(m Message)
}

// A Budgeted target bounds what may be under way to it. A turn that sends to it reserves room for all its messages
// when it commits, and fails whole if there is none.
type Budgeted interface {
	Target
	Budget() Budget
}

// A Budget is the room of a session. It is comparable.
type Budget interface {
	// Reserve takes room for n messages, or says why there is none.
	Reserve(n int) error
	// Release gives room back that was reserved for messages that were not sent after all.
	Release(n int)
}

// Counted targets are held by a peer for as long as this process uses a reference to them.
type Counted interface {
	Target
	// Unseen says that a message from the peer given, which mentioned the reference, was refused before user code saw
	// it. The reference is not always that peer's own.
	Unseen(from *Caller)
	// Drop is a hint that references to this target were let go of, for the collector to find.
	Drop()
}

// node is what a Ref points to: the first field of an object, a Vow or a Node.
type node struct{ target Target }

// A Node is what a reference into a session points to. It is a field of the [Target] it leads to, so that whoever holds
// the target — a message under way, say — keeps the reference in use.
type Node struct{ node node }

// Init makes the node lead to t and returns the reference. Called once; the caller keeps one node for each position, so
// that equal positions are equal references.
func (n *Node) Init(t Target) Ref {
	n.node.target = t
	return n.Ref()
}

// Ref returns the reference that points to the node.
func (n *Node) Ref() Ref { return Ref{&n.node} }

// Target returns where r leads, for sessions to recognise their own; nil for the null reference.
func (r Ref) Target() Target {
	if r.n == nil {
		return nil
	}
	return r.n.target
}

// Ahead returns where a message sent to r now would arrive, following promises for promises, 64 at the most; nil if that
// cannot be told, since it would wait in one of them, and for the null reference.
func Ahead(r Ref) Target {
	t := r.Target()
	for range 64 {
		w, ok := t.(*Vow)
		if !ok {
			return t
		}
		t = w.ahead()
	}
	return nil
}

// A WeakRef remembers a reference without keeping it in use. It is comparable.
type WeakRef struct{ p weak.Pointer[node] }

// Weak returns r's weak reference.
func (r Ref) Weak() WeakRef { return WeakRef{weak.Make(r.n)} }

// Ref returns the reference, while something else still holds it.
func (w WeakRef) Ref() (Ref, bool) {
	n := w.p.Value()
	return Ref{n}, n != nil
}

// OnCollect arranges for fn(arg) to be called some time after the last use of r has gone, by the collector's own
// goroutine: fn must return quickly and take only short locks, and arg must not lead to r.
func OnCollect[A any](r Ref, fn func(A), arg A) { runtime.AddCleanup(r.n, fn, arg) }
