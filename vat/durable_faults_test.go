package vat_test

import (
	"strings"
	"testing"

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
