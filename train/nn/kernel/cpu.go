package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// instructions is what the kernels are made of.
type instructions int

const (
	pureGo instructions = iota
	useAVX2
	useAVX512
)

var instructionNames = [...]string{pureGo: "go", useAVX2: "avx2", useAVX512: "avx512"}

// active is chosen before main; only Use changes it.
var active, errActive = choose(os.Getenv("SGDWALK_KERNEL"), best())

// choose returns the wanted instruction set, or the best one when none is
// wanted or the wanted one is not there.
func choose(wanted string, best instructions) (instructions, error) {
	if wanted == "" {
		return best, nil
	}
	for i := range best + 1 {
		if instructionNames[i] == wanted {
			return i, nil
		}
	}
	return best, fmt.Errorf("kernel: SGDWALK_KERNEL=%s is not available here, allowed: %s",
		wanted, strings.Join(instructionNames[:best+1], ", "))
}

// Name is the instruction set of the float32 kernels in this process: "avx512",
// "avx2" or "go". It belongs into every record of results: sums have the same
// order with AVX2 and AVX-512 and so, but for what a function's doc excepts, the
// same bits; pure Go has no fused multiply-add and differs by rounding.
//
// The best set that the processor has is taken. The environment variable
// SGDWALK_KERNEL, read once at start, asks for another one.
func Name() string { return instructionNames[active] }

// Check returns an error when SGDWALK_KERNEL names an instruction set that does
// not exist or that this processor or build does not have; the best available
// one is then in use. Programs call it before the first kernel.
func Check() error { return errActive }

// Available lists the instruction sets of this processor and build, the best last.
func Available() []string { return slices.Clone(instructionNames[:best()+1]) }

// Use takes another instruction set for everything that follows. The error says
// that this processor or build does not have it; the former one then stays. It must
// not be called while a kernel is at work, nor between the calls of one computation.
func Use(name string) error {
	i := slices.Index(instructionNames[:best()+1], name)
	if i < 0 {
		return fmt.Errorf("kernel: %s is not available here, allowed: %s", name, strings.Join(Available(), ", "))
	}
	active = instructions(i)
	return nil
}
