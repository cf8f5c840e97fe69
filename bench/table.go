package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// print writes a group as a table of medians, with each row's ratio to the floor: by what the group compares, and in
// processor time, which a busy machine disturbs least.
func (g *group) print(w io.Writer, samples [][]sample) {
	by, other := g.compared(), byCPU
	if by.name == byCPU.name {
		other = byTime
	}
	fmt.Fprintf(w, "\n%-56s %10s %10s %10s %9s %9s %8s %9s %8s %8s\n",
		g.name, "each", "per s", "cpu", "p50", "p99", "allocs", "B", by.name, other.name)
	for i, r := range g.rows {
		s := samples[i]
		each, verdict := median(s, byTime.of), ""
		if i > 0 {
			verdict = r.verdict(s, samples[0], by)
		}
		fmt.Fprintf(w, "  %-54s %10s %10s %10s %9s %9s %8s %9s %8.2f %8.2f%s\n", r.name,
			duration(each), count(1e9/each), duration(median(s, byCPU.of)), duration(median(s, byP50.of)),
			duration(median(s, func(s sample) float64 { return float64(s.p99) })),
			few(median(s, func(s sample) float64 { return s.allocs })),
			count(median(s, func(s sample) float64 { return s.bytes })),
			ratio(s, samples[0], by), ratio(s, samples[0], other), verdict)
	}
}

// verdict says whether a row keeps what it owes.
func (r *row) verdict(s, floor []sample, by quantity) string {
	words := ""
	if r.owes != 0 {
		words += fmt.Sprintf("  owes %.2f, %s", r.owes, kept(ratio(s, floor, by) <= r.owes))
	}
	if r.allocs != 0 {
		more := median(s, func(s sample) float64 { return s.allocs }) - median(floor, func(s sample) float64 { return s.allocs })
		words += fmt.Sprintf("  owes %+.0f allocs, is %+.1f, %s", r.allocs, more, kept(more < r.allocs+0.5))
	}
	return words
}

func kept(is bool) string {
	if is {
		return "kept"
	}
	return "MISSED"
}

// ratio is the median, over the rounds, of what a row takes for what the floor takes 1 for.
func ratio(s, floor []sample, by quantity) float64 {
	ratios := make([]float64, len(s))
	for i := range s {
		ratios[i] = by.of(s[i]) / by.of(floor[i])
	}
	return middle(ratios)
}

func median(s []sample, of func(sample) float64) float64 {
	values := make([]float64, len(s))
	for i := range s {
		values[i] = of(s[i])
	}
	return middle(values)
}

func middle(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

func duration(ns float64) string {
	switch d := time.Duration(ns); {
	case d == 0:
		return "-"
	case d < time.Microsecond:
		return fmt.Sprintf("%.1f ns", ns)
	case d < time.Millisecond:
		return fmt.Sprintf("%.2f us", ns/1e3)
	default:
		return fmt.Sprintf("%.2f ms", ns/1e6)
	}
}

func count(v float64) string {
	switch {
	case v < 1e4:
		return fmt.Sprintf("%.0f", v)
	case v < 1e7:
		return fmt.Sprintf("%.1fk", v/1e3)
	}
	return fmt.Sprintf("%.1fM", v/1e6)
}

func few(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return count(v)
}
