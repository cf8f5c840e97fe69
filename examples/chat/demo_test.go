package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/examples/play"
)

// TestDemo runs what the README begins with.
func TestDemo(t *testing.T) {
	t.Parallel()
	for _, netlayer := range []string{"noise-quic", "websocket"} {
		t.Run(netlayer, func(t *testing.T) {
			t.Parallel()
			demonstrate(t, "demo", "--netlayer", netlayer)
		})
	}
	t.Run("default", func(t *testing.T) {
		t.Parallel()
		demonstrate(t, "demo")
	})
}

func demonstrate(t *testing.T, args ...string) {
	t.Helper()
	cmd := command(t, args...)
	temp := t.TempDir()
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "TMP="+temp)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("%v\n%s\n%s", err, &stdout, &stderr)
	}
	for _, want := range []string{
		"bob      sees   <ada> hello, bob\n",
		"ada      sees   <bob> hello yourself\n",
		"carol    sees   * the room says that at ",
		"mallory  ends   with exit code 1\n",
		"carol    sees   * the host is back",
		"bob      sees   * carol left\n",
		"\nAll as it should be: ",
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("not in the output: %q", want)
		}
	}
	if t.Failed() {
		t.Log(stdout.String())
	}
	isEmpty(t, temp)
}

func isEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind in the temporary directory: %v %v", left, err)
	}
}

// Those who say their name late are waited for.
func TestDemoWaitsForNames(t *testing.T) {
	for _, c := range []struct {
		lines []string
		seen  int
	}{
		{[]string{`* you are in "lobby" with ada and bob`}, 1},
		{[]string{`* you are in "lobby" with ada`, "* bob is here"}, 2},
		{[]string{`* you are in "lobby" with nobody else`, "* bob is here", "* ada is here"}, 3},
		{[]string{`* you are in "lobby" with nobody else`, "* ada is here"}, 0},
	} {
		p := play.Ended("carol", c.lines...)
		d := &demo{Play: play.Play{Ctx: t.Context()}}
		d.enters(p, "ada", "bob")
		if (d.Err == nil) != (c.seen > 0) || d.Err == nil && d.Seen != c.seen {
			t.Errorf("%q: %d seen, %v", c.lines, d.Seen, d.Err)
		}
	}
}

// A line that does not come fails the demo, with the reason, as does a process that ends otherwise than it should.
func TestDemoFails(t *testing.T) {
	t.Parallel()
	run := func(args ...string) *play.Process {
		t.Helper()
		p, err := play.Start("ada", command(t, args...))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Stop)
		return p
	}
	d := &demo{Play: play.Play{Ctx: t.Context()}}
	d.Sees(run("help"), "chat demo", "no such thing")
	if d.Err == nil || !strings.Contains(d.Err.Error(), `ada ended without seeing ["chat demo" "no such thing"]`) {
		t.Errorf("%v", d.Err)
	}
	d = &demo{Play: play.Play{Ctx: t.Context()}}
	d.ends(run("help"), 1)
	if d.Err == nil || !strings.Contains(d.Err.Error(), "exit code 0 (<nil>), want 1") {
		t.Errorf("%v", d.Err)
	}
	first := errors.New("the first thing that went wrong")
	d = &demo{Play: play.Play{Ctx: t.Context(), Err: first}}
	d.Scene("nothing happens any more")
	if p := d.Start("bob", "help"); p != nil || d.Sees(nil, "x") != "" || d.Err != first || d.Step+d.Seen > 0 {
		t.Errorf("%v %v", p, d.Err)
	}
}
