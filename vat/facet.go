package vat

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/hawser-go/hawser/passable"
)

// Selectors says what methods are called on the wire where that is not the method's name in lowerCamel.
type Selectors map[string]string

// A Facet is a Go interface as the world sees it: the methods that messages can reach, and nothing else of the object
// behind it. Make one for each interface with [FacetOf], as a package variable.
type Facet[I any] struct{ plan *plan }

// plan is a facet without its type: which method a selector reaches.
type plan struct {
	name    string
	methods map[passable.Symbol]method
}

type method struct {
	index int // in the interface's method set
	sig   *signature
}

// FacetOf describes the interface I under a name for logs. A method is func([ctx,] arguments...) [result] [, error];
// its selector is its name in lowerCamel (ListUsers is "listUsers", URLFor "urlFor") unless given. FacetOf panics if I
// is no such interface: it is for package variables.
func FacetOf[I any](name string, selectors ...Selectors) Facet[I] {
	t := reflect.TypeFor[I]()
	if t.Kind() != reflect.Interface {
		panic(fmt.Sprintf("vat: FacetOf[%v]: a facet is an interface, this is a %v", t, t.Kind()))
	}
	p := &plan{name: name, methods: make(map[passable.Symbol]method, t.NumMethod())}
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
		sel := known[m.Name]
		if sel == "" {
			sel = lowerCamel(m.Name)
		}
		delete(known, m.Name)
		if _, dup := p.methods[passable.Symbol(sel)]; dup {
			panic(fmt.Sprintf("vat: FacetOf[%v]: two methods have the selector %q", t, sel))
		}
		p.methods[passable.Symbol(sel)] = method{i, sig}
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
	return t.vat.spawn(&facetObject[I]{f.plan, impl})
}

// facetObject is a Go value seen through a facet.
type facetObject[I any] struct {
	plan *plan
	impl I
}

func (o *facetObject[I]) invoke(t *turn, m *Message) (any, error) {
	if m.Op != Deliver {
		return nil, ErrBadSelect
	}
	sel, args := m.Selector, m.Args
	if sel == "" && len(args) > 0 {
		// Some peers name the method with a string.
		if s, ok := args[0].(string); ok {
			sel, args = passable.Symbol(s), args[1:]
		}
	}
	meth, ok := o.plan.methods[sel]
	if !ok {
		return nil, ErrNoSuchMethod.because(nil, "%s has no %q", o.plan.name, string(sel))
	}
	return meth.sig.call(t, reflect.ValueOf(&o.impl).Elem().Method(meth.index), args)
}

func (o *facetObject[I]) describe() string { return o.plan.name }
func (o *facetObject[I]) near() any        { return o.impl }

// lowerCamel lowers the first word of a Go name: "Join" to "join", "URLFor" to "urlFor", "ID" to "id".
func lowerCamel(name string) string {
	rs := []rune(name)
	for i := range rs {
		if i > 0 && i+1 < len(rs) && !unicode.IsUpper(rs[i+1]) {
			break
		}
		if !unicode.IsUpper(rs[i]) {
			break
		}
		rs[i] = unicode.ToLower(rs[i])
	}
	return strings.TrimSpace(string(rs))
}
