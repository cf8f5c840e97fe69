package main

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A group is rows that do the same work. The first is the floor.
type group struct {
	name string
	rows []row
	// by is what rows are compared by; wall time if it is zero.
	by quantity
	// slow says that the work is waited for, and so not done often in tests.
	slow bool
}

// A quantity is a part of a sample that rows are compared by.
type quantity struct {
	name string
	of   func(sample) float64
}

var (
	byTime = quantity{"x time", func(s sample) float64 { return s.each }}
	byP50  = quantity{"x p50", func(s sample) float64 { return float64(s.p50) }}
	byCPU  = quantity{"x cpu", func(s sample) float64 { return s.cpu }}
)

func (g *group) compared() quantity {
	if g.by.of == nil {
		return byTime
	}
	return g.by
}

// A row is one way to do the work.
type row struct {
	name string
	open opener
	// owes is the most that the row may take for what the floor takes 1 for; 0 if it owes nothing.
	owes float64
	// allocs is how many allocations more than the floor it may make for that; 0 if it owes nothing.
	allocs float64
}

// An opener sets up the work anew, for one measurement.
type opener func() (work, error)

// work is something to be done n times.
type work struct {
	// run does it n times and notes in t how long each time took, where that can be told.
	run func(n int, t *times) error
	// close releases everything and returns when nothing runs any more.
	close func() error
}

// A sample is what one measurement found, for doing the work once.
type sample struct {
	each          float64       // wall time in ns, of all callers together
	cpu           float64       // processor time in ns, of the whole process; 0 if unknown
	p50, p99      time.Duration // of one caller; 0 if unknown
	allocs, bytes float64
}

// measure takes a sample of each row in every round; samples are by row, then round.
func (g *group) measure(rounds int, each time.Duration) ([][]sample, error) {
	samples := make([][]sample, len(g.rows))
	counts := make([]int, len(g.rows))
	for round := range rounds {
		for k := range g.rows {
			i := k
			if round%2 == 1 { // whoever comes first in one round comes last in the next
				i = len(g.rows) - 1 - k
			}
			s, err := g.rows[i].sample(&counts[i], each)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", g.rows[i].name, err)
			}
			samples[i] = append(samples[i], s)
		}
	}
	return samples, nil
}

// sample measures once. The first time it finds out how often the work fits into the time given.
func (r *row) sample(count *int, each time.Duration) (s sample, err error) {
	w, err := r.open()
	if err != nil {
		return s, err
	}
	defer func() {
		if closed := w.close(); err == nil {
			err = closed
		}
	}()
	if *count == 0 {
		if *count, err = calibrate(w, each); err != nil {
			return s, err
		}
	} else if err := w.run(1+*count/10, new(times)); err != nil { // to warm up
		return s, err
	}
	n, t := *count, new(times)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begin, used := time.Now(), processorTime()
	if err := w.run(n, t); err != nil {
		return s, err
	}
	took, spent := time.Since(begin), processorTime()-used
	runtime.ReadMemStats(&after)
	s.each, s.cpu = float64(took)/float64(n), float64(spent)/float64(n)
	s.allocs = float64(after.Mallocs-before.Mallocs) / float64(n)
	s.bytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
	s.p50, s.p99 = t.quantile(0.5), t.quantile(0.99)
	return s, nil
}

// calibrate finds a count that takes about the time given. One slow run is no proof: something else may have had the
// processor.
func calibrate(w work, each time.Duration) (int, error) {
	for n := 1; ; n *= 4 {
		least := time.Duration(math.MaxInt64)
		for try := 0; try < 4 && least > each/8; try++ {
			begin := time.Now()
			if err := w.run(n, new(times)); err != nil {
				return 0, err
			}
			least = min(least, time.Since(begin))
		}
		if least > each/8 {
			return 1 + int(float64(n)*float64(each)/float64(least)), nil
		}
	}
}

// times collects how long single calls took: a part of them, evenly spread, when there are many.
type times struct {
	mu  sync.Mutex
	all []time.Duration
}

func (t *times) add(some []time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, some...)
}

func (t *times) quantile(q float64) time.Duration {
	if len(t.all) == 0 {
		return 0
	}
	slices.Sort(t.all)
	return t.all[int(q*float64(len(t.all)-1))]
}
