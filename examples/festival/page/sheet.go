package page

import (
	"cmp"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/hawser-go/hawser/examples/festival/program"
)

// The types here are what the page and the server say to each other, in JSON.

type details struct {
	Title  string `json:"title"`
	About  string `json:"about"`
	Stage  string `json:"stage"`
	Day    string `json:"day"`
	Start  int    `json:"start"`
	Length int    `json:"length"`
}

type info struct {
	Name   string   `json:"name"`
	About  string   `json:"about"`
	Days   []string `json:"days"`
	Stages []string `json:"stages"`
}

type asked struct {
	Details details   `json:"details"`
	Version int       `json:"version"`
	AsOf    time.Time `json:"asOf"`
	By      string    `json:"by"`
}

// id is an event's, in hexadecimal digits.
type id program.ID

func (i *id) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(i) {
		return errors.New("page: an event's ID has 32 hexadecimal digits")
	}
	_, err := hex.Decode(i[:], text)
	return err
}

func (i id) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, i[:]), nil }

type person struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

func personOf(h program.Holder) person { return person{h.Name, h.Short()} }

// sheet is all there is on the page.
type sheet struct {
	Info info   `json:"info"`
	Role string `json:"role"`
	Me   person `json:"me"`
	Held []held `json:"held"`
	// MayAdd and MayAdmin say what the program has facets for.
	MayAdd   bool `json:"mayAdd"`
	MayAdmin bool `json:"mayAdmin"`
	// Synced is when the festival has last answered; Asking since when it has not.
	Synced  time.Time  `json:"synced,omitzero"`
	Asking  *time.Time `json:"asking,omitempty"`
	Trouble string     `json:"trouble,omitempty"`
	Lines   []line     `json:"lines"`
	// Waiting is how much the festival has not answered yet.
	Waiting int `json:"waiting"`
}

type held struct {
	Role string `json:"role"`
	From string `json:"from"`
}

// line is one event on the page.
type line struct {
	Number  int       `json:"number"` // 0 if the festival has not answered yet
	ID      id        `json:"id"`
	Details details   `json:"details"`
	Version int       `json:"version"`
	AsOf    time.Time `json:"asOf,omitzero"`
	Editor  string    `json:"editor"`
	Heard   time.Time `json:"heard,omitzero"`
	By      person    `json:"by"`
	// State is that of the festival's list, or "new" for what it has not answered yet.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Mine says that the event is at home here; then Waiting says since when the festival has not answered, and Trouble what it
	// has refused.
	Mine      bool       `json:"mine"`
	Waiting   *time.Time `json:"waiting,omitempty"`
	Trouble   string     `json:"trouble,omitempty"`
	Withdrawn bool       `json:"withdrawn,omitempty"`
	// Clash is the title of another event on the same stage at the same time.
	Clash string `json:"clash,omitempty"`
}

// sheetOf returns what is shown of a state: what is at home here as it is here, and everything else as the festival has it.
func sheetOf(s program.State) sheet {
	sh := sheet{
		Info: info(s.Info), Role: string(s.Standing.Role), Me: personOf(s.Standing.Holder), MayAdd: s.MayAdd, MayAdmin: s.MayAdmin,
		Synced: s.Synced, Trouble: s.Trouble, Held: []held{}, Lines: []line{},
	}
	if s.Asking {
		sh.Asking = &s.Since
	}
	for _, h := range s.Held {
		sh.Held = append(sh.Held, held{string(h.Role), h.From})
	}
	mine := make(map[program.ID]int, len(s.Mine))
	for i, m := range s.Mine {
		mine[m.ID] = i
		sh.Waiting += m.Waiting
	}
	for _, e := range s.Entries {
		l := line{
			Number: e.Number, ID: id(e.ID), Details: details(e.Said.Details), Version: e.Said.Version, AsOf: e.Said.AsOf, Editor: e.Said.By, Heard: e.Heard,
			By: personOf(e.By), State: string(e.State), Reason: e.Reason,
		}
		// The ID alone says nothing: another organiser may have used it, too.
		if i, ok := mine[e.ID]; ok && e.By.Key == s.Standing.Holder.Key && (s.Mine[i].Number == e.Number || s.Mine[i].Number == 0) {
			l.own(s.Mine[i])
			delete(mine, e.ID)
		}
		sh.Lines = append(sh.Lines, l)
	}
	for _, i := range mine {
		l := line{By: sh.Me, State: "new"}
		l.own(s.Mine[i])
		sh.Lines = append(sh.Lines, l)
	}
	slices.SortFunc(sh.Lines, func(x, y line) int {
		return cmp.Or(
			cmp.Compare(x.Details.Day, y.Details.Day), cmp.Compare(x.Details.Start, y.Details.Start),
			cmp.Compare(slices.Index(sh.Info.Stages, x.Details.Stage), slices.Index(sh.Info.Stages, y.Details.Stage)),
			cmp.Compare(x.Number, y.Number), slices.Compare(x.ID[:], y.ID[:]),
		)
	})
	sh.clashes()
	return sh
}

// own has the line say what the event's home, which is here, says.
func (l *line) own(m program.Mine) {
	l.Mine, l.ID, l.Number, l.Trouble, l.Withdrawn = true, id(m.ID), max(l.Number, m.Number), m.Trouble, m.Withdrawn
	l.Details, l.Version, l.AsOf, l.Editor = details(m.Said.Details), m.Said.Version, m.Said.AsOf, m.Said.By
	if m.Waiting > 0 {
		l.Waiting = &m.Since
	}
}

// clashes notes which events are on one stage at one time. The lines are in order of their beginning.
func (sh *sheet) clashes() {
	last := make(map[[2]string]int) // the line that goes on for longest
	for i := range sh.Lines {
		l := &sh.Lines[i]
		if l.State == string(program.Unlisted) || l.Withdrawn {
			continue
		}
		at := [2]string{l.Details.Day, l.Details.Stage}
		before, ok := last[at]
		if ok && end(sh.Lines[before]) > l.Details.Start {
			l.Clash = sh.Lines[before].Details.Title
			if sh.Lines[before].Clash == "" {
				sh.Lines[before].Clash = l.Details.Title
			}
		}
		if !ok || end(*l) > end(sh.Lines[before]) {
			last[at] = i
		}
	}
}

func end(l line) int { return l.Details.Start + l.Details.Length }
