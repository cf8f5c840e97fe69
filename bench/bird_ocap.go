package main

// What a generator would write for parrot: the facet with every call written out, and the typed stub. That of the local
// objects is here, too.

import (
	"context"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

var parrotWritten = vat.FacetWith("bench.Parrot", map[string]vat.Method[parrot]{
	"echo": func(ctx context.Context, p parrot, args []any) (any, error) {
		text, number, err := textAndNumber(args)
		if err != nil {
			return nil, err
		}
		return p.Echo(ctx, text, number)
	},
	"next": func(ctx context.Context, p parrot, args []any) (any, error) {
		if err := vat.Arity(args, 0); err != nil {
			return nil, err
		}
		return p.Next(ctx)
	},
	"tell": func(ctx context.Context, p parrot, args []any) (any, error) {
		text, number, err := textAndNumber(args)
		if err != nil {
			return nil, err
		}
		p.Tell(ctx, text, number)
		return passable.Undefined{}, nil
	},
	"told": func(ctx context.Context, p parrot, args []any) (any, error) {
		if err := vat.Arity(args, 0); err != nil {
			return nil, err
		}
		return p.Told(ctx)
	},
})

func textAndNumber(args []any) (text string, number int64, err error) {
	if err := vat.Arity(args, 2); err != nil {
		return "", 0, err
	}
	if text, err = vat.Arg[string](args, 0); err != nil {
		return "", 0, err
	}
	number, err = vat.Arg[int64](args, 1)
	return text, number, err
}

// birdRef is a typed stub.
type birdRef struct{ vat.Ref }

func (r birdRef) Echo(ctx context.Context, text string, number int64) promise.Promise[said] {
	return vat.Result[said](r.Send(ctx, "echo", text, number))
}

func (r birdRef) Next(ctx context.Context) birdRef { return vat.As[birdRef](r.Send(ctx, "next")) }

func (r birdRef) Brood(ctx context.Context, number int) promise.Promise[[]birdRef] {
	return vat.Result[[]birdRef](r.Send(ctx, "brood", number))
}

func (r birdRef) Tell(ctx context.Context, text string, number int64) error {
	return r.SendOnly(ctx, "tell", text, number)
}

func (r birdRef) Told(ctx context.Context) promise.Promise[int64] {
	return vat.Result[int64](r.Send(ctx, "told"))
}

func (r birdRef) Keep(ctx context.Context, block []byte) promise.Promise[int] {
	return vat.Result[int](r.Send(ctx, "keep", block))
}

func (r birdRef) See(ctx context.Context, block []byte) promise.Promise[int] {
	return vat.Result[int](r.Send(ctx, "see", block))
}

func (r birdRef) Wait(ctx context.Context, number int64) promise.Promise[int64] {
	return vat.Result[int64](r.Send(ctx, "wait", number))
}

func (r birdRef) Wake(ctx context.Context) promise.Promise[int] {
	return vat.Result[int](r.Send(ctx, "wake"))
}

var (
	hopWritten = vat.FacetWith("bench.Hop", map[string]vat.Method[hop]{
		"hop": func(ctx context.Context, h hop, args []any) (any, error) {
			n, err := oneNumber(args)
			if err != nil {
				return nil, err
			}
			return passable.Undefined{}, h.Hop(ctx, n)
		},
	})
	tallyWritten = vat.FacetWith("bench.Tally", map[string]vat.Method[tally]{
		"count": func(ctx context.Context, t tally, args []any) (any, error) {
			n, err := oneNumber(args)
			if err != nil {
				return nil, err
			}
			t.Count(ctx, n)
			return passable.Undefined{}, nil
		},
	})
	sumWritten = vat.FacetWith("bench.Sum", map[string]vat.Method[sum]{
		"add": func(ctx context.Context, s sum, args []any) (any, error) {
			n, err := oneNumber(args)
			if err != nil {
				return nil, err
			}
			return s.Add(ctx, n)
		},
	})
)

func oneNumber(args []any) (int64, error) {
	if err := vat.Arity(args, 1); err != nil {
		return 0, err
	}
	return vat.Arg[int64](args, 0)
}
