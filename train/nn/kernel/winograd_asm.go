//go:build !noasm && (amd64 || arm64)

package kernel

import "unsafe"

// winogradArgs are the arguments of a transform. Strides are in bytes. The assembly
// gets the offsets of the fields from go_asm.h.
type winogradArgs struct {
	image, planes, bias, res unsafe.Pointer // res may be nil
	row, pixel, plane, tiles int
	low                      float32
}

// winogradZeros replaces a bias that is nil.
var winogradZeros [maxWinograd]float32

// runFast computes the transform in assembly. T is float32 here.
func (s *winogradRow[T]) runFast() bool {
	const size = 4
	args := winogradArgs{
		image: unsafe.Pointer(&s.image[0]), planes: unsafe.Pointer(&s.planes[0]),
		row: s.row * size, pixel: s.channels * size, plane: s.plane * size, tiles: s.tiles, low: float32(s.low),
		bias: unsafe.Pointer(&winogradZeros),
	}
	if s.bias != nil {
		args.bias = unsafe.Pointer(&s.bias[0])
	}
	if s.res != nil {
		args.res = unsafe.Pointer(&s.res[0])
	}
	winogradCall(s.op, &args)
	return true
}
