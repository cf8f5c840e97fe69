package main

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/hawser-go/hawser/examples/play"
)

// endo begins a process that chats by the packages of an Endo checkout, whose dependencies are installed.
func endo(t *testing.T, nick, command string, env ...string) *actor {
	t.Helper()
	if os.Getenv("OCAPN_ENDO") == "" {
		t.Skip("NOT RUN against Endo: set OCAPN_ENDO to a checkout of endojs/endo with its dependencies installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "node", "testdata/endo.mjs", command, nick)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = 3 * time.Second
	p, err := play.Start(nick, cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("everything %s wrote: %q", nick, p.Wrote())
		}
	})
	return &actor{t, p}
}

// TestEndoJoins has Endo join a room of ours.
func TestEndoJoins(t *testing.T) {
	t.Parallel()
	erin := endo(t, "erin", "join")
	ada, uri := open(t, "--netlayer", "websocket")
	erin.says(uri)
	erin.sees("in lobby")
	erin.sees("joined ada")
	erin.sees("joined me")
	ada.sees("* erin joined")
	ada.says("hello, erin")
	erin.sees("said ada: hello, erin")
	erin.says("hello yourself")
	erin.sees("said me: hello yourself")
	ada.sees("<erin> hello yourself")
	erin.says("/leave")
	erin.sees("out")
	ada.sees("* erin left")
	erin.says("still there?")
	erin.sees("answer", "CONNECTION-CLOSED")
	ada.says("/quit")
	ada.ends(0)
}

// TestEndoHosts has us join a room of Endo's, whose host is in it.
func TestEndoHosts(t *testing.T) {
	t.Parallel()
	erin := endo(t, "erin", "host")
	uri := erin.sees("ocapn://")
	erin.sees("joined me")
	bob := begin(t, "bob", "join", "--nick", "bob")
	bob.says(uri)
	bob.sees(`* you are in "endo room" with erin`)
	erin.sees("joined bob")
	bob.says("hello, erin")
	erin.sees("said bob: hello, erin")
	bob.sees("<bob (you)> hello, erin")
	erin.says("hello yourself")
	bob.sees("<erin> hello yourself")
	bob.says("/who")
	bob.sees("* here: bob (you), erin")
	bob.says("/history")
	bob.sees("* the room keeps no history")
	bob.says("/quit")
	bob.ends(0)
	erin.sees("left bob")
}

// TestEndoAsGoblins has Endo say the version that Goblins says, as its own tests against Goblins do.
func TestEndoAsGoblins(t *testing.T) {
	t.Parallel()
	const version = "goblins-0.16"
	erin := endo(t, "erin", "join", "CAPTP_VERSION="+version)
	ada, uri := open(t, "--netlayer", "websocket", "--captp-version", version)
	erin.says(uri)
	erin.sees("joined ada")
	erin.says("hello")
	ada.sees("<erin> hello")

	frank := endo(t, "frank", "host", "CAPTP_VERSION="+version)
	uri = frank.sees("ocapn://")
	frank.sees("joined me")
	fails(t, command(t, "join", uri), 1, `invalid-version.*--captp-version`)
	bob := begin(t, "bob", "join", "--nick", "bob", "--captp-version", version)
	bob.says(uri)
	bob.sees(`* you are in "endo room" with frank`)
	bob.says("hello, frank")
	frank.sees("said bob: hello, frank")
}

// TestEndoHostsApart has two of us join a room of Endo's, whose host is in it as a peer of its own, as in Endo's program:
// all of them get to know each other by handoffs, and dial each other.
func TestEndoHostsApart(t *testing.T) {
	t.Parallel()
	erin := endo(t, "erin", "apart")
	uri := erin.sees("ocapn://")
	erin.sees("joined me")
	bob := begin(t, "bob", "join", "--nick", "bob")
	bob.says(uri)
	bob.sees(`* you are in "endo room" with erin`)
	bob.says("hello, erin")
	erin.sees("said bob: hello, erin")
	erin.says("hello yourself")
	bob.sees("<erin> hello yourself")
	carol := begin(t, "carol", "join", "--nick", "carol")
	carol.says(uri)
	carol.sees(`* you are in "endo room" with `)
	bob.sees("* carol joined")
	carol.says("hello, all")
	bob.sees("<carol> hello, all")
	erin.sees("said carol: hello, all")
	erin.says("hello, carol")
	bob.sees("<erin> hello, carol")
	carol.sees("<erin> hello, carol")
}

// TestEndoMeets has Endo join a room of ours in which there are members that are neither of them.
func TestEndoMeets(t *testing.T) {
	t.Parallel()
	erin := endo(t, "erin", "join")
	ada, uri := open(t, "--netlayer", "websocket")
	bob := begin(t, "bob", "join", "--nick", "bob")
	bob.says(uri)
	bob.sees(`* you are in "lobby" with ada`)
	erin.says(uri)
	erin.sees("in lobby")
	bob.sees("* erin joined")
	erin.says("hello, all")
	bob.sees("<erin> hello, all")
	ada.sees("<erin> hello, all")
	bob.says("hello, erin")
	erin.sees("said bob: hello, erin")
	ada.sees("<bob> hello, erin")
}

// TestEndoRefuses has us ask Endo for a room with a secret that nobody gave out.
func TestEndoRefuses(t *testing.T) {
	t.Parallel()
	erin := endo(t, "erin", "host")
	uri := erin.sees("ocapn://")
	fails(t, command(t, "join", tampered(uri)), 1, "the host refuses this URI")
}
