package vat

import "context"

// Root returns the object that v has under a name: to find objects again after a restart. If there is none first makes it,
// in a turn of v, and it is kept under that name for good; a null reference is an error of first. Objects that only other
// objects lead to need no name. It must be called outside turns, as [Do].
func Root[S ~struct{ Ref }](ctx context.Context, v *Vat, name string, first func(ctx context.Context) (S, error)) (S, error) {
	return Do(ctx, v, func(ctx context.Context) (S, error) {
		t := mustTurn(ctx, "Root")
		r, err := v.root(name)
		if err != nil || !r.IsNull() {
			return As[S](r), err
		}
		s, err := first(ctx)
		if err != nil {
			return s, err
		}
		if r = struct{ Ref }(s).Ref; r.IsNull() {
			return s, ErrNull
		}
		if d := v.depot; d != nil {
			if err := checkName(name); err != nil {
				return s, err
			}
			t.f.out = append(t.f.out, effect{note: func(x *tx) (func(), error) { return x.noteRoot(v, name, r) }})
			return s, nil
		}
		t.OnCommit(func() {
			if v.roots == nil {
				v.roots = make(map[string]Ref)
			}
			v.roots[name] = r
		}, nil)
		return s, nil
	})
}

// root returns what the vat has under a name, null for nothing. It is called in a turn of the vat.
func (v *Vat) root(name string) (Ref, error) {
	d := v.depot
	if d == nil {
		return v.roots[name], nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	b, err := d.store.Get(bucketRoots, rootKey(v.number, name))
	if err != nil || b == nil {
		return Ref{}, err
	}
	s, err := d.slotAt(keyNumber(b))
	if err != nil {
		return Ref{}, err
	}
	return d.refOf(s), nil
}

// noteRoot stores a root.
func (x *tx) noteRoot(v *Vat, name string, r Ref) (func(), error) {
	p := pen{x: x}
	if _, err := p.slot(r); err != nil {
		return nil, err
	}
	s := x.d.slotOf(r)
	return func() {
		x.batch.Put(bucketRoots, rootKey(v.number, name), numberKey(s.id))
		x.name(s)
	}, nil
}
