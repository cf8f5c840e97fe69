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

// withLedger runs fn in a turn with the ledger, perhaps after ctx has ended: what it finds is what it returns.
func withLedger[T any](ctx context.Context, p *Peer, fn func(l *ledger) (T, error)) (T, error) {
	return vat.Do(ctx, p.vat, func(ctx context.Context) (T, error) {
		l, err := near[ledger](ctx, p.ledger.Ref)
		if err != nil {
			var none T
			return none, err
		}
		return fn(l)
	})
}

// Give notes what is given, and returns it with its number.
func (p *Peer) Give(ctx context.Context, g Given) (Given, error) {
	number, err := withLedger(ctx, p, func(l *ledger) (int, error) {
		if len(l.Rows) >= maxGiven { // one that was revoked need not be known any more
			i := slices.IndexFunc(l.Rows, func(g Given) bool { return g.Revoked })
			if i < 0 {
				return 0, because(ErrFull, "at most %d grants can be given", maxGiven)
			}
			l.Rows = slices.Delete(slices.Clone(l.Rows), i, i+1)
		}
		l.Last++
		row := g
		row.Number = l.Last
		l.Rows = append(l.Rows, row)
		return l.Last, nil
	})
	given := g
	given.Number = number
	return given, err
}

// Given returns what was given.
func (p *Peer) Given(ctx context.Context) ([]Given, error) {
	return withLedger(ctx, p, func(l *ledger) ([]Given, error) { return slices.Clone(l.Rows), nil })
}

// Revoked notes that what was given under a number was taken back.
func (p *Peer) Revoked(ctx context.Context, number int) error {
	_, err := withLedger(ctx, p, func(l *ledger) (any, error) {
		for i := range l.Rows {
			if l.Rows[i].Number == number {
				l.Rows[i].Revoked = true
			}
		}
		return nil, nil
	})
	return err
}
