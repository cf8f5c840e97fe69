package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// hawserCalls is calls of what a host has published, from a guest; call makes one with the reference.
func hawserCalls(open between, spawn func(ctx context.Context) vat.Ref, call func(ctx context.Context, r vat.Ref) error) func() (service, error) {
	return hawserCallsOn((*pair).fetch, open, spawn, call)
}

func hawserCallsOn(get func(*pair) (vat.Ref, error), open between, spawn func(ctx context.Context) vat.Ref, call func(ctx context.Context, r vat.Ref) error) func() (service, error) {
	return func() (service, error) {
		p, err := open(spawn)
		if err != nil {
			return service{}, err
		}
		ref, err := get(p)
		if err != nil {
			return service{}, errors.Join(err, p.close())
		}
		ctx := context.Background()
		return service{func() func() error { return func() error { return call(ctx, ref) } }, p.close}, nil
	}
}

// typed is calls by the typed stub of an object with a facet: written out as by a generator, or reflected.
func typed(open between) func() (service, error) {
	return hawserCalls(open, spawnWrittenBird, typedCall)
}

// typedLive is typed through a live reference.
func typedLive(open between) func() (service, error) {
	return hawserCallsOn((*pair).live, open, spawnWrittenBird, typedCall)
}

func reflected(open between) func() (service, error) { return hawserCalls(open, spawnBird, typedCall) }

// dynamic is calls by name of a function that takes any message.
func dynamic(open between) func() (service, error) {
	return hawserCalls(open, spawnMimic, func(ctx context.Context, r vat.Ref) error {
		got, err := vat.Result[[]any](r.Send(ctx, "echo", words, amount)).Await(ctx)
		if err == nil && len(got) != 2 {
			return fmt.Errorf("sent 2 values, got %d", len(got))
		}
		if err != nil {
			return err
		}
		s, _ := got[0].(string)
		n, _ := got[1].(int64)
		return checked(s, n, nil)
	})
}

// words is text as a string.
var words = string(text)

func typedCall(ctx context.Context, r vat.Ref) error {
	got, err := vat.As[birdRef](r).Echo(ctx, words, amount).Await(ctx)
	return checked(got.Text, got.Number, err)
}

// hawserChains is eight calls, each on the answer to the one before.
func hawserChains(open between) func() (service, error) {
	return hawserCalls(open, spawnBird, func(ctx context.Context, r vat.Ref) error {
		b := vat.As[birdRef](r)
		for range 7 {
			b = b.Next(ctx)
		}
		return typedCall(ctx, b.Ref)
	})
}

// A tellBatch is how many one-way messages are sent before a call makes sure that all have been handled.
const tellBatch = 1 << 12

// hawserTells is one-way messages.
func hawserTells(open between, spawn func(ctx context.Context) vat.Ref) opener {
	return func() (work, error) {
		p, err := open(spawn)
		if err != nil {
			return work{}, err
		}
		ref, err := p.fetch()
		if err != nil {
			return work{}, errors.Join(err, p.close())
		}
		ctx, b, told := context.Background(), vat.As[birdRef](ref), int64(0)
		return work{func(n int, _ *times) error {
			return telling(n, func() error { told++; return b.Tell(ctx, words, 1) }, func() error {
				sum, err := b.Told(ctx).Await(ctx)
				if err == nil && sum != told {
					return fmt.Errorf("told %d, %d have arrived", told, sum)
				}
				return err
			})
		}, p.close}, nil
	}
}

// telling sends n messages and confirms them in batches.
func telling(n int, tell, confirm func() error) error {
	for n > 0 {
		batch := min(n, tellBatch)
		n -= batch
		for range batch {
			if err := tell(); err != nil {
				return err
			}
		}
		if err := confirm(); err != nil {
			return err
		}
	}
	return nil
}

// blocksUnderWay is how many blocks are sent before the first has been answered: 4 MiB of 64 KiB.
const blocksUnderWay = 64

// hawserBulk sends blocks as byte arrays, as far ahead as blocksUnderWay.
func hawserBulk(open between, send func(b birdRef, ctx context.Context, block []byte) promise.Promise[int]) opener {
	return func() (work, error) {
		p, err := open(spawnBird)
		if err != nil {
			return work{}, err
		}
		ref, err := p.fetch()
		if err != nil {
			return work{}, errors.Join(err, p.close())
		}
		ctx, b, block := context.Background(), vat.As[birdRef](ref), make([]byte, blockSize)
		return work{func(n int, _ *times) error {
			var sent [blocksUnderWay]promise.Promise[int]
			for i := range n + blocksUnderWay {
				k := i % blocksUnderWay
				if i >= blocksUnderWay && i-blocksUnderWay < n {
					if got, err := sent[k].Await(ctx); err != nil || got != blockSize {
						return fmt.Errorf("%d bytes of a block of %d arrived: %w", got, blockSize, err)
					}
				}
				if i < n {
					sent[k] = send(b, ctx, block)
				}
			}
			return nil
		}, p.close}, nil
	}
}
