package vat

import (
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/store"
)

// A Kind is a sort of durable object: a Go struct whose exported fields are its state, what makes one, the facets it may be
// seen through, and how state that earlier versions of the program have stored is brought up to date. Make one for each
// struct with [KindOf], as a package variable, and list it in [DepotConfig]: nothing else is ever made of what is stored.
type Kind struct{ k *kind }

type kind struct {
	name   string
	typ    reflect.Type // of the struct
	make   func() any   // returns a pointer to one
	facets map[string]AnyFacet
	steps  []Upgrade
	fields []int // that are state
}

// An AnyFacet is a [Facet] of whatever interface.
type AnyFacet interface {
	// Name returns the facet's name.
	Name() string
	// fits returns why values of a type cannot be seen through the facet, nil if they can.
	fits(t reflect.Type) error
	// see returns what gets the messages for impl.
	see(impl any) dispatcher
}

// An Upgrade makes of an object's state in one version its state in the next. It gets and returns what the exported fields
// are as a passable.Struct, references included, and may change nothing else. An error refuses the whole upgrade.
type Upgrade func(old passable.Struct) (passable.Struct, error)

// KindOf describes the kind of T, a struct, under a name that stays the same for as long as there are stores with it. fresh
// returns a pointer to a new T, whose unexported fields it fills: it is called whenever an object is loaded, also to be
// loaded again, and state is put into the exported fields after that. facets are those under which values are spawned.
// KindOf panics if T cannot be stored — a field that passes in no message, an unexported one that is not tagged `ocapn:"-"` to
// say that fresh rebuilds it — or if *T does not implement a facet: it is for package variables.
func KindOf[T any](name string, fresh func() *T, facets ...AnyFacet) Kind {
	k := &kind{name: name, typ: reflect.TypeFor[T](), make: func() any { return fresh() }, facets: make(map[string]AnyFacet)}
	if name == "" || fresh == nil || k.typ.Kind() != reflect.Struct {
		panic(fmt.Sprintf("vat: KindOf[%v] %q: a kind has a name, a struct and a function that makes one", k.typ, name))
	}
	if err := passable.CheckWhole(k.typ); err != nil {
		panic(fmt.Sprintf("vat: KindOf[%v] %q: it cannot be stored: %v", k.typ, name, err))
	}
	if len(name) > store.MaxKey || !utf8.ValidString(name) {
		panic(fmt.Sprintf("vat: KindOf[%v] %q: a name is text, of %d bytes at most", k.typ, clip(name, maxName), store.MaxKey))
	}
	for _, f := range facets {
		if n := f.Name(); len(n) > store.MaxKey || !utf8.ValidString(n) {
			panic(fmt.Sprintf("vat: KindOf[%v] %q: the facet's name %q is no text, or longer than %d bytes", k.typ, name, clip(n, maxName), store.MaxKey))
		}
		if err := f.fits(reflect.PointerTo(k.typ)); err != nil {
			panic(fmt.Sprintf("vat: KindOf[%v] %q: %v", k.typ, name, err))
		}
		if k.facets[f.Name()] != nil {
			panic(fmt.Sprintf("vat: KindOf[%v] %q: two facets are called %q", k.typ, name, f.Name()))
		}
		k.facets[f.Name()] = f
	}
	for i := range k.typ.NumField() {
		if f := k.typ.Field(i); f.Tag.Get("ocapn") != "-" {
			k.fields = append(k.fields, i)
		}
	}
	return Kind{k}
}

// Upgraded returns the kind with steps that bring state up to date: the first makes version 2 of version 1, which is that
// of a kind without steps, and so on. Steps are added at the end and never taken away while there are stores that need them.
func (k Kind) Upgraded(steps ...Upgrade) Kind {
	c := *k.k
	c.steps = append(append([]Upgrade(nil), c.steps...), steps...)
	return Kind{&c}
}

// Name returns the kind's name.
func (k Kind) Name() string { return k.k.name }

// version is that of the state this program writes.
func (k *kind) version() int { return 1 + len(k.steps) }

// put replaces the state of impl, a pointer to a struct of the kind, with what model says, and nothing else. Methods of a
// program's own types may panic.
func (k *kind) put(impl any, model any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("putting state into a %v panicked: %v", k.typ, p)
		}
	}()
	v := reflect.New(k.typ).Elem()
	if err := passable.AssignValue(v, model); err != nil {
		return err
	}
	to := reflect.ValueOf(impl).Elem()
	for _, i := range k.fields {
		if f := to.Field(i); f.CanSet() {
			f.Set(v.Field(i))
		} else { // an embedded struct whose type is not exported: its fields are
			reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem().Set(reflect.NewAt(f.Type(), v.Field(i).Addr().UnsafePointer()).Elem())
		}
	}
	return nil
}
