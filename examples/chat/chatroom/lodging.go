package chatroom

import (
	"context"
	"slices"

	"github.com/hawser-go/hawser/vat"
)

// lodging is what a room has to do with its book. In the room each seat has a person of the room's, who says what the seat
// says: the host speaks for those who may be away.
type lodging struct {
	book    BookRef // null if nothing of the room lasts
	persons vat.Cell[[]lodger]
}

// lodger is a seat as those in the room see it.
type lodger struct {
	member int
	person *Person
}

// A Lasting is a room with a book.
type Lasting struct {
	Room  RoomRef
	owner OwnerRef
	front ScreenRef
}

// NewLasting makes the room that a book is for, in the vat whose turn ctx is, an ordinary one. It parks the turn.
func NewLasting(ctx context.Context, name string, limits *Limits, book BookRef) (*Lasting, error) {
	page, err := book.Open(ctx).Await(ctx)
	if err != nil {
		return nil, err
	}
	r := &room{name: name, limits: limits.withDefaults()}
	r.book = book
	for _, s := range page.Seats {
		r.lodge(ctx, s)
	}
	return &Lasting{
		Room:  vat.As[RoomRef](RoomFacet.Spawn(ctx, r)),
		owner: page.Front,
		front: vat.As[ScreenRef](ScreenFacet.Spawn(ctx, &front{r, page.Front})),
	}, nil
}

// Listen has those in the room hear what members with a seat say, from now on, and what they said while the room was closed.
// It parks the turn.
func (l *Lasting) Listen(ctx context.Context) error {
	_, err := l.owner.Attach(ctx, l.front).Await(ctx)
	return err
}

// lodge lets those in the room see somebody who has a seat.
func (r *room) lodge(ctx context.Context, s Sitter) {
	if slices.ContainsFunc(r.persons.Get(), func(l lodger) bool { return l.member == s.Member }) {
		return
	}
	p := NewPerson(ctx, s.Nick)
	r.tell(ctx, event{kind: joined, user: p.user})
	r.persons.Set(ctx, append(slices.Clone(r.persons.Get()), lodger{s.Member, p}))
}

// users returns the users in the room.
func (r *room) users() []UserRef {
	var users []UserRef
	for _, l := range r.persons.Get() {
		users = append(users, l.person.user)
	}
	for _, m := range r.members.Get() {
		users = append(users, m.user)
	}
	return users
}

// front is where the book's news are passed on to those in the room. It implements Screen.
type front struct {
	r     *room
	owner OwnerRef
}

func (f *front) Show(ctx context.Context, number int, n News) error {
	r := f.r
	of := func(l lodger) bool { return l.member == n.Member }
	switch i := slices.IndexFunc(r.persons.Get(), of); {
	case n.What == Spoken && i >= 0: // what others say comes from themselves
		p := r.persons.Get()[i].person
		r.tell(ctx, event{kind: said, user: p.user, sealed: vat.As[SealedRef](p.messages.Seal(ctx, n.Text))})
	case n.What == Arrived && n.Seated:
		r.lodge(ctx, Sitter{n.Member, n.Nick})
	case n.What == Gone && i >= 0:
		r.tell(ctx, event{kind: left, user: r.persons.Get()[i].person.user})
		r.persons.Set(ctx, slices.DeleteFunc(slices.Clone(r.persons.Get()), of))
	}
	f.owner.Seen(ctx, number)
	return nil
}

// Taken implements Screen: a room's own desk says nothing.
func (f *front) Taken(context.Context, int) {}

// Enroll implements Room.
func (r *room) Enroll(ctx context.Context, nick string, desk DeskRef) (SeatRef, error) {
	from := vat.CallerOf(ctx)
	switch {
	case r.book.IsNull():
		return SeatRef{}, ErrNoSeats
	case !from.Local() && (!from.Authenticated || from.Anonymous):
		return SeatRef{}, ErrNoPerson
	}
	if _, err := r.admit(ctx, from); err != nil {
		return SeatRef{}, err
	}
	return r.book.Enroll(ctx, nick, from.Transport+" "+from.Designator, desk), nil
}

// number returns a number for a new member. Who runs a room that lasts is member 0 of it, each time.
func (r *room) number(ctx context.Context, from vat.Caller) (int, error) {
	switch {
	case r.book.IsNull():
	case from.Local():
		return 0, nil
	default:
		return r.book.Number(ctx).Await(ctx)
	}
	r.came.Set(ctx, r.came.Get()+1)
	return r.came.Get(), nil
}
