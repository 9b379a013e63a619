// Package op has the fused Gorgonia ops of the networks in package nn. Gorgonia
// v0.9.18 provides the graph, the symbolic differentiation and the TapeMachine.
// Several of its own ops have wrong gradients, and all of them allocate their
// results in every run; so the networks use the ops of this package only.
//
//  1. The ops of one graph share a [Batch]: the number of rows of the current batch,
//     their labels, and the workers.
//  2. [Linear] and the other constructors append an op to the graph. An op allocates
//     its result when it is made, and writes into it in every run.
//  3. Differentiation adds one backward op for each op. It computes all gradients of
//     the op in one pass. Fetch ops return the gradients that are not its own result.
//  4. [SoftmaxCrossEntropy] ends the graph and keeps the loss in float64.
//  5. A [Tape] has the same layers without a graph. It multiplies vectors by the
//     exact Hessian and by the Gauss-Newton matrix.
//
// Every op gives the same bits for any number of workers: one goroutine computes
// an element of a result in one order, or the op sums fixed pieces and adds them
// in their order. The derivative of ReLU at exactly 0 is 0. NaN and infinities
// reach the loss and the gradients. A panic in an op becomes an error of the run,
// because the TapeMachine runs ops in its own goroutine, where the caller cannot
// recover it.
//
// An op returns the same tensor in every run. Copy a value that must outlive the
// next run. A graph may be run by one goroutine at a time.
package op
