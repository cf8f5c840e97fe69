package album

import (
	"context"
	"errors"
	"time"

	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/vat"
)

const (
	// overhead is what each photo that is kept counts besides its size, so that small ones are not free.
	overhead = 4 << 10
	// contributed is how much of one's own album is kept here that others have added, in bytes.
	contributed = 1 << 30
	// longest is how long photos of one album are fetched before it is the turn of others.
	longest = 15 * time.Minute
)

// Kept says what is here of the photos of an album.
type Kept struct {
	// Here are photos that are on this disk, of Bytes together, Missing those that should be, and Beyond those for which there is no room.
	Here, Missing, Beyond int
	Bytes                 int64
	// Bad are shelves that had something else than what was asked for, or did not serve it to the end.
	Bad []Failure
}

// fits returns the photos of an album for which there is room here, from the first. Those of its owner take none at home.
func (a *Album) fits() (in []Blob, beyond int) {
	room := a.Room
	if a.Own() {
		room = contributed
	}
	for i, each := range a.Blobs {
		cost := each.Size + overhead
		if a.Own() && a.Photos[i].By == "" {
			cost = 0
		}
		if room < cost {
			beyond++
			continue
		}
		room -= cost
		in = append(in, each)
	}
	return in, beyond
}

// Keep has photos of an album kept here, and served, from now on, up to so many bytes; 0 ends that. What there is is fetched now, and what comes
// later by Sync.
func (p *Peer) Keep(ctx context.Context, number int, room int64) (Kept, error) {
	_, err := turn(ctx, p, func(_ context.Context, c *collection) (any, error) {
		o, err := c.other(number)
		if err == nil {
			o.Room = room
		}
		return nil, err
	})
	if err != nil {
		return Kept{}, err
	}
	return p.Sync(ctx, number)
}

// Sync asks an album's home what is new, and fetches what is to be kept of it and is not here, for a quarter of an hour at the most: then it
// returns ErrLong. Another error says why its home did not answer, or that the disk fails: others may have had photos nevertheless.
func (p *Peer) Sync(ctx context.Context, number int) (Kept, error) {
	a, silent := p.Read(ctx, number)
	if a.Number == 0 || ctx.Err() != nil {
		return Kept{}, silent
	}
	if err := p.retain(ctx); err != nil { // what is listed no more makes room first
		return Kept{}, err
	}
	some, cancel := context.WithTimeoutCause(ctx, longest, ErrLong)
	k, failed := p.keep(some, &a)
	cancel()
	long := errors.Is(failed, ErrLong)
	if !a.Own() && a.Role != AsReader && silent == nil && (failed == nil || long) {
		silent = p.announce(ctx, &a)
	}
	if err := p.retain(ctx); err != nil {
		return k, err
	}
	if silent != nil && (failed == nil || long) {
		return k, silent
	}
	return k, failed
}

func (p *Peer) keep(ctx context.Context, a *Album) (k Kept, err error) {
	var in []Blob
	in, k.Beyond = a.fits()
	if a.Room == 0 && !a.Own() {
		return Kept{}, nil
	}
	sources := p.sources(a.Shelves)
	for i, each := range in {
		if !p.blobs.own(ctx, each.name()) {
			p.keeping.Lock()
			bad, err := p.blobs.Keep(ctx, each.name(), each.Size, sources)
			p.keeping.Unlock()
			k.Bad = append(k.Bad, bad...)
			if err != nil && !errors.Is(err, ErrNowhere) {
				k.Missing += len(in) - i
				return k, err
			}
			if err != nil {
				k.Missing++
				continue
			}
		}
		k.Here++
		k.Bytes += each.Size
	}
	return k, nil
}

// announce has the readers of an album told of this peer's shelf, or no more.
func (p *Peer) announce(ctx context.Context, a *Album) error {
	shelf := p.shelf
	if a.Role == AsKeeper && a.Room == 0 {
		shelf = ""
	}
	ref, err := p.reach.Redeem(a.Invitation)
	if err != nil {
		return err
	}
	_, err = asked(ctx, wait, func(ctx context.Context) (any, error) { return vat.As[KeeperRef](ref).Serve(ctx, shelf).Await(ctx) })
	return err
}

// retain drops what nobody wants kept any more.
func (p *Peer) retain(ctx context.Context) error {
	p.keeping.Lock()
	defer p.keeping.Unlock()
	wanted := make(map[seal.Name]int64) // and how long they may be
	_, err := turn(ctx, p, func(ctx context.Context, c *collection) (any, error) {
		var all []int
		for _, o := range c.Own {
			all = append(all, o.Number)
		}
		for _, o := range c.Others {
			all = append(all, o.Number)
		}
		for _, number := range all {
			a, err := c.album(ctx, number)
			if err != nil {
				return nil, err
			}
			in, _ := a.fits()
			for _, each := range in {
				wanted[each.name()] = max(wanted[each.name()], each.Size)
			}
		}
		return nil, nil
	})
	if err != nil {
		return err
	}
	return p.blobs.Retain(ctx, wanted)
}
