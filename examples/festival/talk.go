package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hawser-go/hawser/examples/festival/page"
	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/vat"
)

// command is something that can be typed.
type command struct {
	args, what string
	do         func(ctx context.Context, rest string) (string, error)
}

// talker is the conversation with the person at the console.
type talker struct {
	peer     *program.Peer
	lines    <-chan string
	commands map[string]command
	page     *page.Server
	// reached says how many peers get letters of this program, nil if it has no mailbox.
	reached func() int

	known map[key]program.Line
	begun bool
}

// key is what an event is known by, whatever becomes of it.
type key struct {
	by [32]byte
	id program.ID
}

var out sync.Mutex

func say(format string, args ...any) {
	out.Lock()
	defer out.Unlock()
	fmt.Fprintf(os.Stdout, format+"\n", args...)
}

// run says what happens and does what is typed, until the input ends.
func (t *talker) run(ctx context.Context, at string) error {
	if t.lines == nil {
		t.lines = typed(ctx)
	}
	if t.commands == nil {
		t.commands = make(map[string]command)
	}
	t.add()
	if at != "-" {
		var err error
		if t.page, err = page.Open(ctx, page.Config{Programme: t.peer, Listen: at}); err != nil {
			return err
		}
		defer t.page.Close()
		say("page %s", t.page.URL())
	}
	news := make(chan struct{}, 1)
	ring := func() {
		select {
		case news <- struct{}{}:
		default:
		}
	}
	if err := t.peer.Watch(ctx, ring); err != nil {
		return err
	}
	ring()
	tick := time.NewTicker(mailTick)
	defer tick.Stop()
	for had := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if t.reached == nil {
				continue
			}
			if n := t.reached(); n != had {
				had = n
				say("* letters reach %d of those you have met, and theirs you, whoever is away", n)
			}
		case <-news:
			t.look(ctx)
		case line, ok := <-t.lines:
			if !ok || line == "quit" {
				return nil
			}
			heed(ctx, t.commands, line)
		}
	}
}

// mailTick is how often is looked for peers that letters go to.
const mailTick = 250 * time.Millisecond

// heed does what was typed.
func heed(ctx context.Context, commands map[string]command, line string) {
	word, rest, _ := strings.Cut(line, " ")
	c, ok := commands[word]
	if word == "" {
		return
	}
	if !ok {
		say("! there is no %q: help lists what there is", clean(word))
		return
	}
	answer, err := c.do(ctx, strings.TrimSpace(rest))
	if err != nil {
		say("! %s", words(err))
		return
	}
	say("%s", answer)
}

// words returns an error's words as a line, and its code if it has one.
func words(err error) string {
	e, ok := errors.AsType[*vat.Error](err)
	if !ok {
		return oneLine(err)
	}
	text := e.Message
	if err.Error() != e.Error() {
		text = err.Error() // which says more around it
	}
	return clean(text + " (" + e.Code + ")")
}

// look says what has changed since it looked last.
func (t *talker) look(ctx context.Context) {
	s, err := t.peer.State(ctx)
	if err != nil {
		say("! %s", oneLine(err))
		return
	}
	if !t.begun && s.Info.Name != "" && s.Standing.Role != "" {
		t.begun = true
		say("* %s of %s, %s", s.Standing.Role, s.Info.Name, s.Standing.Holder.Name)
	}
	now := make(map[key]program.Line)
	for _, l := range s.Lines() {
		k := key{l.By.Key, l.ID}
		now[k] = l
		before, had := t.known[k]
		same := had && before.Said.Version == l.Said.Version && before.State == l.State && before.Waiting == l.Waiting && before.Trouble == l.Trouble
		if !same {
			say("%s %s", map[bool]string{true: "~", false: "+"}[had], show(l))
		}
	}
	for k, l := range t.known {
		if _, still := now[k]; !still {
			say("- %s", show(l))
		}
	}
	t.known = now
}

// number returns what an event is called on the console.
func number(l program.Line) string {
	if l.Number > 0 {
		return fmt.Sprint(l.Number)
	}
	return fmt.Sprintf("new-%x", l.ID[:3])
}

// show returns a line about an event.
func show(l program.Line) string {
	d := l.Said.Details
	var more []string
	note := func(format string, args ...any) { more = append(more, fmt.Sprintf(format, args...)) }
	if l.Mine {
		note("yours")
	}
	if l.Withdrawn {
		note("withdrawn")
	}
	if l.Waiting > 0 {
		note("waiting for the festival")
	}
	if l.Trouble != "" {
		note("refused: %s", l.Trouble)
	}
	if l.State == program.Unlisted {
		note("off the list: %s", l.Reason)
	}
	if l.Clash != "" {
		note("clashes with %q", l.Clash)
	}
	text := fmt.Sprintf("%s: %q %s %s %02d:%02d for %d min, by %s, version %d", number(l), d.Title, d.Stage, d.Day, d.Start/60%24, d.Start%60, d.Length, l.By.Name, l.Said.Version)
	if len(more) > 0 {
		text += " [" + strings.Join(more, "; ") + "]"
	}
	return clean(text)
}

// find returns the event that goes by a number on the console.
func (t *talker) find(ctx context.Context, name string) (program.Line, error) {
	s, err := t.peer.State(ctx)
	if err != nil {
		return program.Line{}, err
	}
	lines := s.Lines()
	i := slices.IndexFunc(lines, func(l program.Line) bool { return number(l) == name })
	if i < 0 {
		return program.Line{}, fmt.Errorf("there is no event %q: list has their numbers", clean(name))
	}
	return lines[i], nil
}
