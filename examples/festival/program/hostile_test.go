package program_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// What cannot be an event is refused at its home and, from a home that does not care, at the festival.
func TestInputs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada := w.peer(program.AsOrganiser, "ada")
		far := vat.As[program.OrganiserRef](w.facet(program.AsOrganiser, "mallory"))
		own := vat.As[program.EventRef](w.facet(program.AsVisitor, "somebody"))
		for _, c := range []struct {
			what string
			want *vat.Error
			edit func(d *program.Details)
		}{
			{"no title", program.ErrText, func(d *program.Details) { d.Title = "" }},
			{"blanks", program.ErrText, func(d *program.Details) { d.Title = " x" }},
			{"two lines", program.ErrText, func(d *program.Details) { d.Title = "x\ny" }},
			{"an escape", program.ErrText, func(d *program.Details) { d.Title = "x\x1b[2J" }},
			{"reordering", program.ErrText, func(d *program.Details) { d.Title = "x\u202ey" }},
			{"a pile of marks", program.ErrText, func(d *program.Details) { d.Title = "x" + strings.Repeat("\u0301", 5) }},
			{"a long title", program.ErrText, func(d *program.Details) { d.Title = strings.Repeat("x", program.MaxTitle+1) }},
			{"a long text", program.ErrText, func(d *program.Details) { d.About = strings.Repeat("x", program.MaxAbout+1) }},
			{"no day", program.ErrTime, func(d *program.Details) { d.Day = "" }},
			{"no such date", program.ErrTime, func(d *program.Details) { d.Day = "2027-02-30" }},
			{"an odd date", program.ErrTime, func(d *program.Details) { d.Day = "2027-7-2" }},
			{"before the day", program.ErrTime, func(d *program.Details) { d.Start = program.DayBegins - 1 }},
			{"after the day", program.ErrTime, func(d *program.Details) { d.Start = program.DayEnds }},
			{"no length", program.ErrTime, func(d *program.Details) { d.Length = 0 }},
			{"negative", program.ErrTime, func(d *program.Details) { d.Length = -60 }},
			{"overflow", program.ErrTime, func(d *program.Details) { d.Start, d.Length = 1<<62, 1<<62 }},
		} {
			d := details("Tide Tables")
			c.edit(&d)
			if _, err := ada.Add(ctx, d); !isCode(err, c.want) {
				t.Errorf("%s: at home %v", c.what, err)
			}
			if _, err := far.Add(ctx, program.ID{1}, own, program.Snapshot{Details: d, Version: 1}).Await(ctx); !isCode(err, c.want) {
				t.Errorf("%s: at the festival %v", c.what, err)
			}
		}
		for _, s := range []program.Snapshot{
			{Details: details("x")},
			{Details: details("x"), Version: -1},
			{Details: details("x"), Version: 1 << 60},
			{Details: details("x"), Version: 1, By: "\x00"},
		} {
			if _, err := far.Add(ctx, program.ID{1}, own, s).Await(ctx); err == nil {
				t.Errorf("%+v was taken", s)
			}
		}
		if err := send(ctx, far.Ref, "add", []byte("too short for an ID"), own, 7); !isCode(err, vat.ErrBadArgs) {
			t.Error(err)
		}
		if s := w.state(ada); len(s.Entries)+len(s.Mine) != 0 {
			t.Errorf("%+v", s)
		}
		elsewhere := details("x")
		elsewhere.Stage = "Somewhere else"
		if _, err := far.Add(ctx, program.ID{1}, own, program.Snapshot{Details: elsewhere, Version: 1}).Await(ctx); !isCode(err, program.ErrPlace) {
			t.Error(err)
		}
		if _, err := program.Roles(w.festival)[program.AsVisitor](ctx, program.Holder{Name: "x\ny"}); !isCode(err, program.ErrText) {
			t.Error(err)
		}
	})
}

// How many events there are is bounded, for each and for all, and a slot takes nothing that is older than what it has.
func TestBounds(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.remember()
		ctx := t.Context()
		said := program.Snapshot{Details: details("x"), Version: 1}
		var own program.EventRef
		add := func(who string, n int) (program.SlotRef, error) {
			ref := vat.As[program.OrganiserRef](w.facet(program.AsOrganiser, who))
			id := program.ID{byte(n), byte(n >> 8)}
			return ref.Add(ctx, id, own, signed(who, id, said)).Await(ctx)
		}
		taken := 0
		var slot program.SlotRef
		var last string
		var lastID program.ID
		for o := range 9 {
			for i := range 64 {
				own = vat.As[program.EventRef](w.facet(program.AsVisitor, fmt.Sprint("event ", o, i)))
				s, err := add(fmt.Sprint("organiser ", o), i)
				switch {
				case err == nil:
					taken, slot, last, lastID = taken+1, s, fmt.Sprint("organiser ", o), program.ID{byte(i), byte(i >> 8)}
				case !isCode(err, program.ErrFull):
					t.Fatal(err)
				}
			}
			own = vat.As[program.EventRef](w.facet(program.AsVisitor, "one more"))
			if _, err := add(fmt.Sprint("organiser ", o), 64); !isCode(err, program.ErrFull) {
				t.Errorf("one too many: %v", err)
			}
		}
		if taken != 512 {
			t.Errorf("%d taken, want 512", taken)
		}
		said.Version, said.Details.Title = 5, "the fifth"
		said = signed(last, lastID, said)
		if r, err := slot.Say(ctx, said).Await(ctx); err != nil || r.Version != 5 {
			t.Errorf("%+v, %v", r, err)
		}
		said.Version, said.Details.Title = 4, "the fourth"
		said = signed(last, lastID, said)
		if r, err := slot.Say(ctx, said).Await(ctx); err != nil || r.Version != 5 {
			t.Errorf("%+v, %v", r, err)
		}
		if all := w.state(w.peer(program.AsVisitor, "vera")).Entries; len(all) != 512 || all[511].Said.Details.Title != "the fifth" {
			t.Errorf("%d", len(all))
		}
	})
}

// Somebody who adds and withdraws without end costs no more, and who was away for long begins anew.
func TestComingAndGoing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.remember()
		ctx := t.Context()
		vera := vat.As[program.VisitorRef](w.facet(program.AsVisitor, "vera"))
		first, err := vera.Changes(ctx, 0).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		organiser := vat.As[program.OrganiserRef](w.facet(program.AsOrganiser, "ada"))
		own := vat.As[program.EventRef](w.facet(program.AsVisitor, "event"))
		for i := range 300 {
			id := program.ID{byte(i), byte(i >> 8)}
			slot := organiser.Add(ctx, id, own, signed("ada", id, program.Snapshot{Details: details("x"), Version: 1}))
			if _, err := slot.Withdraw(ctx).Await(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for _, after := range []int{first.UpTo, -5, 1 << 40} {
			if c, err := vera.Changes(ctx, after).Await(ctx); err != nil || !c.Reset || c.More || len(c.Entries) != 0 {
				t.Errorf("after %d: %d entries, %v, %v", after, len(c.Entries), c.Reset, err)
			}
		}
		c, err := vera.Changes(ctx, 601-100).Await(ctx)
		if err != nil || c.Reset || len(c.Entries) != 50 || c.Entries[0].State != program.Gone {
			t.Errorf("%d entries, %v, %v", len(c.Entries), c.Reset, err)
		}
	})
}

// deaf never answers; it counts what it is told.
type deaf struct{ told *int }

func (d deaf) Changed(ctx context.Context, _ int) promise.Promise[any] {
	*d.told++
	p, _ := promise.New[any](ctx)
	return p
}

type deafListener interface {
	Changed(ctx context.Context, upTo int) promise.Promise[any]
}

var deafFacet = vat.FacetOf[deafListener]("test.deaf")

// rude answers with an error.
type rude struct{ told *int }

func (r rude) Changed(context.Context, int) error {
	*r.told++
	return program.ErrFull
}

type rudeListener interface {
	Changed(ctx context.Context, upTo int) error
}

var rudeFacet = vat.FacetOf[rudeListener]("test.rude")

// Listeners that do not answer are told once, those that are gone or fail are forgotten, and there are so many and no more.
func TestListeners(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.remember()
		ctx := t.Context()
		ada := w.peer(program.AsOrganiser, "ada")
		v := vat.New(nil)
		defer v.Close()
		var silent, failing int
		vera := vat.As[program.VisitorRef](w.facet(program.AsVisitor, "vera"))
		watch := func(who program.VisitorRef, l vat.Ref) error {
			_, err := who.Watch(ctx, vat.As[program.ListenerRef](l)).Await(ctx)
			return err
		}
		if err := watch(vera, vat.Ref{}); !isCode(err, program.ErrNobody) {
			t.Error(err)
		}
		for _, l := range []vat.Ref{deafFacet.SpawnIn(v, deaf{&silent}), rudeFacet.SpawnIn(v, rude{&failing})} {
			if err := watch(vera, l); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 20 {
			w.add(ada, fmt.Sprint(i))
			synctest.Wait()
		}
		if silent != 1 || failing != 1 {
			t.Errorf("told %d and %d times, want once each", silent, failing)
		}
		// Nine of one holder: the first is forgotten. Three hundred of many: those that were silent longest.
		told := make([]int, 300)
		for i := range 9 {
			if err := watch(vera, deafFacet.SpawnIn(v, deaf{&told[i]})); err != nil {
				t.Fatal(err)
			}
		}
		for i := range told {
			time.Sleep(time.Second)
			who := vat.As[program.VisitorRef](w.facet(program.AsVisitor, fmt.Sprint("visitor ", i/8)))
			if err := watch(who, deafFacet.SpawnIn(v, deaf{&told[i]})); err != nil {
				t.Fatal(err)
			}
		}
		w.crash()
		late := w.peer(program.AsVisitor, "late")
		ada = w.peer(program.AsOrganiser, "ada")
		w.add(ada, "after the crash")
		if got := titles(w.state(late)); len(got) != 21 {
			t.Errorf("%d, %+v, %+v", len(got), w.state(ada).Mine, w.state(late).View)
		}
	})
}

// liar is a festival that says what it likes.
type liar struct {
	changes program.Changes
	quiet   bool
}

func (l *liar) Standing() program.Standing {
	return program.Standing{Role: "king\x1b", Holder: program.Holder{Name: "\x07"}}
}
func (l *liar) Changes(int) program.Changes { return l.changes }
func (l *liar) Watch(program.ListenerRef) error {
	if l.quiet {
		return nil
	}
	return vat.NewError("x", strings.Repeat("\x1b[2J", 10_000))
}

type liarView interface {
	Standing() program.Standing
	Changes(after int) program.Changes
	Watch(l program.ListenerRef) error
}

var liarFacet = vat.FacetOf[liarView]("test.liar")

// What a hostile festival says is kept if it could be true, up to a bound.
func TestCopyOfALie(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		p := w.peer(program.AsVisitor, "vera")
		v := vat.New(nil)
		defer v.Close()
		l := new(liar)
		l.changes = program.Changes{UpTo: -7, More: true, Info: &program.Info{Name: "\x1b"}}
		good := program.Entry{State: program.Listed, By: holder("x"), Said: signed("x", program.ID{}, program.Snapshot{Details: details("x"), Version: 1})}
		for i := range 5000 {
			e := good
			e.Number = i - 5
			switch i % 4 {
			case 1:
				e.Said.Details.Title = "<script>\x00"
			case 2:
				e.State = "king"
			case 3:
				e.Said.Details.Title = "what its home has not said"
			}
			l.changes.Entries = append(l.changes.Entries, e)
		}
		ref := vat.As[program.VisitorRef](liarFacet.SpawnIn(v, l))
		if _, err := p.Copy.Use(ctx, ref).Await(ctx); err != nil {
			t.Fatal(err)
		}
		s := w.state(p)
		if len(s.Entries) == 0 || len(s.Entries) > 50 || s.Standing.Role != program.AsVisitor || s.Info.Name != info.Name {
			t.Errorf("%d entries, %+v, %+v", len(s.Entries), s.Standing, s.Info)
		}
		for _, e := range s.Entries {
			if e.Number < 1 || e.State != program.Listed || e.Said.Details.Title != "x" {
				t.Errorf("%+v", e)
			}
		}
		if s.Trouble == "" || strings.Contains(s.Trouble, "\x1b") || len(s.Trouble) > 500 {
			t.Errorf("%q", s.Trouble)
		}
		// The copy asks again by itself, and finds that all is well.
		good.Number = 1
		if _, err := vat.Do(ctx, v, func(context.Context) (any, error) {
			l.changes, l.quiet = program.Changes{UpTo: 1, Entries: []program.Entry{good}}, true
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Minute)
		if s := w.state(p); s.Trouble != "" || len(s.Entries) != 1 {
			t.Errorf("%q, %d entries", s.Trouble, len(s.Entries))
		}
		// What an event's home said later is not taken back by the festival.
		later := good
		later.Said.Version, later.Said.Details.Title = 2, "later"
		later.Said = signed("x", program.ID{}, later.Said)
		for _, e := range []program.Entry{later, good} {
			if _, err := vat.Do(ctx, v, func(context.Context) (any, error) {
				l.changes.UpTo++
				l.changes.Entries = []program.Entry{e}
				return nil, nil
			}); err != nil {
				t.Fatal(err)
			}
			anew := vat.As[program.VisitorRef](liarFacet.SpawnIn(v, l))
			if _, err := p.Copy.Use(ctx, anew).Await(ctx); err != nil {
				t.Fatal(err)
			}
			if got := titles(w.state(p)); len(got) != 1 || got[0] != "later" {
				t.Errorf("%q", got)
			}
		}
	})
}
