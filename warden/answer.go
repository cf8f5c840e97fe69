package warden

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// What the call of a message comes to is kept for its author, who asks for it with the message itself, as long as that would be heard. It is
// data, as the message is: a reference would lead round the mandate, with which everything goes that was reached by a grant.

const (
	// keptAnswers bounds the answers that are kept of the messages by one grant, with those that are still to come.
	keptAnswers = 64
	// longestAnswer bounds what one may take, in bytes.
	longestAnswer = 4096
)

// answer is what the call of a message comes to: an object of the hearer's vat, so that not all are written for each.
type answer struct {
	Root vat.Ref // the hearer
	Seq  uint64
	ID   []byte                // of the message: its author may have given two the same number
	Of   vat.Ref               // a promise
	By   promise.Resolver[any] // zero when it has settled
}

type coming interface {
	Settled(ctx context.Context, o promise.Outcome[any])
}

var answerFacet = vat.FacetOf[coming]("hawser.answer")

// Answer is Deliver for the author of the message, who has shown to be the grant's holder: the promise settles with what the call comes to,
// which is the same however often, and by whomever, the message is brought. It breaks as the call does, with ErrAnswerUnfit if what that
// brings is not data, or too much, and with ErrAnswerGone if it is not kept any more. If another message of the author's was heard under
// that number it breaks with ErrOtherMessage.
func (o *Office) Answer(g *grant.Grant, message []byte) vat.Ref { return o.hand(g, message, "answer") }

// Answer implements hearing.
func (h *hearer) Answer(ctx context.Context, message []byte) (vat.Ref, error) {
	m, call, err := h.take(ctx, message)
	if err != nil {
		return vat.Ref{}, err
	}
	// Its uses were counted when it was heard. Everything else holds now as well, or there is no answer.
	if err := h.grant.Permits(call, h.office.clock.Now(), countedBefore{&uses{ctx, h.office, nil}}); err != nil {
		return vat.Ref{}, h.office.refused(h.grant, err)
	}
	switch a := h.answer(ctx, m.Seq); {
	case a == nil:
		return vat.Ref{}, vat.Keep(ErrAnswerGone) // it may have been heard just now
	case !bytes.Equal(a.ID, m.ID[:]):
		return vat.Ref{}, ErrOtherMessage
	default:
		return a.Of, nil
	}
}

// countedBefore is what is known of a call that was made.
type countedBefore struct{ *uses }

// Uses implements grant.State.
func (countedBefore) Uses(grant.LinkID) uint64 { return 0 }

// answer returns the answer to the message with a number, nil if it is not kept.
func (h *hearer) answer(ctx context.Context, seq uint64) *answer {
	for _, r := range h.Answers {
		if a, ok := vat.Near[*answer](ctx, r); ok && a.Seq == seq {
			return a
		}
	}
	return nil
}

// call makes the call of a message. If all the answers that can be kept are still to come there will be none to this one: when they do is not
// for the hearer to say, and they wait in the store.
func (h *hearer) call(ctx context.Context, m *grant.Message, args []any) error {
	if len(h.Answers) == keptAnswers && !h.giveUp(ctx) {
		return h.Caret.SendOnly(ctx, m.Method, args...)
	}
	call := h.Caret.Send(ctx, m.Method, args...)
	call.PromiseCell().Subscribe(slip{h.office, h.grant.ID(), m.Seq})
	p, by := promise.New[any](ctx)
	a := answerFacet.Spawn(ctx, &answer{Root: vat.Self(ctx), Seq: m.Seq, ID: m.ID[:], Of: vat.RefOf(p), By: by})
	h.Answers = append(h.Answers, a)
	vat.WhenSettled(ctx, vat.Result[any](call), selfRef{a}, func(a selfRef, ctx context.Context, o promise.Outcome[any]) vat.Ref {
		return a.Send(ctx, "settled", o)
	})
	return nil
}

// giveUp forgets the oldest answer that has come.
func (h *hearer) giveUp(ctx context.Context) bool {
	i := slices.IndexFunc(h.Answers, func(r vat.Ref) bool {
		a, ok := vat.Near[*answer](ctx, r)
		return !ok || a.By == promise.Resolver[any]{}
	})
	if i < 0 {
		return false
	}
	h.Answers = slices.Delete(h.Answers, i, i+1)
	return true
}

// Settled implements coming: the call has come to something.
func (a *answer) Settled(ctx context.Context, o promise.Outcome[any]) {
	v, err := o.Get()
	if !isSmall(v, err) {
		err = ErrAnswerUnfit
	}
	if h, ok := vat.Near[*hearer](ctx, a.Root); !ok || h.lost(a.Seq) {
		err = ErrOver // who waits was the holder when they asked, and is not now
	}
	a.settle(ctx, v, err)
}

// settle settles the answer, unless that was done.
func (a *answer) settle(ctx context.Context, v any, err error) {
	if err != nil {
		a.By.Break(ctx, err)
	} else {
		a.By.Fulfill(ctx, v)
	}
	a.By = promise.Resolver[any]{}
}

// lost reports whether a message that was heard would not be now, because the grant was revoked.
func (h *hearer) lost(seq uint64) bool {
	g, err := h.shown()
	return err != nil || h.office.verifier.Spares(g, seq) != nil
}

// isSmall reports whether a value, or an error, is data of which so much can be kept.
func isSmall(v any, err error) bool {
	if err != nil {
		return len(err.Error()) <= longestAnswer
	}
	b, err := modelcbor.Encode(v, func(passable.Reference) (uint64, error) { return 0, errNoReference })
	return err == nil && len(b) <= longestAnswer
}

// slip logs how the call of a message has broken, if that is not for its author to know.
type slip struct {
	office *Office
	grant  grant.LinkID
	seq    uint64
}

// Settled implements promise.Waiter.
func (s slip) Settled(c *promise.Cell) {
	_, err, _ := c.Outcome()
	if err != nil && !isCoded(err) {
		s.office.warn("a call by message failed", "grant", s.grant.String(), "number", s.seq, "error", err)
	}
}

// isCoded reports whether an error says what others may know of it.
func isCoded(err error) bool {
	_, ok := errors.AsType[interface {
		error
		ErrorCode() string
	}](err)
	return ok
}
