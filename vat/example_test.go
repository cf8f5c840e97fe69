package vat_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// What a greeter lets others do.
type Greeter interface {
	Greet(ctx context.Context, name string) (string, error)
}

// How others see it: made once, as a package variable.
var GreeterFacet = vat.FacetOf[Greeter]("example.Greeter")

// An object is a plain Go struct.
type polite struct{ met vat.Cell[int] }

var errNoName = vat.NewError("example.no-name", "nobody to greet")

func (p *polite) Greet(ctx context.Context, name string) (string, error) {
	p.met.Set(ctx, p.met.Get()+1) // undone if the turn fails
	if name == "" {
		return "", errNoName
	}
	return fmt.Sprintf("Hello, %s, number %d", name, p.met.Get()), nil
}

func ExampleFacetOf() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	greeter, err := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) {
		return GreeterFacet.Spawn(ctx, &polite{}), nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"Ada", "", "Grace"} {
		fmt.Println(vat.Result[string](greeter.Send(ctx, "greet", name)).Await(ctx))
	}
	// Output:
	// Hello, Ada, number 1 <nil>
	//  nobody to greet
	// Hello, Grace, number 2 <nil>
}

func ExampleFacetWith() {
	// What a generator writes for GreeterFacet.
	facet := vat.FacetWith("example.Greeter", map[string]vat.Method[Greeter]{
		"greet": func(ctx context.Context, g Greeter, args []any) (any, error) {
			if err := vat.Arity(args, 1); err != nil {
				return nil, err
			}
			name, err := vat.Arg[string](args, 0)
			if err != nil {
				return nil, err
			}
			return g.Greet(ctx, name)
		},
	})

	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()
	greeter, _ := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) { return facet.Spawn(ctx, &polite{}), nil })
	fmt.Println(vat.Result[string](greeter.Send(ctx, "greet", "Ada")).Await(ctx))
	_, err := vat.Result[string](greeter.Send(ctx, "greet", "Ada", "Grace")).Await(ctx)
	fmt.Println(err)
	// Output:
	// Hello, Ada, number 1 <nil>
	// vat: the arguments do not fit the method: got 2, want 1
}

func ExampleDo() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	sum, err := vat.Do(ctx, v, func(ctx context.Context) (int, error) {
		add := vat.Func(ctx, func(a, b int) int { return a + b })
		return vat.Result[int](add.Apply(ctx, 1, 2)).Await(ctx)
	})
	fmt.Println(sum, err)
	// Output: 3 <nil>
}

func ExampleFunc() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	_, _ = vat.Do(ctx, v, func(ctx context.Context) (promise.None, error) {
		// A callback with typed arguments.
		onJoin := vat.Func(ctx, func(_ context.Context, nick string, seat int) error {
			fmt.Println(nick, "sits at", seat)
			return nil
		})
		_, err := vat.Result[promise.None](onJoin.Apply(ctx, "ada", 3)).Await(ctx)
		return promise.None{}, err
	})
	// Output: ada sits at 3
}

func ExampleRef_Send() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	// An object that hands out others: the answer of a call is a reference before it has come.
	counterOf, _ := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) {
		return vat.Func(ctx, func(ctx context.Context, start int) vat.Ref {
			n := start
			return vat.Func(ctx, func() int { n++; return n })
		}), nil
	})
	counter := counterOf.Apply(ctx, 41)
	fmt.Println(vat.Result[int](counter.Apply(ctx)).Await(ctx)) // one round trip, were it far away
	// Output: 42 <nil>
}

func ExampleRef_Field() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	type member struct {
		Name  string
		Score []int
	}
	lookup, _ := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) {
		return vat.Func(ctx, func() member { return member{"Ada", []int{7, 9}} }), nil
	})
	answer := lookup.Apply(ctx)
	fmt.Println(vat.Result[string](answer.Field(ctx, "name")).Await(ctx))
	fmt.Println(vat.Result[int](answer.Field(ctx, "score").Index(ctx, 1)).Await(ctx))
	// Output:
	// Ada <nil>
	// 9 <nil>
}

func ExampleRevocable() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	type lent struct {
		caret  vat.Ref
		revoke func(ctx context.Context, cause error)
	}
	loan, _ := vat.Do(ctx, v, func(ctx context.Context) (lent, error) {
		caret, revoke := vat.Revocable(ctx, GreeterFacet.Spawn(ctx, &polite{}))
		return lent{caret, revoke}, nil
	})
	fmt.Println(vat.Result[string](loan.caret.Send(ctx, "greet", "Ada")).Await(ctx))
	loan.revoke(ctx, vat.NewError("example.over", "the party is over"))
	_, err := vat.Result[string](loan.caret.Send(ctx, "greet", "Ada")).Await(ctx)
	fmt.Println(err, errors.Is(err, vat.ErrRevoked))
	// Output:
	// Hello, Ada, number 1 <nil>
	// vat: the reference was revoked: the party is over true
}

func ExampleOnSever() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	gone := make(chan string)
	var leave func(ctx context.Context, cause error)
	_, _ = vat.Do(ctx, v, func(ctx context.Context) (promise.None, error) {
		var member vat.Ref
		member, leave = vat.Revocable(ctx, GreeterFacet.Spawn(ctx, &polite{}))
		vat.OnSever(ctx, member, func(_ context.Context, reason error) { gone <- reason.Error() })
		return promise.None{}, nil
	})
	leave(ctx, nil)
	fmt.Println(<-gone)
	// Output: vat: the reference was revoked
}

func ExampleGo() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	size, err := vat.Do(ctx, v, func(ctx context.Context) (int, error) {
		// Files block, so they are read off the vat.
		text := vat.Go(ctx, func(context.Context) ([]byte, error) { return os.ReadFile("doc.go") })
		b, err := text.Await(ctx) // other objects get their messages meanwhile
		return len(b), err
	})
	fmt.Println(size > 1000, err)
	// Output: true <nil>
}

func ExampleKeep() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	var failures vat.Cell[int]
	_, err := vat.Do(ctx, v, func(ctx context.Context) (int, error) {
		failures.Set(ctx, failures.Get()+1)
		return 0, vat.Keep(errors.New("wrong password")) // fails, and is counted
	})
	fmt.Println(err, failures.Get())
	// Output: wrong password 1
}

func ExampleNear() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	_, _ = vat.Do(ctx, v, func(ctx context.Context) (promise.None, error) {
		ref := GreeterFacet.Spawn(ctx, &polite{})
		g, ok := vat.Near[Greeter](ctx, ref) // a plain call, in the same turn
		s, err := g.Greet(ctx, "Ada")
		fmt.Println(ok, s, err)
		return promise.None{}, nil
	})
	// Output: true Hello, Ada, number 1 <nil>
}

func ExampleSpawnProxy() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	say := func(what string) func() string { return func() string { return what } }
	var now vat.Cell[vat.Ref]
	door, _ := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) {
		now.Set(ctx, vat.Func(ctx, say("old")))
		return vat.SpawnProxy(ctx, func(context.Context) (vat.Ref, error) { return now.Get(), nil }), nil
	})
	fmt.Println(vat.Result[string](door.Apply(ctx)).Await(ctx))
	_, _ = vat.Do(ctx, v, func(ctx context.Context) (promise.None, error) {
		now.Set(ctx, vat.Func(ctx, say("new")))
		return promise.None{}, nil
	})
	fmt.Println(vat.Result[string](door.Apply(ctx)).Await(ctx))
	// Output:
	// old <nil>
	// new <nil>
}
