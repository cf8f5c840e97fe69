package chatroom

import (
	"context"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

var (
	DeskFacet = vat.FacetOf[Desk]("chatroom.Desk") // what the room sees
	trayKind  = vat.KindOf("chatroom.tray", func() *tray { return new(tray) }, DeskFacet)

	OwnerFacet = vat.FacetOf[Owner]("chatroom.Owner") // what the owner's program sees
	deskKind   = vat.KindOf("chatroom.desk", func() *desk { return new(desk) }, OwnerFacet)

	slipFacet = vat.FacetOf[slipView]("chatroom.slip")
	slipKind  = vat.KindOf("chatroom.slip", func() *slip { return new(slip) }, slipFacet)

	ScreenFacet = vat.FacetOf[Screen]("chatroom.Screen")

	hallFacet = vat.FacetOf[hallView]("chatroom.hall")
	hallKind  = vat.KindOf("chatroom.hall", func() *hall { return new(hall) }, hallFacet)
)

// desk implements Owner. What was told and not shown yet is in its state, and comes on the next screen.
type desk struct {
	Where  Place
	Tray   DeskRef // of the seat, or of the next one if somebody has asked for it
	Screen ScreenRef
	First  int // the number of the first that is unread
	// Unread is how many there are: slips, from Head to Tail, apart from the desk because it changes with each.
	Unread     int
	Head, Tail vat.Ref
	// Unsaid is how many were read that the room has not been told of.
	Unsaid int
}

// maxOthers is how many others in a room are remembered, maxKind how long the word for a kind of news may be.
const maxOthers, maxKind = 200, 16

// readAtOnce is how many news are read before the room is told.
const readAtOnce = 32

// newDesk makes a desk in the durable vat whose turn ctx is, and returns its tray as well.
func newDesk(ctx context.Context) (OwnerRef, DeskRef) {
	d := new(desk)
	owner := vat.As[OwnerRef](OwnerFacet.Spawn(ctx, d))
	d.Tray = newTray(ctx, owner)
	return owner, d.Tray
}

// tray implements Desk for one seat. What comes after the seat was given up, such as that it was, falls beside the desk: the
// next seat may be taken by then.
type tray struct{ Desk OwnerRef }

func newTray(ctx context.Context, of OwnerRef) DeskRef {
	return vat.As[DeskRef](DeskFacet.Spawn(ctx, &tray{of}))
}

func (t *tray) Tell(ctx context.Context, n News) error {
	d, ok := vat.Near[*desk](ctx, t.Desk.Ref)
	if !ok || d.Tray.Ref != vat.Self(ctx) {
		return nil
	}
	return d.tell(ctx, n)
}

// tell takes the news of the seat. A room may say anything: what is kept of it is bounded, and safe to print.
func (d *desk) tell(ctx context.Context, n News) error {
	if len(n.What) > maxKind {
		return errNews
	}
	if d.Unread >= 2*maxBehind {
		return ErrTooOften
	}
	n.Nick, n.Text, n.Others = CleanNick(n.Nick), Clean(n.Text), n.Others[:min(len(n.Others), maxOthers)]
	for i := range n.Others {
		n.Others[i].Nick = CleanNick(n.Others[i].Nick)
	}
	if n.What == Welcome {
		d.Where.Room, d.Where.Member = n.Text, n.Member
	}
	if n.What == Out || n.What == Lost {
		d.giveUp()
	}
	s := &slip{Number: d.First + d.Unread, News: n}
	r := slipFacet.Spawn(ctx, s)
	if last, ok := vat.Near[*slip](ctx, d.Tail); ok && d.Unread > 0 {
		last.Next = r
	} else {
		d.Head = r
	}
	d.Tail = r
	d.Unread++
	d.Where.Next = d.First + d.Unread
	d.show(ctx, s)
	return nil
}

// giveUp has the desk be without a seat.
func (d *desk) giveUp() { d.Where.Seat, d.Tray = SeatRef{}, DeskRef{} }

func (d *desk) show(ctx context.Context, s *slip) {
	if !d.Screen.IsNull() {
		_ = d.Screen.Show(ctx, s.Number, s.News)
	}
}

// slip has one of the news.
type slip struct {
	Number int
	News   News
	Next   vat.Ref
}

type slipView interface{ Read() News }

func (s *slip) Read() News { return s.News }

func (d *desk) Sit(ctx context.Context, seat SeatRef) {
	if d.Where.Seat != seat {
		d.Where.Seat, d.Unsaid = seat, 0
	}
}

func (d *desk) Attach(ctx context.Context, screen ScreenRef) Place {
	d.Screen = screen
	d.Where.Round++
	for r := d.Head; d.Unread > 0; {
		s, ok := vat.Near[*slip](ctx, r)
		if !ok {
			break
		}
		d.show(ctx, s)
		r = s.Next
	}
	if seat := d.Where.Seat; !seat.IsNull() {
		_ = seat.SendOnly(ctx, "back", d.Where.Round)
		self := d.Tray
		vat.OnSever(ctx, seat.Ref, func(ctx context.Context, _ error) { _ = self.Tell(ctx, News{What: Lost, At: time.Now()}) })
	}
	return d.Where
}

func (d *desk) Seen(ctx context.Context, number int) {
	n := min(max(0, number-d.First+1), d.Unread)
	for range n {
		if s, ok := vat.Near[*slip](ctx, d.Head); ok {
			d.Head = s.Next
		}
	}
	d.First, d.Unread = d.First+n, d.Unread-n
	if d.Unread == 0 {
		d.Head, d.Tail = vat.Ref{}, vat.Ref{}
	}
	if d.Unsaid += n; d.Unsaid >= readAtOnce && !d.Where.Seat.IsNull() {
		_ = d.Where.Seat.SendOnly(ctx, "read", d.Unsaid)
		d.Unsaid = 0
	}
}

func (d *desk) Say(ctx context.Context, text string) error {
	if d.Where.Seat.IsNull() {
		return ErrLeft
	}
	if len(text) > MaxText {
		return errTooLong
	}
	d.Where.Waiting++
	vat.WhenSettled(ctx, d.Where.Seat.Say(ctx, text), vat.As[OwnerRef](vat.Self(ctx)), OwnerRef.Taken)
	return nil
}

func (d *desk) Taken(ctx context.Context, o promise.Outcome[any]) {
	d.Where.Waiting--
	if _, err := o.Get(); err != nil {
		_ = d.tell(ctx, News{What: Refused, At: time.Now(), Text: err.Error()})
	}
	if !d.Screen.IsNull() {
		_ = d.Screen.SendOnly(ctx, "taken", d.Where.Waiting)
	}
}

func (d *desk) Desk(ctx context.Context) DeskRef {
	if d.Tray.IsNull() {
		d.Tray = newTray(ctx, vat.As[OwnerRef](vat.Self(ctx)))
	}
	return d.Tray
}

func (d *desk) Place() Place { return d.Where }

func (d *desk) Leave(ctx context.Context) (promise.Promise[any], error) {
	seat := d.Where.Seat
	if seat.IsNull() {
		return promise.Promise[any]{}, ErrLeft
	}
	d.giveUp()
	return seat.Leave(ctx), nil
}

// hall is where a member's desks are found again, by the rooms they are for.
type hall struct {
	Desks map[string]OwnerRef
	Last  string
}

type hallView interface {
	Find(ctx context.Context, room string) (OwnerRef, error)
}

// ErrNoDesk says that no room was entered from here yet.
var ErrNoDesk = vat.NewError("chat.no-desk", "no room was entered from here yet: its URI is needed")

// maxDesks is how many rooms a member may have been in.
const maxDesks = 1000

// Find returns the desk for a room, which is made if there is none; for "" that of the room asked for last.
func (h *hall) Find(ctx context.Context, room string) (OwnerRef, error) {
	if room == "" {
		if room = h.Last; room == "" {
			return OwnerRef{}, ErrNoDesk
		}
	}
	owner, ok := h.Desks[room]
	if !ok {
		if len(h.Desks) >= maxDesks {
			return OwnerRef{}, ErrFull
		}
		if h.Desks == nil {
			h.Desks = make(map[string]OwnerRef)
		}
		owner, _ = newDesk(ctx)
		h.Desks[room] = owner
	}
	h.Last = room
	return owner, nil
}

// FindDesk returns the desk of a member at a room in a durable vat, which is made with the first call. room is any name for it
// that no other has; "" is the one asked for last, if there is one.
func FindDesk(ctx context.Context, v *vat.Vat, room string) (OwnerRef, error) {
	type hallRef struct{ vat.Ref }
	h, err := vat.Root(ctx, v, "desks", func(ctx context.Context) (hallRef, error) {
		return vat.As[hallRef](hallFacet.Spawn(ctx, new(hall))), nil
	})
	if err != nil {
		return OwnerRef{}, err
	}
	return vat.Await[OwnerRef](ctx, h.Send(ctx, "find", room))
}
