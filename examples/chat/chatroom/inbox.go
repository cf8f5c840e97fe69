package chatroom

import (
	"context"
	"errors"
	"time"

	"github.com/hawser-go/hawser/promise"
)

// inbox is where the room tells a stay what happens. It implements Inbox. The room may be anybody's, and so may be the
// users it speaks of: how many of them there are, and how much of each waits, is bounded, and one who does not answer
// keeps others waiting for a moment only.
type inbox struct{ s *Stay }

// Context implements Inbox.
func (i inbox) Context() RoomRef { return i.s.room }

// UserJoined implements Inbox.
func (i inbox) UserJoined(ctx context.Context, user UserRef) error {
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
