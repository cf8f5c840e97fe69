package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hawser-go/hawser/examples/chat/chatroom"
	"github.com/hawser-go/hawser/vat"
)

const help = `* what you type is said to everybody here; lines that begin with / are for this program:
*   /who       who is here
*   /history   what the room says was said here before
*   /help      this
*   /quit      leave
* A name is what somebody calls themselves. Where two use one, this program numbers them in the order they came.
* A message is shown only if its author's own unsealer opens it, so no guest can speak for another. But it is the
* host that tells the members of each other: it could forge members and what they say.
* The history is the room's word alone. See examples/chat/README.md.`

// talker is the person at the console, in a room or away from it.
type talker struct {
	console *console
	vat     *vat.Vat
	person  *chatroom.Person
	room    func() chatroom.RoomRef // finds the room, anew each time
	ended   chan chatroom.Event

	entered bool // this stay's Entered has been seen; belongs to the vat

	mu   sync.Mutex
	stay *chatroom.Stay // nil while away
	away bool           // has been in the room before
}

func newTalker(ctx context.Context, c *console, v *vat.Vat, nick string, room func() chatroom.RoomRef) (*talker, error) {
	t := &talker{console: c, vat: v, room: room, ended: make(chan chatroom.Event, 1)}
	var err error
	t.person, err = vat.Do(ctx, v, func(ctx context.Context) (*chatroom.Person, error) { return chatroom.NewPerson(ctx, nick), nil })
	return t, err
}

// join takes a seat. What happens from then on is written; the end of the stay comes on t.ended.
func (t *talker) join(ctx context.Context) error {
	select {
	case <-t.ended: // of a stay before
	default:
	}
	stay, err := vat.Do(ctx, t.vat, func(ctx context.Context) (*chatroom.Stay, error) {
		t.entered = false
		return t.person.Join(ctx, t.room(), t.observe)
	})
	if err == nil {
		t.seat(stay)
	}
	return err
}

func (t *talker) seat(s *chatroom.Stay) {
	t.mu.Lock()
	t.stay = s
	t.away = t.away || s == nil
	t.mu.Unlock()
}

func (t *talker) returning() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.away
}

func (t *talker) seated() *chatroom.Stay {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stay
}

// observe writes what happens in the room.
func (t *talker) observe(_ context.Context, e chatroom.Event) {
	say := t.console.say
	switch e.Kind {
	case chatroom.Here:
		if t.entered { // the others are named when this person is in
			say("* %v is here", e.Who)
		}
	case chatroom.Entered:
		if t.returning() {
			say("* the host is back; who is who starts over, for nobody can be told from those who were here before")
		}
		t.entered = true
		say("* you are in %q %s", e.Text, with(e.Others))
	case chatroom.Joined:
		say("* %v joined", e.Who)
	case chatroom.Left:
		say("* %v left", e.Who)
	case chatroom.Said:
		// On a terminal one has just typed it.
		if !e.Who.You || !t.console.interactive() {
			say("<%v> %s", e.Who, e.Text)
		}
	case chatroom.Unreadable:
		say("* %v said something that nobody can read: %s", e.Who, explain(e.Err))
	case chatroom.Namesake:
		if e.Other.IsZero() {
			say("* somebody of that name was here before and has left; whether it is the same one cannot be told, so this one is %v", e.Who)
		} else {
			say("* two go by that name: %v was first, %v came later; tell them apart by the number", e.Other, e.Who)
		}
	case chatroom.Ended:
		if e.Err != nil {
			select {
			case t.ended <- e:
			default:
			}
		}
	}
}

func with(others []chatroom.Name) string {
	var names []string
	for _, n := range others {
		names = append(names, n.String())
	}
	switch n := len(names); n {
	case 0:
		return "with nobody else"
	case 1:
		return "with " + names[0]
	default:
		return "with " + strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// converse does what the lines say, in their order, until they end, one of them is /quit, or ctx ends.
func (t *talker) converse(ctx context.Context, lines <-chan string) {
	for {
		select {
		case <-ctx.Done():
			return
		case line, ok := <-lines:
			if !ok || !t.heed(ctx, line) {
				return
			}
		}
	}
}

// heed does what one line says, and reports whether more are wanted.
func (t *talker) heed(ctx context.Context, line string) bool {
	line = strings.TrimSpace(line)
	word, _, _ := strings.Cut(line, " ")
	switch {
	case line == "":
	case word == "/quit" || word == "/exit":
		return false
	case word == "/help":
		t.console.say("%s", help)
	case word == "/who" || word == "/history" || !strings.HasPrefix(word, "/"):
		stay := t.seated()
		if stay == nil {
			t.console.say("* not now: you are not in the room")
			return true
		}
		var err error
		switch word {
		case "/who":
			err = t.who(ctx, stay)
		case "/history":
			err = t.history(ctx, stay)
		default:
			err = t.say(ctx, stay, line)
		}
		if err != nil && ctx.Err() == nil {
			t.console.say("* %s", explain(err))
		}
	default:
		t.console.say("* there is no %s: /help says what there is", chatroom.Clean(word))
	}
	return true
}

// say gives the line to the room. Whoever types, or pipes, faster than the room takes waits a little.
func (t *talker) say(ctx context.Context, stay *chatroom.Stay, line string) error {
	for tries := 0; ; tries++ {
		_, err := vat.Do(ctx, t.vat, func(ctx context.Context) (any, error) { return nil, stay.Say(ctx, line) })
		if !errors.Is(err, chatroom.ErrTooOften) || tries == 10 {
			if err != nil {
				err = fmt.Errorf("not sent: %w", err)
			}
			return err
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (t *talker) who(ctx context.Context, stay *chatroom.Stay) error {
	names, err := vat.Do(ctx, t.vat, func(context.Context) ([]chatroom.Name, error) { return stay.Present(), nil })
	if err != nil {
		return err
	}
	var all []string
	for _, n := range names {
		all = append(all, n.String())
	}
	t.console.say("* here: %s", strings.Join(all, ", "))
	return nil
}

func (t *talker) history(ctx context.Context, stay *chatroom.Stay) error {
	lines, err := vat.Do(ctx, t.vat, func(ctx context.Context) ([]chatroom.Line, error) { return stay.History(ctx) })
	if err == nil {
		t.console.history(lines)
	}
	return err
}

// history writes what a room says was said. Authors of one name are told apart by the numbers the room gave its members.
func (c *console) history(lines []chatroom.Line) {
	if len(lines) == 0 {
		c.say("* the room says that nothing was said")
	}
	bearers := map[string]map[int]bool{}
	for _, l := range lines {
		if bearers[l.Nick] == nil {
			bearers[l.Nick] = map[int]bool{}
		}
		bearers[l.Nick][l.Member] = true
	}
	for _, l := range lines {
		name := chatroom.Name{Nick: l.Nick}.String()
		if len(bearers[l.Nick]) > 1 {
			name = fmt.Sprintf("%s (member %d)", name, l.Member)
		}
		c.say("* the room says that at %s %s said: %s", l.At.Local().Format("15:04"), name, l.Text)
	}
}

// leave gives the seat up, if there is one, and lets the room know if that does not take long.
func (t *talker) leave() {
	stay := t.seated()
	if stay == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, _ = vat.Do(ctx, t.vat, func(ctx context.Context) (any, error) { return nil, stay.Leave(ctx) })
}
