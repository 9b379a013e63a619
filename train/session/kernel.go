package session

import (
	"fmt"
	"os"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train/nn/kernel"
)

// UseKernel makes the process compute with the instruction set that the header names, when the processor has it:
// another one gives other bits. A set that the user chose with SGDWALK_KERNEL stays.
func UseKernel(h *record.Header) {
	if h.Kernel != "" && os.Getenv("SGDWALK_KERNEL") == "" {
		_ = kernel.Use(h.Kernel) // CheckKernel reports a set that is not available
	}
}

// CheckKernel returns an error when the process does not use the instruction set of the run in dir.
func CheckKernel(dir string, h *record.Header) error {
	if h.Kernel == "" || h.Kernel == kernel.Name() {
		return nil
	}
	advice := "use a machine that has " + h.Kernel
	if slices.Contains(kernel.Available(), h.Kernel) {
		advice = "set SGDWALK_KERNEL=" + h.Kernel
	}
	return fmt.Errorf("%s was recorded with the kernel %s (the instruction set of its arithmetic), and this process uses "+
		"the kernel %s, which gives other bits; %s", dir, h.Kernel, kernel.Name(), advice)
}
