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

	"github.com/hawser-go/hawser/conformance"
)

// TestOwnPeer checks Hawser itself: conformance/peer, a process of its own, in
// every dialect. It keeps every clause that the dialect has operations for.
func TestOwnPeer(t *testing.T) {
	var only []string
	for _, c := range conformance.Clauses() {
		only = append(only, c.ID)
	}
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted there")
	}
	program := filepath.Join(t.TempDir(), "peer")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/hawser-go/hawser/conformance/peer").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for dialect, want := range map[string]string{
		"ocapn-1.0": " 0 fail, 0 unsupported, 0 not reached", "hawser": " 0 fail, 0 unsupported, 0 not reached",
		"suite-2026-02": " 0 fail, 9 unsupported, 0 not reached", "suite-branch": " 0 fail, 9 unsupported, 0 not reached",
	} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			var errs bytes.Buffer
			peer := exec.CommandContext(t.Context(), program, "-dialect", dialect)
			peer.Stderr = &errs
			peer.Cancel = func() error { return peer.Process.Signal(os.Interrupt) }
			stdout, err := peer.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := peer.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = peer.Process.Signal(os.Interrupt)
				if err := peer.Wait(); err != nil {
					t.Errorf("%v\n%s", err, &errs)
				}
			}()
			line, err := bufio.NewReader(stdout).ReadString('\n')
			if err != nil {
				t.Fatalf("no locator: %v", err)
			}
			locator := line[max(0, strings.Index(line, "ocapn://")):]
			var out bytes.Buffer
			status := run([]string{"conformance", "--dialect", dialect, "--only", strings.Join(only, ","), strings.TrimSpace(locator)}, &out, &out)
			if status != 0 || !strings.Contains(out.String(), want) {
				t.Errorf("status %d, want 0 and %q:\n%s", status, want, &out)
			}
		})
	}
}
