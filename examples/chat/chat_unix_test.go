//go:build unix

package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestUnwritableDir runs a host that may not write where it is to keep its identity. Root may write anywhere, so it runs
// the host as somebody else.
func TestUnwritableDir(t *testing.T) {
	t.Parallel()
	const nobody = 65534
	root := t.TempDir()
	locked := filepath.Join(root, "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, "host", "--dir", locked)
	inside := command(t, "host", "--dir", filepath.Join(locked, "inside"))
	if os.Geteuid() == 0 {
		// The way to the directory, and the program, must be open to that somebody.
		for dir := root; dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(locked, 0o555); err != nil {
			t.Fatal(err)
		}
		program := filepath.Join(root, "chat")
		copyFile(t, program, cmd.Path)
		for _, c := range []*exec.Cmd{cmd, inside} {
			c.Path, c.SysProcAttr = program, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		try := exec.Command(program, "help")
		try.Args[0], try.SysProcAttr = "chat", cmd.SysProcAttr
		if out, err := try.CombinedOutput(); err != nil {
			t.Skipf("SKIPPED, AND WITH IT THE PROOF THAT AN UNWRITABLE DIRECTORY IS REPORTED: running as root, which may write "+
				"anywhere, and cannot run the program as somebody else here: %v %s", err, out)
		}
	}
	fails(t, cmd, 1, "cannot write in the directory .*locked: permission denied")
	fails(t, inside, 1, "cannot make the directory .*locked/inside: permission denied")
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	r, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = io.Copy(w, r); err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestDemoInterrupted stops the demo in its middle: nobody and nothing is left behind.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	cmd := command(t, "demo")
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range 4 { // until the first process has said something
		lines.Scan()
	}
	// Every process of the group is told, as by Ctrl-C.
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v, want exit code 1", err)
	}
	if err := syscall.Kill(-cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("processes of the demo are left: %v", err)
	}
	isEmpty(t, temp)
}

// TestDemoKilled: when the demo itself is killed, its processes end with their input. The host has its directory locked
// for as long as it lives.
func TestDemoKilled(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	cmd := command(t, "demo")
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range 4 {
		lines.Scan()
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	locks, err := filepath.Glob(filepath.Join(temp, "*", "ada", "lock"))
	if err != nil || len(locks) != 1 {
		t.Fatal(locks, err)
	}
	lock, err := os.Open(locks[0])
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	free := make(chan error, 1)
	go func() { free <- unix.Flock(int(lock.Fd()), unix.LOCK_EX) }()
	select {
	case err := <-free:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the host of a demo that is gone goes on")
	}
}
