package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// print writes a group as a table of medians, with each row's ratio to the floor.
func (g *group) print(w io.Writer, samples [][]sample) {
	fmt.Fprintf(w, "\n%-52s %10s %10s %9s %9s %8s %9s %8s\n", g.name, "each", "per s", "p50", "p99", "allocs", "B", "x floor")
	for i, r := range g.rows {
		s := samples[i]
		each := median(s, func(s sample) float64 { return s.each })
		fmt.Fprintf(w, "  %-50s %10s %10s %9s %9s %8s %9s %8s%s\n", r.name,
			duration(each), count(1e9/each),
			duration(median(s, func(s sample) float64 { return float64(s.p50) })),
			duration(median(s, func(s sample) float64 { return float64(s.p99) })),
			small(median(s, func(s sample) float64 { return s.allocs })),
			count(median(s, func(s sample) float64 { return s.bytes })),
			fmt.Sprintf("%.2f", ratio(s, samples[0])), r.verdict(ratio(s, samples[0])))
	}
}

// verdict says whether a row keeps what it owes.
func (r *row) verdict(ratio float64) string {
	switch {
	case r.owes == 0:
		return ""
	case ratio <= r.owes:
		return fmt.Sprintf("  owes %.2f, kept", r.owes)
	}
	return fmt.Sprintf("  owes %.2f, MISSED", r.owes)
}

// ratio is the median, over the rounds, of what a row takes for what the floor takes 1 for.
func ratio(s, floor []sample) float64 {
	ratios := make([]float64, len(s))
	for i := range s {
		ratios[i] = s[i].each / floor[i].each
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

func small(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return count(v)
}
