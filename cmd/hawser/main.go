// Command hawser is the tool that comes with Hawser.
//
//	hawser conformance LOCATOR   checks which clauses of the OCapN draft a peer keeps
package main

import (
	"fmt"
	"io"
	"os"
)

const usage = `usage: hawser conformance [flags] LOCATOR

  conformance   checks which clauses of the OCapN draft a peer keeps

Flags: hawser conformance -h
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process. It returns the exit status: 0 for success, 1 for
// a clause that failed or a run that was not conclusive, 2 for wrong usage.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "conformance" {
		return checkConformance(args[1:], stdout, stderr)
	}
	if len(args) > 0 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help") {
		fmt.Fprint(stdout, usage)
		return 0
	}
	fmt.Fprint(stderr, usage)
	return 2
}
