// Package nn has the networks whose training is recorded: small classifiers
// whose loss and exact gradient are functions of one flat vector theta.
//
//  1. A model is named by a spec, for example "mlp:128,64", and by the shape of
//     its [Input]. Both together give a plan: the layers, and the layout of theta.
//  2. [New] makes a [Model]: theta, initialized from a seed, and a Gorgonia graph
//     of fused ops (package op) whose parameters are views onto theta. Changing
//     theta in place changes the next result; nothing is copied or bound again.
//  3. Model.Gradient trains on mini-batches of any size up to the largest one.
//  4. [NewEvaluator] makes an [Evaluator], which computes the loss, and if asked
//     the gradient, over a whole data set at any theta, and multiplies vectors by
//     the exact Hessian and by the Gauss-Newton matrix there.
//
// Losses are summed in float64 in the order of the examples, and every result
// has the same bits for any number of workers. NaN and infinities in inputs or
// parameters give a loss and gradients that are not finite; they are no errors.
package nn
