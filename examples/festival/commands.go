package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/vat"
)

// add adds what can be typed by everybody; what their facets do not allow they are told.
func (t *talker) add() {
	maps.Copy(t.commands, map[string]command{
		"help":     {"", "what can be typed", t.help},
		"list":     {"", "what there is", t.list},
		"add":      {"TITLE | STAGE | DAY | HH:MM | MINUTES | ABOUT", "add an event of yours", t.addEvent},
		"edit":     {"NUMBER TITLE | STAGE | DAY | HH:MM | MINUTES | ABOUT", "change an event of yours; what is left empty stays", t.edit},
		"withdraw": {"NUMBER", "end an event of yours", t.withdraw},
		"unlist":   {"NUMBER REASON", "take an event off the list", t.unlist},
		"relist":   {"NUMBER", "put it back", t.relist},
		"ask":      {"NUMBER", "ask the event's own home what it says now", t.ask},
		"pending":  {"", "what has not been delivered yet", t.pending},
		"page":     {"", "the address of your page, a secret", t.where},
		"try":      {"METHOD", "send your facet any message, as a program that does not keep to the rules would", t.try},
		"quit":     {"", "end this program", nil},
	})
}

func (t *talker) help(context.Context, string) (string, error) { return helpOf(t.commands), nil }

// helpOf returns what can be typed.
func helpOf(commands map[string]command) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		c := commands[name]
		fmt.Fprintf(&b, "  %-10s %-55s %s\n", name, c.args, c.what)
	}
	return strings.TrimRight(b.String(), "\n")
}

func (t *talker) list(ctx context.Context, _ string) (string, error) {
	s, err := t.peer.State(ctx)
	if err != nil {
		return "", err
	}
	lines := []string{fmt.Sprintf("= %s, as of %s", clean(s.Info.Name), s.Synced.Local().Format(time.TimeOnly))}
	for _, l := range s.Lines() {
		lines = append(lines, "= "+show(l))
	}
	return strings.Join(lines, "\n"), nil
}

var errDetails = errors.New("an event is TITLE | STAGE | DAY | HH:MM | MINUTES | ABOUT")

// read changes details by what was typed; what is left empty stays.
func read(text string, d *program.Details) error {
	parts := strings.Split(text, "|")
	if len(parts) > 6 {
		return errDetails
	}
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		switch i {
		case 0:
			d.Title = part
		case 1:
			d.Stage = part
		case 2:
			d.Day = part
		case 3:
			at, err := time.Parse("15:04", part)
			if err != nil {
				return errDetails
			}
			if d.Start = at.Hour()*60 + at.Minute(); d.Start < program.DayBegins {
				d.Start += 24 * 60 // the night after the day
			}
		case 4:
			n, err := strconv.Atoi(part)
			if err != nil {
				return errDetails
			}
			d.Length = n
		case 5:
			d.About = part
		}
	}
	return nil
}

func (t *talker) addEvent(ctx context.Context, rest string) (string, error) {
	d := program.Details{Start: 20 * 60, Length: 60}
	if err := read(rest, &d); err != nil {
		return "", err
	}
	_, err := t.peer.Add(ctx, d)
	return fmt.Sprintf("added %q", clean(d.Title)), err
}

func (t *talker) edit(ctx context.Context, rest string) (string, error) {
	name, text, _ := strings.Cut(rest, " ")
	l, err := t.find(ctx, name)
	if err != nil {
		return "", err
	}
	d := l.Said.Details
	if err := read(text, &d); err != nil {
		return "", err
	}
	return "changed " + name, t.peer.Edit(ctx, l.ID, l.Said.Version, d)
}

func (t *talker) withdraw(ctx context.Context, name string) (string, error) {
	l, err := t.find(ctx, name)
	if err != nil {
		return "", err
	}
	return "withdrawn " + name, t.peer.Withdraw(ctx, l.ID)
}

func (t *talker) unlist(ctx context.Context, rest string) (string, error) {
	name, reason, _ := strings.Cut(rest, " ")
	l, err := t.find(ctx, name)
	if err != nil {
		return "", err
	}
	return "off the list " + name, t.peer.Unlist(ctx, l.Number, strings.TrimSpace(reason))
}

func (t *talker) relist(ctx context.Context, name string) (string, error) {
	l, err := t.find(ctx, name)
	if err != nil {
		return "", err
	}
	return "on the list " + name, t.peer.List(ctx, l.Number)
}

func (t *talker) ask(ctx context.Context, name string) (string, error) {
	l, err := t.find(ctx, name)
	if err != nil {
		return "", err
	}
	said, err := t.peer.Ask(ctx, l.Number)
	if err != nil {
		return "", err
	}
	l.Said = said
	return "now " + show(l), nil
}

func (t *talker) pending(ctx context.Context, _ string) (string, error) {
	s, err := t.peer.State(ctx)
	if err != nil {
		return "", err
	}
	lines := []string{}
	for _, l := range s.Lines() {
		if l.Waiting > 0 {
			lines = append(lines, "pending "+show(l))
		}
	}
	if len(lines) == 0 {
		lines = append(lines, "pending nothing")
	}
	return strings.Join(lines, "\n"), nil
}

func (t *talker) where(context.Context, string) (string, error) {
	if t.page == nil {
		return "", errors.New("there is no page: --page says where")
	}
	return "page " + t.page.URL(), nil
}

func (t *talker) try(ctx context.Context, method string) (string, error) {
	if !t.peer.Follows() {
		return "", program.ErrNobody
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, program.ErrSilent)
	defer cancel()
	v, err := vat.Result[any](t.peer.Festival.Send(ctx, method)).Await(ctx)
	return clean(fmt.Sprintf("answer %v", v)), err
}
