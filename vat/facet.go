package vat

import (
	"context"
	"fmt"
	"reflect"

	"github.com/hawser-go/hawser/passable"
)

// Selectors says what methods are called on the wire where that is not the method's name in lowerCamel.
type Selectors map[string]string

// A Facet is a Go interface as the world sees it: the methods that messages can reach, and nothing else of the object
// behind it. Make one for each interface with [FacetOf], as a package variable.
type Facet[I any] struct{ plan *plan[I] }

// plan says which method a selector reaches.
type plan[I any] struct {
	name    string
	methods map[passable.Symbol]method[I]
	all     func(impl I, ctx context.Context, m *Message) (any, error) // gets every message instead, if set
}

// method is called by reflection, or by direct if that is set.
type method[I any] struct {
	index  int // in the interface's method set
	sig    *signature
	direct Method[I]
}

// FacetOf describes the interface I under a name for logs. A method is func([ctx,] arguments...) [result] [, error];
// its selector is its name in lowerCamel (ListUsers is "listUsers", URLFor "urlFor") unless given. FacetOf panics if I
// is no such interface, or if an argument or result is of a type that cannot pass: it is for package variables.
func FacetOf[I any](name string, selectors ...Selectors) Facet[I] {
	t := reflect.TypeFor[I]()
	if t.Kind() != reflect.Interface {
		panic(fmt.Sprintf("vat: FacetOf[%v]: a facet is an interface, this is a %v", t, t.Kind()))
	}
	p := &plan[I]{name: name, methods: make(map[passable.Symbol]method[I], t.NumMethod())}
	known := Selectors{}
	for _, s := range selectors {
		for k, v := range s {
			known[k] = v
		}
	}
	for i := range t.NumMethod() {
		m := t.Method(i)
		if m.PkgPath != "" {
			panic(fmt.Sprintf("vat: FacetOf[%v]: method %s is not exported", t, m.Name))
		}
		sig, err := signatureOf(m.Type)
		if err != nil {
			panic(fmt.Sprintf("vat: FacetOf[%v]: method %s: %v", t, m.Name, err))
		}
		sel, given := known[m.Name]
		if !given {
			sel = passable.LowerCamel(m.Name)
		}
		delete(known, m.Name)
		if _, dup := p.methods[passable.Symbol(sel)]; dup {
			panic(fmt.Sprintf("vat: FacetOf[%v]: two methods have the selector %q", t, sel))
		}
		p.methods[passable.Symbol(sel)] = method[I]{index: i, sig: sig}
	}
	for k := range known {
		panic(fmt.Sprintf("vat: FacetOf[%v]: a selector is given for %s, which is no method", t, k))
	}
	return Facet[I]{p}
}

// Name returns the facet's name.
func (f Facet[I]) Name() string { return f.plan.name }

// Spawn makes an object of impl in the vat whose turn ctx is and returns the reference to it: the one permission to
// call its I methods. The same value may be spawned under several facets; each is an object of its own. Spawn panics
// outside a turn, and if impl is nil.
func (f Facet[I]) Spawn(ctx context.Context, impl I) Ref {
	t := mustTurn(ctx, "Spawn")
	if any(impl) == nil {
		panic("vat: Spawn of a nil " + f.plan.name)
	}
	r := f.spawn(t.vat, impl)
	if t.vat.depot != nil {
		t.spawned(r)
	}
	return r
}

// SpawnIn is Spawn for those who manage references rather than objects, outside turns: the object lives in v. It panics
// if impl is nil.
func (f Facet[I]) SpawnIn(v *Vat, impl I) Ref {
	if any(impl) == nil {
		panic("vat: SpawnIn of a nil " + f.plan.name)
	}
	return f.spawn(v, impl)
}

func (f Facet[I]) spawn(v *Vat, impl I) Ref {
	if v.depot != nil {
		return v.depot.spawn(v, f, impl)
	}
	if r, ok := v.watch(impl, func() dispatcher { return &view[I]{f.plan, impl} }); ok {
		return r
	}
	o := &facetObject[I]{view: view[I]{f.plan, impl}}
	return o.init(v, o)
}

// fits implements AnyFacet.
func (f Facet[I]) fits(t reflect.Type) error {
	if i := reflect.TypeFor[I](); !t.Implements(i) {
		return fmt.Errorf("the facet %s wants a %v, and %v is none", f.Name(), i, t)
	}
	return nil
}

// see implements AnyFacet.
func (f Facet[I]) see(impl any) dispatcher { return &view[I]{f.plan, impl.(I)} }

// facetObject is a Go value seen through a facet.
type facetObject[I any] struct {
	object
	view[I]
}

// view gives messages to a Go value as a facet says.
type view[I any] struct {
	plan *plan[I]
	impl I
}

func (o *view[I]) invoke(t *turn, m *Message) (any, error) {
	if m.Op != Deliver {
		m.Taken()
		return nil, ErrBadSelect
	}
	if o.plan.all != nil {
		v, err := o.plan.all(o.impl, t, m)
		m.Taken() // unless it was passed on
		if err != nil || v == forwarded {
			return v, err
		}
		return copyResult(v)
	}
	m.Taken()
	sel, args := m.Method()
	meth, ok := o.plan.methods[sel]
	if !ok {
		return nil, ErrNoSuchMethod.because("%s has no %q", o.plan.name, clip(string(sel), maxName))
	}
	if meth.direct != nil {
		v, err := meth.direct(t, o.impl, args)
		if err != nil {
			return nil, err
		}
		return copyResult(v)
	}
	return meth.sig.call(t, reflect.ValueOf(&o.impl).Elem().Method(meth.index), args)
}

func (o *view[I]) describe() string        { return o.plan.name }
func (o *view[I]) near(*turn) (any, error) { return o.impl, nil }
