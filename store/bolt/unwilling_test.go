//go:build unix

package bolt_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func limitFiles(size string) {
	n, err := strconv.ParseUint(size, 10, 64)
	if err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n})
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// child has another process count in a store until it cannot go on, and returns the last number and what it said then.
func child(t *testing.T, path string, env string, as *syscall.Credential) (last uint64, said string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	if as != nil { // who may not read where this one is
		program, err := os.ReadFile(self)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Path = filepath.Join(filepath.Dir(filepath.Dir(path)), "program")
		if err := os.WriteFile(cmd.Path, program, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: as}
	}
	cmd.Env = append(os.Environ(), crashing+"="+path, env)
	out, err := cmd.Output()
	if err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("the process ended with %v: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if n := len(lines); n > 1 {
		if last, err = strconv.ParseUint(lines[n-2], 10, 64); err != nil {
			t.Errorf("before the end: %v", err)
		}
	}
	return last, lines[len(lines)-1]
}

// A full disk ends the writing with one line, and what was said to be written is there.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	last, said := child(t, path, limited+"=100000", nil)
	if last == 0 || !strings.Contains(said, "file too large") || !strings.Contains(said, "a write has failed") {
		t.Errorf("after %d: %s", last, said)
	}
	sees(t, path, last)
}

// A file or a directory that may not be written is said to be that, and nothing is touched.
func TestNoRights(t *testing.T) {
	var as *syscall.Credential
	if os.Geteuid() == 0 {
		as = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	for what, mode := range map[string]os.FileMode{"the directory": 0o555, "the file": 0o755} {
		path := filled(t)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(path)
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		tried := path
		if what == "the directory" {
			tried = filepath.Join(dir, "other.db")
		}
		if err := os.Chmod(path, 0o400); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		_, said := child(t, tried, "", as)
		if want := "store: cannot open " + tried + ": permission denied"; said != want {
			t.Errorf("%s: %q, want %q", what, said, want)
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the store was touched: %v", what, err)
		}
	}
}
