// Package optim has the update rules: one optimizer a file, on flat float32
// vectors, each as its paper or its released code defines it.
//
//  1. [New] builds an optimizer by name from the hyperparameters that are given,
//     and returns the record of all of them, defaults included. [Names] and
//     [Describe] list what there is.
//  2. The training loop calls Step with theta, the raw mini-batch gradient and
//     the learning rate of the step, which a [Schedule] may have scaled.
//  3. A [train.Checkpointed] optimizer hands out its state for a checkpoint and takes it
//     back bit for bit.
//
// Gradient clipping comes first, on the raw gradient, then weight decay in the
// way the optimizer defines it, then the rule. All arithmetic on vectors is in
// float32 as in the frameworks whose rules these are, every product rounded
// before it is added, so that no processor fuses the two; norms and inner
// products are summed in float64 in index order. The same calls give the same
// bits everywhere. A step is never left half-way: cancellation of the context is
// the loop's to look at, between steps. After the first one, Step does not
// allocate.
package optim
