package promise_test

import "github.com/hawser-go/hawser/passable"

// stranger is a reference that is no promise.
type stranger struct{}

func (s stranger) PassableReference() passable.Reference { return s }

// explosive panics when something is assigned to it.
type explosive struct{}

func (explosive) PassableReference() passable.Reference          { return nil }
func (*explosive) SetPassableReference(passable.Reference) error { panic("boom") }
