//go:build unix

package objective

import (
	"os/exec"
	"syscall"
)

// killGroup kills the process and what it has started.
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
