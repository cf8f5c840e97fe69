package program

import (
	"context"
	"slices"

	"github.com/hawser-go/hawser/vat"
)

// What a peer has read it can show to others, while the festival is away: its organisers' homes have signed it. See [Lend].

// loan is a copy as somebody else sees it. It implements Visitor.
type loan struct {
	Holder  Holder
	Copy    CopyRef
	Lending lendingRef
}

// lending tells those to whom a copy is lent.
type lending struct {
	Self bellRef
	Bell bell
}

type lendingView interface {
	Ring(ctx context.Context, upTo int)
}

var (
	loanKind = vat.KindOf("festival.loan", func() *loan { return new(loan) }, VisitorFacet)

	lendingFacet = vat.FacetOf[lendingView]("festival.lending")
	lendingKind  = vat.KindOf("festival.lending", func() *lending { return new(lending) }, lendingFacet, bellFacet)
)

type lendingRef struct{ vat.Ref }

// Ring calls lendingView.Ring and waits for nothing.
func (r lendingRef) Ring(ctx context.Context, upTo int) { _ = r.SendOnly(ctx, "ring", upTo) }

func newLending(ctx context.Context) lendingRef {
	l := new(lending)
	l.Self = vat.As[bellRef](bellFacet.Spawn(ctx, l))
	return vat.As[lendingRef](lendingFacet.Spawn(ctx, l))
}

func (l *lending) Ring(ctx context.Context, upTo int) { l.Bell.ring(ctx, upTo) }

// Forget implements belled.
func (l *lending) Forget(_ context.Context, ear int) { l.Bell.forget(ear) }

// Lend returns what makes visitors' facets of a peer's copy, in turns of the copy's vat. Who has one reads what the peer has read, when the
// festival is away, too, and can check by signatures that the peer has made nothing up.
func Lend(c CopyRef) Maker {
	return func(ctx context.Context, holder Holder) (vat.Ref, error) {
		if err := holder.check(); err != nil {
			return vat.Ref{}, err
		}
		of, err := near[copybook](ctx, c.Ref)
		if err != nil {
			return vat.Ref{}, err
		}
		return VisitorFacet.Spawn(ctx, &loan{Holder: holder, Copy: c, Lending: of.Lending}), nil
	}
}

// Standing implements Visitor.
func (l *loan) Standing(context.Context) Standing { return Standing{AsVisitor, l.Holder} }

// Changes implements Visitor. The numbers of changes are those of the festival.
func (l *loan) Changes(ctx context.Context, after int) (Changes, error) {
	c, err := near[copybook](ctx, l.Copy.Ref)
	if err != nil {
		return Changes{}, err
	}
	// What is gone is not remembered here: who has read before that begins anew.
	news := Changes{UpTo: c.After, Info: &c.Seen.Info, Reset: after != 0 && (after < c.Floor || after > c.After)}
	if news.Reset {
		after = 0
	}
	for _, e := range c.Seen.Entries {
		if e.Change > after && e.State == Listed {
			news.Entries = append(news.Entries, e)
		}
	}
	slices.SortFunc(news.Entries, func(x, y Entry) int { return x.Change - y.Change })
	if len(news.Entries) > maxAtOnce {
		news.Entries, news.More = news.Entries[:maxAtOnce], true
		news.UpTo = news.Entries[maxAtOnce-1].Change
	}
	return news, nil
}

// ErrCopy says that what was asked of a copy is for the festival itself.
var ErrCopy = vat.NewError("festival.copy", "this is a copy of somebody's: events' homes are asked by way of the festival itself")

// Event implements Visitor.
func (l *loan) Event(context.Context, int) (EventRef, error) { return EventRef{}, ErrCopy }

// Watch implements Visitor.
func (l *loan) Watch(ctx context.Context, to ListenerRef) error {
	c, err := near[copybook](ctx, l.Copy.Ref)
	if err != nil {
		return err
	}
	lent, err := near[lending](ctx, l.Lending.Ref)
	if err != nil {
		return err
	}
	return lent.Bell.add(ctx, lent.Self, l.Holder, to, c.After)
}
