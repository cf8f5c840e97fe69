package vat

import (
	"fmt"
	"reflect"

	"github.com/hawser-go/hawser/passable"
)

// watched is an object of a registered kind in a vat that is not durable: if a turn fails its state is what it was before.
type watched struct {
	object
	snapshot
	inner dispatcher
}

// snapshot is of which struct the state was saved.
type snapshot struct {
	kind *kind
	impl any
}

// kindsOf returns the kinds by the struct they are of.
func kindsOf(kinds []Kind) map[reflect.Type]*kind {
	if len(kinds) == 0 {
		return nil
	}
	m := make(map[reflect.Type]*kind, len(kinds))
	for _, k := range kinds {
		m[k.k.typ] = k.k
	}
	return m
}

// watch returns the reference to impl if it is of a registered kind.
func (v *Vat) watch(impl any, inner func() dispatcher) (Ref, bool) {
	t := reflect.TypeOf(impl)
	if len(v.limits.kinds) == 0 || t.Kind() != reflect.Pointer || v.limits.kinds[t.Elem()] == nil {
		return Ref{}, false
	}
	w := &watched{snapshot: snapshot{v.limits.kinds[t.Elem()], impl}, inner: inner()}
	return w.init(v, w), true
}

func (w *watched) invoke(t *turn, m *Message) (any, error) {
	if err := t.f.save(w.snapshot); err != nil {
		m.Taken()
		return nil, err
	}
	return w.inner.invoke(t, m)
}

func (w *watched) describe() string { return w.inner.describe() }

func (w *watched) near(t *turn) (any, error) { return w.impl, t.f.save(w.snapshot) }

// save has the turn put the state of an object back if it fails.
func (f *frame) save(s snapshot) error {
	for _, other := range f.saved {
		if other.impl == s.impl {
			return nil
		}
	}
	if err := f.remember(s); err != nil {
		return err
	}
	f.saved = append(f.saved, s)
	return nil
}

func (f *frame) remember(s snapshot) error {
	model, err := passable.Copy(s.impl, storable)
	if err != nil {
		return ErrInternal.due(fmt.Errorf("the state of a %v cannot be kept: %w", s.kind.typ, err))
	}
	f.undo = append(f.undo, func() {
		if err := s.kind.put(s.impl, model); err != nil {
			f.vat.fault("restoring an object after a failed turn", err, "object", s.kind.name)
		}
	})
	return nil
}
