// Command bench measures Hawser beside its floors: what the same work costs with nothing but the least that can do it.
//
// Every group of rows is measured in interleaved rounds, each row once a round, and each row is compared with its
// group's floor in the same round: on a busy machine the figures drift, their ratios much less. Client and server share
// the process, so that time and allocations cover both ends.
//
//	go run . [-rounds 6] [-time 250ms] [-run regexp] [-idle=false]
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 6, "how often each row is measured")
	each := flag.Duration("time", 250*time.Millisecond, "how long one measurement takes, about")
	only := flag.String("run", "", "measure only groups whose name matches this regular expression")
	idle := flag.Bool("idle", true, "measure the memory of idle units too")
	flag.Parse()
	if err := run(*rounds, *each, *only, *idle); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(rounds int, each time.Duration, only string, idle bool) error {
	// Sockets that delay have no buffer to be enlarged; the library says so in its log.
	os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	match, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	if rounds < 1 || each <= 0 {
		return fmt.Errorf("-rounds is %d and -time %v, both must be positive", rounds, each)
	}
	fmt.Printf("%s %s/%s, GOMAXPROCS %d, %d rounds of %v; medians, ratios within a round\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), rounds, each)
	found := false
	for _, g := range groups() {
		if !match.MatchString(g.name) {
			continue
		}
		found = true
		samples, err := g.measure(rounds, each)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		g.print(os.Stdout, samples)
	}
	if idle && match.MatchString(idleName) {
		found = true
		if err := printIdle(os.Stdout, idleRows()); err != nil {
			return fmt.Errorf("%s: %w", idleName, err)
		}
	}
	if !found {
		return fmt.Errorf("-run %q matches no group", only)
	}
	return nil
}
