package main

import (
	"context"
	"fmt"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// The objects that the public test suite fetches, by their swiss numbers (its README.md, "Implementation guide").
const (
	carFactoryBuilder  = "JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ"
	echo               = "IO58l1laTyhcrgDKbEzFOO32MDd6zE5w"
	greeter            = "VMDDd1voKWarCe2GvgLbxbVFysNzRPzx"
	promiseResolver    = "IokCxYmMj04nos2JN1TDoY1bT8dXh6Lr"
	sturdyrefEnlivener = "gi02I1qghIwPiKGKleCQAOhpy3ZtYRpB"
)

// object is a function that is published.
type object struct {
	name, swiss string
	fn          any
}

func suiteObjects(h *home.Home) []object {
	return []object{
		{"car factory builder", carFactoryBuilder, buildCarFactory},
		{"echo", echo, func(args ...any) []any { return args }},
		{"greeter", greeter, greet},
		{"promise resolver", promiseResolver, makePromise},
		{"sturdyref enlivener", sturdyrefEnlivener, func(s msg.SturdyRef) vat.Ref { return h.Enliven(s.Ref) }},
	}
}

// publish makes the objects in v and publishes them.
func publish(ctx context.Context, h *home.Home, v *vat.Vat, objects []object) error {
	for _, o := range objects {
		ref, err := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) { return vat.Func(ctx, o.fn), nil })
		if err != nil {
			return err
		}
		if _, err := h.PublishAs(ctx, o.name, sturdyref.SwissNumOf([]byte(o.swiss)), ref); err != nil {
			return err
		}
	}
	return nil
}

var errNoCar = vat.NewError("suite.no-car", "a car has a color and a model, two symbols in a list")

// buildCarFactory answers with a function that makes cars, which are functions that drive.
func buildCarFactory(ctx context.Context) vat.Ref {
	return vat.Func(ctx, func(ctx context.Context, spec []any) (vat.Ref, error) {
		if len(spec) != 2 {
			return vat.Ref{}, errNoCar
		}
		color, ok := spec[0].(passable.Symbol)
		model, too := spec[1].(passable.Symbol)
		if !ok || !too {
			return vat.Ref{}, errNoCar
		}
		return vat.Func(ctx, func() string { return fmt.Sprintf("Vroom! I am a %s %s car!", color, model) }), nil
	})
}

// greet says hello, and waits for an answer that it does nothing with.
func greet(ctx context.Context, who vat.Ref) { who.Apply(ctx, "Hello") }

// makePromise answers with a promise and its resolver.
func makePromise(ctx context.Context) []any {
	p, r := promise.New[any](ctx)
	return []any{p, resolverFacet.Spawn(ctx, settler{r})}
}

// resolver is what settles a promise, as a promise's resolver on the wire does.
type resolver interface {
	Fulfill(ctx context.Context, v any) error
	Break(ctx context.Context, reason any) error
}

var resolverFacet = vat.FacetOf[resolver]("suite.Resolver")

type settler struct{ promise.Resolver[any] }

func (s settler) Fulfill(ctx context.Context, v any) error {
	s.Resolver.Fulfill(ctx, v)
	return nil
}

func (s settler) Break(ctx context.Context, reason any) error {
	s.Resolver.Break(ctx, vat.FromReason(reason, true))
	return nil
}
