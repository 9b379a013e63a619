//go:build !noasm

package arrowfile

import "golang.org/x/sys/cpu"

// canFold reports whether the processor has the instructions of fold.
var canFold = cpu.X86.HasAVX && cpu.X86.HasPCLMULQDQ

// foldBy has the factors that move the lower and the upper half of 16 bytes by the size of a foldState. The lower
// half comes first in the file, so it moves by 64 bits more. A remainder in the lower half of 64 bits stands for
// itself times x^32, and the product of two bit-reversed numbers lacks one factor of x; so both factors are x^33 less.
var foldBy = [2]uint64{ //nolint:unused // fold reads it
	uint64(powerOfX(8*foldBytes + 64 - 33)),
	uint64(powerOfX(8*foldBytes - 33)),
}

// fold continues a state with n bytes from p on; n must be a positive multiple of foldBytes.
//
//go:noescape
func fold(state *foldState, p *byte, n int)
