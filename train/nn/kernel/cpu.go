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
	useNEON
)

var instructionNames = [...]string{pureGo: "go", useAVX2: "avx2", useAVX512: "avx512", useNEON: "neon"}

func (i instructions) String() string { return instructionNames[i] }

// active is chosen before main. Only Use changes it.
var active, errActive = choose(os.Getenv("SGDWALK_KERNEL"), available())

// choose returns the wanted one of the sets. It returns the last set, which is the
// best one, if none is wanted, or with an error if the wanted one is missing.
func choose(wanted string, sets []instructions) (instructions, error) {
	best := sets[len(sets)-1]
	if wanted == "" {
		return best, nil
	}
	if i := slices.Index(names(sets), wanted); i >= 0 {
		return sets[i], nil
	}
	return best, fmt.Errorf("kernel: SGDWALK_KERNEL=%s is not available here; allowed are %s",
		wanted, strings.Join(names(sets), ", "))
}

// names returns the names of instruction sets.
func names(sets []instructions) []string {
	text := make([]string, len(sets))
	for i, set := range sets {
		text[i] = set.String()
	}
	return text
}

// Name returns the instruction set of the float32 kernels in this process:
// "avx512", "avx2", "neon" or "go". Record it with every result. The first three
// give the same bits, and "go" gives other bits; see the rules of the package.
//
// The default is the best set of the processor. The environment variable
// SGDWALK_KERNEL, read once at start, selects another one.
func Name() string { return active.String() }

// Check returns an error if SGDWALK_KERNEL names an instruction set that does not
// exist or that this processor or build does not have. The best available one is
// then in use. Programs call Check before the first kernel.
func Check() error { return errActive }

// Available returns the instruction sets of this processor and build, the best
// one last.
func Available() []string { return names(available()) }

// Use selects another instruction set for all later calls. If this processor or
// build does not have it, Use returns an error and changes nothing. It must not
// be called while a kernel runs, or between the calls of one computation.
func Use(name string) error {
	i := slices.Index(Available(), name)
	if i < 0 {
		return fmt.Errorf("kernel: %s is not available here; allowed are %s", name, strings.Join(Available(), ", "))
	}
	active = available()[i]
	return nil
}
