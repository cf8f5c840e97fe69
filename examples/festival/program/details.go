package program

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/hawser-go/hawser/vat"
)

// A Holder is who acts by a facet: a public key, and a name for people. The name is what the key's owner, or whoever handed the
// facet out, said; it proves nothing.
type Holder struct {
	Key  [32]byte
	Name string
}

// Short returns the beginning of the key in hexadecimal digits, which tells holders of one name apart.
func (h Holder) Short() string { return hex.EncodeToString(h.Key[:4]) }

// An ID names an event for good. Its organiser's home draws it at random.
type ID [16]byte

// Info is what a festival says of itself.
type Info struct {
	Name  string
	About string
	// Days are the dates it takes place on, as 2027-07-02, in order.
	Days []string
	// Stages are the places where events are.
	Stages []string
}

// Details are what an event's owner says of it. Times are those of a clock at the festival.
type Details struct {
	Title string
	About string
	Stage string
	// Day is one of the festival's. A day goes on until six in the morning.
	Day string
	// Start is in minutes since midnight at the beginning of Day: 1500 is one in the night that follows.
	Start int
	// Length is in minutes.
	Length int
}

// End returns when the event is over, in minutes since midnight at the beginning of its day.
func (d Details) End() int { return d.Start + d.Length }

// A Snapshot is what an event's home last said, and when.
type Snapshot struct {
	Details Details
	// Version counts what was said, from 1.
	Version int
	// AsOf is when, by the clock of the event's home; By is the name of who had it said.
	AsOf time.Time
	By   string
	// Signed is the home's signature of all that: see [Snapshot.Genuine].
	Signed []byte
}

// What texts, times and lists may be.
const (
	// MaxTitle and MaxAbout are lengths in bytes: of titles and names, and of longer texts.
	MaxTitle, MaxAbout = 120, 2000
	// MaxDays and MaxStages are how many a festival has at the most.
	MaxDays, MaxStages = 14, 16
	// DayBegins and DayEnds bound the start of an event, in minutes since midnight; MaxLength is twelve hours.
	DayBegins, DayEnds, MaxLength = 6 * 60, 30 * 60, 12 * 60

	maxVersion = 1 << 50
)

// Errors of what was said, by code.
var (
	ErrText  = vat.NewError("festival.text", "that text cannot be taken")
	ErrTime  = vat.NewError("festival.time", "that time cannot be")
	ErrPlace = vat.NewError("festival.place", "the festival has no such day or stage")
	ErrInUse = vat.NewError("festival.in-use", "there are events on a day or stage that is left out")
)

// because returns an error of the same code that says more.
func because(e *vat.Error, format string, args ...any) error {
	return vat.NewError(e.Code, e.Message+": "+fmt.Sprintf(format, args...))
}

// Check returns why the details cannot be those of an event, an error with a code, or nil. Whether the festival has that day and
// stage is another question: see Fits.
func (d Details) Check() error {
	if err := checkLine("the title", d.Title, 1, MaxTitle); err != nil {
		return err
	}
	if err := checkText("what there is to say about it", d.About, MaxAbout); err != nil {
		return err
	}
	if err := checkLine("the stage", d.Stage, 1, MaxTitle); err != nil {
		return err
	}
	if err := checkDay(d.Day); err != nil {
		return err
	}
	if d.Start < DayBegins || d.Start >= DayEnds {
		return because(ErrTime, "a day begins at 06:00 and goes on until 06:00 of the next")
	}
	if d.Length < 5 || d.Length > MaxLength {
		return because(ErrTime, "an event takes from 5 minutes to 12 hours")
	}
	return nil
}

// Fits returns why such an event cannot be at the festival, or nil.
func (i Info) Fits(d Details) error {
	switch {
	case !slices.Contains(i.Days, d.Day):
		return because(ErrPlace, "the day %s", d.Day)
	case !slices.Contains(i.Stages, d.Stage):
		return because(ErrPlace, "the stage %q", d.Stage)
	}
	return nil
}

// Check returns why this cannot be what a festival says of itself, or nil.
func (i Info) Check() error {
	if err := checkLine("the name", i.Name, 1, MaxTitle); err != nil {
		return err
	}
	if err := checkText("what there is to say about it", i.About, MaxAbout); err != nil {
		return err
	}
	if n := len(i.Days); n < 1 || n > MaxDays {
		return because(ErrTime, "a festival has from 1 to %d days", MaxDays)
	}
	for n, day := range i.Days {
		if err := checkDay(day); err != nil {
			return err
		}
		if n > 0 && day <= i.Days[n-1] {
			return because(ErrTime, "the days are in order, each once")
		}
	}
	if n := len(i.Stages); n < 1 || n > MaxStages {
		return because(ErrPlace, "a festival has from 1 to %d stages", MaxStages)
	}
	for n, stage := range i.Stages {
		if err := checkLine("a stage", stage, 1, MaxTitle); err != nil {
			return err
		}
		if slices.Contains(i.Stages[:n], stage) {
			return because(ErrPlace, "%q is there twice", stage)
		}
	}
	return nil
}

func checkDay(day string) error {
	if t, err := time.Parse(time.DateOnly, day); err != nil || t.Format(time.DateOnly) != day {
		return because(ErrTime, "a day is written as 2027-07-02")
	}
	return nil
}

// check returns why this cannot be what an event's home has said, or nil.
func (s Snapshot) check() error {
	if s.Version < 1 || s.Version > maxVersion {
		return because(ErrTime, "versions count from 1")
	}
	if err := checkLine("a name", s.By, 0, MaxTitle); err != nil {
		return err
	}
	return s.Details.Check()
}

// check returns why nobody can be the holder, or nil.
func (h Holder) check() error { return checkLine("a name", h.Name, 1, MaxTitle) }
