// Command bench measures Hawser beside its floors: what the same work costs with nothing but the least that can do it.
//
// Every group of rows is measured in interleaved rounds, each row once a round, and each row is compared with its
// group's floor in the same round: on a busy machine the figures drift, their ratios much less. Client and server share
// the process, so that time and allocations cover both ends. README.md says what each row is and how to read the table.
//
//	go run . [-rounds 5] [-time 160ms] [-run regexp] [-row regexp] [-idle=false] [-cpuprofile file] [-memprofile file]
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"time"
)

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "how often each row is measured")
	flag.DurationVar(&o.each, "time", 160*time.Millisecond, "how long one measurement takes, about")
	flag.StringVar(&o.groups, "run", "", "measure only groups whose name matches this regular expression")
	flag.StringVar(&o.rows, "row", "", "measure only rows whose name matches this regular expression; ratios are to the first of them")
	flag.BoolVar(&o.idle, "idle", true, "measure the memory of idle units too")
	flag.StringVar(&o.cpu, "cpuprofile", "", "write a profile of the processor time to this file")
	flag.StringVar(&o.mem, "memprofile", "", "write a profile of every single allocation to this file; times mean nothing then")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

type options struct {
	rounds       int
	each         time.Duration
	groups, rows string
	idle         bool
	cpu, mem     string
}

func (o *options) run() error {
	// Sockets that delay have no buffer to be enlarged; the library says so in its log.
	os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	match, err := regexp.Compile(o.groups)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	matchRow, err := regexp.Compile(o.rows)
	if err != nil {
		return fmt.Errorf("-row: %w", err)
	}
	if o.rounds < 1 || o.each <= 0 {
		return fmt.Errorf("-rounds is %d and -time %v, both must be positive", o.rounds, o.each)
	}
	stop, err := o.profile()
	if err != nil {
		return err
	}
	fmt.Printf("%s %s/%s, GOMAXPROCS %d, %d rounds of %v; medians, ratios within a round\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), o.rounds, o.each)
	found := false
	for _, g := range groups() {
		g.rows = slices.DeleteFunc(g.rows, func(r row) bool { return !matchRow.MatchString(r.name) })
		if !match.MatchString(g.name) || len(g.rows) == 0 {
			continue
		}
		found = true
		samples, err := g.measure(o.rounds, o.each)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", g.name, err), stop())
		}
		g.print(os.Stdout, samples)
	}
	rows := slices.DeleteFunc(idleRows(), func(r idleRow) bool { return !matchRow.MatchString(r.name) })
	if o.idle && match.MatchString(idleName) && len(rows) > 0 {
		found = true
		if err := printIdle(os.Stdout, rows); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", idleName, err), stop())
		}
	}
	if !found {
		return errors.Join(fmt.Errorf("-run %q and -row %q match nothing", o.groups, o.rows), stop())
	}
	return stop()
}

// profile begins to record what was asked for; stop writes it.
func (o *options) profile() (stop func() error, err error) {
	stops := []func() error{}
	if o.cpu != "" {
		f, err := os.Create(o.cpu)
		if err != nil {
			return nil, fmt.Errorf("-cpuprofile: %w", err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, fmt.Errorf("-cpuprofile: %w", err)
		}
		stops = append(stops, func() error { pprof.StopCPUProfile(); return f.Close() })
	}
	if o.mem != "" {
		f, err := os.Create(o.mem)
		if err != nil {
			return nil, fmt.Errorf("-memprofile: %w", err)
		}
		runtime.MemProfileRate = 1
		stops = append(stops, func() error {
			runtime.GC() // the profile is of the last collection
			return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
		})
	}
	return func() error {
		var errs []error
		for _, s := range stops {
			errs = append(errs, s())
		}
		return errors.Join(errs...)
	}, nil
}
