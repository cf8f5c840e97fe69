package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
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
		p := &process{who: "carol", lines: c.lines, more: make(chan struct{}), ended: make(chan struct{})}
		close(p.ended)
		d := &demo{ctx: t.Context()}
		d.enters(p, "ada", "bob")
		if (d.err == nil) != (c.seen > 0) || d.err == nil && d.seen != c.seen {
			t.Errorf("%q: %d seen, %v", c.lines, d.seen, d.err)
		}
	}
}

// A line that does not come fails the demo, with the reason, as does a process that ends otherwise than it should.
func TestDemoFails(t *testing.T) {
	t.Parallel()
	run := func(args ...string) *process {
		t.Helper()
		p, err := start("ada", command(t, args...))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.stop)
		return p
	}
	d := &demo{ctx: t.Context()}
	d.sees(run("help"), "chat demo", "no such thing")
	if d.err == nil || !strings.Contains(d.err.Error(), `ada ended without seeing ["chat demo" "no such thing"]`) {
		t.Errorf("%v", d.err)
	}
	d = &demo{ctx: t.Context()}
	d.ends(run("help"), 1)
	if d.err == nil || !strings.Contains(d.err.Error(), "exit code 0 (<nil>), want 1") {
		t.Errorf("%v", d.err)
	}
	first := errors.New("the first thing that went wrong")
	d = &demo{ctx: t.Context(), err: first}
	d.scene("nothing happens any more")
	if p := d.start("bob", "help"); p != nil || d.sees(nil, "x") != "" || d.err != first || d.step+d.seen > 0 {
		t.Errorf("%v %v", p, d.err)
	}
}
