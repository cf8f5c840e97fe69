package vat

import (
	"context"
	"fmt"
	"reflect"

	"github.com/hawser-go/hawser/passable"
)

// A Method calls one method of impl with the arguments of a message, which it converts with [Arity] and [Arg], and
// returns its result, or passable.Undefined if it has none. Generators write them:
//
//	func(ctx context.Context, r Room, args []any) (any, error) {
//		if err := vat.Arity(args, 1); err != nil {
//			return nil, err
//		}
//		nick, err := vat.Arg[string](args, 0)
//		if err != nil {
//			return nil, err
//		}
//		return r.Join(ctx, nick)
//	}
type Method[I any] func(ctx context.Context, impl I, args []any) (any, error)

// FacetWith is [FacetOf] with the calls written out, by selector, so that none needs reflection. What is in methods is
// all that can be reached. The map is copied.
func FacetWith[I any](name string, methods map[string]Method[I]) Facet[I] {
	if t := reflect.TypeFor[I](); t.Kind() != reflect.Interface {
		panic(fmt.Sprintf("vat: FacetWith[%v]: a facet is an interface, this is a %v", t, t.Kind()))
	}
	p := &plan[I]{name: name, methods: make(map[passable.Symbol]method[I], len(methods))}
	for sel, m := range methods {
		if m == nil {
			panic(fmt.Sprintf("vat: FacetWith %s: the method for %q is nil", name, sel))
		}
		p.methods[passable.Symbol(sel)] = method[I]{direct: m}
	}
	return Facet[I]{p}
}

// Arity returns ErrBadArgs unless there are n arguments.
func Arity(args []any, n int) error {
	if len(args) != n {
		return ErrBadArgs.because("got %d, want %d", len(args), n)
	}
	return nil
}

// Arg returns the argument at position i, from 0, as a T; ErrBadArgs if there is none or it is no T.
func Arg[T any](args []any, i int) (T, error) {
	if i >= len(args) {
		var zero T
		return zero, ErrBadArgs.because("got %d, want at least %d", len(args), i+1)
	}
	v, err := passable.To[T](args[i])
	if err != nil {
		return v, badArg(i, err)
	}
	return v, nil
}

func badArg(i int, err error) error {
	return ErrBadArgs.because("argument %d: %s", i+1, passable.Public(err))
}
