// Package kernel has the numeric kernels under the ops of a network: matrix
// products, direct convolutions and the elementwise work between them, in Go
// assembly for AVX2 with FMA and for AVX-512F, with a pure Go twin of each for
// other processors, for the build tag noasm and for float64.
//
//  1. [Name] says which instruction set is in use; it is chosen at start.
//  2. Weights are packed once per step into the order in which the kernels read
//     them ([Pack]), from the flat parameter vector, where a unit's or a filter's
//     weights stay contiguous.
//  3. The kernels compute on bands of a batch, which the caller spreads over
//     goroutines. They start none themselves.
//
// # Layouts
//
// Matrices are row-major with a stride ([Matrix]): weights are (out, in), a batch
// is (examples, features). Packed weights are panels of 16 outputs; [Pack] has
// the formula.
//
// # Rules
//
// An element of a result is a sum in one documented order, whatever the number
// of goroutines and the split into bands. AVX2 and AVX-512 give the same bits;
// pure Go has no fused multiply-add and differs by rounding. NaN and infinities
// pass through: ReLU keeps NaN.
//
// Slices are borrowed for the call. Results must not overlap operands unless a
// function's doc allows it. Sizes that do not fit are a caller's bug and panic;
// nothing outside the given slices is read or written. Nothing is allocated.
// One call into assembly lasts about 20 microseconds at most, because the
// runtime cannot preempt it.
package kernel
