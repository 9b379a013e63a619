// Package nn has the networks whose training is recorded: small classifiers whose
// loss and exact gradient are functions of one flat vector theta.
//
//  1. A spec names a model, for example "mlp:128,64". The spec and the shape of the
//     [Input] give a plan: the layers and the layout of theta.
//  2. [New] makes a [Model]: theta, initialized from a seed, and a Gorgonia graph of
//     fused ops (package op) whose parameters are views of theta. After theta has
//     changed in place, the next run uses the new values without copying.
//  3. [Model.Gradient] computes the gradient of a mini-batch of any size up to the
//     largest one.
//  4. [NewEvaluator] makes an [Evaluator]. It computes the loss and the gradient over a
//     whole data set at any theta, and the products of vectors with the exact Hessian
//     and with the Gauss-Newton matrix.
//
// Losses are summed in float64 in the order of the examples. Every result has the
// same bits for any number of workers. If inputs or parameters are NaN or
// infinite, the loss and the gradient are not finite; this is not an error.
package nn
