package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hawser-go/hawser/examples/play"
)

// TestMain makes the test binary the festival program when it is called festival.
func TestMain(m *testing.M) {
	if os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // else each process of a test lingers for a second under the race detector
	}
	testscript.Main(m, map[string]func(){"festival": main})
}

// runs returns a command that runs the festival program for at most a minute.
func runs(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd, err := play.Again(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args[0] = "festival"
	return cmd
}

// actor is a festival process of a test.
type actor struct {
	t *testing.T
	*play.Process
}

func begin(t *testing.T, who string, args ...string) *actor {
	t.Helper()
	p, err := play.Start(who, runs(t, args...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("everything %s wrote:\n  %s", who, strings.Join(p.Wrote(), "\n  "))
		}
	})
	return &actor{t, p}
}

func (a *actor) says(line string) {
	a.t.Helper()
	if err := a.Say(line); err != nil {
		a.t.Fatal(err)
	}
}

func (a *actor) sees(parts ...string) string {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 30*time.Second)
	defer cancel()
	line, err := a.Process.Sees(ctx, parts...)
	if err != nil {
		a.t.Fatal(err)
	}
	return line
}

func (a *actor) ends(code int) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 30*time.Second)
	defer cancel()
	if err := a.Process.Ends(ctx, code); err != nil {
		a.t.Fatal(err)
	}
}

// TestDemo runs what the README begins with.
func TestDemo(t *testing.T) {
	t.Parallel()
	demonstrates(t, []string{"demo"},
		`vera  sees   + 1: "Foghorn Choir"`,
		"vera  sees   ! vat: no such method",
		"mara  is killed\n",
		`mara  sees   ~ 1: "Foghorn Choir" Harbour 2027-07-03 20:30`,
		"ada   sees   pending nothing\n",
		"cleo  sees   * organiser of Quayside, bob's ",
		`zoe   sees   + 1: "Foghorn Choir" Harbour 2027-07-03 20:00`,
		"mara  sees   revoked 2\n",
		"\nAll as it should be: ",
	)
}

// demonstrates runs a demo, which says that and leaves nothing behind.
func demonstrates(t *testing.T, args []string, wants ...string) {
	t.Helper()
	cmd := runs(t, args...)
	temp := t.TempDir()
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "TMP="+temp)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("%v\n%s\n%s", err, &stdout, &stderr)
	}
	for _, want := range wants {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("not in the output: %q", want)
		}
	}
	if t.Failed() {
		t.Log(stdout.String())
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind in the temporary directory: %v %v", left, err)
	}
}

// misused runs the command with arguments that are wrong, which is said, in one line unless the help is.
func misused(t *testing.T, args []string, code int, want string, oneLine bool) {
	t.Helper()
	cmd := runs(t, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(stderr.String(), want) || oneLine && strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("%q: %d\n%s\n%s", args, got, &stdout, &stderr)
	}
}

// What is wrong is said in one line.
func TestUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("public nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "The programme of a festival"},
		{[]string{"dance"}, 2, `no command "dance"`},
		{[]string{"keep"}, 2, "--dir is missing"},
		{[]string{"join", "--dri", dir}, 2, "-dri"},
		{[]string{"join", "--dir", dir, "more"}, 2, `"more" is one argument too many`},
		{[]string{"keep", "--dir", filepath.Join(dir, "a"), "--days", "yesterday"}, 1, "a day is written as"},
		{[]string{"keep", "--dir", filepath.Join(dir, "b"), "--stages", ","}, 1, "stages"},
		{[]string{"keep", "--dir", filepath.Join(dir, "c"), "--page", "0.0.0.0:0"}, 1, "loopback"},
		{[]string{"join", "--dir", filepath.Join(dir, "d"), "--mailbox", file}, 1, "--mailbox"},
	} {
		misused(t, c.args, c.code, c.want, c.args != nil)
	}
	out, err := runs(t, "join", "--help").Output()
	if err != nil || !strings.Contains(string(out), "-mailbox") {
		t.Errorf("%v\n%s", err, out)
	}
}

// An invitation is for one key, and whoever changes it has nothing.
func TestInvitations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(who string) []string {
		return []string{"--dir", filepath.Join(dir, who), "--listen", loopback, "--page", "-"}
	}
	mara := begin(t, "mara", append([]string{"keep", "--name", "Quayside"}, at("mara")...)...)
	mara.sees("* admin of Quayside")
	join := func(who string) (*actor, string) {
		a := begin(t, who, append([]string{"join"}, at(who)...)...)
		return a, strings.TrimPrefix(a.sees("key "), "key ")
	}
	vera, key := join("vera")
	mara.says("grant king " + key + " Vera")
	mara.sees("! there is no role")
	mara.says("grant visitor " + key[1:] + " Vera")
	mara.sees("! ")
	mara.says("grant visitor " + key + " Vera")
	invitation := mara.sees("invitation hawser-grant:")

	thief, _ := join("thief")
	thief.says(invitation)
	thief.sees("that invitation is for somebody else")
	thief.ends(1)
	for _, bad := range []string{"", "x", "invitation x y", strings.Fields(invitation)[1], strings.Replace(invitation, "hawser-grant:h", "hawser-grant:A", 1) + " more"} {
		a, _ := join("somebody")
		a.says(bad)
		a.sees("that is no invitation")
		a.ends(1)
	}

	vera.says(invitation)
	vera.sees("* visitor of Quayside, Vera")
	vera.says("help")
	vera.sees("withdraw")
	for line, want := range map[string]string{
		"sing":              `there is no "sing"`,
		"ask 7":             `there is no event "7"`,
		"edit 7 x":          `there is no event "7"`,
		"add x|y|z|1|2":     "an event is TITLE",
		"add a|b|c|d|e|f|g": "an event is TITLE",
		"pass x":            "key",
		"revoke 1":          "there is no such grant",
		"page":              "there is no page",
	} {
		vera.says(line)
		vera.sees("! ", want)
	}
	vera.says("given")
	vera.sees("given nothing")
	other := begin(t, "other", append([]string{"keep", "--name", "Elsewhere"}, at("other")...)...)
	other.sees("* admin of Elsewhere")
	other.says("grant visitor " + key + " Vera")
	vera.says("share " + other.sees("invitation hawser-grant:"))
	vera.sees("! that invitation is not one of the festival's")
	other.says("quit")
	other.ends(0)
	mara.says("revoke 1 enough")
	mara.sees("revoked 1")
	vera.says("try changes")
	vera.sees("! ", "grant.over")
	vera.says("quit")
	vera.ends(0)
	mara.says("quit")
	mara.ends(0)
}

// A line that is too long is said to be, and what ends a program is not silent.
func TestLongLine(t *testing.T) {
	t.Parallel()
	a := begin(t, "ada", "photos", "open", "--dir", t.TempDir(), "--listen", loopback)
	a.sees("key ")
	a.says("album " + strings.Repeat("x", maxLine))
	a.sees("! a line of more than 16384 bytes")
	a.ends(0)
}

// A directory that photos has is not for a festival.
func TestPhotosDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := begin(t, "ada", "photos", "open", "--dir", dir, "--listen", loopback)
	a.sees("key ")
	a.says("quit")
	a.ends(0)
	for _, command := range []string{"keep", "join"} {
		out, err := runs(t, command, "--dir", dir, "--listen", loopback, "--page", "-").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "one of its own") {
			t.Errorf("%s: %v, %s", command, err, out)
		}
	}
}
