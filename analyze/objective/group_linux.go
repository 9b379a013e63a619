package objective

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the process into its own group, which an interrupt from the
// keyboard does not reach and which is killed as a whole; and has it killed when
// the thread that started it ends, so that not even a killed program leaves one.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
