package chatroom

import (
	"context"
	"slices"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// door is a seat as the book sees it.
type door interface {
	// Pass sends news on to the desk.
	Pass(ctx context.Context, n News) error
}

var (
	SeatFacet = vat.FacetOf[Seat]("chatroom.Seat") // what its owner's desk sees
	doorFacet = vat.FacetOf[door]("chatroom.door")
	seatKind  = vat.KindOf("chatroom.seat", func() *seat { return new(seat) }, SeatFacet, doorFacet)
)

type doorRef struct{ vat.Ref }

// Pass calls door.Pass and waits for nothing.
func (r doorRef) Pass(ctx context.Context, n News) { _ = r.SendOnly(ctx, "pass", n) }

// seat implements Seat: it is who may use one place in a book.
type seat struct {
	Book   BookRef
	Member int
	Nick   string
	Desk   DeskRef
	Unread int // news sent to the desk that it has not said were read
	// Left and At are the allowance of messages.
	Left float64
	At   time.Time
}

// book returns the book, if the seat is in it.
func (s *seat) book(ctx context.Context) (*book, error) {
	if b, ok := vat.Near[*book](ctx, s.Book.Ref); ok && b.seat(s.Member) != nil {
		return b, nil
	}
	return nil, ErrLeft
}

// spend takes so many of the seat's messages.
func (s *seat) spend(n int) error {
	rest := allowance{s.Left, s.At}
	for range n {
		var ok bool
		if rest, ok = rest.take(time.Now(), sayBurst, sayEvery); !ok {
			return ErrTooOften
		}
	}
	s.Left, s.At = rest.left, rest.at
	return nil
}

// Pass has the news wait in the session with the desk, if need be. Who leaves too much there loses the seat.
func (s *seat) Pass(ctx context.Context, n News) error {
	if s.Unread >= maxBehind && n.What != Out {
		return s.Book.Vacate(ctx, s.Member)
	}
	s.Unread++
	return s.Desk.Tell(ctx, n)
}

func (s *seat) Say(ctx context.Context, text string) error {
	b, err := s.book(ctx)
	if err == nil && len(text) > MaxText {
		err = errTooLong
	}
	if err == nil {
		err = s.spend(1)
	}
	if err != nil {
		return err
	}
	return b.Hear(ctx, Line{At: time.Now(), Member: s.Member, Nick: s.Nick, Text: Clean(text)})
}

func (s *seat) Back(ctx context.Context, round int) error {
	b, err := s.book(ctx)
	if err == nil {
		err = s.spend(1)
	}
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(b.present(), func(o Sitter) bool { return o.Member == s.Member })
	b.seat(s.Member).Door.Pass(ctx, News{What: Welcome, At: time.Now(), Member: s.Member, Nick: s.Nick, Text: b.Name, Round: round, Others: others})
	return nil
}

func (s *seat) Read(_ context.Context, news int) {
	s.Unread = max(0, s.Unread-max(0, news))
}

func (s *seat) Who(ctx context.Context) ([]Sitter, error) {
	b, err := s.book(ctx)
	if err == nil {
		err = s.spend(1)
	}
	if err != nil {
		return nil, err
	}
	return b.present(), nil
}

// historyCost is how many messages the history counts for: it is large.
const historyCost = 20

func (s *seat) History(ctx context.Context) (promise.Promise[[]Line], error) {
	b, err := s.book(ctx)
	if err == nil {
		err = s.spend(historyCost)
	}
	if err != nil {
		return promise.Promise[[]Line]{}, err
	}
	return b.History(ctx), nil
}

func (s *seat) Leave(ctx context.Context) error {
	b, err := s.book(ctx)
	if err != nil {
		return err
	}
	return b.Vacate(ctx, s.Member)
}
