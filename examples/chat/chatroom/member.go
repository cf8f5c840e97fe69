package chatroom

import (
	"context"
	"slices"
	"time"

	"github.com/hawser-go/hawser/promise"
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
		if !m.gone.Get() && !r.book.IsNull() {
			r.book.Enter(ctx, Sitter{number, m.nick.Get()})
		}
	})
	lost := func(ctx context.Context, _ error) { m.leave(ctx) }
	m.watches = []func(){vat.OnSever(ctx, user.Ref, lost), vat.OnSever(ctx, inbox.Ref, lost)}
	return m
}

// SendMessage implements Channel. A room does not wait for anybody: it queues the message for each inbox, has the
// author unseal it for the history, and answers. One that lasts does so when the message is in its book.
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
	taken := m.read(ctx, sealed)
	if m.room.book.IsNull() {
		m.room.tell(ctx, event{kind: said, user: m.user, sealed: sealed})
		return OK, nil
	}
	return taken.Await(ctx)
}

// read has the author unseal the message, and keeps the text. If there is a book the others hear of the message when the
// text is in it: what they have seen is not forgotten. The promise is what is then answered.
func (m *member) read(ctx context.Context, sealed SealedRef) promise.Promise[any] {
	text, at := unsealedText(ctx, m.unsealer, sealed), time.Now()
	taken, resolve := promise.New[any](ctx)
	m.reading.add(ctx, func(ctx context.Context) {
		waiting, cancel := context.WithDeadlineCause(ctx, at.Add(m.room.limits.Patience), ErrSilent)
		defer cancel()
		s, err := text.Await(waiting)
		line := Line{At: at, Member: m.number, Nick: m.nick.Get(), Text: s}
		if m.room.book.IsNull() {
			if err == nil {
				m.room.remember(ctx, line)
			}
			return
		}
		if err == nil {
			if _, err := m.room.book.Hear(ctx, line).Await(ctx); err != nil {
				resolve.Break(ctx, err)
				return
			}
		}
		if !m.gone.Get() {
			m.room.tell(ctx, event{kind: said, user: m.user, sealed: sealed})
		}
		resolve.Fulfill(ctx, OK)
	})
	return taken
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
	return m.room.users()
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
	if book := m.room.book; !book.IsNull() {
		return book.History(ctx).Await(ctx)
	}
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
	if !r.book.IsNull() {
		r.book.Exit(ctx, m.number)
	}
}
