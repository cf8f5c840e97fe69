package chatroom

import (
	"context"
	"errors"
	"time"

	"github.com/hawser-go/hawser/vat"
)

// A Stay is a person's seat in one room. Its methods are for turns of the person's vat; those that return an error park
// the turn until the room has answered.
type Stay struct {
	person  *Person
	room    RoomRef
	name    string
	channel ChannelRef
	see     Observer
	roll    roll
	order   *strand // what the room told, in its order
	// arrivals are events whose user is not known yet, latecomers those that have lost their place for that.
	arrivals, latecomers *strand
	entered              vat.Cell[bool]
	over                 vat.Cell[bool]
}

// patience is how long others may take to answer.
const patience = 30 * time.Second

var errTooLong = vat.NewError("chat.too-long", "the message is longer than 4096 bytes: send it in parts")

func newStay(ctx context.Context, p *Person, room RoomRef, see Observer) *Stay {
	s := &Stay{person: p, room: room, see: see, order: newStrand(ctx), arrivals: newStrand(ctx), latecomers: newStrand(ctx)}
	you := &visitor{user: p.user, unsealer: p.messages.unsealer, you: true}
	s.roll.add(ctx, you)
	s.roll.call(ctx, you, p.nick)
	return s
}

// RoomName returns the name the room goes by.
func (s *Stay) RoomName() string { return s.name }

// Present returns who is in the room: the person, then the others in the order they were heard of.
func (s *Stay) Present() []Name {
	var names []Name
	for _, v := range s.roll.present.Get() {
		names = append(names, s.roll.name(v))
	}
	return names
}

// others returns who else is in the room and has a name by now.
func (s *Stay) others() []Name {
	var names []Name
	for _, v := range s.roll.present.Get() {
		if !v.you && v.number.Get() > 0 {
			names = append(names, s.roll.name(v))
		}
	}
	return names
}

// Say seals the text and gives it to the room, and returns when the room has taken it. Everybody's inbox hears of it, the
// person's own, too. An error that matches ErrTooOften asks to be tried again in a moment.
func (s *Stay) Say(ctx context.Context, text string) error {
	if len(text) > MaxText {
		return errTooLong
	}
	waiting, cancel := context.WithTimeoutCause(ctx, patience, ErrSilent)
	defer cancel()
	sealed := vat.As[SealedRef](s.person.messages.Seal(ctx, text))
	answer, err := s.channel.SendMessage(ctx, sealed).Await(waiting)
	if err == nil && isClosed(answer) {
		s.end(ctx, ErrLeft)
		return ErrLeft
	}
	return err
}

func isClosed(answer any) bool { return answer == any(Closed) || answer == any(string(Closed)) }

// ErrNoHistory says that the room does not remember what was said: this is Hawser's addition to the protocol.
var ErrNoHistory = vat.NewError("chat.no-history", "the room keeps no history")

// History returns what the room says was said there, oldest first. Nobody's seal is on it.
func (s *Stay) History(ctx context.Context) ([]Line, error) {
	waiting, cancel := context.WithTimeoutCause(ctx, patience, ErrSilent)
	defer cancel()
	lines, err := s.channel.History(ctx).Await(waiting)
	if e, ok := errors.AsType[*vat.Error](err); ok && e.Remote {
		switch e.Code {
		case vat.ErrNoSuchMethod.Code, vat.ErrInternal.Code, "":
			return nil, ErrNoHistory // a room of another implementation, which says so in its own way
		}
	}
	lines = lines[:min(len(lines), maxLines)]
	for i := range lines {
		lines[i].Nick, lines[i].Text = CleanNick(lines[i].Nick), Clean(lines[i].Text)
	}
	return lines, err
}

// maxLines is how much of a room's history is shown.
const maxLines = 1000

// Leave gives the seat up, and returns when the room knows.
func (s *Stay) Leave(ctx context.Context) error {
	s.end(ctx, nil)
	waiting, cancel := context.WithTimeoutCause(ctx, patience, ErrSilent)
	defer cancel()
	_, err := s.channel.Leave(ctx).Await(waiting)
	return err
}

// tell passes an event on, unless the stay is over.
func (s *Stay) tell(ctx context.Context, e Event) {
	if !s.over.Get() {
		s.see(ctx, e)
	}
}

// end ends the stay, once.
func (s *Stay) end(ctx context.Context, err error) {
	if !s.over.Get() {
		s.over.Set(ctx, true)
		s.see(ctx, Event{Kind: Ended, Err: err})
	}
}
