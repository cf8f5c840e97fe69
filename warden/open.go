package warden

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// given is what a grant has come to.
type given struct {
	office *Office
	grant  *grant.Grant // nil of one from before, until it is shown again
	role   Role
	vat    *vat.Vat // likewise
	links  []grant.LinkID
	until  time.Time
	self   vat.Ref  // the mandate, under the facet that nobody else has; null until it is made; guarded by the office's mu
	vow    *vat.Vow // for the mandate; nil of one from before, until it is asked for
}

// mandate returns the mandate and its vat, or where it is being made; both are null before that.
func (g *given) mandate() (self vat.Ref, v *vat.Vat) {
	g.office.mu.Lock()
	defer g.office.mu.Unlock()
	if v = g.vat; !g.self.IsNull() {
		v = vat.HomeOf(g.self)
	}
	return g.self, v
}

func (g *given) name() [16]byte { return [16]byte(g.links[len(g.links)-1][:16]) }

// leaf is the id of the last link.
func (g *given) leaf() grant.LinkID { return g.links[len(g.links)-1] }

// Open returns a reference to what a grant stands for, whose holder has shown that it is: a promise, which breaks with
// ErrRefused, whatever the reason; the log says which. A grant that was opened before leads to the same mandate. Open does not
// wait, and may be called in turns.
func (o *Office) Open(g *grant.Grant) vat.Ref {
	v, role, err := o.check(g)
	if err != nil {
		return vat.Broken(o.refused(g, err))
	}
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return vat.Broken(vat.ErrVatClosed)
	}
	e := o.given[g.ID()]
	if e == nil {
		e = &given{office: o, links: idsOf(g), until: g.Expires()}
		if link, ok := o.crowded(e.links, func(id grant.LinkID) int { return len(o.links[id]) }); ok {
			o.mu.Unlock()
			o.warn("a grant was refused: too many are open by way of a link", "link", link.String(), "holder", g.Holder().String())
			return vat.Broken(ErrManyOpen)
		}
		o.enter(e)
	}
	fresh := e.vow == nil
	if fresh {
		e.grant, e.role, e.vat, e.vow = g, role, v, vat.NewVow(nil)
	}
	r := e.vow.Ref()
	o.mu.Unlock()
	if fresh {
		if _, from := e.mandate(); from != nil {
			v = from // where it was made, wherever the object is now
		}
		v.Enqueue(&opening{given: e})
	}
	return r
}

// check says what a grant opens, if it is good.
func (o *Office) check(g *grant.Grant) (*vat.Vat, Role, error) {
	if g.Subject() != o.host {
		return nil, Role{}, fmt.Errorf("%w: its subject is not this node", grant.ErrRefused)
	}
	if err := o.verifier.Verify(g); err != nil {
		return nil, Role{}, err
	}
	return o.role(g)
}

// refused logs why a grant is not good, and returns what whoever has shown it is told.
func (o *Office) refused(g *grant.Grant, err error) error {
	o.log.Info("a grant was refused", "object", g.Object().String(), "role", g.Role(), "holder", g.Holder().String(), "why", err)
	return ErrRefused
}

// opening makes a mandate, or finds the one from before: a turn of the object's vat.
type opening struct {
	*given
	face vat.Ref
	pins []pin // of what was made
}

// Run implements promise.Job.
func (p *opening) Run(ctx context.Context) error {
	if self, _ := p.mandate(); !self.IsNull() {
		m, ok := vat.Near[*mandate](ctx, self)
		if !ok || m.over() {
			return ErrOver
		}
		p.face = m.Face
		return nil
	}
	o := p.office
	if _, _, err := o.check(p.grant); err != nil { // it may have been revoked meanwhile, or be over
		return err
	}
	caret, err := p.role.opened(ctx, p.grant)
	if err != nil {
		return err
	}
	m := &mandate{Grant: p.grant.Bytes(), Caret: caret, Free: p.role.Transfer, office: o, grant: p.grant}
	m.Self, m.Face = keepingFacet.Spawn(ctx, m), mandateFacet.Spawn(ctx, m)
	m.Tallies, p.pins = o.talliesOf(ctx, p.grant)
	p.pins = append(p.pins, pin{pinKey(pinsOfMandates, p.until, p.links...), m.Self})
	o.mu.Lock()
	p.self = m.Self
	o.mu.Unlock()
	p.face = m.Face
	return nil
}

// Done implements promise.Job.
func (p *opening) Done(err error) {
	o := p.office
	if err != nil {
		o.forget(p.given)
		p.vow.Break(o.blame(p.grant, err))
		return
	}
	tell := func(err error) {
		if err != nil {
			o.forget(p.given)
			p.vow.Break(err)
			return
		}
		p.vow.Resolve(p.face)
	}
	if p.pins == nil {
		tell(nil)
		return
	}
	o.keep(p.vat, p.pins, tell)
	o.windBy(p.until)
}

// warn logs what holders of grants can bring about, as often as they like.
func (o *Office) warn(msg string, args ...any) {
	if omitted, ok := o.warnings.Next(); ok {
		o.log.Warn(msg, append(args, "omitted", omitted)...)
	}
}

// blame returns what a holder is told of a grant that could not be opened.
func (o *Office) blame(g *grant.Grant, err error) error {
	if errors.Is(err, grant.ErrRefused) {
		return o.refused(g, err)
	}
	if !isCoded(err) {
		o.warn("a role could not be opened", "role", g.Role(), "error", err)
	}
	return err
}
