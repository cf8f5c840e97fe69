package program

import (
	"cmp"
	"slices"
	"time"
)

// A Line is one event as a peer shows it: what is at home with the peer as it is there, everything else as the festival has it.
type Line struct {
	// Entry is what the festival has, with what the event's home says if Mine. The number is 0, and the state New, if the festival has
	// not answered yet.
	Entry
	// Mine says that the event is at home with the peer. Waiting is then how much the festival has not answered, since when, Trouble
	// why it has refused what was said last, and Withdrawn says that the event has ended.
	Mine      bool
	Waiting   int
	Since     time.Time
	Trouble   string
	Withdrawn bool
	// Clash is the title of another event on the same stage at the same time.
	Clash string
}

// New is the state of an event that is not on the festival's list yet.
const New EntryState = "new"

// Lines returns the events of a state, by day, time and stage.
func (s *State) Lines() []Line {
	mine := make(map[ID]Mine, len(s.Mine))
	for _, m := range s.Mine {
		mine[m.ID] = m
	}
	var lines []Line
	for _, e := range s.Entries {
		l := Line{Entry: e}
		// The ID alone says nothing: another organiser may have used it, too.
		if m, ok := mine[e.ID]; ok && e.By.Key == s.Standing.Holder.Key && (m.Number == e.Number || m.Number == 0) {
			l.own(m)
			delete(mine, e.ID)
		}
		lines = append(lines, l)
	}
	for _, m := range mine {
		l := Line{Entry: Entry{Number: m.Number, ID: m.ID, By: s.Standing.Holder, State: New}}
		l.own(m)
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(x, y Line) int {
		a, b := x.Said.Details, y.Said.Details
		return cmp.Or(
			cmp.Compare(a.Day, b.Day), cmp.Compare(a.Start, b.Start), cmp.Compare(slices.Index(s.Info.Stages, a.Stage), slices.Index(s.Info.Stages, b.Stage)),
			cmp.Compare(x.Number, y.Number), slices.Compare(x.ID[:], y.ID[:]),
		)
	})
	clashes(lines)
	return lines
}

// own has the line say what the event's home says.
func (l *Line) own(m Mine) {
	l.Mine, l.Said, l.Waiting, l.Since, l.Trouble, l.Withdrawn = true, m.Said, m.Waiting, m.Since, m.Trouble, m.Withdrawn
}

// clashes notes which events are on one stage at one time. The lines are in order of their beginning.
func clashes(lines []Line) {
	type place struct{ day, stage string }
	last := make(map[place]int) // the line there that goes on for longest
	for i := range lines {
		l := &lines[i]
		if l.State == Unlisted || l.Withdrawn {
			continue
		}
		d := l.Said.Details
		at := place{d.Day, d.Stage}
		before, ok := last[at]
		if ok && lines[before].Said.Details.End() > d.Start {
			l.Clash = lines[before].Said.Details.Title
			if lines[before].Clash == "" {
				lines[before].Clash = d.Title
			}
		}
		if !ok || d.End() > lines[before].Said.Details.End() {
			last[at] = i
		}
	}
}
