package program_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/hawser-go/hawser/examples/festival/program"
)

// Lines are in order, what is at home here says what it says here, and an ID that another organiser has used changes nothing.
func TestLines(t *testing.T) {
	at := func(title, stage string, start, length int) program.Snapshot {
		d := details(title)
		d.Stage, d.Start, d.Length = stage, start, length
		return program.Snapshot{Details: d, Version: 1}
	}
	entry := func(n int, by string, id byte, said program.Snapshot) program.Entry {
		return program.Entry{Number: n, ID: program.ID{id}, By: holder(by), State: program.Listed, Said: said}
	}
	s := program.State{View: program.View{Info: info, Standing: program.Standing{Role: program.AsOrganiser, Holder: holder("ada")}}}
	off := entry(6, "bob", 6, at("off the list", "Harbour", 1200, 60))
	off.State = program.Unlisted
	s.Entries = []program.Entry{
		entry(1, "ada", 1, at("old words", "Boathouse", 1200, 60)),
		entry(2, "bob", 2, at("a forged ID", "Boathouse", 1230, 10)),
		entry(3, "bob", 3, at("long", "Harbour", 1000, 600)),
		entry(4, "bob", 4, at("short", "Harbour", 1010, 10)),
		entry(5, "bob", 5, at("in the long one, after the short one", "Harbour", 1100, 10)),
		off,
		entry(7, "bob", 7, at("when the long one is over", "Harbour", 1600, 10)),
	}
	s.Mine = []program.Mine{
		{ID: program.ID{1}, Number: 1, Taken: 1, Said: at("new words", "Boathouse", 1200, 60), Waiting: 1},
		{ID: program.ID{2}, Said: at("not heard of yet", "Harbour", 400, 10), Waiting: 2},
	}
	var got []string
	for _, l := range s.Lines() {
		got = append(got, fmt.Sprintf("%d %s: %s, %v %d, %q", l.Number, l.State, l.Said.Details.Title, l.Mine, l.Waiting, l.Clash))
	}
	want := []string{
		`0 new: not heard of yet, true 2, ""`,
		`3 listed: long, false 0, "short"`,
		`4 listed: short, false 0, "long"`,
		`5 listed: in the long one, after the short one, false 0, "long"`,
		`6 unlisted: off the list, false 0, ""`,
		`1 listed: new words, true 1, "a forged ID"`,
		`2 listed: a forged ID, false 0, "new words"`,
		`7 listed: when the long one is over, false 0, ""`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}
