package home

import (
	"context"

	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// A Publication is what is stored of a named publication: its name, and the swiss number that keeps its URI the same.
type Publication struct {
	Name  string
	Swiss sturdyref.SwissNum
}

// A Keeper stores the publications of a Home. Save replaces what is stored, whole or not at all.
type Keeper interface {
	Load() ([]Publication, error)
	Save([]Publication) error
}

// publication is one object in the registry. It does not change: what Publish and Unpublish do puts another in its place.
type publication struct {
	name  string
	swiss sturdyref.SwissNum // zero for one that is opened by a capability key
	keys  sturdyref.Keys     // zero for a weak swiss number
	lock  *sturdyref.CapabilityLock
	id    [16]byte           // the public name of its secret, zero for a weak swiss number
	serve sturdyref.ProofKey // proves that we have the secret, too
	live  bool               // false for a name that is remembered but not published at present
	ref   vat.Ref
	caret vat.Ref
	// given are the caretakers that peers were given, those of earlier publications of the name included.
	given []handed
}

// handed is a caretaker that peers were given, for as long as anybody may use it.
type handed struct {
	caret vat.WeakRef
	// held keeps the caretaker of what is no object of this process: what has come through it may wait for a promise or
	// a connection when nobody has the caretaker any more.
	held   vat.Ref
	revoke func(context.Context, error)
}

// is reports whether both are the same caretaker.
func (g handed) is(other handed) bool { return g.caret == other.caret }

// forgotten reports whether nobody has the caretaker any more.
func (g handed) forgotten() bool {
	_, ok := g.caret.Ref()
	return !ok
}

func newPublication(name string, swiss sturdyref.SwissNum) (*publication, error) {
	p := &publication{name: name, swiss: swiss}
	if swiss.Weak() {
		return p, nil
	}
	var err error
	if p.keys, err = swiss.Keys(); err != nil {
		return nil, err
	}
	p.id, p.serve = p.keys.ID(), p.keys.ProofKey()
	return p, nil
}
