package passable_test

import (
	"errors"

	"github.com/hawser-go/hawser/passable"
)

// ref is a bare reference as a runtime would have it: comparable, with a null.
type ref struct{ h *handle }

type handle struct{ name string }

func (r ref) PassableReference() passable.Reference {
	if r.h == nil {
		return nil
	}
	return r
}

func newRef(name string) ref { return ref{&handle{name}} }

// roomRef is a stub.
type roomRef struct{ ref }

// nestedRef is a stub of a stub.
type nestedRef struct{ roomRef }

// promise holds a reference without being one: it takes one through its pointer.
type promise[T any] struct{ r ref }

func (p promise[T]) PassableReference() passable.Reference { return p.r.PassableReference() }

var errNotRef = errors.New("not a reference of this runtime")

func (p *promise[T]) SetPassableReference(r passable.Reference) error {
	if r == nil {
		p.r = ref{}
		return nil
	}
	own, ok := r.(ref)
	if !ok {
		return errNotRef
	}
	p.r = own
	return nil
}

// pointerRef is a reference by pointer.
type pointerRef struct{ name string }

func (p *pointerRef) PassableReference() passable.Reference { return p }

// token is an Opaque value.
type token struct{ id int }

func (t token) PassableEqual(o passable.Opaque) bool { return passable.Opaque(t) == o }

type codedError struct{ code, text string }

func (e codedError) Error() string     { return e.text }
func (e codedError) ErrorCode() string { return e.code }
