package program_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/vat"
)

// An organiser adds and edits; everybody reads it, by whatever restarts; the admin takes it off and puts it back.
func TestStory(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, vis := w.peer(program.AsOrganiser, "ada"), w.peer(program.AsVisitor, "vera")
		id := w.add(ada, "Tide Tables")
		s := w.state(vis)
		if s.Info.Name != "Quayside" || s.Standing.Role != program.AsVisitor || s.Standing.Holder.Name != "vera" || len(s.Entries) != 1 || s.MayAdd || s.MayAdmin {
			t.Fatalf("%+v", s)
		}
		e := s.Entries[0]
		if e.Said.Details != details("Tide Tables") || e.By != holder("ada") || e.Said.Version != 1 || e.State != program.Listed || e.ID != id {
			t.Errorf("%+v", e)
		}
		w.crash()
		var admin *program.Peer
		admin, ada, vis = w.peer(program.AsAdmin, "root"), w.peer(program.AsOrganiser, "ada"), w.peer(program.AsVisitor, "vera")
		d := details("Tide Tables, twice")
		if err := ada.Edit(ctx, id, 1, d); err != nil {
			t.Fatal(err)
		}
		if got := titles(w.state(vis)); !slices.Equal(got, []string{d.Title}) {
			t.Errorf("%q", got)
		}
		if err := ada.Edit(ctx, id, 1, d); !isCode(err, program.ErrStale) {
			t.Errorf("an edit of an old version: %v", err)
		}
		m := w.state(ada).Mine
		if len(m) != 1 || m[0].Number != e.Number || m[0].Taken != 2 || m[0].Waiting != 0 || m[0].Trouble != "" {
			t.Errorf("%+v", m)
		}
		if said, err := vis.Ask(ctx, e.Number); err != nil || said.Details != d || said.Version != 2 || said.By != "ada" {
			t.Errorf("%+v, %v", said, err)
		}
		if err := admin.Unlist(ctx, e.Number, "the quay is closed"); err != nil {
			t.Fatal(err)
		}
		if got := titles(w.state(vis)); len(got) != 0 {
			t.Errorf("a visitor sees what is not listed: %q", got)
		}
		if _, err := vis.Ask(ctx, e.Number); !isCode(err, program.ErrGone) {
			t.Errorf("a visitor is led to what is not listed: %v", err)
		}
		for _, p := range []*program.Peer{ada, admin} {
			if s := w.state(p); len(s.Entries) != 1 || s.Entries[0].Reason != "the quay is closed" || s.Entries[0].State != program.Unlisted {
				t.Errorf("%+v", s.Entries)
			}
		}
		if err := admin.List(ctx, e.Number); err != nil {
			t.Fatal(err)
		}
		if got := titles(w.state(vis)); len(got) != 1 {
			t.Errorf("%q", got)
		}
		if err := ada.Withdraw(ctx, id); err != nil {
			t.Fatal(err)
		}
		if got := append(titles(w.state(vis)), titles(w.state(admin))...); len(got) != 0 {
			t.Errorf("%q", got)
		}
		if m := w.state(ada).Mine; len(m) != 0 {
			t.Errorf("%+v", m)
		}
	})
}

// What a facet does not have cannot be asked of it, whatever a program tries; what it is led to has no more.
func TestRights(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, bob, _ := w.peer(program.AsOrganiser, "ada"), w.peer(program.AsOrganiser, "bob"), w.peer(program.AsVisitor, "vera")
		id := w.add(ada, "Tide Tables")
		n := w.state(ada).Entries[0].Number
		said := w.state(ada).Entries[0].Said
		visitor, organiser, admin := w.facet(program.AsVisitor, "vera"), w.facet(program.AsOrganiser, "bob"), w.facet(program.AsAdmin, "root")
		reader := vat.As[program.VisitorRef](visitor).Event(ctx, n).Ref
		for _, c := range []struct {
			what string
			to   vat.Ref
			sel  string
			args []any
		}{
			{"a visitor adds", visitor, "add", []any{id, reader, said}},
			{"a visitor unlists", visitor, "unlist", []any{n, ""}},
			{"a visitor lists", visitor, "list", []any{n}},
			{"a visitor describes", visitor, "describe", []any{info}},
			{"an organiser unlists", organiser, "unlist", []any{n, ""}},
			{"an organiser describes", organiser, "describe", []any{info}},
			{"an admin adds", admin, "add", []any{id, reader, said}},
			{"an admin edits", admin, "edit", []any{n, said}},
			{"a reader edits", reader, "edit", []any{1, details("Mine now")}},
			{"a reader says", reader, "say", []any{said}},
			{"a reader withdraws", reader, "withdraw", nil},
			{"the festival itself", w.festival.Ref, "describe", []any{info}},
		} {
			if err := send(ctx, c.to, c.sel, c.args...); !isCode(err, vat.ErrNoSuchMethod) {
				t.Errorf("%s: %v", c.what, err)
			}
		}
		// Bob's desk does not have Ada's event, and what he adds under her ID is his.
		if err := bob.Edit(ctx, id, 1, details("Bob's")); !isCode(err, program.ErrGone) {
			t.Errorf("bob edits ada's: %v", err)
		}
		if err := bob.Withdraw(ctx, id); !isCode(err, program.ErrGone) {
			t.Errorf("bob withdraws ada's: %v", err)
		}
		forged := said
		forged.Version, forged.Details.Title = 99, "Forged"
		if _, err := vat.As[program.OrganiserRef](organiser).Add(ctx, id, vat.As[program.EventRef](w.facet(program.AsVisitor, "x")), forged).Await(ctx); !isCode(err, program.ErrForged) {
			t.Errorf("what Ada has not signed: %v", err)
		}
		forged = signed("bob", id, forged)
		own, err := vat.Do(ctx, w.Vat("bob"), func(ctx context.Context) (program.EventRef, error) {
			ref, err := program.Roles(w.festival)[program.AsVisitor](ctx, holder("bob"))
			return vat.As[program.EventRef](ref), err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := vat.As[program.OrganiserRef](organiser).Add(ctx, id, own, forged).Await(ctx); err != nil {
			t.Errorf("another organiser's ID is an ID like any other: %v", err)
		}
		got := w.state(ada)
		if len(got.Entries) != 2 || !reflect.DeepEqual(got.Entries[0].Said, said) || got.Entries[0].By != holder("ada") || got.Entries[1].By != holder("bob") {
			t.Errorf("%+v", got.Entries)
		}
	})
}

// What nobody knows yet what it is, and what somebody else has added, is not listed.
func TestAddedReferences(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada := w.peer(program.AsOrganiser, "ada")
		w.add(ada, "Tide Tables")
		said := w.state(ada).Entries[0].Said
		bob := vat.As[program.OrganiserRef](w.facet(program.AsOrganiser, "bob"))
		if _, err := bob.Add(ctx, program.ID{1}, program.EventRef{}, said).Await(ctx); !isCode(err, program.ErrNobody) {
			t.Error(err)
		}
		later := vat.NewVow(nil)
		if _, err := bob.Add(ctx, program.ID{1}, vat.As[program.EventRef](later.Ref()), said).Await(ctx); !isCode(err, program.ErrNobody) {
			t.Error(err)
		}
		reader, err := vat.As[program.VisitorRef](w.facet(program.AsVisitor, "bob")).Event(ctx, 1).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bob.Add(ctx, program.ID{1}, reader, said).Await(ctx); !isCode(err, program.ErrTaken) {
			t.Errorf("the festival's own reader of Ada's event: %v", err)
		}
		own := vat.As[program.EventRef](w.facet(program.AsVisitor, "somebody")) // anything will do
		if _, err := bob.Add(ctx, program.ID{1}, own, signed("bob", program.ID{1}, said)).Await(ctx); err != nil {
			t.Error(err)
		}
		if _, err := vat.As[program.OrganiserRef](w.facet(program.AsOrganiser, "carol")).Add(ctx, program.ID{2}, own, said).Await(ctx); !isCode(err, program.ErrTaken) {
			t.Errorf("what Bob has added already: %v", err)
		}
	})
}

// A festival cannot leave out what its events need, nor have them put back there.
func TestDescribe(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		admin, ada, vis := w.peer(program.AsAdmin, "root"), w.peer(program.AsOrganiser, "ada"), w.peer(program.AsVisitor, "vera")
		w.add(ada, "Tide Tables")
		less := info
		less.Days = info.Days[:1]
		if err := admin.Describe(ctx, less); !isCode(err, program.ErrInUse) {
			t.Error(err)
		}
		n := w.state(admin).Entries[0].Number
		if err := admin.Unlist(ctx, n, "rained off"); err != nil {
			t.Error(err)
		}
		if err := admin.Describe(ctx, less); err != nil {
			t.Error(err)
		}
		if s := w.state(vis); len(s.Info.Days) != 1 {
			t.Errorf("%+v", s.Info)
		}
		if err := admin.List(ctx, n); !isCode(err, program.ErrPlace) {
			t.Error(err)
		}
		if err := admin.List(ctx, 99); !isCode(err, program.ErrGone) {
			t.Error(err)
		}
		if err := admin.Describe(ctx, program.Info{}); !isCode(err, program.ErrText) {
			t.Error(err)
		}
		w.add(ada, "Too late")
		if m := w.state(ada).Mine; len(m) != 2 || m[1].Trouble == "" || m[1].Number != 0 {
			t.Errorf("%+v", m)
		}
		if s := w.state(vis); len(s.Entries) != 0 {
			t.Errorf("%+v", s.Entries)
		}
		// What is put right is offered again.
		d := details("In time")
		d.Day = less.Days[0]
		if err := ada.Edit(ctx, w.state(ada).Mine[1].ID, 1, d); err != nil {
			t.Error(err)
		}
		if s := w.state(ada); len(s.Mine) != 2 || s.Mine[1].Trouble != "" || s.Mine[1].Taken != 2 {
			t.Errorf("%+v", s.Mine)
		}
		if got := titles(w.state(vis)); !slices.Equal(got, []string{"In time"}) {
			t.Errorf("%q", got)
		}
	})
}

// Much is told in parts, and everything arrives.
func TestMuch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.remember()
		for o := range 3 {
			p := w.peer(program.AsOrganiser, fmt.Sprint("organiser ", o))
			for i := range 60 {
				w.add(p, fmt.Sprint("event ", o, ".", i))
			}
		}
		if got := titles(w.state(w.peer(program.AsVisitor, "late"))); len(got) != 180 || got[179] != "event 2.59" {
			t.Errorf("%d", len(got))
		}
		synctest.Wait()
	})
}

// Those who hold facets are called what the admin calls their key, or the key from which they have what they hold.
func TestNames(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, cleo, nobody := holder("ada").Key, holder("cleo").Key, holder("nobody").Key
		called := func(key, from [32]byte) string {
			h, err := vat.Do(ctx, w.Vat("admin"), func(ctx context.Context) (program.Holder, error) { return program.HolderOf(ctx, w.festival, key, from) })
			if err != nil || h.Key != key {
				t.Errorf("%+v, %v", h, err)
			}
			return h.Name
		}
		if got := called(ada, nobody); got != holder("ada").Short() {
			t.Errorf("%q", got)
		}
		if _, err := w.festival.Name(ctx, ada, "Ada").Await(ctx); err != nil {
			t.Error(err)
		}
		w.crash()
		if got, want := called(ada, nobody)+", "+called(cleo, ada), "Ada, Ada's "+holder("cleo").Short(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if _, err := w.festival.Name(ctx, ada, "A\x1b").Await(ctx); !isCode(err, program.ErrText) {
			t.Error(err)
		}
	})
}
