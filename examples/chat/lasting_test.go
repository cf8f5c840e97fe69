package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/vat"
)

// crashes ends the process as kill -9 does.
func (a *actor) crashes() {
	a.t.Helper()
	if err := a.Kill(); err != nil {
		a.t.Fatal(err)
	}
}

// lines returns everything the actor has written that holds the part.
func (a *actor) wrote(part string) []string {
	return slices.DeleteFunc(a.Wrote(), func(line string) bool { return !strings.Contains(line, part) })
}

// sitting starts a guest whose seat lasts.
func sitting(t *testing.T, who, dir, uri string, args ...string) *actor {
	t.Helper()
	g := begin(t, who, append([]string{"join", "--dir", dir, "--nick", who}, args...)...)
	g.says(uri)
	return g
}

// emptyURI is a guest who wants to go where it was last.
func emptyURI(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := command(t, "join", "--dir", dir)
	cmd.Stdin = strings.NewReader("\n")
	return cmd
}

// A guest gets what it has missed, in order, once, whichever of the two was killed meanwhile.
func TestUnreadMessages(t *testing.T) {
	t.Parallel()
	atHost, atBob := t.TempDir(), t.TempDir()
	host, uri := open(t, "--dir", atHost, "--listen", loopback)
	bob := sitting(t, "bob", atBob, uri)
	bob.sees(`* you are in "lobby" with ada`)
	host.sees("* bob joined")
	host.says("hello, bob")
	bob.sees("<ada> hello, bob")
	bob.says("hello yourself")
	host.sees("<bob> hello yourself")
	bob.sees("<bob (you)> hello yourself")
	bob.crashes()

	for i := range 3 {
		host.says(fmt.Sprintf("missed %d", i))
		host.sees(fmt.Sprintf("<ada (you)> missed %d", i))
	}
	host.crashes()
	host, again := open(t, "--dir", atHost, "--listen", loopback)
	if again != uri {
		t.Error("the room has another URI after a restart")
	}
	host.says("/who")
	host.sees("* here: ada (you), bob")
	host.says("missed 3")
	host.sees("<ada (you)> missed 3")

	bob = sitting(t, "bob", atBob, "") // the room of last time
	bob.sees("* while you were away:")
	bob.sees("<ada> missed 3")
	bob.sees(`* you are back in "lobby" with ada`)
	if got := bob.wrote("<ada>"); len(got) != 4 {
		t.Errorf("%q", got)
	} else {
		for i, line := range got {
			if !strings.HasSuffix(line, fmt.Sprintf("] <ada> missed %d", i)) {
				t.Errorf("%d: %q", i, line)
			}
		}
	}

	// The host is killed under the guest, which says something all the same.
	host.crashes()
	bob.says("are you there?")
	bob.sees("* the host is away; what you say is kept here")
	bob.crashes()
	host, _ = open(t, "--dir", atHost, "--listen", loopback)
	bob = sitting(t, "bob", atBob, uri)
	host.sees("<bob> are you there?")
	bob.sees(`* you are back in "lobby" with ada`)
	bob.sees("<bob (you)> are you there?")
	host.says("/history")
	host.sees("said: hello, bob")
	host.sees("bob said: hello yourself")
	host.sees("bob said: are you there?")
	host.says("I am")
	bob.sees("<ada> I am")
	bob.says("/who")
	bob.sees("* here: ", "bob (you)")

	// Who leaves is gone.
	bob.says("/leave")
	bob.ends(0)
	host.sees("* bob left")
	fails(t, emptyURI(t, atBob), 1, "no seat in the room you were in last")
	bob = sitting(t, "bob", atBob, uri)
	bob.sees(`* you are in "lobby" with ada`)
	if got := bob.wrote("while you were away"); len(got) > 0 {
		t.Error(got)
	}
	bob.says("/quit")
	bob.ends(0)
	host.says("/quit")
	host.ends(0)
}

// mailboxes runs a mailbox server, with a box for each of the names. It returns for each a file with its owner's URI, and what
// waits until there are more than so many letters in one, and returns how many.
func mailboxes(t *testing.T, names ...string) (files []string, hasMail func(name string, more int) int) {
	t.Helper()
	node, err := hawser.Open(t.Context(), &hawser.Config{Dir: t.TempDir(), Listen: loopback, Kinds: mailroom.Kinds()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() })
	v, err := node.DurableVat("mailboxes")
	if err != nil {
		t.Fatal(err)
	}
	host, err := mailroom.Open(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	p := vat.As[mailroom.PublisherRef](mailroom.PublisherFacet.SpawnIn(node.Vat("publisher"), publisher{node}))
	if _, err := host.Attach(t.Context(), p).Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		uri, err := host.Office(t.Context()).NewBox(t.Context(), name, mailroom.Terms{}).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte("owner "+uri+"\npublic none\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files, func(name string, more int) int {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			boxes, err := host.Office(t.Context()).Boxes(t.Context()).Await(t.Context())
			switch {
			case err != nil:
				t.Fatal(err)
			case boxes[name].Letters > more:
				return boxes[name].Letters
			case time.Now().After(end):
				t.Fatalf("no letter for %s", name)
			}
		}
	}
}

type publisher struct{ node *hawser.Node }

func (p publisher) Publish(ctx context.Context, name string, ref vat.Ref) (string, error) {
	uri, err := p.node.Publish(ctx, name, ref)
	return uri.URI(), err
}

func (p publisher) Revoke(ctx context.Context, name string) error { return p.node.Revoke(ctx, name) }

// After they have met the host and a guest are never on at the same time.
func TestMail(t *testing.T) {
	t.Parallel()
	boxes, hasMail := mailboxes(t, "ada", "bob")
	atHost, atBob := t.TempDir(), t.TempDir()
	host, uri := open(t, "--dir", atHost, "--listen", loopback, "--mailbox", boxes[0])
	bob := sitting(t, "bob", atBob, uri, "--mailbox", boxes[1])
	bob.sees(`* you are in "lobby" with ada`)
	host.sees("* by mail you reach one peer")
	bob.sees("* by mail you reach one peer")
	bob.says("/quit")
	bob.ends(0)

	host.says("missed")
	host.sees("<ada (you)> missed")
	hasMail("bob", 0)
	host.crashes()

	bob = sitting(t, "bob", atBob, uri, "--mailbox", boxes[1])
	bob.sees("* while you were away:")
	bob.sees("<ada> missed")
	bob.sees("* the host is away; what you say is kept here")
	before := hasMail("ada", 0) // that bob is back
	bob.says("thank you")
	hasMail("ada", before)
	bob.says("/quit")
	bob.ends(0)

	host, _ = open(t, "--dir", atHost, "--listen", loopback, "--mailbox", boxes[0])
	host.sees("<bob> thank you")
	host.says("/quit")
	host.ends(0)
}

// A host without a --dir has no seats: a guest who has one is a guest like any other.
func TestNoSeats(t *testing.T) {
	t.Parallel()
	host, uri := open(t)
	bob := sitting(t, "bob", t.TempDir(), uri)
	bob.sees("* the room keeps no seats")
	bob.sees(`* you are in "lobby" with ada`)
	host.sees("* bob joined")
	bob.says("/quit")
	bob.ends(0)
	host.sees("* bob left")
	host.says("/quit")
	host.ends(0)
}

// Two guests with a seat, one without, and a host: each of the first three is killed and started again while one of them
// talks. Everybody who has a seat hears everything once, in order.
func TestKilledWhileTalking(t *testing.T) {
	t.Parallel()
	const rounds, lines = 3, 10
	atHost, atBob, atCarol := t.TempDir(), t.TempDir(), t.TempDir()
	serve := func() (*actor, string) {
		host := begin(t, "host", "host", "--serve", "--dir", atHost, "--listen", loopback)
		return host, host.sees("ocapn://")
	}
	host, uri := serve()
	bob := sitting(t, "bob", atBob, uri)
	bob.sees(`* you are in "lobby"`)
	carol := sitting(t, "carol", atCarol, uri)
	carol.sees(`* you are in "lobby"`)
	heard := carol.wrote("<bob>")
	for round := range rounds {
		dave := begin(t, "dave", "join", uri, "--nick", "dave") // has no seat
		dave.sees(`* you are in "lobby" with bob and carol`)
		for i := range lines {
			bob.says(fmt.Sprintf("line %d", round*lines+i))
		}
		said := fmt.Sprintf("<bob> line %d", round*lines+lines/2)
		dave.sees(said)
		host.crashes()
		bob.says("/who")
		bob.sees("* the host does not answer") // and what it was told before is stored
		bob.crashes()
		carol.crashes()
		dave.crashes()
		heard = append(heard, carol.wrote("<bob>")...)
		host, _ = serve()
		bob, carol = sitting(t, "bob", atBob, ""), sitting(t, "carol", atCarol, "")
		bob.sees(`* you are back in "lobby"`)
		if last := fmt.Sprintf("<bob> line %d", round*lines+lines-1); !slices.Contains(heard, last) {
			carol.sees(last) // else the host was quicker than its end
		}
	}
	next, shown := 0, -1
	for _, line := range append(heard, carol.wrote("<bob>")...) {
		_, number, _ := strings.Cut(line, "<bob> line ")
		switch {
		case number == fmt.Sprint(next):
			shown, next = next, next+1
		case number == fmt.Sprint(shown): // written, and killed before that was stored
		default:
			t.Errorf("%q after line %d", line, shown)
		}
	}
	if next != rounds*lines {
		t.Errorf("%d lines heard, want %d", next, rounds*lines)
	}
	carol.says("/history")
	carol.sees("bob said: line 0")
	carol.sees(fmt.Sprintf("bob said: line %d", rounds*lines-1))
}
