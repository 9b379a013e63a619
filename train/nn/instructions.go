package nn

import (
	"fmt"

	"sgdwalk/train/nn/kernel"
)

// Kernel names the instruction set that the networks compute with, as a
// record.Header has it: "avx512", "avx2" or "go". The environment variable
// SGDWALK_KERNEL asks for a particular one; the error says that it is not to be
// had here.
func Kernel() (string, error) {
	if err := kernel.Check(); err != nil {
		return "", fmt.Errorf("nn: %w", err)
	}
	return kernel.Name(), nil
}
