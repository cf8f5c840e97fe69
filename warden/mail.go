package warden

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// A grant also speaks for its holder where there is no session: in signed messages, each a call, that anybody may carry to the object's home. A
// message may come long after it was written, when the grant has expired or was revoked; whether it is heard then is for the grant and the
// revocation to say (grant.Verifier.CheckMessage), and so it does not go by way of a mandate, which has ended by then.

// hearer executes the messages by one grant, each once: that a message was taken and what it sends are one turn.
type hearer struct {
	Grant   []byte
	Caret   vat.Ref // stands before the facet that the role has opened
	Window  []byte
	Tallies []tallied
	Answers []vat.Ref // in the order in which the messages came

	office *Office      `ocapn:"-"`
	grant  *grant.Grant `ocapn:"-"`
}

type hearing interface {
	Hear(ctx context.Context, message []byte) (bool, error)
	Answer(ctx context.Context, message []byte) (vat.Ref, error)
}

var hearingFacet = vat.FacetOf[hearing]("hawser.hearing")

// SignCall returns a message by which the holder of a grant, whose key signer is, calls a method of what the grant opens. seq counts the
// messages by that grant, from 1: the same number is heard once. Arguments are data, without references, as what carries the message has none.
func SignCall(signer crypto.Signer, g *grant.Grant, seq uint64, written time.Time, method string, args ...any) ([]byte, error) {
	model, err := passable.Copy(args, onlyData)
	if err != nil {
		return nil, fmt.Errorf("warden: a call by message: %w", err)
	}
	if model == nil {
		model = []any{}
	}
	b, err := modelcbor.Encode(model, func(passable.Reference) (uint64, error) { return 0, errNoReference })
	if err != nil {
		return nil, fmt.Errorf("warden: a call by message: %w", err)
	}
	return grant.SignMessage(signer, g, grant.Message{To: g.Subject(), Seq: seq, Authored: written, Method: method, Args: b})
}

var errNoReference = errors.New("a message has no references in it: send what the object can find itself, or a grant")

func onlyData(passable.Reference) (passable.Reference, error) { return nil, errNoReference }

// heard is where messages by a grant are heard.
type heard struct {
	office *Office
	grant  *grant.Grant
	role   Role
	vat    *vat.Vat
	links  []grant.LinkID
	until  time.Time
	self   vat.Ref  // the hearer; null until it is made; guarded by the office's mu
	vow    *vat.Vow // for self; nil of one from before, until a message comes
	pins   []pin    // of what was made
}

func (e *heard) leaf() grant.LinkID { return e.links[len(e.links)-1] }

// hearer returns the hearer, null before it is made.
func (e *heard) hearer() vat.Ref {
	e.office.mu.Lock()
	defer e.office.mu.Unlock()
	return e.self
}

// listen puts where messages are heard into the office, and deafen takes it out again. They are called with mu held.
func (o *Office) listen(e *heard) {
	o.heard[e.leaf()] = e
	for _, id := range e.links {
		o.hearers[id]++
	}
}

func (o *Office) deafen(e *heard) {
	if o.heard[e.leaf()] != e {
		return
	}
	delete(o.heard, e.leaf())
	for _, id := range e.links {
		if o.hearers[id]--; o.hearers[id] == 0 {
			delete(o.hearers, id)
		}
	}
}

// Deliver hears a message that somebody has brought. The promise is fulfilled, with true, when the call is certain to be made, once, and on the
// disk if the object's vat is durable; what it brings is not told to whoever has brought it. It is fulfilled again for the same message. It breaks
// with ErrRefused if the message is not good, or comes too late. Deliver does not wait, and may be called in turns.
func (o *Office) Deliver(g *grant.Grant, message []byte) vat.Ref { return o.hand(g, message, "hear") }

// hand has the hearer of a grant get a message, by one of its methods.
func (o *Office) hand(g *grant.Grant, message []byte, selector string) vat.Ref {
	m, err := grant.ParseMessage(message)
	if err == nil {
		_, err = o.hears(g, m)
	}
	v, role, off := o.role(g)
	if err == nil && off != nil {
		if r, ok := o.wait(g, message, selector); ok {
			return r
		}
	}
	if err = cmp.Or(err, off); err != nil {
		return vat.Broken(o.refused(g, err))
	}
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return vat.Broken(vat.ErrVatClosed)
	}
	e := o.heard[g.ID()]
	if e == nil {
		e = &heard{office: o, links: idsOf(g), until: g.Accept()}
		if link, ok := o.crowded(e.links, func(id grant.LinkID) int { return o.hearers[id] }); ok {
			o.mu.Unlock()
			o.warn("a message was refused: too many grants that were passed on speak by way of a link", "link", link.String(), "holder", g.Holder().String())
			return vat.Broken(ErrManyOpen)
		}
		o.listen(e)
	}
	fresh := e.vow == nil
	if fresh {
		e.grant, e.role, e.vat, e.vow = g, role, v, vat.NewVow(nil)
	}
	r := e.vow.Ref()
	if from := vat.HomeOf(e.self); from != nil {
		v = from // where it was made, wherever the object is now
	}
	o.mu.Unlock()
	if fresh {
		v.Enqueue(e)
	}
	return r.Send(context.Background(), selector, message)
}

// hears says whether a message is to be heard now, and returns its arguments.
func (o *Office) hears(g *grant.Grant, m *grant.Message) ([]any, error) {
	if err := o.verifier.CheckMessage(g, m, o.host); err != nil {
		return nil, err
	}
	model, err := modelcbor.Decode(m.Args, func(uint64) (passable.Reference, error) { return nil, errNoReference })
	args, ok := model.([]any)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: its arguments cannot be read", grant.ErrRefused)
	}
	return args, nil
}

// Run implements promise.Job: it makes the hearer, if there is none from before.
func (e *heard) Run(ctx context.Context) error {
	if !e.hearer().IsNull() {
		return nil
	}
	caret, err := e.role.opened(ctx, e.grant)
	if err != nil { // what the role says is for the holder, and not for whoever carries a message
		return fmt.Errorf("%w: the role could not be opened: %w", grant.ErrRefused, e.office.blame(e.grant, err))
	}
	h := &hearer{Grant: e.grant.Bytes(), Caret: caret, office: e.office, grant: e.grant}
	self := hearingFacet.Spawn(ctx, h)
	h.Tallies, e.pins = e.office.talliesOf(ctx, e.grant)
	e.pins = append(e.pins, pin{pinKey(pinsOfHearers, e.until, e.links...), self})
	e.office.mu.Lock()
	e.self = self
	e.office.mu.Unlock()
	return nil
}

// Done implements promise.Job.
func (e *heard) Done(err error) {
	o := e.office
	tell := func(err error) {
		if err == nil {
			e.vow.Resolve(e.hearer())
			return
		}
		o.mu.Lock()
		o.deafen(e)
		o.mu.Unlock()
		e.vow.Break(o.blame(e.grant, err))
	}
	if err != nil || e.pins == nil {
		tell(err)
		return
	}
	o.keep(e.vat, e.pins, tell)
	o.windBy(e.until)
}

// Hear implements hearing.
func (h *hearer) Hear(ctx context.Context, message []byte) (bool, error) {
	_, _, err := h.take(ctx, message)
	return err == nil, err
}

// take makes the call of a message, if it was not heard before.
func (h *hearer) take(ctx context.Context, message []byte) (m *grant.Message, call grant.Call, err error) {
	g, err := h.shown()
	if err != nil {
		return nil, call, vat.ErrInternal
	}
	if m, err = grant.ParseMessage(message); err != nil {
		return nil, call, h.office.refused(g, err)
	}
	args, err := h.office.hears(g, m)
	if err != nil {
		return nil, call, h.office.refused(g, err)
	}
	var window grant.Window
	if len(h.Window) > 0 {
		if err := window.UnmarshalBinary(h.Window); err != nil {
			return nil, call, vat.ErrInternal
		}
	}
	call = grant.Call{Method: m.Method, Args: args, Seq: m.Seq}
	if top := window.Top(); !window.Take(m.Seq) {
		if top >= grant.WindowSize && m.Seq <= top-grant.WindowSize {
			err := fmt.Errorf("%w: message %d comes after number %d, and nobody remembers whether it was heard", grant.ErrRefused, m.Seq, top)
			return nil, call, h.office.refused(g, err)
		}
		return m, call, nil // it was heard, or another that its author has given the same number
	}
	state := &uses{ctx, h.office, h.Tallies}
	if err := g.Permits(call, h.office.clock.Now(), state); err != nil {
		return nil, call, h.office.refused(g, err)
	}
	if err := state.count(); err != nil {
		return nil, call, err
	}
	if err := h.call(ctx, m, args); err != nil {
		return nil, call, err
	}
	h.Window, err = window.MarshalBinary()
	return m, call, err
}

// shown returns the grant.
func (h *hearer) shown() (*grant.Grant, error) {
	if h.grant == nil {
		g, err := grant.Parse(h.Grant)
		if err != nil {
			return nil, err
		}
		h.grant = g
	}
	return h.grant, nil
}

// end lets go of the facet, and breaks the answers that have not come.
func (h *hearer) end(ctx context.Context) {
	if !h.Caret.IsNull() {
		shut(ctx, h.Caret, ErrOver)
	}
	for _, r := range h.Answers {
		if a, ok := vat.Near[*answer](ctx, r); ok {
			a.settle(ctx, nil, ErrOver)
		}
	}
	h.Caret, h.Tallies, h.Answers = vat.Ref{}, nil, nil
}

// silencing is the turn in which a hearer ends.
type silencing struct{ *heard }

// Run implements promise.Job.
func (s silencing) Run(ctx context.Context) error {
	if h, ok := vat.Near[*hearer](ctx, s.hearer()); ok {
		h.end(ctx)
	}
	return nil
}

// Done implements promise.Job.
func (s silencing) Done(error) {
	s.office.unpin([]string{pinKey(pinsOfHearers, s.until, s.links...)})
}

// silence ends a hearer, by whose grant no messages are taken any more.
func (o *Office) silence(e *heard) {
	v := vat.HomeOf(e.hearer())
	if v == nil {
		v = e.vat // where it is being made
	}
	if v != nil {
		v.Enqueue(silencing{e})
	}
}
