package chatroom

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// inbox is where the room tells a stay what happens. It implements Inbox. The room may be anybody's, and so may be the
// users it speaks of: how many of them there are, and how much of each waits, is bounded, and one who does not answer
// keeps others waiting for a moment only.
type inbox struct{ s *Stay }

// Context implements Inbox.
func (i inbox) Context() RoomRef { return i.s.room }

// known calls handle when the references in an event are known: a user is told from others by the reference, and what a
// room passes on is a promise at first, until it has been fetched from where it is. What takes longer than keepOrder is
// heard later; else events keep the room's order.
func (i inbox) known(ctx context.Context, refs []*vat.Ref, handle func(context.Context) error) error {
	s := i.s
	if s.arrivals.idle() && !slices.ContainsFunc(refs, isPending) {
		if err := await(ctx, refs); err != nil {
			return err
		}
		return handle(ctx)
	}
	if s.arrivals.len()+s.latecomers.len() >= maxPresent+maxUnread {
		return ErrTooOften
	}
	handled, resolve := promise.New[promise.None](ctx)
	finish := func(ctx context.Context, err error) {
		if err == nil {
			err = handle(ctx)
		}
		if err != nil {
			resolve.Break(ctx, err)
			return
		}
		resolve.Fulfill(ctx, promise.None{})
	}
	s.arrivals.add(ctx, func(ctx context.Context) {
		waiting, cancel := context.WithTimeoutCause(ctx, keepOrder, errLate)
		defer cancel()
		err := await(waiting, refs)
		if !errors.Is(err, errLate) {
			finish(ctx, err)
			return
		}
		s.latecomers.add(ctx, func(ctx context.Context) {
			waiting, cancel := context.WithTimeoutCause(ctx, patience, ErrSilent)
			defer cancel()
			finish(ctx, await(waiting, refs))
		})
	})
	_, err := handled.Await(ctx)
	return err
}

func isPending(ref *vat.Ref) bool { return !ref.IsNull() && !vat.Result[any](*ref).Settled() }

// await replaces each reference by the one it settles to.
func await(ctx context.Context, refs []*vat.Ref) error {
	for _, ref := range refs {
		settled, err := ref.Await(ctx)
		if err != nil {
			return err
		}
		*ref = settled
	}
	return nil
}

// UserJoined implements Inbox.
func (i inbox) UserJoined(ctx context.Context, user UserRef) error {
	return i.known(ctx, []*vat.Ref{&user.Ref}, func(ctx context.Context) error { return i.joined(ctx, user) })
}

func (i inbox) joined(ctx context.Context, user UserRef) error {
	s := i.s
	switch {
	case s.over.Get():
		return ErrLeft
	case user == s.person.user:
		if !s.entered.Get() {
			s.entered.Set(ctx, true)
			you := s.roll.find(user)
			inTurn(ctx, s, you, promise.Fulfilled(promise.None{}), func(ctx context.Context, _ promise.None, _ error) {
				s.tell(ctx, Event{Kind: Entered, Who: s.roll.name(you), Text: s.name, Others: s.others()})
			})
		}
		return nil
	case s.roll.find(user) != nil:
		return nil
	case len(s.roll.present.Get()) >= maxPresent:
		return ErrFull
	}
	kind := Here
	if s.entered.Get() {
		kind = Joined
	}
	v := &visitor{user: user, unsealer: user.GetChatUnsealer(ctx)}
	s.roll.add(ctx, v)
	name := user.SelfProposedName(ctx)
	inTurn(ctx, s, v, name, func(ctx context.Context, nick string, _ error) {
		first, second := s.roll.call(ctx, v, CleanNick(nick)) // who does not say is nameless
		s.tell(ctx, Event{Kind: kind, Who: s.roll.name(v)})
		if second {
			e := Event{Kind: Namesake, Who: s.roll.name(v)}
			if first != nil {
				e.Other = s.roll.name(first)
			}
			s.tell(ctx, e)
		}
	})
	return nil
}

// UserLeft implements Inbox.
func (i inbox) UserLeft(ctx context.Context, user UserRef) error {
	return i.known(ctx, []*vat.Ref{&user.Ref}, func(ctx context.Context) error { return i.left(ctx, user) })
}

func (i inbox) left(ctx context.Context, user UserRef) error {
	s := i.s
	switch v := s.roll.find(user); {
	case s.over.Get():
		return ErrLeft
	case user == s.person.user:
		s.end(ctx, ErrLeft) // shown out
	case v != nil:
		s.roll.remove(ctx, v)
		inTurn(ctx, s, v, promise.Fulfilled(promise.None{}), func(ctx context.Context, _ promise.None, _ error) {
			s.tell(ctx, Event{Kind: Left, Who: s.roll.name(v)})
		})
	}
	return nil
}

// NewMessage implements Inbox. Whoever the room says has sealed this is asked what it says; it is shown only if they know.
func (i inbox) NewMessage(ctx context.Context, from UserRef, sealed SealedRef) error {
	return i.known(ctx, []*vat.Ref{&from.Ref, &sealed.Ref}, func(ctx context.Context) error { return i.said(ctx, from, sealed) })
}

func (i inbox) said(ctx context.Context, from UserRef, sealed SealedRef) error {
	s := i.s
	v := s.roll.find(from)
	switch {
	case s.over.Get():
		return ErrLeft
	case v == nil:
		return ErrNobody // who is not there does not speak
	case v.unread.Get() >= maxUnread:
		return ErrTooOften
	}
	v.unread.Set(ctx, v.unread.Get()+1)
	inTurn(ctx, s, v, unsealedText(ctx, v.unsealer, sealed), func(ctx context.Context, text string, err error) {
		v.unread.Set(ctx, v.unread.Get()-1)
		if err != nil {
			s.tell(ctx, Event{Kind: Unreadable, Who: s.roll.name(v), Err: err})
		} else {
			s.tell(ctx, Event{Kind: Said, Who: s.roll.name(v), Text: text})
		}
	})
	return nil
}

// keepOrder is how long what the room tells waits for the answer of a visitor it told of earlier.
const keepOrder = time.Second

var errLate = errors.New("chatroom: not in time for the room's order")

// inTurn has show called with the outcome of p, an answer of the visitor's, in the order in which the room told of things.
// Whoever takes longer than keepOrder loses their place: what they said comes when they answer, or fail to for too long,
// and so does all that comes of them meanwhile.
func inTurn[T any](ctx context.Context, s *Stay, v *visitor, p promise.Promise[T], show func(ctx context.Context, value T, err error)) {
	told := time.Now()
	late := func(ctx context.Context) {
		waiting, cancel := context.WithDeadlineCause(ctx, told.Add(patience), ErrSilent)
		defer cancel()
		value, err := p.Await(waiting)
		show(ctx, value, err)
	}
	s.order.add(ctx, func(ctx context.Context) {
		waiting, cancel := context.WithDeadlineCause(ctx, told.Add(keepOrder), errLate)
		defer cancel()
		if !v.late.idle() {
			v.late.add(ctx, late)
			return
		}
		value, err := p.Await(waiting)
		if errors.Is(err, errLate) {
			v.late.add(ctx, late)
			return
		}
		show(ctx, value, err)
	})
}
