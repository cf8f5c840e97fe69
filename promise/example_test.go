package promise_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

func ExampleNew() {
	ctx := context.Background()
	p, r := promise.New[int](ctx)
	go r.Fulfill(ctx, 42)
	fmt.Println(p.Await(ctx))
	// Output: 42 <nil>
}

func ExamplePromise_Await() {
	ctx := context.Background()
	p, _ := promise.New[int](ctx) // nobody settles it

	bounded, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	_, err := p.Await(bounded)
	fmt.Println(err)
	// Output: context deadline exceeded
}

func ExampleThen() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	greeting, _ := vat.Do(ctx, v, func(ctx context.Context) (promise.Promise[string], error) {
		name, r := promise.New[string](ctx)
		r.Fulfill(ctx, "Ada")
		return promise.Then(ctx, name, func(_ context.Context, name string) (string, error) {
			return "Hello, " + name, nil // a turn of its own
		}), nil
	})
	fmt.Println(greeting.Await(ctx))
	// Output: Hello, Ada <nil>
}

func ExampleAll() {
	ctx := context.Background()
	p, r := promise.New[int](ctx)
	sum := promise.All(promise.Fulfilled(1), p)
	r.Fulfill(ctx, 2)
	fmt.Println(sum.Await(ctx))
	// Output: [1 2] <nil>
}

func ExampleSettled() {
	ctx := context.Background()
	outcomes, _ := promise.Settled(promise.Fulfilled(1), promise.Broken[int](errors.New("no luck"))).Await(ctx)
	for _, o := range outcomes {
		fmt.Println(o.Value, o.Err)
	}
	// Output:
	// 1 <nil>
	// 0 no luck
}

func ExampleAny() {
	ctx := context.Background()
	slow, _ := promise.New[string](ctx)
	fmt.Println(promise.Any(slow, promise.Broken[string](errors.New("down")), promise.Fulfilled("mirror")).Await(ctx))
	// Output: mirror <nil>
}

func ExampleRace() {
	ctx := context.Background()
	slow, _ := promise.New[string](ctx)
	_, err := promise.Race(slow, promise.Broken[string](errors.New("down"))).Await(ctx)
	fmt.Println(err)
	// Output: down
}

func ExampleTimeout() {
	ctx := context.Background()
	slow, _ := promise.New[string](ctx)
	_, err := promise.Timeout(slow, time.Millisecond).Await(ctx)
	fmt.Println(err)
	// Output: promise: not settled in time
}
