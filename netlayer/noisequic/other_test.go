//go:build !unix

package noisequic_test

import (
	"os/exec"
	"testing"
)

func unprivileged(*exec.Cmd) {}

func reportCPU(*testing.B) {}
