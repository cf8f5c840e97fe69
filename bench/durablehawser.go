package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/vat"
)

// countingHouse is a durable object with one counter.
type countingHouse struct{ N int64 }

type teller interface {
	Pay(n int64) int64
}

func (c *countingHouse) Pay(n int64) int64 { c.N += n; return c.N }

// traveller is a durable object that passes on to the next what it gets.
type traveller struct {
	N    int64
	Next vat.Ref
	Done vat.Ref
}

type travel interface {
	Meet(next, done vat.Ref)
	Go(ctx context.Context, left int64) error
	Ask(ctx context.Context, n int64) vat.Ref
	Pay(n int64) int64
}

func (v *traveller) Meet(next, done vat.Ref) { v.Next, v.Done = next, done }
func (v *traveller) Pay(n int64) int64       { v.N += n; return v.N }
func (v *traveller) Go(ctx context.Context, left int64) error {
	v.N++
	if left > 0 {
		return v.Next.SendOnly(ctx, "go", left-1)
	}
	return v.Done.SendOnly(ctx, "count", int64(1))
}

func (v *traveller) Ask(ctx context.Context, n int64) vat.Ref {
	v.N++
	return v.Next.Send(ctx, "pay", n)
}

var (
	tellerFacet = vat.FacetOf[teller]("bench.Teller")
	travelFacet = vat.FacetOf[travel]("bench.Travel")
	houseKind   = vat.KindOf("bench.house", func() *countingHouse { return new(countingHouse) }, tellerFacet)
	travelKind  = vat.KindOf("bench.traveller", func() *traveller { return new(traveller) }, travelFacet)
)

// A bank is a depot with a store of its own.
type bank struct {
	*vat.Depot
	store *store.Store
	close func() error
}

func openBank(open shelf, cfg vat.DepotConfig) (*bank, error) {
	s, closeAll, err := open()
	if err != nil {
		return nil, err
	}
	d, err := vat.OpenDepot(s, cfg)
	if err != nil {
		return nil, errors.Join(err, closeAll())
	}
	d.Start()
	return &bank{d, s, func() error { return errors.Join(d.Close(), closeAll()) }}, nil
}

type anyRef struct{ vat.Ref }

// spawn makes an object in a vat of the bank, to which a root leads, so that it is stored.
func (b *bank) spawn(in, name string, make func(ctx context.Context) vat.Ref) (vat.Ref, error) {
	v, err := b.Vat(in)
	if err != nil {
		return vat.Ref{}, err
	}
	return rooted(v, name, make)
}

// rooted makes an object in a durable vat, to which a root leads.
func rooted(v *vat.Vat, name string, make func(ctx context.Context) vat.Ref) (vat.Ref, error) {
	r, err := vat.Root(context.Background(), v, name, func(ctx context.Context) (anyRef, error) { return anyRef{make(ctx)}, nil })
	return r.Ref, err
}

func (b *bank) house(name string) (vat.Ref, error) {
	return b.spawn("bank", name, func(ctx context.Context) vat.Ref { return tellerFacet.Spawn(ctx, new(countingHouse)) })
}

// banking is work with a bank of some houses.
func banking(open shelf, houses int, run func(refs []vat.Ref) func(n int, t *times) error) opener {
	return func() (work, error) {
		b, err := openBank(open, vat.DepotConfig{Kinds: []vat.Kind{houseKind}})
		if err != nil {
			return work{}, err
		}
		refs := make([]vat.Ref, houses)
		for i := range refs {
			if refs[i], err = b.house(fmt.Sprint(i)); err != nil {
				return work{}, errors.Join(err, b.close())
			}
		}
		return work{run(refs), b.close}, nil
	}
}

// durableTells sends messages of which the last is a call that is waited for: then all are on the disk.
func durableTells(open shelf) opener {
	return banking(open, 1, func(refs []vat.Ref) func(int, *times) error {
		return tells(func() vat.Ref { return refs[0] }, refs[0])
	})
}

func durableMany(open shelf, number int) opener {
	return banking(open, number, func(refs []vat.Ref) func(int, *times) error {
		next := scattered(number)
		return tells(func() vat.Ref { return refs[next()] }, refs[0])
	})
}

func tells(to func() vat.Ref, last vat.Ref) func(n int, _ *times) error {
	return func(n int, _ *times) error {
		ctx := context.Background()
		for n > 0 {
			burst := min(n, many)
			n -= burst
			for range burst - 1 {
				if err := to().SendOnly(ctx, "pay", int64(1)); err != nil {
					return err
				}
			}
			if _, err := vat.Result[int64](last.Send(ctx, "pay", int64(1))).Await(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

func durableCalls(open shelf) opener {
	return banking(open, 1, func(refs []vat.Ref) func(int, *times) error {
		sum := int64(0)
		return func(n int, _ *times) error {
			ctx := context.Background()
			answers := make([]promise.Promise[int64], 0, many)
			for n > 0 {
				burst := min(n, many)
				n -= burst
				answers = answers[:0]
				for range burst {
					answers = append(answers, vat.Result[int64](refs[0].Send(ctx, "pay", int64(1))))
				}
				for _, a := range answers {
					got, err := a.Await(ctx)
					if sum++; err != nil || got != sum {
						return fmt.Errorf("the answer is %d, want %d: %w", got, sum, err)
					}
				}
			}
			return nil
		}
	})
}

func durableCaller(open shelf) opener {
	return banking(open, 1, func(refs []vat.Ref) func(int, *times) error {
		return func(n int, t *times) error {
			return repeat(func() error {
				_, err := vat.Result[int64](refs[0].Send(context.Background(), "pay", int64(1))).Await(context.Background())
				return err
			}, n, t)
		}
	})
}

// travellers is two durable objects in two vats that send to each other, and what they tell in the end.
func travellers(open shelf) (b *bank, first vat.Ref, end *tallied, err error) {
	if b, err = openBank(open, vat.DepotConfig{Kinds: []vat.Kind{travelKind}}); err != nil {
		return nil, vat.Ref{}, nil, err
	}
	outside := vat.New(nil)
	closeBank := b.close
	b.close = func() error { return errors.Join(closeBank(), outside.Close()) }
	end = &tallied{done: make(chan struct{}, 1)}
	done, err := spawn[tallyRef](outside, func(ctx context.Context) vat.Ref { return tallyWritten.Spawn(ctx, end) })
	if err != nil {
		return b, first, end, errors.Join(err, b.close())
	}
	var refs [2]vat.Ref
	for i := range refs {
		if refs[i], err = b.spawn(fmt.Sprint(i), "traveller", func(ctx context.Context) vat.Ref { return travelFacet.Spawn(ctx, new(traveller)) }); err != nil {
			return b, first, end, errors.Join(err, b.close())
		}
	}
	for i, r := range refs {
		if _, err := vat.Result[any](r.Send(context.Background(), "meet", refs[1-i], done)).Await(context.Background()); err != nil {
			return b, first, end, errors.Join(err, b.close())
		}
	}
	return b, refs[0], end, nil
}

// durableChains sends so many messages at once, each of which is passed on to and fro.
func durableChains(open shelf, chains int) opener {
	return func() (work, error) {
		b, first, end, err := travellers(open)
		if err != nil {
			return work{}, err
		}
		return work{chaining(first, end, chains), b.close}, nil
	}
}

// chaining sends so many messages at once to the first of two travellers, each of which is passed on to and fro.
func chaining(first vat.Ref, end *tallied, chains int) func(n int, _ *times) error {
	return func(n int, _ *times) error {
		some := min(n, chains)
		end.left.Store(int64(some))
		for i := range some {
			if err := first.SendOnly(context.Background(), "go", int64(share(n, some, i)-1)); err != nil {
				return err
			}
		}
		<-end.done
		return nil
	}
}

// durablePassed is a call that a durable object answers with what another answers.
func durablePassed(open shelf) opener {
	return func() (work, error) {
		b, first, _, err := travellers(open)
		if err != nil {
			return work{}, err
		}
		return work{func(n int, t *times) error {
			return repeat(func() error { return askOne(first) }, n, t)
		}, b.close}, nil
	}
}

// askOne makes a call of a traveller, who answers with what another one answers.
func askOne(of vat.Ref) error {
	_, err := vat.Result[int64](of.Send(context.Background(), "ask", int64(1))).Await(context.Background())
	return err
}

// street is a durable object that leads to others.
type street struct{ Houses []vat.Ref }

type builder interface {
	Build(ctx context.Context, n int)
}

func (s *street) Build(ctx context.Context, n int) {
	for range n {
		s.Houses = append(s.Houses, tellerFacet.Spawn(ctx, new(countingHouse)))
	}
}

var (
	streetFacet = vat.FacetOf[builder]("bench.Street")
	streetKind  = vat.KindOf("bench.street", func() *street { return new(street) }, streetFacet)
)

// idleDurables is durable objects, a hundred of which each are named by another; those that have not been used for longest
// leave memory when there are more than maxLoaded bytes of them.
func idleDurables(maxLoaded int) func(number int) (idle, error) {
	return func(number int) (idle, error) {
		s, path, closeFile, err := inFile()
		if err != nil {
			return idle{}, err
		}
		b, err := openBank(func() (*store.Store, func() error, error) { return s, closeFile, nil },
			vat.DepotConfig{Kinds: []vat.Kind{houseKind, streetKind}, MaxLoaded: maxLoaded})
		if err != nil {
			return idle{}, err
		}
		return idle{func() (any, error) { return b, b.build(number) }, b.close, func() (file, records int64, err error) {
			if err := s.View(func(r store.Reader) error {
				for _, bucket := range r.Buckets() {
					r.Scan(bucket, nil, func(key, value []byte) bool { records += int64(len(key) + len(value)); return true })
				}
				return nil
			}); err != nil {
				return 0, 0, err
			}
			info, err := os.Stat(path)
			if err != nil {
				return 0, 0, err
			}
			return info.Size(), records, nil
		}}, nil
	}
}

// build makes so many houses, and has what can leave memory do so.
func (b *bank) build(number int) error {
	ctx := context.Background()
	for made := 0; made < number; made += 100 {
		r, err := b.spawn("bank", fmt.Sprint(made), func(ctx context.Context) vat.Ref { return streetFacet.Spawn(ctx, new(street)) })
		if err != nil {
			return err
		}
		if _, err := vat.Result[any](r.Send(ctx, "build", min(100, number-made))).Await(ctx); err != nil {
			return err
		}
	}
	r, err := b.house("mine")
	if err != nil {
		return err
	}
	for range 4 { // the depot hears from the collector what is not in use
		runtime.GC()
		if _, err := vat.Result[int64](r.Send(ctx, "pay", int64(1))).Await(ctx); err != nil {
			return err
		}
	}
	return nil
}
