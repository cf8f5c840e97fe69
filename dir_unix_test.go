//go:build unix

package hawser_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestUnwritableDir opens a directory that is not ours as a user who may not write there: root ignores modes.
func TestUnwritableDir(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can start a child under another user")
	}
	base := t.TempDir()
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	child, dir := filepath.Join(base, "child"), filepath.Join(base, "node")
	for _, err := range []error{os.WriteFile(child, self, 0o755), os.Mkdir(dir, 0o755), os.Chmod(filepath.Dir(base), 0o755), os.Chmod(child, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range []string{dir, filepath.Join(dir, "below")} {
		cmd := exec.Command(child)
		cmd.Dir = "/"
		cmd.Env = []string{"HAWSER_TEST_CHILD=open", "HAWSER_TEST_DIR=" + target}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		said := strings.TrimSpace(string(out))
		if err == nil || !strings.Contains(said, target) || !strings.Contains(said, "permission denied") || strings.Contains(said, "\n") {
			t.Errorf("%s: %v, said %q", target, err, said)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
