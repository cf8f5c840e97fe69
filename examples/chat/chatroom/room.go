package chatroom

import (
	"context"
	"slices"
	"time"

	"github.com/hawser-go/hawser/vat"
)

// The failures a room tells its members apart by.
var (
	ErrFull     = vat.NewError("chat.full", "the room is full")
	ErrTooOften = vat.NewError("chat.too-often", "too much at once: try again in a few seconds")
	ErrTaken    = vat.NewError("chat.already-finalized", "this seat has been taken already: subscribe again")
	ErrLeft     = vat.NewError("chat.left", "no longer in the room")
	ErrNobody   = vat.NewError("chat.nobody", "a user and an inbox are needed, and neither may be null")
	ErrSilent   = vat.NewError("chat.no-answer", "no answer in time")
)

// NewRoom makes a room in the vat whose turn ctx is. limits may be nil.
func NewRoom(ctx context.Context, name string, limits *Limits) RoomRef {
	return vat.As[RoomRef](RoomFacet.Spawn(ctx, &room{name: name, limits: limits.withDefaults()}))
}

// room implements Room. What changes is in cells, so that a turn that fails leaves everything as it was.
type room struct {
	name    string
	limits  Limits
	members vat.Cell[[]*member] // in the order they came
	peers   vat.Map[vat.Caller, peer]
	came    vat.Cell[int] // how many members there have been
	history vat.Cell[[]Line]
	lodging
}

// peer is what a room knows about somebody at the other end of a session.
type peer struct {
	joining int // seats being asked for
	members int
	joins   allowance
}

func (r *room) SelfProposedName() string { return r.name }

// Subscribe parks until the user has sealed the finalizer. How many of these one peer can have waiting is bounded.
func (r *room) Subscribe(ctx context.Context, user UserRef) (SealedRef, error) {
	from := vat.CallerOf(ctx)
	p, err := r.admit(ctx, from)
	if err != nil {
		return SealedRef{}, err
	}
	p.joining++
	r.peers.Set(ctx, from, p)
	defer func() {
		p, _ := r.peers.Get(from)
		p.joining--
		r.peers.Set(ctx, from, p)
	}()

	waiting, cancel := context.WithTimeoutCause(ctx, r.limits.Patience, ErrSilent)
	defer cancel()
	if user, err = user.Await(waiting); err != nil {
		return SealedRef{}, err
	}
	if user.IsNull() {
		return SealedRef{}, ErrNobody
	}
	seat := vat.Func(ctx, r.finalizer(user, from))
	return user.GetSubscriptionSealer(ctx).Call(ctx, seat).Await(waiting)
}

// admit returns what the room knows about a peer that asks for a seat, which may be too often.
func (r *room) admit(ctx context.Context, from vat.Caller) (peer, error) {
	p, _ := r.peers.Get(from)
	joins, ok := p.joins.take(time.Now(), joinBurst, joinEvery)
	if !ok || p.joining >= maxJoining {
		return p, ErrTooOften
	}
	r.forgetIdle(ctx)
	p.joins = joins
	r.peers.Set(ctx, from, p)
	return p, nil
}

// finalizer returns the function that seats a user.
func (r *room) finalizer(user UserRef, from vat.Caller) Finalizer {
	var taken vat.Cell[bool]
	return func(ctx context.Context, inbox InboxRef) (ChannelRef, error) {
		if taken.Get() {
			return ChannelRef{}, ErrTaken
		}
		taken.Set(ctx, true)
		waiting, cancel := context.WithTimeoutCause(ctx, r.limits.Patience, ErrSilent)
		defer cancel()
		inbox, err := inbox.Await(waiting)
		switch {
		case err != nil:
			return ChannelRef{}, err
		case inbox.IsNull():
			return ChannelRef{}, ErrNobody
		}
		number, err := r.number(waiting, from)
		if err != nil {
			return ChannelRef{}, err
		}
		return r.seat(ctx, user, inbox, from, number)
	}
}

// seat makes the user a member: the others hear of it, and the new member of everybody, itself last.
func (r *room) seat(ctx context.Context, user UserRef, inbox InboxRef, from vat.Caller, number int) (ChannelRef, error) {
	for _, m := range r.members.Get() {
		if m.user == user {
			m.leave(ctx) // the same user again: the new seat replaces the old one
		}
	}
	p, _ := r.peers.Get(from)
	if len(r.members.Get()) >= r.limits.Members || p.members >= r.limits.MembersPerPeer {
		return ChannelRef{}, ErrFull
	}
	p.members++
	r.peers.Set(ctx, from, p)
	m := newMember(ctx, r, user, inbox, from, number)
	r.tell(ctx, event{kind: joined, user: user})
	r.members.Set(ctx, append(slices.Clone(r.members.Get()), m))
	for _, user := range r.users() {
		m.post(ctx, event{kind: joined, user: user})
	}
	return vat.As[ChannelRef](ChannelFacet.Spawn(ctx, m)), nil
}

// tell queues an event for everybody in the room.
func (r *room) tell(ctx context.Context, e event) {
	for _, m := range r.members.Get() {
		m.post(ctx, e)
	}
}

// remember adds a line to the history where it belongs, and forgets the oldest ones when it is full.
func (r *room) remember(ctx context.Context, l Line) {
	r.history.Set(ctx, remembered(r.history.Get(), l, r.limits.Lines, r.limits.Bytes))
}

// remembered returns the lines with one more, of which there may be so many with so many bytes of text.
func remembered(lines []Line, l Line, most, bytes int) []Line {
	lines = slices.Clone(lines)
	at, size := len(lines), 0
	for at > 0 && lines[at-1].At.After(l.At) {
		at-- // a later one was unsealed sooner
	}
	lines = slices.Insert(lines, at, l)
	for i := len(lines) - 1; i >= 0; i-- {
		if size += len(lines[i].Text); len(lines)-i > most || size > bytes {
			return lines[i+1:]
		}
	}
	return lines
}

// forgetIdle forgets peers that have nothing here and have not asked for anything lately, if there are many.
func (r *room) forgetIdle(ctx context.Context) {
	if r.peers.Len() < maxPeers {
		return
	}
	now := time.Now()
	for from, p := range r.peers.All() {
		if p.joining == 0 && p.members == 0 && p.joins.refilled(now, joinBurst, joinEvery).left >= joinBurst {
			r.peers.Delete(ctx, from)
		}
	}
}
