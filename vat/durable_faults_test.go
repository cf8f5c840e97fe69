package vat_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/vat"
)

// Numbers are given out once, even if the first of a lease went to something that was not stored.
func TestLeaseOutlivesWhatFails(t *testing.T) {
	for name, waste := range map[string]func(w *world){
		"a vat that is refused": func(w *world) {
			if _, err := w.depot.Vat(strings.Repeat("x", 2000)); err == nil {
				t.Error("a name that no store takes was taken")
			}
		},
		"a turn that fails": func(w *world) {
			a := w.root("a", "a")
			if _, err := answer[any](a, "unstorable"); err == nil {
				t.Error("what cannot be stored was stored")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, tellerKind)
				if name == "a turn that fails" {
					w.root("a", "a")
				}
				w.crash() // a new lease begins with the next number
				waste(w)
				a := w.root("a", "a")
				mustAnswer[any](t, a, "link", mustAnswer[vat.Ref](t, a, "make"), "made")
				w.crash()
				a = w.root("a", "a")
				for range 20 {
					mustAnswer[any](t, a, "link", mustAnswer[vat.Ref](t, a, "make"), "more")
				}
				if n := mustAnswer[int](t, a, "add", 1); n != 1 {
					t.Errorf("%d, want 1", n)
				}
				if n := mustAnswer[int](t, mustAnswer[vat.Ref](t, a, "whois", "made"), "add", 1); n != 101 {
					t.Errorf("%d, want 101", n)
				}
				w.crash()
				if n := mustAnswer[int](t, w.root("a", "a"), "add", 1); n != 2 {
					t.Errorf("%d, want 2", n)
				}
			})
		})
	}
}

// What no store takes fails one turn, or is cut to what one takes. The depot goes on, and can be opened again.
func TestNoBadBatch(t *testing.T) {
	const edge = 16<<20 - 40 // a state of that length and what goes with it are too much
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		mustAnswer[any](t, a, "link", b, "b")
		if _, err := vat.Root(context.Background(), w.vat("a"), strings.Repeat("n", 1020), func(ctx context.Context) (TellerRef, error) {
			return vat.As[TellerRef](TellerFacet.Spawn(ctx, &teller{})), nil
		}); err == nil {
			t.Error("a root was stored under a name that no store takes")
		}
		for n := edge - 100; n < edge+40; n += 20 {
			_, _ = answer[any](a, "write", n)       // state
			_, _ = answer[any](a, "passText", n)    // a message
			_, _ = answer[any](a, "ask", "text", n) // an answer that is stored
		}
		for _, how := range []string{"long", "torn", "torn code"} {
			mustAnswer[any](t, a, "askError", how)
		}
		mustAnswer[any](t, a, "link", b.Send(context.Background(), "open"), "open")
		synctest.Wait()
		mustAnswer[any](t, a, "passSelector", []byte("\xff")) // which waits in the store for what b decides
		_, _ = answer[any](a, "passSelector", []byte(strings.Repeat("x", 15<<20)))
		synctest.Wait()
		if err := w.depot.Err(); err != nil {
			t.Fatal(err)
		}
		mustAnswer[int](t, a, "add", 1)
		lines := w.lines(a)
		synctest.Wait()
		if w.size("messages") == 0 {
			t.Error("no message waits in the store")
		}
		w.crash()
		synctest.Wait()
		if got := w.lines(w.root("a", "a")); got != lines {
			t.Errorf("%s, want %s", clip(got), clip(lines))
		}
	})
}

func clip(s string) string { return s[:min(len(s), 1000)] }
