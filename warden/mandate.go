package warden

import (
	"context"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// mandate is what the holder of a grant has: it passes on what the grant permits. It is an object of the vat of whatever the
// grant is for, and what it checks, counts and passes on there is one turn.
type mandate struct {
	Grant []byte
	Self  vat.Ref // under the facet that nobody else has
	Face  vat.Ref // what the holder has
	// Caret is the caretaker of the facet that the role has opened; null when it is over.
	Caret vat.Ref
	// Free says that what is reached by way of the mandate does not hang on it: what crosses is not wrapped, but for the facet itself.
	Free    bool
	Tallies []tallied
	// Crossed is what has crossed, if anything has: an object of its own, so that calls with which nothing does need not look at it.
	Crossed vat.Ref

	office *Office      `ocapn:"-"`
	grant  *grant.Grant `ocapn:"-"`
}

// tallied is a link whose calls are counted, and the count.
type tallied struct {
	Link []byte
	By   vat.Ref
}

// tally counts the calls that a link with a number of uses has been good for, by whichever of the links behind it.
type tally struct{ N uint64 }

type counter interface{ Count() uint64 }

func (t *tally) Count() uint64 { return t.N }

// keeping is what only the mandate's vat asks of it.
type keeping interface {
	Settled(ctx context.Context, n uint64, to bool, o promise.Outcome[any]) error
}

type selfRef struct{ vat.Ref }

var (
	mandateFacet = vat.InterceptorFacet("hawser.mandate")
	keepingFacet = vat.FacetOf[keeping]("hawser.keeping")
	tallyFacet   = vat.FacetOf[counter]("hawser.tally")
)

// Kinds are the kinds of object by which a depot keeps what grants have opened.
func (o *Office) Kinds() []vat.Kind {
	return []vat.Kind{
		vat.KindOf("hawser.mandate", func() *mandate { return &mandate{office: o} }, mandateFacet, keepingFacet),
		vat.KindOf("hawser.crossing", func() *crossing { return new(crossing) }, crossingFacet),
		vat.KindOf("hawser.bound", func() *bound { return new(bound) }, boundFacet),
		vat.KindOf("hawser.lent", func() *lent { return new(lent) }, lentFacet),
		vat.KindOf("hawser.hearer", func() *hearer { return &hearer{office: o} }, hearingFacet),
		vat.KindOf("hawser.answer", func() *answer { return new(answer) }, answerFacet),
		vat.KindOf("hawser.tally", func() *tally { return new(tally) }, tallyFacet),
	}
}

// over reports whether the mandate has ended.
func (m *mandate) over() bool { return m.Caret.IsNull() }

// end ends the mandate: it leads nowhere, and holds nothing.
func (m *mandate) end(ctx context.Context) {
	if m.over() {
		return
	}
	shut(ctx, m.Caret, ErrOver)
	if c, ok := vat.Near[*crossing](ctx, m.Crossed); ok {
		c.end(ctx)
	}
	m.Grant, m.grant, m.Caret, m.Tallies, m.Crossed = nil, nil, vat.Ref{}, nil, vat.Ref{}
}

// shown returns the grant.
func (m *mandate) shown() (*grant.Grant, error) {
	if m.grant == nil {
		g, err := grant.Parse(m.Grant)
		if err != nil {
			return nil, err
		}
		m.grant = g
	}
	return m.grant, nil
}

// lives says whether a message may still come by way of the mandate.
func (m *mandate) lives() error {
	if m.over() {
		return ErrOver
	}
	g, err := m.shown()
	if err != nil {
		return vat.ErrInternal
	}
	if err := m.office.verifier.Current(g); err != nil {
		return ErrOver
	}
	return nil
}

// Intercept implements vat.Interceptor.
func (m *mandate) Intercept(ctx context.Context, msg *vat.Message) (any, error) {
	if err := m.lives(); err != nil {
		return nil, err
	}
	method, args := msg.Method()
	msg.Selector, msg.Args = method, args // so that nobody reads it in another way
	state := &uses{ctx, m.office, m.Tallies}
	if err := m.grant.Permits(grant.Call{Method: string(method), Args: args, Live: true}, m.office.clock.Now(), state); err != nil {
		m.office.log.Info("a call was refused", "grant", m.grant.ID().String(), "method", string(method), "why", err)
		return nil, ErrBeyond
	}
	if err := state.count(); err != nil {
		return nil, err
	}
	return m.through(ctx, msg, m.Caret, inward)
}

// uses is what caveats want to know.
type uses struct {
	ctx     context.Context
	office  *Office
	tallies []tallied
}

// count counts a use.
func (u *uses) count() error {
	for _, t := range u.tallies {
		by, ok := vat.Near[*tally](u.ctx, t.By)
		if !ok {
			return vat.ErrInternal
		}
		by.N++
	}
	return nil
}

// Uses implements grant.State.
func (u *uses) Uses(id grant.LinkID) uint64 {
	for _, t := range u.tallies {
		if by, ok := vat.Near[*tally](u.ctx, t.By); ok && grant.LinkID(t.Link) == id {
			return by.N
		}
	}
	return 1<<64 - 1
}

// AsOf implements grant.State. This node knows of itself what it has revoked.
func (u *uses) AsOf(issuer, subject grant.Key) time.Time {
	if issuer == u.office.host {
		return u.office.clock.Now()
	}
	return u.office.known.AsOf(issuer, subject)
}
