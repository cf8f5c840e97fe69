package captp

import (
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// reference turns a descriptor in a message into a reference, counting the mention.
func (r *reader) reference(d msg.Desc) (ref passable.Reference, err error) {
	if !r.started {
		return nil, violation("op:start-session", "must come first, got a message with %v", d)
	}
	r.s.withLock(func(l *locked) {
		if l.state != live {
			err = l.ending()
			return
		}
		var v vat.Ref
		switch d.Kind {
		case msg.Export, msg.Answer:
			var res *far
			if v, res, err = l.target(d); res != nil {
				v = l.resolverRef(d.Pos, res)
			}
			v = settledRef(v) // a promise of ours that has become known is what it has become
		case msg.ImportObject:
			v, err = l.importObject(d.Pos)
		case msg.ImportPromise:
			v, err = r.importPromise(l, d.Pos)
		default:
			err = violation("reference", "%v cannot stand in a message", d)
		}
		if err == nil {
			ref = v
		}
	})
	return ref, err
}

// resolverRef makes a reference of a resolver that the peer hands back as if it were any object.
func (l *locked) resolverRef(pos msg.Pos, q *far) vat.Ref {
	r := &resolver{q: q}
	ref := r.node.Init(r)
	l.t.exports.at(pos).ref = ref
	l.t.byRef[ref] = pos
	return ref
}

func (l *locked) importObject(pos msg.Pos) (vat.Ref, error) {
	if pos == 0 {
		return l.s.Bootstrap(), nil
	}
	e, err := l.imported(pos, false)
	if err != nil {
		return vat.Ref{}, err
	}
	return l.objectAt(pos, e), nil
}

// objectAt returns the reference to an object of the peer's.
func (l *locked) objectAt(pos msg.Pos, e *imported) vat.Ref {
	if ref, ok := e.weak.Ref(); ok {
		return ref
	}
	f := newFar(l.s, farObject, nil)
	f.pos = pos
	ref := f.node.Init(f)
	l.s.watchImport(ref, pos, e)
	return ref
}

func (r *reader) importPromise(l *locked, pos msg.Pos) (vat.Ref, error) {
	e, err := l.imported(pos, true)
	if err != nil {
		return vat.Ref{}, err
	}
	if ref, ok := e.weak.Ref(); ok {
		return ref, nil
	}
	w := vat.NewVow(nil)
	f := newFar(l.s, farPromise, w)
	f.pos = pos
	l.s.watchImport(w.Ref(), pos, e)
	r.fresh = append(r.fresh, f)
	return w.Ref(), nil
}

// imported returns the entry for a position of the peer's, with one more mention counted.
func (l *locked) imported(pos msg.Pos, promise bool) (*imported, error) {
	t, limits := l.t, &l.s.cfg.Limits
	e := t.imports[pos]
	switch {
	case e == nil && len(t.imports) >= limits.MaxImports:
		return nil, violation("limit", "more than %d positions imported", limits.MaxImports)
	case e == nil && promise && t.promises >= limits.MaxPromises:
		return nil, violation("limit", "more than %d promises imported", limits.MaxPromises)
	case e == nil && t.unread() > limits.MaxUnsent:
		// Each new position has this side say something sooner or later: that it wants to know what a promise becomes,
		// that it gives the position back.
		return nil, l.s.unread()
	case e == nil:
		e = &imported{promise: promise}
		t.imports[pos] = e
		if promise {
			t.promises++
		}
	case e.promise && !promise:
		return nil, violation("desc:import-object", "position %d is a promise", pos)
	case !e.promise && promise:
		return nil, violation("desc:import-promise", "position %d is an object", pos)
	}
	e.count++
	t.touchImport(pos, e)
	return e, nil
}

// listen asks the peer how the promises that have just come in settle, and lets messages go to them.
func (r *reader) listen() {
	s := r.s
	var err error
	asked := 0
	s.withLock(func(l *locked) {
		t := l.t
		for _, f := range r.fresh {
			switch {
			case l.state != live:
				err = l.ending()
			case t.exports.len() >= s.cfg.Limits.MaxExports:
				err = vat.ErrOverloaded
			}
			if err != nil {
				return
			}
			pos := t.exportResolver(f)
			_ = t.append(&msg.Listen{To: f.mention(), Resolve: msg.Desc{Kind: msg.ImportObject, Pos: pos}})
			asked++
		}
	})
	for i, f := range r.fresh {
		f.vow.Route(f)
		if i >= asked {
			s.conclude(f, outcome{err: err}, nil)
		}
		r.fresh[i] = nil
	}
	r.fresh = r.fresh[:0]
	s.poke()
}
