package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestOwnPeer checks Hawser itself: conformance/peer, a process of its own, on every
// netlayer and in every dialect. It keeps every clause that the dialect has
// operations for, and the netlayer lets be seen.
func TestOwnPeer(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted there")
	}
	program := filepath.Join(t.TempDir(), "peer")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/hawser-go/hawser/conformance/peer").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const (
		all   = "80 pass, 0 fail, 0 unsupported, 0 not reached, 7 not observable"
		some  = "71 pass, 0 fail, 9 unsupported, 0 not reached, 7 not observable"
		fewer = "78 pass, 0 fail, 0 unsupported, 0 not reached, 9 not observable" // nothing of second sessions
	)
	for _, c := range []struct{ netlayer, dialect, want string }{
		{"tcptest", "", all},
		{"tcptest", "hawser", all},
		{"tcptest", "suite-2026-02", some},
		{"tcptest", "suite-branch", some},
		{"websocket", "", fewer},
		{"websocket", "hawser", fewer},
		{"noisequic", "", fewer},
		{"noisequic", "ocapn-1.0", fewer},
		{"noisetcp", "", fewer},
	} {
		t.Run(c.netlayer+" "+c.dialect, func(t *testing.T) {
			t.Parallel()
			args := []string{"-netlayer", c.netlayer}
			if c.dialect != "" {
				args = append(args, "-dialect", c.dialect)
			}
			var out bytes.Buffer
			status := run(append([]string{"conformance", start(t, program, args...)}, args[2:]...), &out, &out)
			if status != 0 || !strings.Contains(out.String(), c.want) {
				t.Errorf("status %d, want 0 and %q:\n%s", status, c.want, &out)
			}
		})
	}
}

// start runs the peer until the test ends and returns its locator.
func start(t *testing.T, program string, args ...string) string {
	t.Helper()
	var errs bytes.Buffer
	peer := exec.Command(program, args...)
	peer.Stderr = &errs
	stdout, err := peer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := peer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = peer.Process.Signal(os.Interrupt)
		if err := peer.Wait(); err != nil {
			t.Errorf("%v\n%s", err, &errs)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("no locator: %v", err)
	}
	return strings.TrimSpace(line)
}
