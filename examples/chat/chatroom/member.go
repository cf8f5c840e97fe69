package chatroom

import (
	"context"
	"slices"
	"time"

	"github.com/hawser-go/hawser/vat"
)

// member is a seat in a room: the Channel its user speaks through, what the room still has to tell its inbox, and what it
// still has to read of what the user said.
type member struct {
	room   *room
	user   UserRef
	inbox  InboxRef
	from   vat.Caller
	number int

	nick     vat.Cell[string]
	unsealer UnsealerRef
	reading  *strand
	messages vat.Cell[allowance]

	queue   vat.Cell[[]event]
	telling vat.Cell[bool]
	tellAll vat.Ref
	gone    vat.Cell[bool]
	watches []func()
}

// event is something an inbox is to hear of.
type event struct {
	kind   eventKind
	user   UserRef
	sealed SealedRef
}

type eventKind uint8

const (
	joined eventKind = iota
	left
	said
)

func newMember(ctx context.Context, r *room, user UserRef, inbox InboxRef, from vat.Caller, number int) *member {
	m := &member{room: r, user: user, inbox: inbox, from: from, number: number, reading: newStrand(ctx)}
	m.tellAll = vat.Func(ctx, m.deliver)
	m.unsealer = user.GetChatUnsealer(ctx)
	name := user.SelfProposedName(ctx)
	m.reading.add(ctx, func(ctx context.Context) {
		waiting, cancel := context.WithTimeoutCause(ctx, r.limits.Patience, ErrSilent)
		defer cancel()
		if nick, err := name.Await(waiting); err == nil {
			m.nick.Set(ctx, CleanNick(nick))
		}
	})
	lost := func(ctx context.Context, _ error) { m.leave(ctx) }
	m.watches = []func(){vat.OnSever(ctx, user.Ref, lost), vat.OnSever(ctx, inbox.Ref, lost)}
	return m
}

// SendMessage implements Channel. The room does not wait for anybody: it queues the message for each inbox, has the
// author unseal it for the history, and answers.
func (m *member) SendMessage(ctx context.Context, sealed SealedRef) (any, error) {
	if m.gone.Get() {
		return Closed, nil
	}
	limits := m.room.limits
	rest, ok := m.messages.Get().take(time.Now(), limits.Burst, time.Second/time.Duration(limits.Rate))
	if !ok || m.reading.len() >= maxUnread {
		return nil, ErrTooOften
	}
	m.messages.Set(ctx, rest)
	m.read(ctx, sealed)
	m.room.tell(ctx, event{kind: said, user: m.user, sealed: sealed})
	return OK, nil
}

// read has the author unseal the message, and keeps the text.
func (m *member) read(ctx context.Context, sealed SealedRef) {
	text, at := unsealedText(ctx, m.unsealer, sealed), time.Now()
	m.reading.add(ctx, func(ctx context.Context) {
		waiting, cancel := context.WithDeadlineCause(ctx, at.Add(m.room.limits.Patience), ErrSilent)
		defer cancel()
		if s, err := text.Await(waiting); err == nil {
			m.room.remember(ctx, Line{At: at, Member: m.number, Nick: m.nick.Get(), Text: s})
		}
	})
}

// Leave implements Channel.
func (m *member) Leave(ctx context.Context) any {
	if m.gone.Get() {
		return Closed
	}
	m.leave(ctx)
	return nil
}

// ListUsers implements Channel.
func (m *member) ListUsers(context.Context) any {
	if m.gone.Get() {
		return Closed
	}
	var users []UserRef
	for _, present := range m.room.members.Get() {
		users = append(users, present.user)
	}
	return users
}

// History implements Channel.
func (m *member) History(ctx context.Context) ([]Line, error) {
	if m.gone.Get() {
		return nil, ErrLeft
	}
	limits := m.room.limits
	rest, ok := m.messages.Get().take(time.Now(), limits.Burst, time.Second/time.Duration(limits.Rate))
	if !ok {
		return nil, ErrTooOften
	}
	m.messages.Set(ctx, rest)
	return m.room.history.Get(), nil
}

// leave gives the seat up, and tells the others.
func (m *member) leave(ctx context.Context) {
	if m.gone.Get() {
		return
	}
	r := m.room
	m.gone.Set(ctx, true)
	m.queue.Set(ctx, nil)
	for _, stop := range m.watches {
		stop()
	}
	r.members.Set(ctx, slices.DeleteFunc(slices.Clone(r.members.Get()), func(o *member) bool { return o == m }))
	p, _ := r.peers.Get(m.from)
	p.members--
	r.peers.Set(ctx, m.from, p)
	r.tell(ctx, event{kind: left, user: m.user})
}
