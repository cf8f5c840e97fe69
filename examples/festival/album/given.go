package album

import (
	"context"
	"slices"

	"github.com/hawser-go/hawser/vat"
)

// Given is a grant that was given, or passed on, from here.
type Given struct {
	// Number tells them apart; it stays.
	Number int
	// Album is the number of the album here.
	Album int
	Role  Role
	// To is for whom.
	To string
	// Invitation is what was given, Revoked says that it was taken back.
	Invitation string
	Revoked    bool
}

// ledger holds what was given.
type ledger struct {
	Last int
	Rows []Given
}

type ledgerRef struct{ vat.Ref }

var (
	ledgerFacet = vat.FacetOf[within]("photos.ledger")
	ledgerKind  = vat.KindOf("photos.ledger", func() *ledger { return new(ledger) }, ledgerFacet)
)

// maxGiven is how many grants are given and not taken back, at the most.
const maxGiven = 512

func (p *Peer) withLedger(ctx context.Context, fn func(l *ledger) error) error {
	_, err := vat.Do(ctx, p.vat, func(ctx context.Context) (any, error) {
		l, err := near[ledger](ctx, p.ledger.Ref)
		if err == nil {
			err = fn(l)
		}
		return nil, err
	})
	return err
}

// Give notes what is given, and returns it with its number.
func (p *Peer) Give(ctx context.Context, g Given) (Given, error) {
	err := p.withLedger(ctx, func(l *ledger) error {
		if len(l.Rows) >= maxGiven { // one that was revoked need not be known any more
			i := slices.IndexFunc(l.Rows, func(g Given) bool { return g.Revoked })
			if i < 0 {
				return because(ErrFull, "at most %d grants can be given", maxGiven)
			}
			l.Rows = slices.Delete(slices.Clone(l.Rows), i, i+1)
		}
		l.Last++
		g.Number = l.Last
		l.Rows = append(l.Rows, g)
		return nil
	})
	return g, err
}

// Given returns what was given.
func (p *Peer) Given(ctx context.Context) (all []Given, err error) {
	err = p.withLedger(ctx, func(l *ledger) error {
		all = slices.Clone(l.Rows)
		return nil
	})
	return all, err
}

// Revoked notes that what was given under a number was taken back.
func (p *Peer) Revoked(ctx context.Context, number int) error {
	return p.withLedger(ctx, func(l *ledger) error {
		for i := range l.Rows {
			if l.Rows[i].Number == number {
				l.Rows[i].Revoked = true
			}
		}
		return nil
	})
}
