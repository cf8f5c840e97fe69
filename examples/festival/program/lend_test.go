package program_test

import (
	"context"
	"slices"
	"testing"

	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/vat"
)

// What one has read one can lend: it is as good as the festival's word, changes with it, and is for reading alone.
func TestLend(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		admin, ada, vera := w.peer(program.AsAdmin, "root"), w.peer(program.AsOrganiser, "ada"), w.peer(program.AsVisitor, "vera")
		near := vat.New(nil)
		defer near.Close()
		zoe, err := program.OpenPeer(ctx, w.Vat("zoe"), near, ring)
		if err != nil {
			t.Fatal(err)
		}
		first, second := w.add(ada, "Tide Tables"), w.add(ada, "Slack Water")
		w.state(ada)
		lent := func(of *program.Peer, in string) vat.Ref {
			ref, err := vat.Do(ctx, w.Vat(in), func(ctx context.Context) (vat.Ref, error) { return program.Lend(of.Copy)(ctx, holder("zoe")) })
			if err != nil {
				t.Fatal(err)
			}
			return ref
		}
		loan := lent(vera, "vera")
		if err := zoe.Accept(ctx, loan); err != nil {
			t.Fatal(err)
		}
		reads := func(want ...string) {
			t.Helper()
			w.state(vera) // and then what it is lent to
			s := w.state(zoe)
			got := titles(s)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) || s.Trouble != "" || s.MayAdd || s.MayAdmin || s.Standing.Role != program.AsVisitor || s.Info.Name != info.Name {
				t.Errorf("%q, want %q: %+v", got, want, s)
			}
		}
		reads("Tide Tables", "Slack Water")
		if err := ada.Edit(ctx, first, 1, details("Tide Tables, twice")); err != nil {
			t.Fatal(err)
		}
		reads("Tide Tables, twice", "Slack Water")
		if err := admin.Unlist(ctx, 1, "the quay is closed"); err != nil {
			t.Fatal(err)
		}
		reads("Slack Water")
		if err := admin.List(ctx, 1); err != nil {
			t.Fatal(err)
		}
		reads("Tide Tables, twice", "Slack Water")
		if err := ada.Withdraw(ctx, second); err != nil {
			t.Fatal(err)
		}
		reads("Tide Tables, twice")
		for _, selector := range []string{"add", "unlist", "list", "describe", "use", "view", "changed"} {
			if err := send(ctx, loan, selector); !isCode(err, vat.ErrNoSuchMethod) {
				t.Errorf("%s: %v", selector, err)
			}
		}
		if _, err := zoe.Ask(ctx, 1); !isCode(err, program.ErrCopy) {
			t.Error(err)
		}

		// Who sees what is not listed does not show it.
		if err := admin.Unlist(ctx, 1, "again"); err != nil {
			t.Fatal(err)
		}
		w.add(ada, "High Water")
		w.state(ada)
		if err := zoe.Accept(ctx, lent(admin, "root")); err != nil {
			t.Fatal(err)
		}
		reads("High Water")
		w.crash()
		if zoe, err = program.OpenPeer(ctx, w.Vat("zoe"), near, ring); err != nil {
			t.Fatal(err)
		}
		vera = w.peer(program.AsVisitor, "vera")
		reads("High Water")
	})
}

// More than is told at once is lent in parts.
func TestLendMuch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.remember()
		near := vat.New(nil)
		defer near.Close()
		vera := w.peer(program.AsVisitor, "vera")
		for _, who := range []string{"ada", "bob"} {
			p := w.peer(program.AsOrganiser, who)
			for range 60 {
				w.add(p, who)
			}
		}
		w.state(vera)
		zoe, err := program.OpenPeer(t.Context(), w.Vat("zoe"), near, ring)
		if err != nil {
			t.Fatal(err)
		}
		loan, err := vat.Do(t.Context(), w.Vat("vera"), func(ctx context.Context) (vat.Ref, error) { return program.Lend(vera.Copy)(ctx, holder("zoe")) })
		if err != nil {
			t.Fatal(err)
		}
		if err := zoe.Accept(t.Context(), loan); err != nil {
			t.Fatal(err)
		}
		if got := titles(w.state(zoe)); len(got) != 120 {
			t.Errorf("%d", len(got))
		}
	})
}
