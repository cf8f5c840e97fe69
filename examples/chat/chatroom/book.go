package chatroom

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// A Book is what lasts of a room: its seats, and what was said. The room itself, with those who have no seat, is made anew
// with each start of the host, and is one of those whom the book tells, through a desk of its own.
type Book interface {
	// Open returns what there is, for the room of this start. It is called once in each.
	Open(ctx context.Context) Page
	// Enroll returns a seat whose news go to the desk: the one there is, if there is one. from says which peer asks.
	Enroll(ctx context.Context, nick, from string, desk DeskRef) (SeatRef, error)
	// Number returns a number for a member without a seat.
	Number(ctx context.Context) int
	// Hear says that such a member has said something.
	Hear(ctx context.Context, l Line) error
	// Enter and Exit say that such a member has come, and gone.
	Enter(ctx context.Context, s Sitter)
	Exit(ctx context.Context, member int)
	// History returns what was said last.
	History(ctx context.Context) promise.Promise[[]Line]
	// Vacate takes a seat away, because nobody is behind it any more.
	Vacate(ctx context.Context, member int) error
}

// A Page is what a room begins with.
type Page struct {
	Seats []Sitter
	// Front is where the book's news wait for the room.
	Front OwnerRef
}

// BookFacet is what the host's own objects see of a Book: nobody else gets one.
var (
	BookFacet = vat.FacetOf[Book]("chatroom.Book")
	bookKind  = vat.KindOf("chatroom.book", func() *book { return new(book) }, BookFacet)

	memoryFacet = vat.FacetOf[memoryView]("chatroom.memory")
	memoryKind  = vat.KindOf("chatroom.memory", func() *memory { return new(memory) }, memoryFacet)
)

type book struct {
	Name  string
	Front OwnerRef
	Tray  DeskRef // the same desk, for news
	Came  int     // members there have been
	Seats []place
	// Present are the members without a seat who are in the room, of this start.
	Present map[string]Sitter
	Memory  vat.Ref
}

// memory is what was said last, apart from the book because it is large.
type memory struct{ Lines []Line }

type memoryView interface {
	History(ctx context.Context) []Line
}

func (m *memory) History(context.Context) []Line { return m.Lines }

// place is what a book has about one seat.
type place struct {
	Sitter
	Seat SeatRef
	Door doorRef
	Desk DeskRef
	From string
}

// OpenBook returns the book of that key in a durable vat, which is made, for a room of that name, with the first call.
func OpenBook(ctx context.Context, v *vat.Vat, key, name string) (BookRef, error) {
	return vat.Root(ctx, v, key, func(ctx context.Context) (BookRef, error) {
		b := &book{Name: name, Memory: memoryFacet.Spawn(ctx, new(memory))}
		b.Front, b.Tray = newDesk(ctx)
		return vat.As[BookRef](BookFacet.Spawn(ctx, b)), nil
	})
}

func (b *book) Open(ctx context.Context) Page {
	self := vat.As[BookRef](vat.Self(ctx))
	b.Present = nil
	p := Page{Front: b.Front}
	for _, s := range b.Seats {
		p.Seats = append(p.Seats, s.Sitter)
		watch(ctx, self, s)
	}
	b.tell(ctx, News{What: Opened, At: time.Now()})
	return p
}

// watch has the seat be given up when nobody can be behind the desk any more: its session, which outlives both processes,
// has ended. The watch itself ends with the process.
func watch(ctx context.Context, self BookRef, s place) {
	vat.OnSever(ctx, s.Desk.Ref, func(ctx context.Context, _ error) { _ = self.Vacate(ctx, s.Member) })
}

func (b *book) Enroll(ctx context.Context, nick, from string, desk DeskRef) (SeatRef, error) {
	if desk.IsNull() {
		return SeatRef{}, ErrNobody
	}
	of := 0
	for _, s := range b.Seats {
		if s.Desk == desk {
			return s.Seat, nil
		}
		if s.From == from {
			of++
		}
	}
	if len(b.Seats) >= maxSeats || of >= maxSeatsPerPeer {
		return SeatRef{}, ErrFull
	}
	self := vat.As[BookRef](vat.Self(ctx))
	s := place{Sitter: Sitter{Member: b.Number(ctx), Nick: CleanNick(nick)}, Desk: desk, From: from}
	at := &seat{Book: self, Member: s.Member, Nick: s.Nick, Desk: desk, Left: sayBurst, At: time.Now()}
	s.Seat, s.Door = vat.As[SeatRef](SeatFacet.Spawn(ctx, at)), vat.As[doorRef](doorFacet.Spawn(ctx, at))
	b.tell(ctx, News{What: Arrived, At: time.Now(), Member: s.Member, Nick: s.Nick, Seated: true})
	b.Seats = append(b.Seats, s)
	watch(ctx, self, s)
	return s.Seat, nil
}

func (b *book) Number(context.Context) int {
	b.Came++
	return b.Came
}

func (b *book) Hear(ctx context.Context, l Line) error {
	if m, ok := vat.Near[*memory](ctx, b.Memory); ok {
		m.Lines = remembered(m.Lines, l, defaultLines, defaultBytes)
	}
	b.tell(ctx, News{What: Spoken, At: l.At, Member: l.Member, Nick: l.Nick, Text: l.Text})
	return nil
}

func (b *book) Enter(ctx context.Context, s Sitter) {
	if b.Present == nil {
		b.Present = make(map[string]Sitter)
	}
	b.Present[fmt.Sprint(s.Member)] = s
	b.tell(ctx, News{What: Arrived, At: time.Now(), Member: s.Member, Nick: s.Nick})
}

func (b *book) Exit(ctx context.Context, member int) {
	if s, ok := b.Present[fmt.Sprint(member)]; ok {
		delete(b.Present, fmt.Sprint(member))
		b.tell(ctx, News{What: Gone, At: time.Now(), Member: member, Nick: s.Nick})
	}
}

func (b *book) History(ctx context.Context) promise.Promise[[]Line] {
	return vat.Result[[]Line](b.Memory.Send(ctx, "history"))
}

func (b *book) Vacate(ctx context.Context, member int) error {
	s := b.seat(member)
	if s == nil {
		return nil // somebody was faster
	}
	gone := *s
	b.Seats = slices.DeleteFunc(slices.Clone(b.Seats), func(s place) bool { return s.Member == member })
	gone.Door.Pass(ctx, News{What: Out, At: time.Now(), Text: b.Name})
	b.tell(ctx, News{What: Gone, At: time.Now(), Member: gone.Member, Nick: gone.Nick, Seated: true})
	return nil
}

// seat returns what there is about a seat, nil if it was given up.
func (b *book) seat(member int) *place {
	i := slices.IndexFunc(b.Seats, func(s place) bool { return s.Member == member })
	if i < 0 {
		return nil
	}
	return &b.Seats[i]
}

// tell sends the news to every seat, and from there, in a turn of its own, to the desk: where that fails nobody else is told
// the less.
func (b *book) tell(ctx context.Context, n News) {
	for _, s := range b.Seats {
		s.Door.Pass(ctx, n)
	}
	_ = b.Tray.Tell(ctx, n)
}

// present returns who is in the room.
func (b *book) present() []Sitter {
	var all []Sitter
	for _, s := range b.Seats {
		all = append(all, s.Sitter)
	}
	all = slices.AppendSeq(all, maps.Values(b.Present))
	slices.SortFunc(all, func(x, y Sitter) int { return x.Member - y.Member })
	return all
}
