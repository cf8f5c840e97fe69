package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
)

const peersUsage = `usage: hawser peers DIR
       hawser peers forget DIR PEER

Lists the peers with which the node of DIR has sessions that outlive its process, or has those with one of them end, for good, when the
node is started next: what either side holds of the other breaks then. PEER is written as in the list.
The node must not be running. Exit status 0 if that was done, 1 if there is no such peer, 2 if it could not be done.
`

// peers is hawser peers.
func peers(args []string, stdout, stderr io.Writer) int {
	forget := len(args) > 0 && args[0] == "forget"
	if forget {
		args = args[1:]
	}
	flags := flag.NewFlagSet("hawser peers", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, peersUsage) }
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() != 1 && !forget, flags.NArg() != 2 && forget:
		flags.Usage()
		return 2
	}
	path := filepath.Join(flags.Arg(0), storeFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return misused(stderr, "there is no store in %s: name the Dir of a node that has durable vats", flags.Arg(0))
	} else if err != nil {
		return misused(stderr, "%v", err)
	}
	if forget {
		return forgetPeer(path, flags.Arg(1), stdout, stderr)
	}
	return listPeers(path, stdout, stderr)
}

func listPeers(path string, stdout, stderr io.Writer) int {
	var sessions []captp.StoredSession
	var links []link.Stored
	err := bolt.Check(path, func(r store.Reader) (err error) {
		if sessions, err = captp.StoredSessions(r); err == nil {
			links, err = link.StoredLinks(r)
		}
		return err
	})
	if err != nil {
		return misused(stderr, "%v", err)
	}
	if len(sessions) == 0 {
		fmt.Fprintln(stdout, "there are no sessions that outlive the node's process")
		return 0
	}
	of := make(map[[16]byte]link.Stored)
	for _, l := range links {
		of[l.Name] = l
	}
	tab := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "peer\tlast contact\twaiting for it\tit holds\twe hold\t")
	for _, s := range sessions {
		l := of[s.Name]
		note := ""
		if s.Doomed {
			note = "to be forgotten"
		}
		contact := l.Contact.UTC().Format(time.DateTime)
		if l.Unheard {
			contact = "not yet, by letter"
		}
		fmt.Fprintf(tab, "%s\t%s\t%d frames, %d bytes\t%d\t%d\t%s\n", s.Peer, contact, l.Frames, l.Bytes, s.Exports, s.Imports, note)
	}
	_ = tab.Flush()
	return 0
}

func forgetPeer(path, name string, stdout, stderr io.Writer) int {
	s, err := bolt.Open(path)
	if err != nil {
		return misused(stderr, "%v", err)
	}
	n, err := forgetIn(s, name)
	if err := errors.Join(err, s.Close()); err != nil {
		return misused(stderr, "%v", err)
	}
	if n == 0 {
		fmt.Fprintf(stderr, "hawser: there is no session with %q: hawser peers lists those that there are\n", name)
		return 1
	}
	fmt.Fprintf(stdout, "%d sessions end when the node is started\n", n)
	return 0
}

// forgetIn has the sessions with the peer of that name end, and returns how many these are.
func forgetIn(s *store.Store, name string) (int, error) {
	var all []captp.StoredSession
	err := s.View(func(r store.Reader) (err error) {
		all, err = captp.StoredSessions(r)
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, x := range all {
		if x.Peer.String() == name {
			return captp.Forget(s, x.Peer)
		}
	}
	return 0, nil
}
