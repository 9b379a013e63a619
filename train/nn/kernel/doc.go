// Package kernel has the numeric kernels of the networks: matrix products,
// convolutions and the elementwise operations between them. They are written in Go
// assembly for AVX2 with FMA, for AVX-512F and for NEON. Each has a pure Go version
// for other processors, for the build tag noasm and for float64.
//
//  1. [Name] returns the instruction set, which is chosen at the start of the process.
//  2. Weights are packed once per step into the order in which the kernels read them
//     ([Pack], [PackConv], [PackConvInput]). In the flat parameter vector the weights of
//     a unit or filter are contiguous, which is the right order for recordings.
//  3. Forward: [MulPacked], [ConvForward], [NormForward], [MaxPool], [MeanPool].
//  4. Backward: [MulNN], [MulTN], [ColumnSums]; [ConvInput], [ConvWeights] (or
//     [ConvWeightsOf] for layers with many weights) and [UnpackConvGradient]; [NormSums]
//     and [NormInput]; [MaskReLUImages], [MaxPoolInput], [MeanPoolInput]. Derivatives
//     along a direction use the same kernels, and [MaxPoolTangent].
//  5. [Workers] runs fixed pieces of a batch on goroutines. No other function starts
//     goroutines.
//
// # Layouts
//
// Matrices are row-major with a stride ([Matrix]): weights are (out, in), a batch
// is (examples, features). Packed weights are panels of 16 outputs; [Pack] has
// the formula.
//
// Images are channels last with a halo of zeros ([Image] has the formula), one
// after the other ([Images]). The halo is the padding of a convolution:
// ConvForward needs Pad pixels around x, ConvInput needs [Conv.InputHalo] pixels
// around dy, all other kernels need none. Kernels write the interior only, so a
// buffer that was allocated as zeros keeps its halo. Two images with the same
// pixels may have different halos.
//
// The number of stored channels is a multiple of 8, preferably of 16
// ([PadChannels]). The input of a network is an exception: it may have 1 or 3
// channels. Channels after the real ones are zero: their weights are packed as
// zeros, and the caller passes zeros as their bias, scale, shift and
// coefficients. If a picture has NaN or infinite values, these channels become
// NaN too, but only kernels whose weights for them are zero read them.
//
// # Convolutions
//
// A convolution is computed directly, without a column matrix, by one multiply-add
// kernel. Two shapes are computed with fewer instructions, by the same kernel:
//
//   - 3x3 filters with stride 1 and 16 to 128 channels with Winograd's F(2x2, 3x3),
//     which needs 16 products for 4 results instead of 36 ([Conv.Winograd]).
//   - Images with 8 stored channels, two neighbouring pixels at a time, because one
//     pixel fills only half of a panel.
//
// [Conv.Direct] turns both off. In both, a value that is not finite can make
// results next to its window NaN too.
//
// # Batch normalization in training
//
// ConvForward with Stats collects the sums of its results, and [Stats.Moments]
// computes mean and variance. NormForward normalizes, adds the residual and
// rectifies in one pass. In the backward pass, NormSums masks the gradient,
// returns the sums and, for a residual, stores the masked gradient.
// [NormGradient] says how its coefficients follow from the sums. NormInput makes
// one more pass.
//
// # Rules
//
// An element of a result is a sum in one documented order. The order does not
// depend on the number of goroutines or on how the caller splits bands or groups
// of images. Sums over images (ConvWeights, Stats) are an exception: give every
// piece of work fixed images and its own sums, and add those in order.
//
// All assembly gives the same bits. The tests have a twin of each assembly kernel:
// a Go function with the same operations in the same order, whose fused
// multiply-adds round once. Every instruction set must have the bits of the twin.
// The sign and the payload of NaN are not defined. Pure Go rounds every product,
// and it does not add even and odd pixels separately. So its results differ from
// those of assembly by rounding, but they are the same on every processor. NaN
// and infinities pass through: ReLU keeps NaN, and a ReLU whose result is NaN
// passes its gradient.
//
// Slices are borrowed for the call. Results must not overlap operands unless the
// doc of a function allows it. Sizes that do not fit are a bug of the caller and
// panic. Kernels read and write only the given slices, and do not allocate, except
// for the first use of a [Scratch]. One
// call of assembly takes at most about 20 microseconds, because the runtime
// cannot preempt it.
package kernel
