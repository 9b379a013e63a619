// Package op has the fused Gorgonia ops of which the networks of package nn are
// made. Gorgonia v0.9.18 gives the graph, the symbolic differentiation and the
// TapeMachine; several of its own ops have wrong gradients and all of them
// allocate their results anew in every run.
//
//  1. The ops of one graph share a [Batch]: how many rows of the current batch
//     are real, their labels, and the workers.
//  2. [Linear] and the other constructors append an op to the graph. An op
//     allocates its result when it is made and writes into it in every run.
//  3. Differentiation adds one core op for each op, which computes all of its
//     gradients in one pass into buffers it owns, and fetch ops that hand out
//     those which are not the core's own result.
//  4. [SoftmaxCrossEntropy] ends the graph and keeps loss and hits in float64.
//  5. A [Tape] has the same layers without a graph. It multiplies vectors by the
//     exact Hessian and by the Gauss-Newton matrix.
//
// Every op gives the same bits for any number of workers: an element of a result
// is computed by one goroutine in one order, or summed over fixed pieces that
// are added in their order. The derivative of ReLU at exactly 0 is 0. NaN and
// infinities pass through to the loss and to the gradients. A panic inside an op
// becomes an error of the run, because the TapeMachine executes ops in a
// goroutine of its own where nobody else could catch it.
//
// An op returns the same tensor in every run; whoever wants to keep a value
// beyond the next run copies it. A graph may be run by one goroutine at a time.
package op
