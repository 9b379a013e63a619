package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// instructions is an instruction set of the kernels.
type instructions int

const (
	pureGo instructions = iota
	useAVX2
	useAVX512
)

var instructionNames = [...]string{pureGo: "go", useAVX2: "avx2", useAVX512: "avx512"}

// active is chosen before main. Only Use changes it.
var active, errActive = choose(os.Getenv("SGDWALK_KERNEL"), best())

// choose returns the wanted instruction set. It returns the best one if none is
// wanted, or with an error if the wanted one is not available.
func choose(wanted string, best instructions) (instructions, error) {
	if wanted == "" {
		return best, nil
	}
	for i := range best + 1 {
		if instructionNames[i] == wanted {
			return i, nil
		}
	}
	return best, fmt.Errorf("kernel: SGDWALK_KERNEL=%s is not available here; allowed are %s",
		wanted, strings.Join(instructionNames[:best+1], ", "))
}

// Name returns the instruction set of the float32 kernels in this process:
// "avx512", "avx2" or "go". Record it with every result. AVX2 and AVX-512 add in
// the same order and so give the same bits, with the exceptions that functions
// document. Pure Go has no fused multiply-add and differs by rounding.
//
// The default is the best set of the processor. The environment variable
// SGDWALK_KERNEL, read once at start, selects another one.
func Name() string { return instructionNames[active] }

// Check returns an error if SGDWALK_KERNEL names an instruction set that does not
// exist or that this processor or build does not have. The best available one is
// then in use. Programs call Check before the first kernel.
func Check() error { return errActive }

// Available returns the instruction sets of this processor and build, the best
// one last.
func Available() []string { return slices.Clone(instructionNames[:best()+1]) }

// Use selects another instruction set for all later calls. If this processor or
// build does not have it, Use returns an error and changes nothing. It must not
// be called while a kernel runs, or between the calls of one computation.
func Use(name string) error {
	i := slices.Index(instructionNames[:best()+1], name)
	if i < 0 {
		return fmt.Errorf("kernel: %s is not available here; allowed are %s", name, strings.Join(Available(), ", "))
	}
	active = instructions(i)
	return nil
}
