package vat

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
)

// A Ref is a reference: to an object, near or far, or to a promise for one. It is the permission to send messages
// there, and the only one there is. The zero Ref is null. A Ref may be copied, kept and used from any goroutine; ==
// tells whether two settled references are the same (a promise is equal only to itself: Await it first).
//
// Typed stubs are structs with an embedded Ref and nothing else.
type Ref struct{ n *node }

// PassableReference makes a Ref, and by promotion every stub, passable.
func (r Ref) PassableReference() passable.Reference {
	if r.n == nil {
		return nil
	}
	return r
}

// IsNull reports whether r is the null reference.
func (r Ref) IsNull() bool { return r.n == nil }

// String describes r for logs, without anything secret.
func (r Ref) String() string {
	if r.n == nil {
		return "ref(null)"
	}
	switch t := r.n.target.(type) {
	case *object:
		return "ref(near " + t.disp.describe() + ")"
	case *Vow:
		return "ref(promise)"
	case fmt.Stringer:
		return "ref(" + t.String() + ")"
	}
	return "ref(far)"
}

// Send sends the message selector(args...) and returns a reference to its answer, to which more can be sent at once.
// It never blocks. Inside a turn the message leaves when the turn commits; outside one, now. The arguments are copied:
// any value that package passable can pass. An argument that cannot pass, and every other failure, breaks the answer.
// ctx says who sends; its end cancels nothing.
func (r Ref) Send(ctx context.Context, selector string, args ...any) Ref {
	return r.ask(ctx, Message{Selector: passable.Symbol(selector)}, args)
}

// Apply is Send without a selector, for references to functions.
func (r Ref) Apply(ctx context.Context, args ...any) Ref { return r.ask(ctx, Message{}, args) }

// Field returns a reference to the field of the struct that r is a promise for.
func (r Ref) Field(ctx context.Context, name string) Ref {
	return r.ask(ctx, Message{Op: Get, Selector: passable.Symbol(name)}, nil)
}

// Index returns a reference to the element at position i, from 0, of the list that r is a promise for.
func (r Ref) Index(ctx context.Context, i int) Ref {
	return r.ask(ctx, Message{Op: Index, Pos: int64(i)}, nil)
}

// Untag returns a reference to the value inside the tagged value that r is a promise for, if its tag is the one given.
func (r Ref) Untag(ctx context.Context, tag string) Ref {
	return r.ask(ctx, Message{Op: Untag, Selector: passable.Symbol(tag)}, nil)
}

// SendOnly sends a message whose answer nobody wants. The error is for a message that cannot leave — an argument that
// cannot pass, the null reference, outside a turn also a vat or a promise where too much waits already —; what becomes
// of one that has left the sender does not learn.
func (r Ref) SendOnly(ctx context.Context, selector string, args ...any) error {
	return r.tell(ctx, Message{Selector: passable.Symbol(selector)}, args)
}

// ApplyOnly is SendOnly without a selector.
func (r Ref) ApplyOnly(ctx context.Context, args ...any) error { return r.tell(ctx, Message{}, args) }

func (r Ref) ask(ctx context.Context, m Message, args []any) Ref {
	t := turnIn(ctx)
	m.Answer = new(Vow)
	if t != nil {
		m.Answer.Init(t.vat)
	} else {
		m.Answer.Init(nil)
	}
	answer := m.Answer.Ref()
	var err error
	if m.Args, err = passable.CopyArgs(args, asRef); err != nil {
		m.Answer.Break(err)
		return answer
	}
	if err = r.post(t, &m); err != nil {
		m.Refuse(err)
	}
	return answer
}

func (r Ref) tell(ctx context.Context, m Message, args []any) (err error) {
	t := turnIn(ctx)
	if m.Args, err = passable.CopyArgs(args, asRef); err != nil {
		return err
	}
	return r.post(t, &m)
}

// post sends m, or returns why it cannot leave.
func (r Ref) post(t *turn, m *Message) error {
	if r.n == nil {
		return ErrNull
	}
	if t != nil {
		m.told = t.vat.told
		t.send(r.n.target, m)
		return nil
	}
	room, held := roomFor(nil, r.n.target)
	if wait, ok := room.(*waitingRoom); ok {
		m.Reserved, held = wait, false
	}
	if room != nil && !held {
		// Nobody else would tell a sender outside turns that a message without an answer was refused, and the next one not.
		if err := room.Reserve(1); err != nil {
			m.Reserved = nil
			return err
		}
		m.sent = true
	}
	hand(nil, r.n.target, m)
	runtime.KeepAlive(r.n)
	return nil
}

// Post delivers a message that belongs to no turn, now, for those who implement a [Target].
func (r Ref) Post(m Message) {
	if m.From != nil {
		m.via = r.n
	}
	hand(nil, r.n.target, &m)
	runtime.KeepAlive(r.n)
}

// asRef turns every kind of reference of this module into a Ref.
func asRef(r passable.Reference) (passable.Reference, error) {
	switch r := r.(type) {
	case Ref:
		return r, nil
	case *promise.Cell:
		return refOfCell(r), nil
	case promise.Settler:
		return nil, errSettler
	}
	return nil, fmt.Errorf("a %T is no reference of this process", r)
}

var errSettler = errors.New("a resolver goes into no message: pass an object with a method that settles the promise")

// PromiseCell returns the outcome r is a promise for; a reference that is no promise is its own.
func (r Ref) PromiseCell() *promise.Cell {
	if r.n != nil {
		if w, ok := r.n.target.(*Vow); ok {
			return &w.cell
		}
	}
	c := new(promise.Cell)
	c.Fulfill(r, true)
	return c
}

// Await waits until r is settled and returns the settled reference, which == compares. A promise that turns out to be
// for data gives ErrNotReference: use [Result]. Inside a turn it COMMITS AND PARKS the turn: see package promise.
func (r Ref) Await(ctx context.Context) (Ref, error) {
	v, err := Result[any](r).Await(ctx)
	if err != nil {
		return Ref{}, err
	}
	settled, ok := v.(Ref)
	if !ok && v != nil {
		return Ref{}, ErrNotReference
	}
	return settled, nil
}

// Result returns the promise for what r brings, seen as a T: the answer of a call as data, or as a stub.
func Result[T any](r Ref) promise.Promise[T] { return promise.Of[T](r.PromiseCell()) }

// RefOf returns the reference as which a promise is passed: what is sent to it goes where the promise leads. It is the other way
// round of Result.
func RefOf[T any](p promise.Promise[T]) Ref { return refOfCell(p.Cell()) }

// As returns r as a stub of type S, a struct that embeds Ref. Nothing is checked: a stub is a way to write messages.
func As[S ~struct{ Ref }](r Ref) S { return S(struct{ Ref }{r}) }

// Await waits until r is settled and returns it as a stub; stubs call it in their own Await.
func Await[S ~struct{ Ref }](ctx context.Context, r Ref) (S, error) {
	settled, err := r.Await(ctx)
	return As[S](settled), err
}

// Drop hints that r was let go of, so that a peer that holds something for it can be told soon rather than when the
// collector next happens to run. It breaks nothing: others may go on using the same reference.
func Drop(r Ref) {
	if c, ok := r.Target().(Counted); ok {
		c.Drop()
	}
}
