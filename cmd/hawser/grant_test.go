package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

// The scripts say what hawser grant does, command by command, wrong use and hostile input included.
func TestGrantScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "grant"), RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status": status, "secret": secret, "set": set, "fill": fill, "cut": cutFile, "forge": forge, "wild": wild, "untold": untold, "fold": fold, "trim": trim,
		},
	})
}

// status N ARGS... runs hawser, which ends with exit status N; if that is not 0 it has said why in one line, and whatever it
// says is fit for a terminal.
func status(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec("hawser", args[1:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = e.ExitCode()
	}
	stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	if got != want {
		ts.Fatalf("exit status %d, want %d\n%s", got, want, stderr)
	}
	if want != 0 && (stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "hawser: ")) {
		ts.Fatalf("want one line on standard error, and nothing on standard output:\n%q\n%q", stdout, stderr)
	}
	raw := strings.ContainsFunc(stdout+stderr, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) })
	if raw || !utf8.ValidString(stdout+stderr) {
		ts.Fatalf("a control character reaches the terminal: %q", stdout+stderr)
	}
	if strings.Contains(stdout+stderr, "goroutine ") {
		ts.Fatalf("a panic")
	}
}

// secret FILE... checks that nobody but the owner can read files, and that nothing half-written is beside them.
func secret(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		info, err := os.Stat(path)
		ts.Check(err)
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			ts.Fatalf("%s has mode %v, want 0600", name, info.Mode())
		}
		left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.new-*"))
		ts.Check(err)
		if len(left) > 0 {
			ts.Fatalf("%v was left behind", left)
		}
	}
}

// untold FILE checks that what was said last has no part of the secret in FILE, an identity or a bearer grant.
func untold(ts *testscript.TestScript, _ bool, args []string) {
	said, b := ts.ReadFile("stdout")+ts.ReadFile("stderr"), []byte(ts.ReadFile(args[0]))
	if _, s, ok := strings.Cut(strings.TrimSpace(string(b)), "."); ok {
		b = []byte(s)
	}
	for i := 0; i+12 <= len(b); i++ {
		if strings.Contains(said, string(b[i:i+12])) {
			ts.Fatalf("a part of the secret in %s was told:\n%s", args[0], said)
		}
	}
}

// set NAME FILE makes what is in a file a variable.
func set(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// fill FILE N TEXT writes N bytes of a text over and over.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	b := bytes.Repeat([]byte(args[2]), n/len(args[2])+1)[:n]
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// cut FROM TO N writes all but the last N bytes of what a text spells, or of a file.
func cutFile(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	change(ts, args[0], args[1], func(b []byte) []byte { return b[:len(b)-n] })
}

// forge FROM TO changes the last byte, which belongs to a signature.
func forge(ts *testscript.TestScript, _ bool, args []string) {
	change(ts, args[0], args[1], func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
}

func change(ts *testscript.TestScript, from, to string, how func([]byte) []byte) {
	text := strings.TrimSpace(ts.ReadFile(from))
	prefix, rest, ok := strings.Cut(text, ":")
	if !ok || prefix+":" != grantPrefix && prefix+":" != noticePrefix {
		ts.Check(os.WriteFile(ts.MkAbs(to), how([]byte(ts.ReadFile(from))), 0o600))
		return
	}
	b, err := base64.RawURLEncoding.DecodeString(rest)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(to), []byte(prefix+":"+base64.RawURLEncoding.EncodeToString(how(b))+"\n"), 0o600))
}

// trim FILE takes the last line's end away.
func trim(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.TrimRight(ts.ReadFile(args[0]), "\n")), 0o600))
}

// fold FROM TO breaks a text into lines, as mail programs do.
func fold(ts *testscript.TestScript, _ bool, args []string) {
	var lines []string
	for each := range slices.Chunk([]byte(strings.TrimSpace(ts.ReadFile(args[0]))), 72) {
		lines = append(lines, string(each))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(lines, "\r\n ")+"\n"), 0o600))
}

// wild KEY GRANT TO writes a notice whose reason would do things to a terminal.
func wild(ts *testscript.TestScript, _ bool, args []string) {
	id, err := readIdentity(ts.MkAbs(args[0]))
	ts.Check(err)
	g, err := readGrant(strings.TrimSpace(ts.ReadFile(args[1])), args[1])
	ts.Check(err)
	notice, err := g.Revoke(grant.SignerOf(id), grant.Withdrawal{Link: g.ID(), Reason: "\x1b[2J\x1b]0;owned\a\rgood\u202e\u009b31m\n"}, grant.Feed{})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(grant.NoticeText(notice)+"\n"), 0o600))
}
