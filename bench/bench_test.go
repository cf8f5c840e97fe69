package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRows does the work of every row once, so that a row that stops working is found without measuring it.
func TestRows(t *testing.T) {
	for _, g := range groups() {
		for _, r := range g.rows {
			t.Run(strings.ReplaceAll(g.name+"/"+r.name, " ", "-"), func(t *testing.T) {
				w, err := r.open()
				if err != nil {
					t.Fatal(err)
				}
				often := []int{1, 7, 300}
				if g.slow {
					often = []int{1, 2}
				}
				for _, n := range often {
					if err := w.run(n, new(times)); err != nil {
						t.Errorf("%d times: %v", n, err)
					}
				}
				if err := w.close(); err != nil {
					t.Errorf("closing: %v", err)
				}
			})
		}
	}
}

func TestIdleRows(t *testing.T) {
	rows := idleRows()
	for i := range rows {
		rows[i].number = 5
	}
	if err := printIdle(io.Discard, rows); err != nil {
		t.Error(err)
	}
}

// TestRatioIsTakenWithinARound has every round at a speed of its own, and a row that always takes twice the floor.
func TestRatioIsTakenWithinARound(t *testing.T) {
	var floor, twice []sample
	for i := range 5 {
		speed := float64(1 + i*i)
		floor, twice = append(floor, sample{each: 10 * speed}), append(twice, sample{each: 20 * speed})
	}
	if got := ratio(twice, floor, byTime); got != 2 {
		t.Errorf("the ratio is %v, want 2", got)
	}
	g := &group{name: "work", rows: []row{{name: "floor"}, {name: "kept", owes: 2}, {name: "missed", owes: 1.9}}}
	var out bytes.Buffer
	g.print(&out, [][]sample{floor, twice, twice})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, want := range []string{"work", "1.00", "owes 2.00, kept", "owes 1.90, MISSED"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d is %q, want %q in it", i, lines[i], want)
		}
	}
}

func TestMeasureInterleaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		taking := func(name string, each time.Duration) opener {
			return func() (work, error) {
				order = append(order, name)
				return work{func(n int, _ *times) error { time.Sleep(time.Duration(n) * each); return nil }, nothing}, nil
			}
		}
		g := group{name: "work", rows: []row{
			{name: "a", open: taking("a", 10*time.Microsecond)},
			{name: "b", open: taking("b", 15*time.Microsecond)},
		}}
		samples, err := g.measure(3, time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(order, ""); got != "abbaab" {
			t.Errorf("measured in the order %s, want abbaab", got)
		}
		for i, want := range []float64{10000, 15000} {
			for _, s := range samples[i] {
				if s.each != want {
					t.Errorf("%s takes %v ns each, want %v", g.rows[i].name, s.each, want)
				}
			}
		}
		if got := ratio(samples[1], samples[0], byTime); got != 1.5 {
			t.Errorf("the ratio is %v, want 1.5", got)
		}
	})
}

func TestCalibrateForgivesAHiccup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		w := work{run: func(n int, _ *times) error {
			if runs++; runs <= 2 {
				time.Sleep(time.Second)
			}
			time.Sleep(time.Duration(n) * time.Microsecond)
			return nil
		}}
		if n, err := calibrate(w, 100*time.Millisecond); err != nil || n < 90_000 || n > 110_000 {
			t.Errorf("%d times, want about 100 000: %v", n, err)
		}
	})
}
