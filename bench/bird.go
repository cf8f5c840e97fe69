package main

import (
	"context"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// The object of the far rows: what it does, and the facet by which calls reach it with reflection.

// said is what a call carries there and back.
type said struct {
	Text   string
	Number int64
}

// parrot is what can be said to a bird.
type parrot interface {
	// Echo answers with its arguments.
	Echo(ctx context.Context, text string, number int64) (said, error)
	// Next answers with another bird.
	Next(ctx context.Context) (birdRef, error)
	// Brood answers with so many others.
	Brood(ctx context.Context, number int) ([]birdRef, error)
	// Tell is for messages whose answer nobody wants.
	Tell(ctx context.Context, text string, number int64)
	// Told answers with the sum of the numbers that were told.
	Told(ctx context.Context) (int64, error)
	// Keep takes a block of data and keeps it.
	Keep(ctx context.Context, block []byte) (int, error)
	// See takes a block of data and looks at it.
	See(ctx context.Context, block passable.View) (int, error)
	// Wait answers when the bird is woken.
	Wait(ctx context.Context, number int64) (promise.Promise[int64], error)
	// Wake answers everything that waits.
	Wake(ctx context.Context) (int, error)
}

var parrotFacet = vat.FacetOf[parrot]("bench.Parrot")

type bird struct {
	last    string
	told    int64
	block   []byte
	waiting []asleep
}

type asleep struct {
	number int64
	answer promise.Resolver[int64]
}

func (b *bird) Echo(_ context.Context, text string, number int64) (said, error) {
	return said{text, number}, nil
}

func (b *bird) Next(ctx context.Context) (birdRef, error) {
	return vat.As[birdRef](parrotFacet.Spawn(ctx, new(bird))), nil
}

func (b *bird) Brood(ctx context.Context, number int) ([]birdRef, error) {
	brood := make([]birdRef, number)
	for i := range brood {
		brood[i] = vat.As[birdRef](parrotFacet.Spawn(ctx, new(bird)))
	}
	return brood, nil
}

func (b *bird) Tell(_ context.Context, text string, number int64) {
	b.last = text
	b.told += number
}

func (b *bird) Told(context.Context) (int64, error) { return b.told, nil }

func (b *bird) Keep(_ context.Context, block []byte) (int, error) {
	b.block = block
	return len(block), nil
}

func (b *bird) See(_ context.Context, block passable.View) (int, error) { return len(block), nil }

func (b *bird) Wait(ctx context.Context, number int64) (promise.Promise[int64], error) {
	p, r := promise.New[int64](ctx)
	b.waiting = append(b.waiting, asleep{number, r})
	return p, nil
}

func (b *bird) Wake(ctx context.Context) (int, error) {
	n := len(b.waiting)
	for _, w := range b.waiting {
		w.answer.Fulfill(ctx, w.number)
	}
	b.waiting = nil
	return n, nil
}

// mimic is the same without a facet or a stub: a function that gets what was sent and answers with it.
func mimic(_ context.Context, args []any) (any, error) { return args[1:], nil }
