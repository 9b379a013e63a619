// Package optim has the update rules: one optimizer per file, on flat float32
// vectors, each as its paper or its released code defines it.
//
//  1. [New] builds an optimizer by name from the given hyperparameters. It returns the
//     record of all hyperparameters, including defaults. [Names] and [Describe] list the
//     optimizers and their hyperparameters.
//  2. The training loop calls Step with theta, the raw mini-batch gradient and the
//     learning rate of the step, to which a [Schedule] may have been applied.
//  3. A [train.Checkpointed] optimizer returns its state for a checkpoint and restores it
//     bit for bit.
//
// A step first clips the raw gradient, then applies weight decay in the way the
// optimizer defines it, then the rule. Arithmetic on vectors is in float32, as in
// the frameworks of the original rules. Every product is rounded before it is
// added, so that no processor fuses the two; norms and inner products are summed
// in float64 in index order. So the same calls give the same bits everywhere, except
// for the matrix products of [Muon], whose bits depend on the instruction set of
// train/nn/kernel. A step is never interrupted: the loop checks the context between
// steps. After the first call, Step does not allocate.
//
// RULES.md lists the rules, the schedules and what is recorded of a step.
package optim
