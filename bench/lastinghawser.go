package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// The rows of durable objects on two nodes, whose session is stored at both.

// A place is a node, as far as durable objects and what leads to them go.
type place interface {
	DurableVat(name string) (*vat.Vat, error)
	Publish(ctx context.Context, name string, ref vat.Ref) (sturdyref.Ref, error)
	Enliven(ref sturdyref.Ref) vat.Ref
}

// travellerOf returns the durable object of a place, made now if there is none.
func travellerOf(p place) (vat.Ref, error) {
	v, err := p.DurableVat("travel")
	if err != nil {
		return vat.Ref{}, err
	}
	return rooted(v, "traveller", func(ctx context.Context) vat.Ref { return travelFacet.Spawn(ctx, new(traveller)) })
}

// abroad makes a durable object in each of two places that sends to the other, and tells a vat outside when a chain ends there.
func abroad(outside *vat.Vat, places [2]place) (refs [2]vat.Ref, end *tallied, err error) {
	ctx := context.Background()
	end = &tallied{done: make(chan struct{}, 1)}
	done, err := spawn[tallyRef](outside, func(ctx context.Context) vat.Ref { return tallyWritten.Spawn(ctx, end) })
	if err != nil {
		return refs, end, err
	}
	var uris [2]sturdyref.Ref
	for i, p := range places {
		if refs[i], err = travellerOf(p); err != nil {
			return refs, end, err
		}
		if uris[i], err = p.Publish(ctx, "traveller", refs[i]); err != nil {
			return refs, end, err
		}
	}
	for i, p := range places {
		far, err := p.Enliven(uris[1-i]).Await(ctx)
		if err != nil {
			return refs, end, fmt.Errorf("the other node's object: %w", err)
		}
		if _, err := vat.Result[any](refs[i].Send(ctx, "meet", far, done)).Await(ctx); err != nil {
			return refs, end, err
		}
	}
	return refs, end, nil
}

// lasting is two nodes that keep what they have in directories of their own, each with a durable object. If they are
// acquainted these send to each other, over a session that is stored.
type lasting struct {
	dirs    [2]string
	nodes   [2]*hawser.Node
	outside *vat.Vat
	refs    [2]vat.Ref // the objects
	end     *tallied
}

func openLasting() (p *lasting, err error) {
	p = &lasting{outside: vat.New(nil)}
	for i := range p.nodes {
		if p.dirs[i], err = os.MkdirTemp("", "bench"); err == nil {
			err = p.open(i)
		}
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	return p, nil
}

func openAcquainted() (*lasting, error) {
	p, err := openLasting()
	if err != nil {
		return nil, err
	}
	if p.refs, p.end, err = abroad(p.outside, [2]place{p.nodes[0], p.nodes[1]}); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// open opens a node, again if it was open before and has been closed.
func (p *lasting) open(i int) (err error) {
	p.nodes[i], err = hawser.Open(context.Background(), &hawser.Config{
		Dir: p.dirs[i], Listen: loopback, Kinds: []vat.Kind{travelKind}, Network: onNoise,
	})
	return err
}

func (p *lasting) close() error {
	var errs []error
	for i, n := range p.nodes {
		if n != nil {
			errs = append(errs, n.Close())
		}
		if p.dirs[i] != "" {
			errs = append(errs, os.RemoveAll(p.dirs[i]))
		}
	}
	return errors.Join(append(errs, p.outside.Close())...)
}

// lastingChains is durableChains between two nodes.
func lastingChains(chains int) opener {
	return func() (work, error) {
		p, err := openAcquainted()
		if err != nil {
			return work{}, err
		}
		return work{chaining(p.refs[0], p.end, chains), p.close}, nil
	}
}

// lastingPassed is durablePassed between two nodes: one's object asks the other's, and answers with what that answers.
func lastingPassed() (work, error) {
	p, err := openAcquainted()
	if err != nil {
		return work{}, err
	}
	return work{func(n int, t *times) error {
		return repeat(func() error { return askOne(p.refs[0]) }, n, t)
	}, p.close}, nil
}

// lastingCaller is calls of the other node's object that no object makes, over a session that durable objects use.
func lastingCaller() (work, error) {
	p, err := openAcquainted()
	if err != nil {
		return work{}, err
	}
	ctx := context.Background()
	uri, err := p.nodes[1].Publish(ctx, "traveller", p.refs[1])
	if err != nil {
		return work{}, errors.Join(err, p.close())
	}
	far, err := p.nodes[0].Enliven(uri).Await(ctx)
	if err != nil {
		return work{}, errors.Join(err, p.close())
	}
	return work{func(n int, t *times) error {
		return repeat(func() error {
			_, err := vat.Result[int64](far.Send(ctx, "pay", int64(1))).Await(ctx)
			return err
		}, n, t)
	}, p.close}, nil
}

// reopening closes the first node, opens it again and has it make a call. What is noted is how long it took from the opening to the
// answer.
func reopening(p *lasting, call func() error) func(n int, t *times) error {
	return func(n int, t *times) error {
		for range n {
			if err := p.nodes[0].Close(); err != nil {
				return err
			}
			begin := time.Now()
			if err := p.open(0); err != nil {
				return err
			}
			if err := call(); err != nil {
				return err
			}
			t.add([]time.Duration{time.Since(begin)})
		}
		return nil
	}
}

// reopenFresh has a session made anew each time, by a sturdyref: nothing that lasts uses it.
func reopenFresh() (work, error) {
	p, err := openLasting()
	if err != nil {
		return work{}, err
	}
	uri, err := func() (sturdyref.Ref, error) {
		if _, err := travellerOf(p.nodes[0]); err != nil { // so that there is as much in its store
			return sturdyref.Ref{}, err
		}
		far, err := travellerOf(p.nodes[1])
		if err != nil {
			return sturdyref.Ref{}, err
		}
		return p.nodes[1].Publish(context.Background(), "traveller", far)
	}()
	if err != nil {
		return work{}, errors.Join(err, p.close())
	}
	return work{reopening(p, func() error {
		_, err := vat.Result[int64](p.nodes[0].Enliven(uri).Send(context.Background(), "pay", int64(1))).Await(context.Background())
		if n := len(p.nodes[0].Lasting()); err == nil && n != 0 {
			err = fmt.Errorf("%d sessions last, want none", n)
		}
		return err
	}), p.close}, nil
}

// reopenResumed has the durable object ask that of the other node over the session there was before. The link dials at a moment up
// to 100 ms after the start that chance chooses, or at once when it is told that the network is up.
func reopenResumed(up bool) opener {
	return func() (work, error) {
		p, err := openAcquainted()
		if err != nil {
			return work{}, err
		}
		return work{reopening(p, func() error {
			if n := len(p.nodes[0].Lasting()); n != 1 {
				return fmt.Errorf("%d sessions last, want 1", n)
			}
			ctx, cancel := context.WithCancel(context.Background())
			var told sync.WaitGroup
			defer told.Wait()
			defer cancel()
			if up {
				told.Go(func() { p.nodes[0].NetworkUp(ctx) })
			}
			own, err := travellerOf(p.nodes[0])
			if err != nil {
				return err
			}
			return askOne(own)
		}), p.close}, nil
	}
}
