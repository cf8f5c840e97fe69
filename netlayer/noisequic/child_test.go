package noisequic_test

import (
	"os"
	"os/exec"
	"testing"
)

func child(t *testing.T, dir, binary string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NOISEQUIC_CHILD=1")
	unprivileged(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the child says %v: %s", err, out)
	}
	return string(out)
}
