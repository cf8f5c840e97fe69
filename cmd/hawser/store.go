package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
	"github.com/hawser-go/hawser/vat"
)

// storeFile is the store in a node's Dir.
const storeFile = "store.db"

const storeUsage = `usage: hawser store check DIR

DIR is that of a node which does not run: what it has stored is read from end to end and not changed.
Exit status 0 if it is sound or there is none, 1 if it is damaged, 2 if it could not be checked.
`

// checkStore is hawser store.
func checkStore(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("hawser store check", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, storeUsage) }
	if len(args) > 0 && args[0] == "check" {
		args = args[1:]
	} else if len(args) > 0 && args[0] != "-h" && args[0] != "--help" {
		flags.Usage()
		return 2
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() != 1:
		flags.Usage()
		return 2
	}
	dir := flags.Arg(0)
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return misused(stderr, "there is no directory %s", dir)
	} else if err != nil {
		return misused(stderr, "%v", err)
	} else if !info.IsDir() {
		return misused(stderr, "%s is no directory: name the Dir of a node", dir)
	}
	path := filepath.Join(dir, storeFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(stdout, "%s: there is no store\n", dir)
		return 0
	}

	err := bolt.Check(path, func(r store.Reader) error {
		contents, err := vat.CheckDepot(r)
		writeContents(stdout, path, &contents)
		return errors.Join(err, checkSessions(r, stdout))
	})
	var unreadable *fs.PathError
	switch {
	case err == nil:
		fmt.Fprintf(stdout, "%s: sound\n", path)
		return 0
	case errors.Is(err, store.ErrLocked), errors.Is(err, store.ErrNewer), errors.Is(err, fs.ErrPermission), errors.As(err, &unreadable):
		return misused(stderr, "%v", err)
	}
	fmt.Fprintf(stderr, "hawser: %s is damaged: restore it from a backup, or use a new directory\n%v\n", path, err)
	return 1
}

// checkSessions checks the sessions in a store, and their links.
func checkSessions(r store.Reader, stdout io.Writer) error {
	sessions, err := captp.StoredSessions(r)
	links, bad := link.StoredLinks(r)
	if err = errors.Join(err, bad); err != nil {
		return err
	}
	if len(sessions) > 0 {
		fmt.Fprintf(stdout, "%d sessions that outlive the process\n", len(sessions))
	}
	gifts, err := home.StoredGifts(r)
	if err != nil {
		return err
	}
	if gifts > 0 {
		fmt.Fprintf(stdout, "%d references for others who have not fetched them, or wait for them\n", gifts)
	}
	of := make(map[[16]byte]bool)
	for _, l := range links {
		of[l.Name] = true
	}
	for _, s := range sessions {
		if !of[s.Name] {
			err = errors.Join(err, fmt.Errorf("the session %x with %s has no link", s.Name, s.Peer))
		}
		delete(of, s.Name)
	}
	for name := range of {
		err = errors.Join(err, fmt.Errorf("the link %x has no session", name))
	}
	return err
}

// writeContents writes what there is in a depot as a table.
func writeContents(w io.Writer, path string, c *vat.DepotContents) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	closed := "closed in order"
	if !c.Clean {
		closed = "not closed in order"
	}
	fmt.Fprintf(w, "%s: %s\n", path, closed)
	for _, k := range c.Kinds {
		if k.Objects == 0 && strings.HasPrefix(k.Name, "hawser.") {
			continue // the runtime's own, of which there is none
		}
		fmt.Fprintf(tab, "%d\t  objects of the kind %q, version %d, %d bytes\n", k.Objects, k.Name, k.Version, k.Bytes)
	}
	for _, row := range []struct {
		n      int
		what   string
		always bool
	}{
		{c.Vats, "vats", true},
		{c.Roots, "roots", true},
		{c.Facets, "facets of objects", true},
		{c.Pending, "promises that are pending", true},
		{c.Settled, "promises that have settled", true},
		{c.Resolvers, "resolvers of promises", false},
		{c.Caretakers, "caretakers", false},
		{c.Messages, "messages that wait", true},
		{c.Far, "references into sessions", false},
		{c.Pins, "references that sessions keep", false},
		{c.Lost, "references that are lost", false},
		{c.Unnamed, "slots that nothing stored names", false},
		{c.Leftover, "states left by an upgrade that was cut short", false},
	} {
		if row.always || row.n > 0 {
			fmt.Fprintf(tab, "%d\t  %s\n", row.n, row.what)
		}
	}
	_ = tab.Flush()
}
