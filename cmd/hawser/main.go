// Command hawser is the tool that comes with Hawser.
//
//	hawser conformance LOCATOR   checks which clauses of the OCapN draft a peer keeps
//	hawser grant ...             makes, passes on, shows, verifies and revokes grants
//	hawser mailbox ...           keeps letters for nodes that are away
//	hawser peers DIR             lists the sessions of a node that outlive its process, and forgets some
//	hawser store check DIR       checks what a node has stored
package main

import (
	"fmt"
	"io"
	"os"
)

const usage = `usage: hawser COMMAND ...

  conformance LOCATOR   checks which clauses of the OCapN draft a peer keeps
  grant ...             makes, passes on, shows, verifies and revokes grants
  mailbox ...           keeps letters for nodes that are away
  peers DIR             lists the sessions of a node that outlive its process, and forgets some
  store check DIR       checks what a node has stored

More of a command: hawser COMMAND -h
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process. It returns the exit status: 0 for success, 1 for
// what was checked and is not as it should be, or a run that was not conclusive, 2 for
// wrong usage or what could not be checked.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "conformance":
			return checkConformance(args[1:], stdout, stderr)
		case "grant":
			return grants(args[1:], os.Stdin, stdout, stderr)
		case "mailbox":
			return mailboxes(args[1:], os.Stdin, stdout, stderr)
		case "peers":
			return peers(args[1:], stdout, stderr)
		case "store":
			return checkStore(args[1:], stdout, stderr)
		case "help", "-h", "--help":
			fmt.Fprint(stdout, usage)
			return 0
		}
	}
	fmt.Fprint(stderr, usage)
	return 2
}
