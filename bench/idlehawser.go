package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// idleSpawned is objects of one vat, each referred to.
func idleSpawned(number int) (idle, error) {
	v := vat.New(nil)
	return idle{fill: func() (any, error) {
		return vat.Do(context.Background(), v, func(ctx context.Context) ([]vat.Ref, error) {
			refs := make([]vat.Ref, number)
			for i := range refs {
				refs[i] = tallyFacet.Spawn(ctx, &still{})
			}
			return refs, nil
		})
	}, close: v.Close}, nil
}

// still is an object with as much state as those of the floor.
type still struct{ state [5]int64 }

func (s *still) Count(_ context.Context, n int64) { s.state[0] += n }

// idleHawserVats is vats with one object each, which has answered a call.
func idleHawserVats(number int) (idle, error) {
	var vats []*vat.Vat
	return idle{fill: func() (any, error) {
		ctx := context.Background()
		refs := make([]sumRef, number)
		vats = make([]*vat.Vat, number)
		for i := range vats {
			vats[i] = vat.New(nil)
			var err error
			if refs[i], err = spawn[sumRef](vats[i], spawnSum); err != nil {
				return nil, err
			}
			if got, err := refs[i].Add(ctx, 1).Await(ctx); err != nil || got != 2 {
				return nil, fmt.Errorf("the answer is %d: %w", got, err)
			}
		}
		return refs, nil
	}, close: func() error { return closing(vats...)() }}, nil
}

// onePair prepares two nodes on the simulated network.
func onePair(fill func(ctx context.Context, b birdRef) (any, error)) (idle, error) {
	p, err := overSimulation(spawnBird)
	if err != nil {
		return idle{}, err
	}
	ref, err := p.fetch()
	if err != nil {
		return idle{}, errors.Join(err, p.close())
	}
	return idle{fill: func() (any, error) { return fill(context.Background(), vat.As[birdRef](ref)) }, close: p.close}, nil
}

// idleExports is objects of another node to which this one has a reference: the object, the two tables' entries and the
// reference.
func idleExports(number int) (idle, error) {
	return onePair(func(ctx context.Context, b birdRef) (any, error) {
		birds := make([]birdRef, 0, number)
		for len(birds) < number {
			brood, err := b.Brood(ctx, min(1000, number-len(birds))).Await(ctx)
			if err != nil {
				return nil, err
			}
			birds = append(birds, brood...)
		}
		return birds, nil
	})
}

// idleAnswers is references to the answers of calls: promises that have settled.
func idleAnswers(number int) (idle, error) {
	return onePair(func(ctx context.Context, b birdRef) (any, error) {
		answers := make([]vat.Ref, number)
		for i := range answers {
			answers[i] = b.Send(ctx, "echo", words, amount)
			if i%64 == 63 || i == number-1 {
				if got, err := vat.Result[said](answers[i]).Await(ctx); err != nil {
					return nil, checked(got.Text, got.Number, err)
				}
			}
		}
		return answers, nil
	})
}

// idleSessions is sessions between one guest and many hosts, which are there before: a host has a socket of its own.
func idleSessions(number int) (idle, error) {
	ctx := context.Background()
	first, err := overNoise(spawnBird)
	if err != nil {
		return idle{}, err
	}
	ref, err := spawn[birdRef](first.host.Vat("birds"), spawnBird)
	invites := make([]sturdyref.Ref, number)
	for i := range invites {
		var id sturdyref.Identity
		var host *hawser.Node
		if err == nil {
			id, err = newIdentity()
		}
		if err == nil {
			host, err = first.host.As(ctx, id)
		}
		if err == nil {
			invites[i], err = host.Publish(ctx, "bird", ref.Ref)
		}
	}
	if err != nil {
		return idle{}, errors.Join(err, first.close())
	}
	return idle{fill: func() (any, error) {
		refs := make([]vat.Ref, number)
		for i := range refs {
			refs[i] = first.guest.Enliven(invites[i])
			if err := typedCall(ctx, refs[i]); err != nil {
				return nil, err
			}
		}
		return refs, nil
	}, close: first.close}, nil
}
