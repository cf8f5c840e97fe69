package main

import (
	"context"
	"errors"

	"github.com/hawser-go/hawser/bench/floor/minivat"
	"github.com/hawser-go/hawser/vat"
)

// What an operation costs when there is much of what it works with. The messages go to all of it in an order that no
// cache can foresee; how much of the growth is the memory's, the minimal vat shows.

// scattered yields positions below n, each as often as any other.
func scattered(n int) func() int {
	const prime = 7_368_787 // prime to every power of ten, so that all positions come
	i := 0
	return func() int {
		i = (i + prime) % n
		return i
	}
}

// manyExports is calls of that many objects of another node, all of which the caller holds.
func manyExports(number int) func() (service, error) {
	const inOne = 1000 // objects in one answer
	return func() (service, error) {
		p, err := overSimulation(spawnBird)
		if err != nil {
			return service{}, err
		}
		ref, err := p.fetch()
		if err != nil {
			return service{}, errors.Join(err, p.close())
		}
		ctx, birds := context.Background(), make([]birdRef, 0, number)
		for len(birds) < number {
			brood, err := vat.As[birdRef](ref).Brood(ctx, min(inOne, number-len(birds))).Await(ctx)
			if err != nil {
				return service{}, errors.Join(err, p.close())
			}
			birds = append(birds, brood...)
		}
		callers := 0
		return service{func() func() error {
			next := scattered(number)
			for range callers * number / 64 { // each begins elsewhere
				next()
			}
			callers++
			return func() error { return typedCall(ctx, birds[next()].Ref) }
		}, p.close}, nil
	}
}

// manyObjects is one-way messages to that many objects of one vat.
func manyObjects(number int) opener {
	return func() (work, error) {
		v, t := vat.New(nil), &tallied{done: make(chan struct{}, 1)}
		ctx := context.Background()
		refs, err := vat.Do(ctx, v, func(ctx context.Context) ([]tallyRef, error) {
			refs := make([]tallyRef, number)
			for i := range refs {
				refs[i] = vat.As[tallyRef](tallyWritten.Spawn(ctx, &one{all: t}))
			}
			return refs, nil
		})
		if err != nil {
			return work{}, err
		}
		next := scattered(number)
		return work{counted(t, func(burst int) error {
			for range burst {
				if err := refs[next()].Count(ctx, 1); err != nil {
					return err
				}
			}
			return nil
		}), v.Close}, nil
	}
}

// one of many objects that count down one number, with a number of its own.
type one struct {
	all *tallied
	own int64
}

func (o *one) Count(ctx context.Context, n int64) {
	o.own += n
	o.all.Count(ctx, n)
}

// manyMinimal is the same with a minimal vat.
func manyMinimal(number int) opener {
	return func() (work, error) {
		v, t := new(minivat.Vat), &tallied{done: make(chan struct{}, 1)}
		objects := make([]*oneMinimal, number)
		for i := range objects {
			objects[i] = &oneMinimal{one{all: t}}
		}
		next := scattered(number)
		return work{counted(t, func(burst int) error {
			for range burst {
				v.Send(minivat.Message{To: objects[next()], Value: 1})
			}
			return nil
		}), nothing}, nil
	}
}

type oneMinimal struct{ one }

func (o *oneMinimal) Receive(_ *minivat.Vat, m minivat.Message) {
	o.Count(context.Background(), m.Value)
}
