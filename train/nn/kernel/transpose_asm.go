//go:build !noasm && (amd64 || arm64)

package kernel

import "unsafe"

// transposeArgs are the arguments of transpose8. Strides are in bytes.
type transposeArgs struct {
	src, dst               unsafe.Pointer
	srcRow, dstRow, blocks int
}

// transposeWork is the largest number of blocks in one call, about 20 microseconds.
const transposeWork = 512

// transposeFast transposes complete blocks of 8 columns of the 8 rows at src. It
// returns the number of transposed columns.
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
