package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/chat/chatroom"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

const lodgerHelp = `* what you type is said to everybody here, if need be when the host is back; lines that begin with / are for this program:
*   /who       who is here; those who have a seat may be away
*   /history   what the room says was said here before
*   /leave     leave for good
*   /help      this
*   /quit      go, and keep your seat: you get what you miss when you come back
* What is said comes by way of the host, which asks whoever said it: it could forge. See examples/chat/README.md.`

// lodger is the person at the console who has a seat in a room: it stays theirs while this program does not run.
type lodger struct {
	console *console
	vat     *vat.Vat // the screen's
	owner   chatroom.OwnerRef
	place   chatroom.Place // as it was before this start
	back    bool           // the seat is from an earlier start
	ended   chan error
	welcome chan struct{} // closed when the room has said who is there
	taken   chan struct{} // has something when the room has taken everything

	// The rest belongs to the screen's vat.
	live   bool // what comes now happens now
	missed bool
	names  map[string]map[int]bool
}

var errNoSeats = errors.New("the room keeps no seats")

// newLodger has the person take a seat, if there is none from an earlier time.
func newLodger(ctx context.Context, c *console, node *hawser.Node, invite sturdyref.Ref, nick string) (*lodger, error) {
	v, err := node.DurableVat("chat")
	if err != nil {
		return nil, err
	}
	l := &lodger{console: c, vat: node.Vat("screen"), ended: make(chan error, 1), welcome: make(chan struct{}), taken: make(chan struct{}, 1), names: map[string]map[int]bool{}}
	l.owner, err = chatroom.FindDesk(ctx, v, label(invite))
	if e, ok := errors.AsType[*vat.Error](err); ok && e.Code == chatroom.ErrNoDesk.Code {
		return nil, errors.New("no URI was given, and you have been in no room with this --dir: paste the line that the host printed")
	}
	if err == nil {
		l.place, err = l.owner.Place(ctx).Await(ctx)
	}
	if err != nil {
		return nil, err
	}
	if l.back = !l.place.Seat.IsNull(); !l.back {
		err = l.enroll(ctx, node, invite, nick)
	}
	if err != nil {
		return nil, err
	}
	_, err = l.owner.Attach(ctx, vat.As[chatroom.ScreenRef](chatroom.ScreenFacet.SpawnIn(l.vat, l))).Await(ctx)
	return l, err
}

// label returns a name for a room from which its URI cannot be told, "" for none.
func label(invite sturdyref.Ref) string {
	if invite.IsZero() {
		return ""
	}
	invite.Peer.Hints = nil
	sum := sha256.Sum256([]byte(invite.URI()))
	return hex.EncodeToString(sum[:])
}

// enrollTime is how long a room may take to give a seat.
const enrollTime = time.Minute

func (l *lodger) enroll(ctx context.Context, node *hawser.Node, invite sturdyref.Ref, nick string) error {
	if invite.IsZero() {
		return errors.New("you have no seat in the room you were in last: paste the line that its host printed")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, enrollTime, chatroom.ErrSilent)
	defer cancel()
	desk, err := l.owner.Desk(ctx).Await(ctx)
	if err != nil {
		return err
	}
	seat, err := vat.As[chatroom.RoomRef](node.Enliven(invite)).Enroll(ctx, nick, desk).Await(ctx)
	if e, ok := errors.AsType[*vat.Error](err); ok && (e.Code == chatroom.ErrNoSeats.Code || e.Code == vat.ErrNoSuchMethod.Code) {
		return errNoSeats
	}
	if err != nil {
		return err
	}
	_, err = l.owner.Sit(ctx, seat).Await(ctx)
	return err
}

// Show implements chatroom.Screen. What a room says was made safe to print by the desk.
func (l *lodger) Show(ctx context.Context, number int, n chatroom.News) error {
	say := l.console.say
	switch n.What {
	case chatroom.Welcome:
		if n.Round == l.place.Round+1 && !l.live {
			l.live, l.place.Member = true, n.Member
			say("* you are %sin %q %s", map[bool]string{true: "back "}[l.back], n.Text, with(l.others(n.Others)))
			close(l.welcome)
		}
	case chatroom.Spoken:
		who := l.name(n.Member, n.Nick)
		switch {
		case l.back && !l.live:
			if !l.missed {
				l.missed = true
				say("* while you were away:")
			}
			say("[%s] <%v> %s", n.At.Local().Format("Jan 2 15:04"), who, n.Text)
		case !who.You || !l.console.interactive(): // on a terminal one has just typed it
			say("<%v> %s", who, n.Text)
		}
	case chatroom.Arrived, chatroom.Gone:
		if who := l.name(n.Member, n.Nick); l.live {
			say("* %v %s", who, n.What)
		}
	case chatroom.Opened:
		if l.live {
			say("* the host was away and is back")
		}
	case chatroom.Refused:
		say("* not sent: %s", n.Text)
	case chatroom.Out, chatroom.Lost:
		if number >= l.place.Next { // not one from before this seat
			err := chatroom.ErrLeft
			if n.What == chatroom.Lost {
				err = errSeatLost
			}
			select {
			case l.ended <- err:
			default:
			}
		}
	}
	l.owner.Seen(ctx, number)
	return nil
}

// Taken implements chatroom.Screen.
func (l *lodger) Taken(_ context.Context, waiting int) {
	if waiting == 0 {
		select {
		case l.taken <- struct{}{}:
		default:
		}
	}
}

var errSeatLost = vat.NewError("chat.seat-lost", "the seat is lost, for the session with the host is: join again with the room's URI")

func (l *lodger) others(sitters []chatroom.Sitter) []chatroom.Name {
	var names []chatroom.Name
	for _, s := range sitters[:min(len(sitters), maxNamesakes)] {
		names = append(names, l.name(s.Member, s.Nick))
	}
	return names
}

// maxNamesakes is how many are told apart by a number, maxNames how many names are remembered.
const maxNamesakes, maxNames = 200, 10_000

// name returns what to call a member. If others have gone by the name the number in the room is shown with it.
func (l *lodger) name(member int, nick string) chatroom.Name {
	n := chatroom.Name{Nick: chatroom.CleanNick(nick), You: member > 0 && member == l.place.Member}
	if len(l.names) > maxNames {
		clear(l.names)
	}
	of := l.names[n.Nick]
	if of == nil {
		of = make(map[int]bool)
		l.names[n.Nick] = of
	}
	if len(of) < maxNamesakes {
		of[member] = true
	}
	if len(of) > 1 {
		n.Number = member
	}
	return n
}

// hostTime is how long the host may take before it is said to be away, lastTime how long what was said last is waited for.
const hostTime, lastTime = 3 * time.Second, 2 * time.Second

// run shows what happened and happens, and lets the person talk until they have had enough or lose the seat.
func (l *lodger) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines, err := l.console.conversation(ctx)
	if err != nil {
		return err
	}
	welcome, slow, told := l.welcome, time.After(hostTime), false
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-l.ended:
			return err
		case <-welcome:
			slow, welcome, told = nil, nil, false
		case <-slow:
			slow = nil
			away := welcome != nil || l.waiting(ctx)
			if away && !told {
				l.console.say("* the host is away; what you say is kept here, and delivered when it is back")
			}
			told = away
		case line, ok := <-lines:
			if !ok || !l.heed(ctx, line) {
				l.flush(ctx)
				return nil
			}
			if slow == nil {
				slow = time.After(hostTime)
			}
		}
	}
}

// heed does what one line says, and reports whether more are wanted.
func (l *lodger) heed(ctx context.Context, line string) bool {
	line = strings.TrimSpace(line)
	word, _, _ := strings.Cut(line, " ")
	var err error
	switch {
	case line == "":
	case word == "/quit" || word == "/exit":
		return false
	case word == "/help":
		l.console.say("%s", lodgerHelp)
	case word == "/leave":
		l.leave(ctx)
		return false
	case word == "/who":
		err = l.who(ctx)
	case word == "/history":
		err = l.history(ctx)
	case strings.HasPrefix(word, "/"):
		l.console.say("* there is no %s: /help says what there is", chatroom.Clean(word))
	default:
		if _, err = l.owner.Say(ctx, line).Await(ctx); err != nil {
			err = fmt.Errorf("not sent: %w", err)
		}
	}
	if err != nil && ctx.Err() == nil {
		l.console.say("* %s", explain(err))
	}
	return true
}

// waiting reports whether the room has not taken all that was said.
func (l *lodger) waiting(ctx context.Context) bool {
	p, err := l.owner.Place(ctx).Await(ctx)
	return err == nil && p.Waiting > 0
}

// flush waits a little for the room to take what was said.
func (l *lodger) flush(ctx context.Context) {
	late := time.After(lastTime)
	for l.waiting(ctx) {
		select {
		case <-l.taken:
		case <-late:
			l.console.say("* the host has not heard yet what you said last: it is kept until it has, and may need this program to run again")
			return
		}
	}
}

// leave gives the seat up.
func (l *lodger) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastTime)
	defer cancel()
	if _, err := l.owner.Leave(ctx).Await(ctx); err != nil {
		l.console.say("* the host hears that you have left when this program runs again")
	}
}

// ask returns the seat, with a context for something that wants the host to be there.
func (l *lodger) ask(ctx context.Context) (context.Context, context.CancelFunc, chatroom.SeatRef, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, hostTime, errAway)
	p, err := l.owner.Place(ctx).Await(ctx)
	if err == nil && p.Seat.IsNull() {
		err = chatroom.ErrLeft
	}
	return ctx, cancel, p.Seat, err
}

var errAway = errors.New("the host does not answer: it may be away")

func (l *lodger) who(ctx context.Context) error {
	ctx, cancel, seat, err := l.ask(ctx)
	defer cancel()
	if err != nil {
		return err
	}
	sitters, err := seat.Who(ctx).Await(ctx)
	if err != nil {
		return err
	}
	names, err := vat.Do(ctx, l.vat, func(context.Context) ([]chatroom.Name, error) { return l.others(sitters), nil })
	var all []string
	for _, n := range names {
		all = append(all, n.String())
	}
	if err == nil {
		l.console.say("* here: %s", strings.Join(all, ", "))
	}
	return err
}

func (l *lodger) history(ctx context.Context) error {
	ctx, cancel, seat, err := l.ask(ctx)
	defer cancel()
	if err != nil {
		return err
	}
	lines, err := seat.History(ctx).Await(ctx)
	if err != nil {
		return err
	}
	for i := range lines {
		lines[i].Nick, lines[i].Text = chatroom.CleanNick(lines[i].Nick), chatroom.Clean(lines[i].Text)
	}
	l.console.history(lines)
	return nil
}
