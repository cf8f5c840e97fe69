package main

import (
	"context"
	"errors"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/bench/floor/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// A pair is two nodes of this process with a network between them. The host has published an object; the guest has the
// sturdyref and nothing else.
type pair struct {
	host, guest *hawser.Node
	invite      sturdyref.Ref
	closers     []func() error // what is to be closed when the nodes are
}

// loopback is where nodes listen.
const loopback = "127.0.0.1:0"

// A between opens a pair of which the host publishes what spawn makes.
type between func(spawn func(ctx context.Context) vat.Ref) (*pair, error)

// overNoise is Noise-QUIC on loopback, as hawser.Open has it but for the addresses and the bound on new connections.
func overNoise(spawn func(ctx context.Context) vat.Ref) (*pair, error) {
	return openPair(onNoise, spawn)
}

func onNoise(c hawser.NetworkConfig) (netlayer.Netlayer, error) {
	return noisequic.Open(&noisequic.Config{
		Identity: c.Identity, Listen: c.Listen, Doorkeeper: c.Doorkeeper, Features: c.Features, Logger: c.Logger,
		Limits: noisequic.Limits{RatePerSource: 1e9},
	})
}

// overDelayedNoise has every packet come a time later.
func overDelayedNoise(delay time.Duration) between {
	return func(spawn func(ctx context.Context) vat.Ref) (*pair, error) {
		p, err := overNoise(spawn)
		if err != nil {
			return nil, err
		}
		relay, err := wire.NewRelay(p.invite.Peer.Hints["addr"], delay)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.closers = append(p.closers, relay.Close)
		p.invite.Peer = p.invite.Peer.Clone()
		p.invite.Peer.Hints["addr"] = relay.Addr()
		return p, nil
	}
}

// overSimulation is the simulated network without delay: no sockets, no encryption.
func overSimulation(spawn func(ctx context.Context) vat.Ref) (*pair, error) {
	network := mem.New(nil)
	p, err := openPair(func(c hawser.NetworkConfig) (netlayer.Netlayer, error) {
		return network.Host(mem.HostConfig{Static: c.Identity.Public().Static, Doorkeeper: c.Doorkeeper, Features: c.Features}), nil
	}, spawn)
	if err != nil {
		network.Close()
		return nil, err
	}
	p.closers = append(p.closers, func() error { network.Close(); return nil })
	return p, nil
}

func openPair(network func(hawser.NetworkConfig) (netlayer.Netlayer, error), spawn func(ctx context.Context) vat.Ref) (p *pair, err error) {
	ctx := context.Background()
	p = new(pair)
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	for _, n := range []**hawser.Node{&p.host, &p.guest} {
		if *n, err = hawser.Open(ctx, &hawser.Config{Listen: loopback, Network: network}); err != nil {
			return p, err
		}
	}
	ref, err := vat.Do(ctx, p.host.Vat("birds"), func(ctx context.Context) (vat.Ref, error) { return spawn(ctx), nil })
	if err != nil {
		return p, err
	}
	p.invite, err = p.host.Publish(ctx, "bird", ref)
	return p, err
}

// fetch returns the guest's reference to what the host has published, when it is there.
func (p *pair) fetch() (vat.Ref, error) {
	return p.guest.Enliven(p.invite).Await(context.Background())
}

// live returns the guest's live reference to it, when it leads there.
func (p *pair) live() (vat.Ref, error) {
	r := p.guest.Live(p.invite)
	_, err := vat.Present(r).Await(context.Background())
	return r, err
}

func (p *pair) close() error {
	var errs []error
	for _, n := range []*hawser.Node{p.guest, p.host} {
		if n != nil {
			errs = append(errs, n.Close())
		}
	}
	for _, c := range p.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// The objects of the far rows: a bird that is called by reflection, one whose calls are written out, and a function.
func spawnBird(ctx context.Context) vat.Ref        { return parrotFacet.Spawn(ctx, new(bird)) }
func spawnWrittenBird(ctx context.Context) vat.Ref { return parrotWritten.Spawn(ctx, new(bird)) }
func spawnMimic(ctx context.Context) vat.Ref       { return vat.SpawnFunc(ctx, mimic) }
