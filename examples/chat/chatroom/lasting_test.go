package chatroom_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/chat/chatroom"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// lasting is a node with a directory, and what the tests use of it.
type lasting struct {
	t    *testing.T
	dir  string
	node *hawser.Node
}

func (l *lasting) open() {
	l.t.Helper()
	var err error
	if l.node, err = hawser.Open(context.Background(), &hawser.Config{Dir: l.dir, Listen: "127.0.0.1:0", Kinds: chatroom.Kinds()}); err != nil {
		l.t.Fatal(err)
	}
	n := l.node
	l.t.Cleanup(func() { _ = n.Close() })
}

func (l *lasting) close() {
	l.t.Helper()
	if err := l.node.Close(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lasting) durable() *vat.Vat {
	l.t.Helper()
	v, err := l.node.DurableVat("chat")
	if err != nil {
		l.t.Fatal(err)
	}
	return v
}

// host opens a room that lasts, and returns its URI.
func (l *lasting) host() (chatroom.RoomRef, sturdyref.Ref) {
	l.t.Helper()
	ctx := context.Background()
	book, err := chatroom.OpenBook(ctx, l.durable(), "lobby", "lobby")
	if err != nil {
		l.t.Fatal(err)
	}
	room, err := vat.Do(ctx, l.node.Vat("room"), func(ctx context.Context) (chatroom.RoomRef, error) {
		room, err := chatroom.NewLasting(ctx, "lobby", nil, book)
		if err != nil {
			return chatroom.RoomRef{}, err
		}
		return room.Room, room.Listen(ctx)
	})
	if err != nil {
		l.t.Fatal(err)
	}
	uri, err := l.node.Publish(ctx, "lobby", room.Ref)
	if err != nil {
		l.t.Fatal(err)
	}
	return room, uri
}

// screen notes what it is shown.
type screen struct {
	owner chatroom.OwnerRef
	news  chan chatroom.News
}

func (s *screen) Show(ctx context.Context, number int, n chatroom.News) error {
	s.news <- n
	s.owner.Seen(ctx, number)
	return nil
}

func (s *screen) Taken(context.Context, int) {}

// sees returns the next news of a kind.
func (s *screen) sees(t *testing.T, what chatroom.NewsKind) chatroom.News {
	t.Helper()
	for {
		select {
		case n := <-s.news:
			if n.What == what {
				return n
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no news of the kind %q", what)
		}
	}
}

// sit takes a seat at the room, with the desk of the name, and attaches a screen.
func (l *lasting) sit(uri sturdyref.Ref, name string) (*screen, chatroom.SeatRef) {
	l.t.Helper()
	ctx := context.Background()
	owner, err := chatroom.FindDesk(ctx, l.durable(), name)
	if err != nil {
		l.t.Fatal(err)
	}
	desk, err := owner.Desk(ctx).Await(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	seat, err := vat.As[chatroom.RoomRef](l.node.Enliven(uri)).Enroll(ctx, name, desk).Await(ctx)
	if err == nil {
		_, err = owner.Sit(ctx, seat).Await(ctx)
	}
	s := &screen{owner: owner, news: make(chan chatroom.News, 5000)}
	if err == nil {
		_, err = owner.Attach(ctx, vat.As[chatroom.ScreenRef](chatroom.ScreenFacet.SpawnIn(l.node.Vat("screen"), s))).Await(ctx)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	s.sees(l.t, chatroom.Welcome)
	return s, seat
}

func isCode(err error, want *vat.Error) bool {
	e, ok := errors.AsType[*vat.Error](err)
	return ok && e.Code == want.Code
}

// A desk has one seat, whoever restarts. A session that has ended for good takes the seat with it, on both sides.
func TestSeatIsLostWithTheSession(t *testing.T) {
	ctx := context.Background()
	host, guest, other := &lasting{t: t, dir: t.TempDir()}, &lasting{t: t, dir: t.TempDir()}, &lasting{t: t, dir: t.TempDir()}
	host.open()
	guest.open()
	other.open()
	_, uri := host.host()
	carol, _ := other.sit(uri, "carol")
	guest.sit(uri, "bob")
	n := carol.sees(t, chatroom.Arrived)
	if n.Nick != "bob" || !n.Seated {
		t.Errorf("%+v", n)
	}
	host.close()
	guest.close()
	host.open()
	guest.open()
	_, uri = host.host()
	bob, seat := guest.sit(uri, "bob")
	sitters, err := seat.Who(ctx).Await(ctx)
	if err != nil || !slices.Equal(sitters, []chatroom.Sitter{{Member: 1, Nick: "carol"}, {Member: 2, Nick: "bob"}}) {
		t.Errorf("%v, %v", sitters, err)
	}
	if _, err := seat.Say(ctx, "still here").Await(ctx); err != nil {
		t.Error(err)
	}
	if n := carol.sees(t, chatroom.Spoken); n.Text != "still here" || n.Member != 2 {
		t.Errorf("%+v", n)
	}
	if err := guest.node.Forget(uri.Peer.ID()); err != nil {
		t.Fatal(err)
	}
	bob.sees(t, chatroom.Lost)
	if n := carol.sees(t, chatroom.Gone); n.Nick != "bob" {
		t.Errorf("%+v", n)
	}
	if p, err := bob.owner.Place(ctx).Await(ctx); err != nil || !p.Seat.IsNull() {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := bob.owner.Say(ctx, "hello?").Await(ctx); !isCode(err, chatroom.ErrLeft) {
		t.Error(err)
	}
}

// What a room still tells about a seat that was given up does not concern the next one, however late it comes.
func TestNewsOfAnEarlierSeat(t *testing.T) {
	ctx := context.Background()
	host, guest := &lasting{t: t, dir: t.TempDir()}, &lasting{t: t, dir: t.TempDir()}
	host.open()
	guest.open()
	_, uri := host.host()
	bob, first := guest.sit(uri, "bob")
	before, err := bob.owner.Desk(ctx).Await(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.owner.Leave(ctx).Await(ctx); err != nil {
		t.Fatal(err)
	}
	bob, second := guest.sit(uri, "bob")
	if first == second {
		t.Error("a seat that was given up was given again")
	}
	if err := before.Tell(ctx, chatroom.News{What: chatroom.Out}); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.owner.Say(ctx, "still here").Await(ctx); err != nil {
		t.Fatal(err)
	}
	bob.sees(t, chatroom.Spoken)
}

// What a guest may ask of a room that lasts is bounded.
func TestSeatsAreBounded(t *testing.T) {
	ctx := context.Background()
	host, guest := &lasting{t: t, dir: t.TempDir()}, &lasting{t: t, dir: t.TempDir()}
	host.open()
	guest.open()
	_, uri := host.host()
	room := vat.As[chatroom.RoomRef](guest.node.Enliven(uri))
	if _, err := room.Enroll(ctx, "null", chatroom.DeskRef{}).Await(ctx); !isCode(err, chatroom.ErrNobody) {
		t.Error(err)
	}
	anonymous, err := guest.node.Anonymous()
	if err != nil {
		t.Fatal(err)
	}
	desk := func(name string) chatroom.DeskRef {
		owner, err := chatroom.FindDesk(ctx, guest.durable(), name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := owner.Desk(ctx).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if _, err := vat.As[chatroom.RoomRef](anonymous.Enliven(uri)).Enroll(ctx, "nobody", desk("x")).Await(ctx); !isCode(err, chatroom.ErrNoPerson) {
		t.Error(err)
	}
	var seats []chatroom.SeatRef
	for i := range 8 {
		seat, err := room.Enroll(ctx, "bob", desk(fmt.Sprint(i))).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		seats = append(seats, seat)
	}
	if again, err := room.Enroll(ctx, "bob", desk("0")).Await(ctx); err != nil || again != seats[0] {
		t.Errorf("%v, %v", again, err)
	}
	if _, err := room.Enroll(ctx, "bob", desk("9")).Await(ctx); !isCode(err, chatroom.ErrTooOften) { // ten at once
		t.Error(err)
	}
	if _, err := seats[0].Say(ctx, strings.Repeat("x", chatroom.MaxText+1)).Await(ctx); err == nil {
		t.Error("a message that is too long was taken")
	}
	var refused error
	for i := 0; i < 1000 && refused == nil; i++ {
		_, refused = seats[0].History(ctx).Await(ctx)
	}
	if !isCode(refused, chatroom.ErrTooOften) {
		t.Error(refused)
	}
	if _, err := seats[1].Leave(ctx).Await(ctx); err != nil {
		t.Error(err)
	}
	if _, err := seats[1].Say(ctx, "hello").Await(ctx); !isCode(err, chatroom.ErrLeft) {
		t.Error(err)
	}
}

// Who does not read loses the seat, and the others go on.
func TestSeatThatFallsBehind(t *testing.T) {
	ctx := context.Background()
	host, guest := &lasting{t: t, dir: t.TempDir()}, &lasting{t: t, dir: t.TempDir()}
	host.open()
	guest.open()
	_, uri := host.host()
	guest.sit(uri, "bob")
	guest.close()
	book, err := chatroom.OpenBook(ctx, host.durable(), "lobby", "lobby")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1100 {
		heard := book.Hear(ctx, chatroom.Line{At: time.Now(), Nick: "ada", Text: strings.Repeat("x", 4000) + fmt.Sprint(i)})
		if i%50 == 49 {
			if _, err := heard.Await(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	guest.open()
	owner, err := chatroom.FindDesk(ctx, guest.durable(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	bob := &screen{owner: owner, news: make(chan chatroom.News, 5000)}
	if _, err := owner.Attach(ctx, vat.As[chatroom.ScreenRef](chatroom.ScreenFacet.SpawnIn(guest.node.Vat("screen"), bob))).Await(ctx); err != nil {
		t.Fatal(err)
	}
	next := 0
	for n := range bob.news {
		if n.What == chatroom.Out {
			break
		}
		if n.What == chatroom.Spoken {
			if strings.Trim(n.Text, "x") != fmt.Sprint(next) {
				t.Fatalf("%q, want %d", n.Text, next)
			}
			next++
		}
	}
	if next < 900 || next > 1000 {
		t.Errorf("%d were kept", next)
	}
}

// A hostile room can have a desk keep so much and no more, nothing of it dangerous to print.
func TestDeskIsBounded(t *testing.T) {
	ctx := context.Background()
	guest := &lasting{t: t, dir: t.TempDir()}
	guest.open()
	owner, err := chatroom.FindDesk(ctx, guest.durable(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	desk, err := owner.Desk(ctx).Await(ctx)
	if err != nil {
		t.Fatal(err)
	}
	tell := func(n chatroom.News) error {
		_, err := vat.Result[any](desk.Send(ctx, "tell", n)).Await(ctx)
		return err
	}
	others := make([]chatroom.Sitter, 10_000)
	for i := range others {
		others[i] = chatroom.Sitter{Member: i, Nick: "\x1b[2J"}
	}
	if err := tell(chatroom.News{What: chatroom.Welcome, Nick: "a\nb", Text: strings.Repeat("\x1b", 100_000), Others: others}); err != nil {
		t.Error(err)
	}
	if err := tell(chatroom.News{What: chatroom.NewsKind(strings.Repeat("x", 1000))}); err == nil {
		t.Error("news of any kind are kept")
	}
	var refused error
	for i := 0; i < 3000 && refused == nil; i += 100 {
		for range 99 {
			_ = desk.Tell(ctx, chatroom.News{What: chatroom.Spoken, Text: "x"})
		}
		refused = tell(chatroom.News{What: chatroom.Spoken, Text: "x"})
	}
	if !isCode(refused, chatroom.ErrTooOften) {
		t.Error(refused)
	}
	if p, err := owner.Place(ctx).Await(ctx); err != nil || p.Next != 2000 {
		t.Errorf("%d, %v", p.Next, err)
	}
	s := &screen{owner: owner, news: make(chan chatroom.News, 5000)}
	if _, err := owner.Attach(ctx, vat.As[chatroom.ScreenRef](chatroom.ScreenFacet.SpawnIn(guest.node.Vat("screen"), s))).Await(ctx); err != nil {
		t.Fatal(err)
	}
	n := s.sees(t, chatroom.Welcome)
	if len(n.Text) > 4*chatroom.MaxText || len(n.Others) > 200 || strings.ContainsAny(n.Nick+n.Text+n.Others[0].Nick, "\x1b\n") {
		t.Errorf("%d bytes, %d others, %q, %q", len(n.Text), len(n.Others), n.Nick, n.Others[0].Nick)
	}
}

// A room that does not last says so.
func TestNoSeats(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		_, err := w.room.Enroll(t.Context(), "bob", chatroom.DeskRef{}).Await(t.Context())
		if !isCode(err, chatroom.ErrNoSeats) {
			t.Error(err)
		}
		w.host.close()
	})
}
