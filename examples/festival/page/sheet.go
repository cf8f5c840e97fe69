package page

import (
	"encoding/hex"
	"errors"
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

// sheetOf returns what is shown of a state.
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
	for _, m := range s.Mine {
		sh.Waiting += m.Waiting
	}
	for _, from := range s.Lines() {
		l := line{
			Number: from.Number, ID: id(from.ID), Details: details(from.Said.Details), Version: from.Said.Version, AsOf: from.Said.AsOf, Editor: from.Said.By,
			Heard: from.Heard, By: personOf(from.By), State: string(from.State), Reason: from.Reason, Mine: from.Mine, Trouble: from.Trouble,
			Withdrawn: from.Withdrawn, Clash: from.Clash,
		}
		if from.Waiting > 0 {
			l.Waiting = &from.Since
		}
		sh.Lines = append(sh.Lines, l)
	}
	return sh
}
