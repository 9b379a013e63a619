//go:build !noasm

package kernel

import "unsafe"

// transposeArgs are the arguments of transpose8; strides are in bytes.
type transposeArgs struct {
	src, dst               unsafe.Pointer
	srcRow, dstRow, blocks int
}

// transposeWork is how many blocks one call may do, about 20 microseconds.
const transposeWork = 512

// transposeFast transposes the 8 rows at src, as many blocks of 8 columns as
// there are in cols, and returns how many columns that were.
func transposeFast[T Float](dst, src []T, cols, srcRow, dstRow int) int {
	blocks := cols / half
	if blocks == 0 {
		return 0
	}
	_ = src[(half-1)*srcRow+blocks*half-1]
	_ = dst[(blocks*half-1)*dstRow+half-1]
	for b := 0; b < blocks; b += transposeWork {
		transpose8(&transposeArgs{
			src: unsafe.Pointer(&src[b*half]), dst: unsafe.Pointer(&dst[b*half*dstRow]),
			srcRow: srcRow * 4, dstRow: dstRow * 4, blocks: min(transposeWork, blocks-b),
		})
	}
	return blocks * half
}
