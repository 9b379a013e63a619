//go:build unix && !linux

package objective

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the process into its own group, which an interrupt from the
// keyboard does not reach and which is killed as a whole.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
