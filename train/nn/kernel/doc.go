// Package kernel has the numeric kernels under the ops of a network: matrix
// products, direct convolutions and the elementwise work between them, in Go
// assembly for AVX2 with FMA and for AVX-512F, with a pure Go twin of each for
// other processors, for the build tag noasm and for float64.
//
//  1. [Name] says which instruction set is in use; it is chosen at start.
//  2. Weights are packed once per step into the order in which the kernels read
//     them ([Pack], [PackConv], [PackConvInput]), from the flat parameter vector,
//     where a unit's or a filter's weights stay contiguous.
//  3. Forward: [MulPacked], [ConvForward], [NormForward], [MaxPool], [MeanPool].
//  4. Backward: [MulNN], [MulTN], [ColumnSums]; [ConvInput], [ConvWeights] (or, for
//     layers with many weights, [ConvWeightsOf]) and
//     [UnpackConvGradient]; [NormSums] and [NormInput]; [MaskReLUImages],
//     [MaxPoolInput], [MeanPoolInput]. The derivative of a result along a direction
//     takes the same kernels, and [MaxPoolTangent].
//  5. [Workers] spreads fixed pieces of a batch over goroutines; nothing else here
//     starts any.
//
// # Layouts
//
// Matrices are row-major with a stride ([Matrix]): weights are (out, in), a batch
// is (examples, features). Packed weights are panels of 16 outputs; [Pack] has
// the formula.
//
// Images are channels last with a halo of zeros ([Image] has the formula), one
// after the other ([Images]). The halo stands for the padding of a convolution:
// ConvForward needs Pad pixels around x, ConvInput needs [Conv.InputHalo] pixels
// around dy, everything else none. Kernels write interiors only, so a buffer that
// was allocated as zeros keeps its halo for ever. Two images of the same pixels
// may have different halos.
//
// Stored channels are a multiple of 8, best of 16 ([PadChannels]), but for the
// input of a network, which may have 1 or 3. Channels beyond the real ones hold
// zeros: their weights are packed as zeros, and the caller gives them bias, scale,
// shift and coefficients of zero. (With NaN or infinity in a picture they become
// NaN too; nothing reads them but other kernels, whose weights for them are zero.)
//
// # Batch normalization in training
//
// ConvForward with Stats collects the sums of its results; [Stats.Moments] gives
// mean and variance. NormForward normalizes, adds the residual and rectifies in
// one pass. Backward, NormSums masks the gradient, gives the sums and, for a
// residual, keeps the masked gradient; [NormGradient] says how its coefficients
// follow from the sums; NormInput makes one more pass.
//
// # Rules
//
// An element of a result is a sum in one documented order, whatever the number
// of goroutines and the split into bands or groups of images. Where sums run over
// images (ConvWeights, Stats), give every piece of work fixed images and sums of
// its own and add those in order. AVX2 and AVX-512 give the same bits; pure Go
// has no fused multiply-add and differs by rounding. NaN and infinities pass
// through: ReLU keeps NaN, and a ReLU whose result is NaN passes its gradient.
//
// Slices are borrowed for the call. Results must not overlap operands unless a
// function's doc allows it. Sizes that do not fit are a caller's bug and panic;
// nothing outside the given slices is read or written. Nothing is allocated.
// One call into assembly lasts about 20 microseconds at most, because the
// runtime cannot preempt it.
package kernel
