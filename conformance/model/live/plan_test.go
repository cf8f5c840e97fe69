package live_test

import (
	"testing"
	"time"

	"github.com/hawser-go/hawser/conformance/model"
	"github.com/hawser-go/hawser/conformance/model/live"
)

// TestAll counts the plans of a scenario and finds no two the same.
func TestAll(t *testing.T) {
	sc := model.Chain("3 parties", 2, 1, 2, 2)
	c := live.Choices{Delays: []time.Duration{1, 2}, Pauses: []time.Duration{0, 3}, Links: live.Links(sc)}
	seen := make(map[string]bool)
	runs := live.All(func(choose func(int) int) bool {
		p := c.Make(sc, choose)
		if s := p.String(); seen[s] {
			t.Errorf("twice: %s", s)
		} else {
			seen[s] = true
		}
		return true
	})
	// Four directions of two delays; two sends, in order, among two events; three pauses of two lengths.
	if want := 16 * 12 * 8; runs != want || len(seen) != want {
		t.Errorf("%d runs, %d plans, want %d", runs, len(seen), want)
	}
	if n := live.All(func(choose func(int) int) bool { choose(2); return false }); n != 1 {
		t.Errorf("%d runs after it was told to stop", n)
	}
}

func TestLinks(t *testing.T) {
	sc := model.Chain("4 parties", 1, 1, 2, 3)
	if n := len(live.Links(sc)); n != 6 {
		t.Errorf("%d links in a chain of four, want 6", n)
	}
	if n := len(live.AllLinks(sc)); n != 12 {
		t.Errorf("%d links among four, want 12", n)
	}
}
